/** What is read and written by hand is what the codec would read and write. */
import { expect } from 'chai';
import fc from 'fast-check';
import { isMode, type Mode } from '../../node/services/locks/modes.js';
import { type Item, newLock } from '../../node/services/locks/rows.js';
import { readAcquire, readRelease, writeGrant, writeGrants, writeIntegers } from '../../node/services/locks/wire.js';
import { readArgument } from '../../node/services/values.js';
import { encode } from '../../protocol/codec.js';
import { LIMITS } from '../../protocol/limits.js';
import { someInteger, someText, someValue } from './values.js';

const u32 = someInteger(2 ** 32 - 1);
const u53 = someInteger(2 ** 53 - 1);
const name = fc.oneof(someText(LIMITS.name_length_max), fc.constant('ü'.repeat(255)), fc.constant('x'.repeat(256)));
const acquire = fc.tuple(u53, fc.array(fc.tuple(name, u32), { maxLength: 70 }), u32, u32, u32, u53, name);
const release = fc.tuple(u53, name, u53, u32);

/** Well formed or not, cut short, or with a byte wrong. */
const body = fc.oneof(
  acquire.map(encode),
  release.map(encode),
  someValue.map(encode),
  fc.tuple(fc.oneof(acquire, release), fc.nat(60), fc.nat(255)).map(([value, at, wrong]) => {
    const bytes = encode(value);
    bytes[at % bytes.length] = wrong;
    return bytes;
  }),
  fc.tuple(fc.oneof(acquire, release), fc.nat(200)).map(([value, at]) => encode(value).subarray(0, at)),
);

describe('arguments of locks', () => {
  it('are read by hand as by the codec, and refused where it refuses them', () => {
    fc.assert(
      fc.property(body, (bytes) => {
        expect(readAcquire(bytes)).to.deep.equal(readArgument('lock.acquire', bytes));
        expect(readRelease(bytes)).to.deep.equal(readArgument('lock.release', bytes));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('results of locks', () => {
  it('are written by hand as by the codec', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(someText(255), u53), { minLength: 1, maxLength: 64 }), (list) => {
        const items = list.map(([lock, token], i) => ({ lock: newLock(lock, token), mode: ((i % 3) + 1) as Mode }));
        const values = items.map(({ lock, mode }) => [lock.name, mode, lock.token]);
        expect(writeGrants(items as unknown as Item[], ({ mode }) => mode)).to.deep.equal(encode(values));
        const [first] = items;
        if (first !== undefined) expect(writeGrant(first.lock, first.mode)).to.deep.equal(encode(values[0]));
        const tokens = list.map(([, token]) => token).slice(0, 3);
        expect(writeIntegers(tokens)).to.deep.equal(encode(tokens));
      }),
    );
    expect([0, 1, 2, 3, 4].map(isMode)).to.deep.equal([false, true, true, true, false]);
  });
});
