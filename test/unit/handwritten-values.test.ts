/** Values that are written and read by hand: what the codec would have made of them. */
import { expect } from 'chai';
import fc from 'fast-check';
import { readBytes, readInteger, writeInteger, writeMessage } from '../../node/services/values.js';
import { decode, encode } from '../../protocol/codec.js';
import { anyValue } from './replica.js';

describe('values written by hand', () => {
  const integer = fc.oneof(
    fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
    fc.maxSafeNat(),
    fc.nat(100_000),
  );
  const length = fc.oneof(fc.constantFrom(0, 254, 255, 256, 65_535, 65_536, 70_000), fc.nat(600));

  it('are the bytes of the codec', () => {
    fc.assert(
      fc.property(integer, length, (id, bytes) => {
        const body = Buffer.alloc(bytes, 3);
        expect(writeInteger(id).equals(encode(id))).to.equal(true);
        expect(writeMessage(id, body).equals(encode([id, body]))).to.equal(true);
      }),
    );
  });

  it('read back what the codec wrote', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), length, (wait_ms, bytes) => {
        const body = Buffer.alloc(bytes, 3);
        expect(readInteger(encode([wait_ms]))).to.equal(wait_ms);
        expect(readBytes(encode([body]))?.equals(body)).to.equal(true);
      }),
    );
  });

  it('are left to the codec when they are anything else', () => {
    const other = fc.oneof(
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from([0x91, ...bytes])),
      anyValue.map((value) => encode(value)),
    );
    fc.assert(
      fc.property(other, (bytes) => {
        const general = (): unknown => {
          try {
            const value = decode(bytes);
            return Array.isArray(value) && value.length === 1 ? value[0] : undefined;
          } catch {
            return undefined;
          }
        };
        const number = readInteger(bytes);
        if (number !== undefined) expect(number).to.equal(general());
        const body = readBytes(bytes);
        if (body !== undefined) expect(body.equals(general() as Buffer)).to.equal(true);
      }),
      { numRuns: 2000 },
    );
  });
});
