/** The envelope: written and read by hand, and byte for byte what the codec would have made of it. */
import { expect } from 'chai';
import fc from 'fast-check';
import msgpack from 'msgpack-lite';
import { decode, encode } from '../../protocol/codec.js';
import {
  decodeEnvelope,
  ENVELOPE_FIELDS,
  ENVELOPE_VERSION,
  type Envelope,
  encodeEnvelope,
} from '../../protocol/envelope.js';
import { FieldError, tuple, u32 } from '../../protocol/fields.js';
import { LIMITS } from '../../protocol/limits.js';
import { someBytes, someInteger, someText } from './values.js';

const u53 = someInteger(Number.MAX_SAFE_INTEGER);
const someEnvelope: fc.Arbitrary<Envelope> = fc.record({
  group: someText(LIMITS.group_length_max),
  session: u53,
  lane: u53,
  confirmed: u53,
  deadline_ms: someInteger(2 ** 32 - 1),
  name: fc.oneof(someText(LIMITS.name_length_max), fc.constantFrom('ü'.repeat(120), 'x'.repeat(255), '€'.repeat(255))),
  fence: someText(LIMITS.fence_length_max),
  principal: someText(LIMITS.name_length_max),
  operation: someInteger(2 ** 32 - 1),
  body: fc.oneof(
    someBytes(300),
    fc.constantFrom(0, 254, 255, 256, 65_535, 65_536).map((length) => Buffer.alloc(length, 1)),
  ),
});

const asArray = (e: Envelope): unknown[] => [
  ENVELOPE_VERSION,
  e.group,
  e.session,
  e.lane,
  e.confirmed,
  e.deadline_ms,
  e.name,
  e.fence,
  e.principal,
  e.operation,
  e.body,
];
const fields = tuple(u32, ...Object.values(ENVELOPE_FIELDS));

/** What codec and fields make of the bytes: the long way round. */
function decodeSlowly(bytes: Buffer): Envelope | 'refused' {
  try {
    const [version, ...values] = fields.check(decode(bytes));
    if (version !== ENVELOPE_VERSION) return 'refused';
    return Object.fromEntries(Object.keys(ENVELOPE_FIELDS).map((name, i) => [name, values[i]])) as unknown as Envelope;
  } catch {
    return 'refused';
  }
}

function decodeQuickly(bytes: Buffer): Envelope | 'refused' {
  try {
    return decodeEnvelope(bytes);
  } catch (error) {
    expect(error).to.be.instanceOf(FieldError);
    return 'refused';
  }
}

/** A MessagePack item in one of the longer forms that other encoders may choose. */
function longForm(value: unknown): Buffer {
  const out = Buffer.alloc(9);
  if (typeof value === 'number') {
    if (value % 3 === 0) {
      out[0] = 0xcb;
      out.writeDoubleBE(value, 1);
    } else {
      out[0] = value % 3 === 1 ? 0xcf : 0xd3;
      out.writeBigUInt64BE(BigInt(value), 1);
    }
    return out;
  }
  const bytes = typeof value === 'string' ? Buffer.from(value) : (value as Buffer);
  out[0] = typeof value === 'string' ? 0xdb : 0xc6;
  out.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([out.subarray(0, 5), bytes]);
}

describe('envelope', () => {
  it('is byte for byte what msgpack-lite writes', () => {
    fc.assert(
      fc.property(someEnvelope, (e) => {
        expect(encodeEnvelope(e).toString('hex')).to.equal(Buffer.from(msgpack.encode(asArray(e))).toString('hex'));
      }),
      { numRuns: 500 },
    );
  });

  it('comes back as it went', () => {
    fc.assert(
      fc.property(someEnvelope, (e) => {
        expect(decodeEnvelope(encodeEnvelope(e))).to.deep.equal(e);
      }),
    );
  });

  it('is read in the long forms of other encoders too', () => {
    fc.assert(
      fc.property(someEnvelope, (e) => {
        const head = Buffer.from([0xdd, 0, 0, 0, 11]);
        const bytes = Buffer.concat([head, ...asArray(e).map(longForm)]);
        expect(decodeEnvelope(bytes)).to.deep.equal(e);
      }),
    );
  });

  it('is read by hand exactly as the codec reads it, also when it is damaged', () => {
    const damage = fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 0, max: 255 })), { maxLength: 3 });
    fc.assert(
      fc.property(someEnvelope, damage, (e, changes) => {
        const bytes = encodeEnvelope(e);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        expect(decodeQuickly(bytes)).to.deep.equal(decodeSlowly(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  it('is read by hand exactly as the codec reads it when an item is another one', () => {
    const other = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.string({ maxLength: 300 }),
      fc.constantFrom(null, true, [], {}, -1, 0.5, 2 ** 53, 2 ** 32, 'x'.repeat(256), '€'.repeat(17), Buffer.alloc(3)),
      fc.constantFrom('x'.repeat(17), Buffer.alloc(LIMITS.body_bytes_max), Buffer.alloc(LIMITS.body_bytes_max + 1)),
    );
    fc.assert(
      fc.property(someEnvelope, fc.nat(10), other, (e, at, value) => {
        const items = asArray(e);
        items[at] = value;
        const bytes = Buffer.from(msgpack.encode(items));
        expect(decodeQuickly(bytes)).to.deep.equal(decodeSlowly(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused when cut anywhere, and with a byte too many', () => {
    fc.assert(
      fc.property(someEnvelope, (e) => {
        const bytes = encodeEnvelope(e).subarray(0, 300);
        for (let length = 0; length < Math.min(bytes.length, 100); length++)
          expect(decodeQuickly(bytes.subarray(0, length))).to.equal('refused');
        expect(decodeQuickly(Buffer.concat([encodeEnvelope(e), Buffer.from([0])]))).to.equal('refused');
      }),
      { numRuns: 30 },
    );
  });

  it('is refused in another version and in another length', () => {
    const good = { group: 's0', session: 1, lane: 1, confirmed: 0, deadline_ms: 1, name: '', fence: '', principal: '' };
    const items = asArray({ ...good, operation: 16, body: encode([]) });
    expect(decodeQuickly(encode(items))).to.not.equal('refused');
    expect(decodeQuickly(encode([2, ...items.slice(1)]))).to.equal('refused');
    expect(decodeQuickly(encode([...items, 0]))).to.equal('refused');
    expect(decodeQuickly(encode(items.slice(0, 10)))).to.equal('refused');
    expect(decodeQuickly(encode({ items }))).to.equal('refused');
  });

  it('shares the memory of the bytes with its body and with nothing else', () => {
    const e = { group: 's0', session: 1, lane: 1, confirmed: 0, deadline_ms: 1, name: 'n', fence: '', principal: '' };
    const bytes = encodeEnvelope({ ...e, operation: 16, body: Buffer.from('abc') });
    const read = decodeEnvelope(bytes);
    bytes.fill('z', bytes.length - 3);
    expect(read.body.toString()).to.equal('zzz');
    expect(read.group).to.equal('s0');
  });

  it('is not written with a field out of its bounds', () => {
    const e = { group: 's0', session: 1, lane: 1, confirmed: 0, deadline_ms: 1, name: '', fence: '', principal: '' };
    const good: Envelope = { ...e, operation: 16, body: Buffer.alloc(0) };
    const bad: Partial<Envelope>[] = [
      { group: 'x'.repeat(17) },
      { session: -1 },
      { lane: 1.5 },
      { confirmed: 2 ** 53 },
      { deadline_ms: 2 ** 32 },
      { name: 'x'.repeat(256) },
      { body: Buffer.alloc(LIMITS.body_bytes_max + 1) },
    ];
    for (const change of bad) {
      const [name] = Object.keys(change);
      expect(() => encodeEnvelope({ ...good, ...change }), name).to.throw(FieldError, `envelope.${name}`);
    }
  });

  it('fits a command message at its largest', () => {
    const e = { group: 'x'.repeat(16), session: 2 ** 53 - 1, lane: 2 ** 53 - 1, confirmed: 2 ** 53 - 1 };
    const wide = '€'.repeat(LIMITS.name_length_max);
    const rest = {
      deadline_ms: 2 ** 32 - 1,
      name: wide,
      fence: '€'.repeat(LIMITS.fence_length_max),
      principal: wide,
      operation: 2 ** 32 - 1,
    };
    const largest = encodeEnvelope({ ...e, ...rest, body: Buffer.alloc(LIMITS.body_bytes_max) });
    expect(largest.length).to.be.at.most(LIMITS.envelope_bytes_max);
    expect(encode([10, 2 ** 32 - 1, largest]).length).to.be.at.most(LIMITS.frame_bytes_max);
  });
});
