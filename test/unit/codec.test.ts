/** The codec: what goes in comes out, what cannot is refused on the way in, and no result is touched by a later call. */
import { expect } from 'chai';
import fc from 'fast-check';
import { checkEncodable, decode, encode, encodeBorrowed } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import { someValue } from './values.js';

function refused(value: unknown): string {
  try {
    encode(value);
  } catch (error) {
    expect(error).to.be.instanceOf(ConcordError);
    expect((error as ConcordError).code).to.equal('INVALID');
    return (error as ConcordError).message;
  }
  return 'accepted';
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { value };
  return value;
}

describe('encode and decode', () => {
  it('carry every value that is not refused as it is', () => {
    fc.assert(
      fc.property(someValue, (value) => {
        expect(decode(encode(value))).to.deep.equal(value);
      }),
    );
  });

  it('carry bytes as Buffers of their own', () => {
    const bytes = encode([Buffer.from('abc')]);
    const [buffer] = decode(bytes) as [Buffer];
    bytes.fill(0);
    expect(buffer.toString()).to.equal('abc');
  });

  it('give results that no later call changes', () => {
    fc.assert(
      fc.property(fc.array(someValue, { minLength: 2 }), (values) => {
        const encoded = values.map(encode);
        const kept = encoded.map((bytes) => bytes.toString('hex'));
        for (const value of values) encodeBorrowed([value, 'x'.repeat(3000)]);
        expect(encoded.map((bytes) => bytes.toString('hex'))).to.deep.equal(kept);
      }),
    );
  });

  it('carry values around the sizes at which the encode buffer grows', () => {
    for (const size of [2040, 2048, 2050, 65_530, 65_536, 70_000, 900_000]) {
      const value = ['x'.repeat(size), Buffer.alloc(size, 1), size];
      expect(decode(encode(value))).to.deep.equal(value);
      expect(decode(encode([size])), `after ${size}`).to.deep.equal([size]);
    }
  });

  it('leave nothing of a value that could not be encoded in front of the next one', () => {
    for (const bad of [
      [1, 2, 10n],
      ['x'.repeat(5000), 10n],
      [Buffer.alloc(5000), 10n],
    ]) {
      expect(() => encodeBorrowed(bad)).to.throw(ConcordError);
      expect(encode([9]).toString('hex')).to.equal('9109');
    }
  });

  it('refuse what would arrive as something else', () => {
    class Thing {}
    expect(refused(new Map([[1, 2]]))).to.match(/a Map .*plain object/);
    expect(refused({ list: [new Set([1])] })).to.match(/a Set at list\.0/);
    expect(refused(new Date(0))).to.match(/a Date/);
    expect(refused(new Uint8Array(3))).to.match(/a Uint8Array/);
    expect(refused(new ArrayBuffer(3))).to.match(/an? ArrayBuffer/);
    expect(refused(new Thing())).to.match(/a Thing/);
    expect(refused(new Error('no'))).to.match(/a Error/);
    expect(refused(10n)).to.match(/bigint/);
    expect(refused([() => 1])).to.match(/a function at 0/);
    expect(refused(Symbol('s'))).to.match(/symbol/);
    expect(refused({ a: { b: undefined } })).to.match(/undefined at a\.b .*null/);
    expect(refused(new Array(1))).to.match(/undefined at 0/);
    expect(refused(2 ** 53)).to.match(/2\^53/);
    expect(refused(-(2 ** 53))).to.match(/2\^53/);
    expect(refused('half \ud83d')).to.match(/surrogate/);
    expect(refused({ '\udc00': 1 })).to.match(/surrogate/);
  });

  it('refuse keys that would change what the value is', () => {
    expect(refused(JSON.parse('{"__proto__": 1}'))).to.match(/__proto__/);
    expect(refused({ _isUint64BE: true })).to.match(/_isUint64BE/);
  });

  it('carry maps whose keys are names of methods', () => {
    for (const name of ['toString', 'valueOf', 'hasOwnProperty', '__proto__']) {
      const value = { constructor: { name }, prototype: 1 };
      expect(decode(encode(value))).to.deep.equal(value);
    }
  });

  it('refuse cycles and nesting that the other side would refuse, and carry what it would not', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(refused(cycle)).to.match(/nested deeper/);
    expect(refused(nested(LIMITS.depth_max + 1))).to.match(/nested deeper/);
    expect(decode(encode(nested(LIMITS.depth_max)))).to.deep.equal(nested(LIMITS.depth_max));
  });

  it('refuse more items than the other side takes, and carry as many as it does', () => {
    const list = (items: number) => Array.from({ length: items }, () => 1);
    const map = (keys: number) => Object.fromEntries(Array.from({ length: keys }, (_, i) => [`k${i}`, i]));
    expect(decode(encode(list(LIMITS.items_max - 1)))).to.have.length(LIMITS.items_max - 1);
    expect(refused(list(LIMITS.items_max))).to.match(/items/);
    expect(Object.keys(decode(encode(map((LIMITS.items_max - 2) / 2))) as object)).to.have.length(
      (LIMITS.items_max - 2) / 2,
    );
    expect(refused(map(LIMITS.items_max / 2))).to.match(/items/);
  });

  it('agree: what one side encodes the guard of the other lets through', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withMap: true, withSet: true, withDate: true }), (value) => {
        if (refused(value) === 'accepted') expect(() => decode(encode(value))).to.not.throw();
      }),
    );
  });

  it('answer any bytes with a value or BAD_MESSAGE', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decode(Buffer.from(bytes));
        } catch (error) {
          expect((error as ConcordError).code).to.equal('BAD_MESSAGE');
        }
      }),
    );
  });
});

describe('checkEncodable', () => {
  it('names the place afresh after each refusal', () => {
    expect(() => checkEncodable({ a: [1n] })).to.throw(/at a\.0/);
    expect(() => checkEncodable([{ b: 1n }])).to.throw(/at 0\.b/);
    expect(() => checkEncodable({ a: [1] })).to.not.throw();
  });
});
