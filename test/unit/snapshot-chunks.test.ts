/** Rows on their way to another member: cut into messages, put together again. */
import { expect } from 'chai';
import fc from 'fast-check';
import { eachPackedRow } from '../../node/packed-rows.js';
import { Chunks, Joiner } from '../../node/snapshots/chunks.js';
import type { Row, RowReader } from '../../node/storage/base.js';

const CHUNK_BYTES = 128 << 10;

/** Gives rows as a base does: up to the one that reaches the bytes asked for. */
function readerOf(rows: readonly Row[]): RowReader & { closed: number } {
  let at = 0;
  return {
    closed: 0,
    next(bytes_max) {
      const found: Row[] = [];
      for (let bytes = 0; at < rows.length && bytes < bytes_max; at++) {
        const row = rows[at] as Row;
        found.push(row);
        bytes += row.key.length + row.value.length;
      }
      return found;
    },
    close() {
      this.closed++;
    },
  };
}

/** What comes out at the other end. */
function sent(rows: readonly Row[]): { received: Row[]; sizes: number[]; complete: boolean } {
  const chunks = new Chunks(readerOf(rows));
  const joiner = new Joiner();
  const received: Row[] = [];
  const sizes: number[] = [];
  for (let chunk = chunks.take(); chunk !== null; chunk = chunks.take()) {
    sizes.push(chunk.length);
    eachPackedRow(joiner.join(chunk), (key, value) => received.push({ key, value: value ?? Buffer.from('deleted') }));
  }
  return { received, sizes, complete: joiner.complete };
}

describe('rows of a snapshot', () => {
  it('arrive as they were, however large they are', () => {
    const lengths = fc.array(fc.oneof(fc.nat(40), fc.nat(3 * CHUNK_BYTES)), { maxLength: 40 });
    fc.assert(
      fc.property(lengths, (all) => {
        const rows = all.map((length, i) => ({ key: Buffer.from(`row ${i}`), value: Buffer.alloc(length, i) }));
        const { received, sizes, complete } = sent(rows);
        expect(received.length).to.equal(rows.length);
        expect(
          received.every(
            ({ key, value }, i) =>
              key.equals(rows[i]?.key ?? key.subarray(1)) && value.equals(rows[i]?.value ?? value.subarray(1)),
          ),
        ).to.equal(true);
        expect(Math.max(0, ...sizes)).to.be.at.most(CHUNK_BYTES);
        expect(complete).to.equal(true);
      }),
      { numRuns: 50 },
    );
  });

  it('that are small travel together', () => {
    const rows = Array.from({ length: 1000 }, (_, i) => ({ key: Buffer.from(`${i}`), value: Buffer.alloc(100) }));
    expect(sent(rows).sizes.length).to.equal(1);
  });

  it('are not complete while the end of one is missing', () => {
    const chunks = new Chunks(readerOf([{ key: Buffer.from('k'), value: Buffer.alloc(2 * CHUNK_BYTES) }]));
    const joiner = new Joiner();
    expect(joiner.complete).to.equal(true);
    expect(joiner.join(chunks.take() ?? Buffer.alloc(0)).length).to.equal(0);
    expect(joiner.complete).to.equal(false);
  });

  it('end with the reader, which is closed once', () => {
    const reader = readerOf([]);
    const chunks = new Chunks(reader);
    expect(chunks.take()).to.equal(null);
    chunks.close();
    expect(reader.closed).to.equal(1);
  });
});
