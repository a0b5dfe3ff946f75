/** The guard: what it lets through decodes, and what would harm the decoder never reaches it. */
import { expect } from 'chai';
import fc from 'fast-check';
import msgpack from 'msgpack-lite';
import { decode } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import { scan } from '../../protocol/scan.js';

const bytes = (...items: (number | number[])[]): Buffer => Buffer.from(items.flat());
const text = (value: string): number[] => [0xa0 + value.length, ...Buffer.from(value)];

function refused(input: Buffer): string {
  try {
    scan(input);
  } catch (error) {
    expect(error).to.be.instanceOf(ConcordError);
    expect((error as ConcordError).code).to.equal('BAD_MESSAGE');
    return (error as ConcordError).message;
  }
  return 'accepted';
}

/** Nested arrays, each of which claims as many items as there are bytes left: each would be allocated. */
function bomb(length: number): Buffer {
  const input = Buffer.alloc(length, 0xc0);
  for (let at = 0; at + 5 <= length; at += 5) {
    input[at] = 0xdd;
    input.writeUInt32BE(length - at - 5, at + 1);
  }
  return input;
}

describe('scan', () => {
  it('refuses the bomb of nested headers that would take gigabytes to decode', () => {
    expect(refused(bomb(256 << 10))).to.match(/nested deeper/);
    expect(() => decode(bomb(256 << 10))).to.throw(ConcordError);
  });

  it('refuses wide bombs too: counts that fit the frame one by one and not together', () => {
    const wide = Buffer.alloc(200_000, 0xdc);
    for (let at = 0; at + 3 <= wide.length; at += 3) wide.writeUInt16BE(0xffff, at + 1);
    expect(refused(wide)).to.not.equal('accepted');
  });

  it('refuses counts and lengths that are claimed and not there', () => {
    for (const lead of [0xdd, 0xdf, 0xdb, 0xc6])
      expect(refused(bytes(lead, 0xff, 0xff, 0xff, 0xff, 1)), lead.toString(16)).to.match(/claimed/);
    expect(refused(bytes(0x92, 1))).to.match(/claimed/);
    expect(refused(bytes(0x81, text('k')))).to.match(/cut short/);
  });

  it('refuses every cut of a good value', () => {
    const good = Buffer.from(msgpack.encode([1, 'text', Buffer.alloc(300), { key: [1.5, -3, null, true] }]));
    expect(refused(good)).to.equal('accepted');
    for (let length = 0; length < good.length; length++)
      expect(refused(good.subarray(0, length)), `${length} bytes`).to.not.equal('accepted');
  });

  it('refuses bytes after the value', () => {
    expect(refused(bytes(1, 2))).to.match(/after the value/);
  });

  it('refuses extension types and the unused lead byte', () => {
    for (const lead of [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8])
      expect(refused(Buffer.concat([bytes(lead), Buffer.alloc(32)])), lead.toString(16)).to.match(/type 0x/);
  });

  it('refuses keys that are no strings, and __proto__ in any form of string', () => {
    expect(refused(bytes(0x81, 1, 1))).to.match(/no string/);
    expect(refused(bytes(0x81, 0xc4, 1, 1, 1))).to.match(/no string/);
    const name = [...Buffer.from('__proto__')];
    for (const form of [[0xa9], [0xd9, 9], [0xda, 0, 9], [0xdb, 0, 0, 0, 9]])
      expect(refused(bytes(0x81, form, name, 1))).to.match(/__proto__/);
    expect(refused(bytes(0x81, text('__proto_'), 1))).to.equal('accepted');
    expect(refused(bytes(0x91, 0xa9, name))).to.equal('accepted');
  });

  it('refuses a map inside a map key position but takes maps as values', () => {
    expect(refused(bytes(0x81, 0x80, 1))).to.match(/no string/);
    expect(refused(bytes(0x82, text('a'), 0x81, text('b'), 1, text('c'), 0x90))).to.equal('accepted');
  });

  it('takes nesting up to the limit and refuses one more', () => {
    const nested = (depth: number) => Buffer.concat([Buffer.alloc(depth, 0x91), bytes(1)]);
    expect(refused(nested(LIMITS.depth_max))).to.equal('accepted');
    expect(refused(nested(LIMITS.depth_max + 1))).to.match(/nested deeper/);
  });

  it('takes items up to the limit and refuses one more', () => {
    const list = (items: number) => {
      const input = Buffer.alloc(5 + items, 1);
      input[0] = 0xdd;
      input.writeUInt32BE(items, 1);
      return input;
    };
    expect(refused(list(LIMITS.items_max - 1))).to.equal('accepted');
    expect(refused(list(LIMITS.items_max))).to.match(/items/);
  });

  it('refuses 64-bit integers that would be rounded', () => {
    const integer = (lead: number, value: bigint) => {
      const input = Buffer.alloc(9);
      input[0] = lead;
      input.writeBigUInt64BE(BigInt.asUintN(64, value), 1);
      return input;
    };
    const last = BigInt(Number.MAX_SAFE_INTEGER);
    for (const good of [0n, last]) expect(decode(integer(0xcf, good))).to.equal(Number(good));
    for (const good of [0n, last, -1n, -last]) expect(decode(integer(0xd3, good))).to.equal(Number(good));
    expect(refused(integer(0xcf, last + 1n))).to.match(/2\^53/);
    for (const bad of [last + 1n, -last - 1n, -last - 2n, -(2n ** 63n)])
      expect(refused(integer(0xd3, bad)), String(bad)).to.match(/2\^53/);
  });

  it('lets through exactly what decodes, for random bytes', () => {
    const random = fc.uint8Array({ maxLength: 60 }).map((input) => Buffer.from(input));
    fc.assert(
      fc.property(random, (input) => {
        if (refused(input) === 'accepted') expect(() => msgpack.decode(input)).to.not.throw();
      }),
      { numRuns: 3000 },
    );
  });

  it('lets through whatever the encoder makes of plain values', () => {
    const plain = fc.object({ values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.double()] });
    fc.assert(
      fc.property(plain, (value) => {
        fc.pre(!JSON.stringify(value).includes('"__proto__"'));
        expect(refused(Buffer.from(msgpack.encode(value)))).to.equal('accepted');
      }),
    );
  });
});
