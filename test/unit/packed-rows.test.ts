/** Packed rows: what goes in comes out, and nothing else is taken for rows. */
import { expect } from 'chai';
import fc from 'fast-check';
import { eachPackedRow, ROW_KEY_BYTES_MAX, RowPacker } from '../../node/packed-rows.js';

type Entry = readonly [key: string, value: string | null];

function unpack(packed: Buffer): Entry[] {
  const rows: Entry[] = [];
  eachPackedRow(packed, (key, value) => rows.push([key.toString('hex'), value?.toString('hex') ?? null]));
  return rows;
}

describe('packed rows', () => {
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
  const rows = fc.array(fc.tuple(bytes(40), fc.option(bytes(300), { nil: null })), { maxLength: 60 });

  it('come out as they went in, however full the packer was', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 4_000 }), (entries, bytes_full) => {
        const packer = new RowPacker(bytes_full);
        const out: Entry[] = [];
        for (const [key, value] of entries) {
          if (value === null) packer.delete(key);
          else packer.put(key, value);
          if (packer.full) out.push(...unpack(packer.take()));
        }
        expect(packer.full).to.equal(false);
        out.push(...unpack(packer.take()));
        expect(out).to.deep.equal(entries.map(([key, value]) => [key.toString('hex'), value?.toString('hex') ?? null]));
      }),
    );
  });

  it('are refused when they are cut short anywhere but between rows', () => {
    fc.assert(
      fc.property(rows, fc.nat(), (entries, at) => {
        const packer = new RowPacker(1 << 20);
        const ends = [0];
        for (const [key, value] of entries) {
          if (value === null) packer.delete(key);
          else packer.put(key, value);
          ends.push(packer.length);
        }
        const cut = at % (packer.length + 1);
        const packed = packer.take().subarray(0, cut);
        if (ends.includes(cut)) expect(unpack(packed)).to.have.length(ends.indexOf(cut));
        else expect(() => unpack(packed)).to.throw(RangeError);
      }),
    );
  });

  it('know the longest key', () => {
    const packer = new RowPacker(100);
    const key = Buffer.alloc(ROW_KEY_BYTES_MAX + 1);
    expect(() => packer.put(key, key)).to.throw(RangeError);
    packer.put(key.subarray(1), key);
    expect(unpack(packer.take())).to.have.length(1);
  });

  it('own their memory, so that it can change hands', () => {
    const packer = new RowPacker(1 << 20);
    packer.put(Buffer.from('a'), Buffer.from('1'));
    const first = packer.take();
    packer.put(Buffer.from('b'), Buffer.from('2'));
    const second = packer.take();
    expect(first.buffer).not.to.equal(second.buffer);
    structuredClone(first.buffer, { transfer: [first.buffer as ArrayBuffer] });
    expect(unpack(second)).to.deep.equal([['62', '32']]);
  });
});
