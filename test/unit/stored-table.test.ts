/** Tables that are cut: what is told is what was there at the cut, and only what the base does not know yet. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Cut } from '../../node/services/cut.js';
import { numberKey, stringKey, tupleKey } from '../../node/services/keys.js';
import { numberRow, type RowForm } from '../../node/services/stored-table.js';
import type { Table } from '../../node/services/table.js';
import { BadRow, Tables } from '../../node/services/tables.js';
import { u32 } from '../../protocol/fields.js';
import { feedRows, StrictTables, unpacked } from './strict-tables.js';

/** A value that changes in place. */
interface Box {
  n: number;
}

const BOX: RowForm<unknown, Box> = { pack: ({ n }) => n, unpack: (packed) => ({ n: u32.check(packed) }) };

/** Tables with one table, and words for what is told of it: '+key' for a row, '-key' for one that is gone. */
function boxes(tables: Tables = new StrictTables()) {
  const table = tables.open('boxes', numberKey, BOX);
  const told = (cut: Cut, bytes_max = 1 << 20): string[] => {
    const words: string[] = [];
    for (let slice = cut.next(bytes_max); slice !== null; slice = cut.next(bytes_max))
      for (const [key, value] of unpacked(slice)) {
        const number = numberKey.decode(Buffer.from(key, 'hex').subarray('boxes'.length + 1));
        words.push(`${value === null ? '-' : '+'}${number}`);
      }
    return words;
  };
  return {
    tables,
    table,
    told,
    /** A whole cut. */
    cut: (): string[] => {
      const cut = tables.cut();
      const words = told(cut);
      cut.flushed();
      return words;
    },
    change: (key: number, n: number) => {
      const box = table.get(key);
      if (box === undefined) return;
      table.touch(key);
      box.n = n;
    },
  };
}

describe('a table that is cut', () => {
  it('tells what is new, and nothing twice', () => {
    const { table, cut } = boxes();
    for (const key of [3, 1, 2]) table.put(key, { n: key });
    expect(cut()).to.deep.equal(['+1', '+2', '+3']);
    expect(cut()).to.deep.equal([]);
    table.put(4, { n: 4 });
    expect(cut()).to.deep.equal(['+4']);
  });

  it('tells what was put in place of something, or changed in place', () => {
    const { table, cut, change } = boxes();
    for (const key of [1, 2, 3]) table.put(key, { n: key });
    cut();
    table.put(1, { n: 9 });
    change(3, 9);
    expect(cut()).to.deep.equal(['+1', '+3']);
  });

  it('tells that a row is gone only if the base has it', () => {
    const { table, cut } = boxes();
    table.put(1, { n: 1 });
    table.put(2, { n: 2 });
    table.delete(2);
    expect(cut()).to.deep.equal(['+1']);
    table.put(3, { n: 3 });
    table.delete(3);
    table.delete(1);
    expect(cut()).to.deep.equal(['-1']);
    expect(cut()).to.deep.equal([]);
  });

  it('tells of a row that went and came back what it is now', () => {
    const { table, cut } = boxes();
    table.put(1, { n: 1 });
    cut();
    table.delete(1);
    table.put(1, { n: 2 });
    expect(cut()).to.deep.equal(['+1']);
    table.delete(1);
    table.put(1, { n: 3 });
    table.delete(1);
    expect(cut()).to.deep.equal(['-1']);
  });

  it('tells a row as it was at the cut, whatever becomes of it before its turn', () => {
    const { tables, table, told, cut, change } = boxes();
    for (const key of [1, 2, 3, 4]) table.put(key, { n: key });
    cut();
    for (const key of [1, 2, 3]) change(key, 10);
    table.delete(4);
    const under = tables.cut();
    change(1, 11);
    table.delete(2);
    table.put(3, { n: 11 });
    table.put(4, { n: 11 });
    table.put(5, { n: 11 });
    expect(told(under)).to.deep.equal(['+1', '+2', '+3', '-4']);
    under.flushed();
    expect(cut()).to.deep.equal(['+1', '-2', '+3', '+4', '+5']);
  });

  it('knows that what comes and goes during a cut stands in the base by then', () => {
    const { tables, table, told, cut } = boxes();
    table.put(1, { n: 1 });
    const under = tables.cut();
    table.delete(1);
    table.put(2, { n: 2 });
    table.delete(2);
    expect(told(under)).to.deep.equal(['+1']);
    under.flushed();
    expect(cut()).to.deep.equal(['-1']);
  });

  it('has one cut at a time, told to its end before it is flushed', () => {
    const { tables, table, told } = boxes();
    table.put(1, { n: 1 });
    const cut = tables.cut();
    expect(() => tables.cut()).to.throw('before the last one is flushed');
    expect(() => cut.flushed()).to.throw('before it is told to its end');
    told(cut);
    cut.flushed();
    tables.cut();
  });

  it('keeps all of that, whatever is done to it and however the cut is sliced', () => {
    const key = fc.nat(40);
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.tuple(fc.constant('put'), key) },
      { weight: 4, arbitrary: fc.tuple(fc.constant('change'), key) },
      { weight: 4, arbitrary: fc.tuple(fc.constant('delete'), key) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('cut'), key) },
      { weight: 3, arbitrary: fc.tuple(fc.constant('next'), fc.integer({ min: 1, max: 90 })) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('restart'), key) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        let strict = new StrictTables();
        let group = boxes(strict);
        let cut: Cut | undefined;
        steps.forEach(([what, n], i) => {
          if (what === 'put') group.table.put(n, { n: i });
          else if (what === 'change') group.change(n, i);
          else if (what === 'delete') group.table.delete(n);
          else if (what === 'cut') cut ??= strict.cut();
          else if (what === 'next' && cut?.next(n) === null) {
            cut.flushed();
            cut = undefined;
          } else if (what === 'restart') {
            const { base } = strict;
            strict = new StrictTables();
            group = boxes(strict);
            feedRows(base, strict);
            cut = undefined;
          }
        });
        if (cut !== undefined) {
          while (cut.next(64) !== null);
          cut.flushed();
        }
        const last = strict.cut();
        while (last.next(64) !== null);
      }),
      { numRuns: 300 },
    );
  });

  it('gives slices of about the bytes that are asked for, and one row at least', () => {
    const tables = new Tables();
    const table = tables.open('rows', numberKey, { pack: (v: Buffer) => v, unpack: (v) => v as Buffer });
    for (let key = 0; key < 1000; key++) table.put(key, Buffer.alloc(key === 500 ? 100_000 : 100));
    const sizes: number[] = [];
    const cut = tables.cut();
    for (let slice = cut.next(4096); slice !== null; slice = cut.next(4096)) {
      expect(slice.byteOffset, 'memory of its own').to.equal(0);
      sizes.push(slice.length);
    }
    expect(sizes.filter((size) => size > 4096 + 130)).to.have.length(1);
    expect(sizes.slice(0, -1).every((size) => size >= 4096)).to.equal(true);
  });

  for (const during of [0, 300])
    it(`keeps all of that when blocks are split and joined, and ${during} rows come during the cut`, () => {
      const { table, tables, cut, change, told } = boxes();
      for (let key = 0; key < 1000; key++) table.put(10 * key, { n: key });
      cut();
      change(20, 1);
      change(9980, 1);
      // Between the rows that have changed and those that have not.
      for (let key = 0; key < 600; key++) table.put(10 * key + 5, { n: key });
      cut();
      change(9980, 2);
      for (let key = 3; key < 990; key++) table.delete(10 * key);
      for (let key = 0; key < 600; key++) table.delete(10 * key + 5);
      const under = tables.cut();
      for (let key = 0; key < during; key++) table.put(10 * key + 5, { n: key });
      expect(told(under, 1000)).to.include('+9980');
      under.flushed();
      expect(cut()).to.have.length(during);
    });

  it('does not look at all rows of a large table at once, nor at blocks in which nothing has changed', () => {
    const { tables, table, told, cut, change } = boxes(new Tables());
    for (let key = 0; key < 100_000; key++) table.put(key, { n: 0 });
    cut();
    change(99_999, 1);
    expect(told(tables.cut()), 'clean blocks are passed over in one call').to.deep.equal(['+99999']);
    const other = boxes(new Tables());
    for (let key = 0; key < 100_000; key++) other.table.put(key, { n: 0 });
    other.cut();
    other.change(99_999, 1);
    const under = other.tables.cut();
    // Whatever changes after the cut is in the same blocks, and not of the cut.
    for (let key = 0; key < 99_999; key++) other.change(key, 2);
    let empty = 0;
    while (under.next(1 << 20)?.length === 0) empty++;
    expect(empty).to.be.within(2, 20);
  });

  it('knows how many rows it has, and roughly how many bytes have changed', () => {
    const { tables, table, cut, change } = boxes();
    expect([table.size, tables.dirty]).to.deep.equal([0, 0]);
    for (let key = 0; key < 100; key++) table.put(key, { n: 1_000_000 });
    expect(table.size).to.equal(100);
    expect(tables.dirty).to.be.greaterThan(100);
    cut();
    expect(tables.dirty).to.equal(0);
    change(1, 2);
    const one = tables.dirty;
    expect(one).to.be.greaterThan(0);
    change(1, 3);
    expect(tables.dirty, 'counted once').to.equal(one);
    table.delete(1);
    table.delete(2);
    expect(tables.dirty).to.equal(2 * one);
    table.put(200, { n: 1 });
    table.delete(200);
    expect(tables.dirty, 'left no trace').to.equal(2 * one);
  });
});

describe('the tables of a group', () => {
  const open = (tables: Tables, ...names: string[]): Table<string, number>[] =>
    names.map((name) => tables.open(name, stringKey, numberRow));

  it('are told by name, then by key, whatever the order in which they were opened', () => {
    const tables = new StrictTables();
    for (const table of open(tables, 'b.c', 'a', 'b')) {
      table.put('y', 1);
      table.put('x', 1);
    }
    const slice = tables.cut().next(1000) ?? Buffer.alloc(0);
    const keys = unpacked(slice).map(([key]) => Buffer.from(key, 'hex').toString('latin1'));
    expect(keys).to.deep.equal(['a\0x\0', 'a\0y\0', 'b\0x\0', 'b\0y\0', 'b.c\0x\0', 'b.c\0y\0']);
  });

  it('have the same fingerprint when they have the same rows, and another when any differs', () => {
    const tables = [new Tables(), new Tables()] as const;
    const [a, b] = tables.map((one) => open(one, 'a', 'b')) as [Table<string, number>[], Table<string, number>[]];
    const same = (): boolean => tables[0].fingerprint() === tables[1].fingerprint();
    a[0]?.put('x', 1);
    expect(same()).to.equal(false);
    b[1]?.put('x', 1);
    expect(same(), 'in another table').to.equal(false);
    b[1]?.delete('x');
    b[0]?.put('x', 2);
    expect(same(), 'another value').to.equal(false);
    b[0]?.put('x', 1);
    expect(same()).to.equal(true);
  });

  it('go on from what they are fed, as clean', () => {
    const before = new StrictTables();
    const form = tupleKey('string', 'number');
    before.open('t', form, numberRow).put(['a', 1], 7);
    const cut = before.cut();
    while (cut.next(1000) !== null);
    cut.flushed();
    const after = new StrictTables();
    const table = after.open('t', form, numberRow);
    feedRows(before.base, after);
    expect(table.get(['a', 1])).to.equal(7);
    expect(after.fingerprint()).to.equal(before.fingerprint());
    expect(after.dirty).to.equal(0);
    expect(after.cut().next(1000)).to.equal(null);
  });

  it('refuse rows that are no table’s, or not of its form, and say what to do', () => {
    const tables = new Tables();
    open(tables, 't');
    const row = (key: string, value: number[]) => () => tables.feed(Buffer.from(key, 'latin1'), Buffer.from(value));
    for (const bad of [
      row('u\0x\0', [1]),
      row('t', [1]),
      row('t\0x', [1]),
      row('t\0x\0', [0xff]),
      row('t\0x\0', [1, 1]),
    ])
      expect(bad).to.throw(BadRow, 'Set it aside and start again');
    row('t\0x\0', [1])();
  });
});
