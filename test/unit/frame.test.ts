/** Frames: every cut of the stream gives the same bodies, limits hold before anything is kept, and no result is written to later. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { ConcordError } from '../../protocol/errors.js';
import { FrameDecoder, FrameWriter } from '../../protocol/frame.js';
import { LIMITS } from '../../protocol/limits.js';

const head = (length: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
};
const frame = (body: Buffer): Buffer => Buffer.concat([head(body.length), body]);

/** Pushes the chunks and gathers what comes out. */
function take(chunks: readonly Buffer[], limit = 1000): { bodies: Buffer[]; fault: ConcordError | null } {
  const decoder = new FrameDecoder(limit);
  const bodies: Buffer[] = [];
  let fault: ConcordError | null = null;
  for (const chunk of chunks) fault = decoder.push(chunk, (body) => bodies.push(body));
  return { bodies, fault };
}

/** `bytes` cut into chunks of the given lengths, over and over. */
function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length] ?? 1;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)));

describe('frame decoder', () => {
  it('gives the same bodies however the stream is cut', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 });
    fc.assert(
      fc.property(bodies, lengths, (sent, cuts) => {
        const got = take(cut(Buffer.concat(sent.map(frame)), cuts));
        expect(got.fault).to.equal(null);
        expect(got.bodies).to.deep.equal(sent);
      }),
    );
  });

  it('gives the same bodies byte by byte', () => {
    const sent = [Buffer.from('a'), Buffer.alloc(999, 7), Buffer.from('end')];
    expect(take(cut(Buffer.concat(sent.map(frame)), [1])).bodies).to.deep.equal(sent);
  });

  it('gives no body before its last byte', () => {
    const bytes = frame(Buffer.from('body'));
    for (let length = 0; length < bytes.length; length++)
      expect(take([bytes.subarray(0, length)]).bodies, `${length} bytes`).to.deep.equal([]);
    expect(take([bytes]).bodies).to.have.length(1);
  });

  it('takes a body of exactly the limit and refuses one byte more by its head alone', () => {
    expect(take([frame(Buffer.alloc(1000))]).bodies).to.have.length(1);
    const over = take([head(1001)]);
    expect(over.fault?.code).to.equal('FRAME_TOO_BIG');
    expect(over.bodies).to.deep.equal([]);
  });

  it('refuses a head byte by byte too', () => {
    expect(take(cut(head(0xffff_ffff), [1])).fault?.code).to.equal('FRAME_TOO_BIG');
  });

  it('refuses a frame of length 0', () => {
    expect(take([head(0)]).fault?.code).to.equal('BAD_FRAME');
  });

  it('gives the bodies before the fault, none after it, and the same fault again', () => {
    const decoder = new FrameDecoder(10);
    const got: Buffer[] = [];
    const bytes = Buffer.concat([frame(Buffer.from('good')), head(11), frame(Buffer.from('late'))]);
    const fault = decoder.push(bytes, (body) => got.push(body));
    expect(fault?.code).to.equal('FRAME_TOO_BIG');
    expect(decoder.push(frame(Buffer.from('later')), (body) => got.push(body))).to.equal(fault);
    expect(got.map(String)).to.deep.equal(['good']);
  });

  it('applies a limit that is raised by a body to the next frame of the same chunk', () => {
    const decoder = new FrameDecoder(5);
    const got: number[] = [];
    const fault = decoder.push(Buffer.concat([frame(Buffer.alloc(5)), frame(Buffer.alloc(50))]), (body) => {
      decoder.limit = 50;
      got.push(body.length);
    });
    expect(fault).to.equal(null);
    expect(got).to.deep.equal([5, 50]);
  });

  it('never writes into a body that it has given', () => {
    fc.assert(
      fc.property(bodies, fc.integer({ min: 1, max: 40 }), (sent, length) => {
        const decoder = new FrameDecoder(1000);
        const got: Buffer[] = [];
        const copies: Buffer[] = [];
        // Each chunk has memory of its own, as those of a socket have.
        for (const chunk of cut(Buffer.concat(sent.map(frame)), [length]))
          decoder.push(Buffer.from(chunk), (body) => {
            got.push(body);
            copies.push(Buffer.from(body));
          });
        expect(got).to.deep.equal(copies);
      }),
    );
  });

  it('does not allocate what a head only claims', () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoders = Array.from({ length: 64 }, () => new FrameDecoder(LIMITS.frame_bytes_max));
    for (const decoder of decoders)
      decoder.push(Buffer.concat([head(LIMITS.frame_bytes_max), Buffer.from('x')]), () => {});
    const each = (process.memoryUsage().arrayBuffers - before) / decoders.length;
    expect(each).to.be.below(LIMITS.frame_bytes_max / 8);
  });

  it('looks at no byte twice: a large body in tiny pieces is copied a few times at most', () => {
    const body = Buffer.alloc(LIMITS.frame_bytes_max, 1);
    const decoder = new FrameDecoder(LIMITS.frame_bytes_max);
    let copied = 0;
    const copy = Buffer.prototype.copy;
    Buffer.prototype.copy = function (this: Buffer, ...rest: Parameters<typeof copy>) {
      const bytes = copy.apply(this, rest);
      copied += bytes;
      return bytes;
    };
    try {
      for (const chunk of cut(frame(body), [64])) decoder.push(chunk, () => {});
    } finally {
      Buffer.prototype.copy = copy;
    }
    expect(copied).to.be.within(body.length, 3 * body.length);
  });
});

describe('frame writer', () => {
  it('puts several frames into one buffer, and the decoder takes them out', () => {
    fc.assert(
      fc.property(bodies, (sent) => {
        const writer = new FrameWriter();
        for (const body of sent) writer.add(body);
        const bytes = writer.take();
        expect(bytes ?? Buffer.alloc(0)).to.deep.equal(Buffer.concat(sent.map(frame)));
      }),
    );
  });

  it('has nothing to take when nothing was added', () => {
    const writer = new FrameWriter();
    expect(writer.take()).to.equal(null);
    writer.add(Buffer.from('x'));
    expect(writer.bytes).to.equal(5);
    writer.take();
    expect(writer.bytes).to.equal(0);
    expect(writer.take()).to.equal(null);
  });

  it('copies what is added and never writes into what was taken', () => {
    const writer = new FrameWriter();
    const body = Buffer.from('first');
    writer.add(body);
    body.fill(0);
    const first = writer.take();
    writer.add(Buffer.from('other'));
    writer.take();
    expect(first).to.deep.equal(frame(Buffer.from('first')));
  });

  it('refuses a frame over the limit and keeps the others', () => {
    const writer = new FrameWriter();
    writer.add(Buffer.from('good'));
    expect(() => writer.add(Buffer.alloc(LIMITS.frame_bytes_max + 1)))
      .to.throw()
      .with.property('code', 'FRAME_TOO_BIG');
    expect(writer.take()).to.deep.equal(frame(Buffer.from('good')));
  });
});
