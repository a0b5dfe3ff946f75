/** Tables: they behave as a sorted list of rows would, and stay fast when they are used as a queue. */
import { expect } from 'chai';
import fc from 'fast-check';
import { type Compare, compareNumbers, comparePairs, compareStrings } from '../../node/services/keys.js';
import { type Index, makeIndex } from '../../node/services/table.js';

/** The plainest table there can be: every call looks at every row. */
class Model<K, V> {
  rows: [K, V][] = [];
  private readonly compare: Compare<K>;
  constructor(compare: Compare<K>) {
    this.compare = compare;
  }
  put(key: K, value: V): void {
    this.delete(key);
    this.rows.push([key, value]);
    this.rows.sort((a, b) => this.compare(a[0], b[0]));
  }
  delete(key: K): boolean {
    const before = this.rows.length;
    this.rows = this.rows.filter((row) => this.compare(row[0], key) !== 0);
    return this.rows.length < before;
  }
  get(key: K): V | undefined {
    return this.rows.find((row) => this.compare(row[0], key) === 0)?.[1];
  }
  scan(from?: K, to?: K): [K, V][] {
    return this.rows.filter(
      ([key]) =>
        (from === undefined || this.compare(key, from) >= 0) && (to === undefined || this.compare(key, to) < 0),
    );
  }
}

type Step<K> = ['put' | 'delete' | 'get', K] | ['scan', K | undefined, K | undefined];

function steps<K>(key: fc.Arbitrary<K>): fc.Arbitrary<Step<K>[]> {
  const open = fc.option(key, { nil: undefined });
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant('put' as const), key) },
    { weight: 4, arbitrary: fc.tuple(fc.constant('delete' as const), key) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('get' as const), key) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('scan' as const), open, open) },
  );
  return fc.array(step, { maxLength: 200 });
}

function behavesAsItsModel<K>(compare: Compare<K>, key: fc.Arbitrary<K>): void {
  fc.assert(
    fc.property(steps(key), (list) => {
      const table = makeIndex<K, number>(compare);
      const model = new Model<K, number>(compare);
      list.forEach((step, i) => {
        if (step[0] === 'put') {
          table.put(step[1], i);
          model.put(step[1], i);
        } else if (step[0] === 'delete') expect(table.delete(step[1])).to.equal(model.delete(step[1]));
        else if (step[0] === 'get') expect(table.get(step[1])).to.equal(model.get(step[1]));
        else expect([...table.scan(step[1], step[2])]).to.deep.equal(model.scan(step[1], step[2]));
        expect(table.size).to.equal(model.rows.length);
        expect(table.first()).to.deep.equal(model.rows[0]);
      });
      expect([...table.scan()]).to.deep.equal(model.rows);
    }),
    { numRuns: 200 },
  );
}

/** A permutation of 0 to n - 1, the same every time: `step` and `n` have no common factor. */
function* scattered(n: number, step: number): Generator<number> {
  for (let i = 0; i < n; i++) yield (i * step) % n;
}

function filled(keys: Iterable<number>): Index<number, string> {
  const table = makeIndex<number, string>(compareNumbers);
  for (const key of keys) table.put(key, `v${key}`);
  return table;
}

const keysOf = (table: Index<number, string>, from?: number, to?: number): number[] =>
  [...table.scan(from, to)].map(([key]) => key);

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('a table in memory', () => {
  it('behaves as a sorted list of rows, with numbers for keys', () => {
    behavesAsItsModel(compareNumbers, fc.integer({ min: -60, max: 60 }));
  });

  it('behaves as a sorted list of rows, with strings for keys', () => {
    behavesAsItsModel(compareStrings, fc.string({ maxLength: 2, unit: 'binary' }));
  });

  it('behaves as a sorted list of rows, with pairs for keys', () => {
    behavesAsItsModel<readonly [number, number]>(comparePairs, fc.tuple(fc.nat(8), fc.nat(8)));
  });

  it('orders strings by code units, not by the language of the machine', () => {
    const table = makeIndex<string, number>(compareStrings);
    for (const key of ['ä', 'b', 'Z', 'a', '\u{1F600}', '\uFFFF', '']) table.put(key, 0);
    expect([...table.scan()].map(([key]) => key)).to.deep.equal(['', 'Z', 'a', 'b', 'ä', '\u{1F600}', '\uFFFF']);
  });

  it('keeps its order over many blocks, however the rows came', () => {
    for (const keys of [range(0, 20_000), range(0, 20_000).reverse(), [...scattered(20_000, 7919)]]) {
      const table = filled(keys);
      expect(table.size).to.equal(20_000);
      expect(keysOf(table)).to.deep.equal(range(0, 20_000));
      expect(keysOf(table, 511, 514)).to.deep.equal([511, 512, 513]);
      expect(keysOf(table, 19_999)).to.deep.equal([19_999]);
    }
  });

  it('forgets rows in any order and leaves the others where they were', () => {
    const table = filled(range(0, 20_000));
    for (const key of scattered(20_000, 7919)) if (key % 100 !== 0) expect(table.delete(key)).to.equal(true);
    expect(keysOf(table)).to.deep.equal(range(0, 200).map((i) => i * 100));
    expect(table.get(500)).to.equal('v500');
    expect(table.get(501)).to.equal(undefined);
    for (const key of scattered(200, 77)) table.delete(key * 100);
    expect(table.size).to.equal(0);
    expect(table.first()).to.equal(undefined);
    expect(keysOf(table)).to.deep.equal([]);
  });

  it('lets a scan delete what it was given, and what comes next', () => {
    const table = filled(range(0, 3000));
    const seen: number[] = [];
    for (const [key] of table.scan()) {
      seen.push(key);
      table.delete(key);
      table.delete(key + 1);
    }
    expect(seen).to.deep.equal(range(0, 1500).map((i) => i * 2));
    expect(table.size).to.equal(0);
  });

  it('shows a scan the rows that were added behind its place, not those before it', () => {
    const table = filled([10, 20, 30]);
    const seen: number[] = [];
    for (const [key] of table.scan(undefined, 100)) {
      seen.push(key);
      if (key !== 20) continue;
      for (const added of [5, 25, 99, 100]) table.put(added, '');
    }
    expect(seen).to.deep.equal([10, 20, 25, 30, 99]);
  });

  it('serves as a queue of a million rows', () => {
    const table = makeIndex<number, number>(compareNumbers);
    for (let i = 0; i < 1_000_000; i++) table.put(i, i);
    for (let i = 0; i < 1_000_000; i++) {
      const [key] = table.first() ?? [-1];
      if (key !== i || !table.delete(key)) throw new Error(`row ${i} is not the first`);
    }
    expect(table.size).to.equal(0);
  });
});
