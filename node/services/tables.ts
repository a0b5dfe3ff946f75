/** All tables of one group by name, so that its whole state can be looked at: compared now, written out and read back later. */
import { createHash } from 'node:crypto';
import { encode } from '../../protocol/codec.js';
import { type Compare, memoryTable, type Table } from './table.js';

/** Makes an empty table. */
export type MakeTable = <K, V>(compare: Compare<K>) => Table<K, V>;

interface Held {
  readonly table: Table<unknown, unknown>;
  readonly pack: (value: unknown) => unknown;
}

/** The tables of a group. */
export class Tables {
  private readonly held = new Map<string, Held>();
  private readonly make: MakeTable;

  constructor(make: MakeTable = memoryTable) {
    this.make = make;
  }

  /**
   * The table of that name, made when there is none: services that are put together over tables with rows go on from these rows.
   * `pack` gives the value of a row as a MessagePack value that says everything about it; not needed when it is one already.
   */
  open<K, V>(name: string, compare: Compare<K>, pack: (value: V) => unknown = (value) => value): Table<K, V> {
    const known = this.held.get(name);
    if (known !== undefined) return known.table as Table<K, V>;
    const table = this.make<K, V>(compare);
    this.held.set(name, { table: table as Table<unknown, unknown>, pack: pack as Held['pack'] });
    return table;
  }

  /** A hash of every row in the order of names and keys: equal for equal states, however they came to be. */
  fingerprint(): string {
    const hash = createHash('sha256');
    for (const name of [...this.held.keys()].sort()) {
      const { table, pack } = this.held.get(name) as Held;
      if (table.size === 0) continue;
      hash.update(encode([name, table.size]));
      for (const [key, value] of table.scan()) hash.update(encode([key, pack(value)]));
    }
    return hash.digest('hex').slice(0, 32);
  }
}
