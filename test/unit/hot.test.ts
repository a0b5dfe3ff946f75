/** Commands, appends and their replies, written and read by hand: byte for byte and field for field what codec and catalogue make of them. */
import { expect } from 'chai';
import fc from 'fast-check';
import { decode } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import { FrameDecoder, FrameWriter } from '../../protocol/frame.js';
import { readHot } from '../../protocol/hot.js';
import { LIMITS } from '../../protocol/limits.js';
import { fromArray, type Message } from '../../protocol/messages.js';
import { addMessage, decodeMessage, encodeMessage } from '../../protocol/wire.js';
import { someMessage } from './values.js';

const LENGTHS = [0, 1, 24, 25, 254, 255, 256, 65_535, 65_536].map((length) => Buffer.alloc(length, 7));
const INTEGERS = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1];
const LARGE = [...INTEGERS, 2 ** 32, Number.MAX_SAFE_INTEGER];
const GROUPS = ['', 's0', 'x'.repeat(16), 'é'.repeat(16), '€'.repeat(16)];
const LISTS = [15, 16, LIMITS.runs_per_append_max].map((length) => new Array<Buffer>(length).fill(Buffer.from('run')));

const someHot: fc.Arbitrary<Message> = fc.oneof(
  someMessage('command'),
  someMessage('reply'),
  someMessage('append'),
  someMessage('append_reply'),
  fc.record({
    kind: fc.constant('command' as const),
    correlation: fc.constantFrom(...INTEGERS),
    envelope: fc.constantFrom(...LENGTHS),
  }),
  fc.record({
    kind: fc.constant('reply' as const),
    correlation: fc.constantFrom(...INTEGERS),
    group: fc.constantFrom(...GROUPS),
    term: fc.constantFrom(...LARGE),
    index: fc.constantFrom(...LARGE),
    ok: fc.boolean(),
    result: fc.constantFrom(...LENGTHS),
  }),
  fc.record({
    kind: fc.constant('append' as const),
    group: fc.constantFrom(...GROUPS),
    term: fc.constantFrom(...LARGE),
    previousIndex: fc.constantFrom(...LARGE),
    previousTerm: fc.constantFrom(...LARGE),
    commit: fc.constantFrom(...LARGE),
    runs: fc.oneof(fc.array(fc.constantFrom(...LENGTHS), { maxLength: 3 }), fc.constantFrom(...LISTS)),
  }),
  fc.record({
    kind: fc.constant('append_reply' as const),
    group: fc.constantFrom(...GROUPS),
    term: fc.constantFrom(...LARGE),
    rejected: fc.boolean(),
    match: fc.constantFrom(...LARGE),
    hintIndex: fc.constantFrom(...LARGE),
    hintTerm: fc.constantFrom(...LARGE),
    repairing: fc.boolean(),
  }),
);

const APPEND = { kind: 'append' as const, group: 's0', term: 1, previousIndex: 1, previousTerm: 1, commit: 1 };

/** The bodies of the frames that a writer has gathered. */
function bodiesOf(writer: FrameWriter): Buffer[] {
  const bodies: Buffer[] = [];
  new FrameDecoder(LIMITS.frame_bytes_max).push(writer.take() ?? Buffer.alloc(0), (body) => bodies.push(body));
  return bodies;
}

/** What the general way makes of the bytes. */
function readSlowly(bytes: Buffer): Message | undefined {
  try {
    return fromArray(decode(bytes));
  } catch {
    return undefined;
  }
}

describe('messages by hand', () => {
  it('are the bytes that the codec writes', () => {
    fc.assert(
      fc.property(fc.array(someHot, { minLength: 1, maxLength: 5 }), (messages) => {
        const writer = new FrameWriter();
        for (const message of messages) addMessage(writer, message);
        const expected = messages.map((message) => Buffer.from(encodeMessage(message)));
        expect(bodiesOf(writer)).to.deep.equal(expected);
      }),
    );
  });

  it('are read as the codec reads them', () => {
    fc.assert(
      fc.property(someHot, (message) => {
        const bytes = Buffer.from(encodeMessage(message));
        expect(readHot(bytes)).to.deep.equal(message);
        expect(decodeMessage(bytes)).to.deep.equal(readSlowly(bytes));
      }),
    );
  });

  it('give whatever is wrong with them, and all else, to the general way', () => {
    const change = fc.tuple(fc.nat(40), fc.nat(255), fc.integer({ min: -3, max: 3 }));
    fc.assert(
      fc.property(someHot, change, (message, [at, byte, longer]) => {
        const whole = Buffer.from(encodeMessage(message));
        const bytes = Buffer.concat([whole, Buffer.alloc(3, byte)]).subarray(0, Math.max(0, whole.length + longer));
        bytes[at % Math.max(1, bytes.length)] = byte;
        const quick = readHot(bytes);
        if (quick !== undefined) expect(quick).to.deep.equal(readSlowly(bytes));
      }),
      { numRuns: 2000 },
    );
    expect(readHot(Buffer.from(encodeMessage({ kind: 'ping', correlation: 1 })))).to.equal(undefined);
    expect(readHot(Buffer.alloc(0))).to.equal(undefined);
  });

  it('are as large as the limits of their fields, no larger', () => {
    const command = (length: number) => ({ kind: 'command' as const, correlation: 1, envelope: Buffer.alloc(length) });
    const largest = Buffer.from(encodeMessage(command(LIMITS.envelope_bytes_max)));
    expect(readHot(largest)).to.have.property('kind', 'command');
    expect(readHot(Buffer.from(encodeMessage(command(LIMITS.envelope_bytes_max + 1))))).to.equal(undefined);
    const append = (length: number) => ({ ...APPEND, runs: new Array<Buffer>(length).fill(Buffer.from('run')) });
    expect(readHot(Buffer.from(encodeMessage(append(LIMITS.runs_per_append_max))))).to.have.property('kind', 'append');
    expect(readHot(Buffer.from(encodeMessage(append(LIMITS.runs_per_append_max + 1))))).to.equal(undefined);
  });

  it('add nothing to what is sent when they do not fit a frame', () => {
    const writer = new FrameWriter();
    const reply = { kind: 'reply' as const, correlation: 1, group: 's0', term: 1, index: 1, ok: true };
    const tooBig = { ...reply, result: Buffer.alloc(LIMITS.frame_bytes_max) };
    expect(() => addMessage(writer, tooBig))
      .to.throw(ConcordError)
      .with.property('code', 'FRAME_TOO_BIG');
    expect([writer.bytes, writer.take()]).to.deep.equal([0, null]);
    addMessage(writer, { ...reply, result: Buffer.from([1]) });
    expect(() => addMessage(writer, tooBig)).to.throw(ConcordError);
    addMessage(writer, { ...reply, result: Buffer.from([2]) });
    expect(bodiesOf(writer).map((body) => body.at(-1))).to.deep.equal([1, 2]);
    expect(() => addMessage(writer, { ...APPEND, runs: [Buffer.alloc(LIMITS.frame_bytes_max)] })).to.throw(
      ConcordError,
    );
    expect(writer.bytes).to.equal(0);
  });

  it('give the runs of an append memory of their own, for the log keeps each for long', () => {
    const bytes = Buffer.from(encodeMessage({ ...APPEND, runs: [Buffer.from('one'), Buffer.alloc(9000, 'two')] }));
    const message = readHot(bytes);
    bytes.fill(0);
    expect(message).to.deep.equal({ ...APPEND, runs: [Buffer.from('one'), Buffer.alloc(9000, 'two')] });
  });

  it('may be read while their bytes are kept, one after another', () => {
    const bytes = Buffer.from(encodeMessage({ kind: 'command', correlation: 1, envelope: Buffer.from('first') }));
    const first = readHot(bytes);
    readHot(Buffer.from(encodeMessage({ kind: 'command', correlation: 2, envelope: Buffer.from('second') })));
    expect(first).to.deep.include({ correlation: 1, envelope: Buffer.from('first') });
  });
});
