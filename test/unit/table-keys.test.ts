/** Keys of rows: their bytes stand in the order of the keys, and lead back to them. */
import { expect } from 'chai';
import fc from 'fast-check';
import { type KeyForm, numberKey, pairKey, stringKey, tupleKey } from '../../node/services/keys.js';

const number = fc.oneof(
  fc.nat(3),
  fc.maxSafeNat(),
  fc.constantFrom(255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 5, Number.MAX_SAFE_INTEGER),
);
/** Strings of any code units, many of them with the same beginning. */
const string = fc.oneof(
  fc
    .array(fc.constantFrom(0, 1, 2, 0x61, 0x7f, 0x80, 0x7ff, 0x800, 0xd800, 0xdc00, 0xe000, 0xffff), { maxLength: 4 })
    .map((units) => String.fromCharCode(...units)),
  fc.string({ unit: 'binary', maxLength: 6 }),
);

const sign = (n: number): number => Math.sign(n) + 0;

function keepsItsOrder<K>(form: KeyForm<K>, key: fc.Arbitrary<K>): void {
  fc.assert(
    fc.property(key, key, (a, b) => {
      const [bytesA, bytesB] = [form.encode(a), form.encode(b)];
      expect(sign(Buffer.compare(bytesA, bytesB))).to.equal(sign(form.compare(a, b)));
      expect(form.decode(bytesA)).to.deep.equal(a);
    }),
    { numRuns: 2000 },
  );
}

describe('keys of rows', () => {
  it('have their order as bytes too, and can be read back: numbers', () => {
    keepsItsOrder(numberKey, number);
  });

  it('strings, by code units, with halves of surrogate pairs and zeros in them', () => {
    keepsItsOrder(stringKey, string);
  });

  it('pairs of numbers', () => {
    keepsItsOrder(pairKey, fc.tuple(number, number));
  });

  it('sequences in which a string stands in front of others', () => {
    keepsItsOrder(tupleKey('string', 'number'), fc.tuple(string, number));
    keepsItsOrder(tupleKey('string', 'string', 'number'), fc.tuple(string, string, number));
    keepsItsOrder(tupleKey('number', 'number', 'string'), fc.tuple(number, number, string));
  });

  it('none begins another one', () => {
    fc.assert(
      fc.property(string, string, (a, b) => {
        const [bytesA, bytesB] = [stringKey.encode(a), stringKey.encode(b)];
        expect(bytesB.subarray(0, bytesA.length).equals(bytesA)).to.equal(a === b);
      }),
    );
  });

  it('a name of the greatest length fits beside numbers into what a base takes', () => {
    const key = tupleKey('number', 'number', 'string').encode([1, 2, '\uffff'.repeat(255)]);
    expect(key.length).to.be.below(1000);
  });

  it('refuse what is no number of a key', () => {
    for (const wrong of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => numberKey.encode(wrong)).to.throw(RangeError);
  });

  it('are read from their own bytes only: what is read is written in the same way', () => {
    const form = tupleKey('number', 'string');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 14 }),
          fc.tuple(number, string).map((key) => form.encode(key)),
        ),
        fc.nat(13),
        fc.nat(255),
        (bytes, at, wrong) => {
          const damaged = Buffer.from(bytes);
          if (at < damaged.length) damaged[at] = wrong;
          let key: readonly [number, string];
          try {
            key = form.decode(damaged);
          } catch (error) {
            expect(error).to.be.instanceOf(RangeError);
            return;
          }
          expect(form.encode(key)).to.deep.equal(damaged);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
