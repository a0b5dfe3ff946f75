/** All tables of one group by name: its whole state, compared, written out as it was at one moment, and read back. */
import { createHash } from 'node:crypto';
import { encode } from '../../protocol/codec.js';
import { Cut, prefixOf } from './cut.js';
import { compareStrings, type KeyForm } from './keys.js';
import type { Part } from './part.js';
import { type RowForm, StoredTable } from './stored-table.js';
import type { Table } from './table.js';

/** Makes an empty table. */
export type MakeTable = <K, V>(key: KeyForm<K>, row: RowForm<K, V>) => Table<K, V> & Part;

/** A row that is of no table, or that its table cannot read. */
export class BadRow extends Error {
  override readonly name = 'BadRow';
  readonly code = 'BAD_ROW';

  constructor(what: string) {
    super(
      `${what}: the base was damaged, or written by another version of Concord. ` +
        'Set it aside and start again: the node then takes the state of the group from its other members.',
    );
  }
}

/** Between the name of a part and the key of a row: in no name. */
const END_OF_NAME = 0;

/** The tables of a group. */
export class Tables {
  private readonly parts = new Map<string, Part>();
  private readonly make: MakeTable;
  /** The cut that is not flushed yet. */
  private underWay: Cut | undefined;

  constructor(make: MakeTable = (key, row) => new StoredTable(key, row)) {
    this.make = make;
  }

  /** The table of that name, made when there is none: whoever opens it again, to look on, gets the same one. All are opened before any row is fed. */
  open<K, V>(name: string, key: KeyForm<K>, row: RowForm<NoInfer<K>, V>): Table<K, V> {
    const known = this.parts.get(name);
    if (known !== undefined) return known as Part & Table<K, V>;
    const table = this.make(key, row);
    this.add(name, table);
    return table;
  }

  /** Adds a store that keeps its rows in a form of its own. A name holds no character 0, and is that of one part only. */
  add(name: string, part: Part): void {
    if (this.parts.has(name) || name.includes('\0')) throw new Error(`there cannot be a table ${name}`);
    this.parts.set(name, part);
  }

  /** Bytes changed since the last cut, roughly. */
  get dirty(): number {
    let dirty = 0;
    for (const part of this.parts.values()) dirty += part.dirty;
    return dirty;
  }

  /** What has changed since the last cut, as it is now, to be told bit by bit. There is one cut at a time: the last has to be flushed. */
  cut(): Cut {
    if (this.underWay !== undefined) throw new Error('a cut begins before the last one is flushed');
    for (const part of this.parts.values()) part.cut();
    this.underWay = new Cut(this.named(), () => {
      this.underWay = undefined;
    });
    return this.underWay;
  }

  /** Gives a row of the base to its part, before anything is applied. Both are kept. @throws BadRow */
  feed(key: Buffer, value: Buffer): void {
    const end = key.indexOf(END_OF_NAME);
    const name = key.toString('utf8', 0, Math.max(0, end));
    const part = this.parts.get(name);
    if (part === undefined) throw new BadRow(`a row of the unknown table ${JSON.stringify(name)}`);
    try {
      part.load(key.subarray(end + 1), value);
    } catch (error) {
      throw new BadRow(`a row of the table ${name} cannot be read (${(error as Error).message})`);
    }
  }

  /** Every row as it stands, or would stand, in a base: ascending by the bytes of the key. */
  *rows(): IterableIterator<[Buffer, Buffer]> {
    for (const [name, part] of this.named()) {
      const prefix = prefixOf(name);
      for (const [key, value] of part.rows()) yield [Buffer.concat([prefix, key]), value];
    }
  }

  /** A hash of every row in the order of names and keys: equal for equal states, however they came to be. */
  fingerprint(): string {
    const hash = createHash('sha256');
    for (const [name, part] of this.named()) {
      if (part.size === 0) continue;
      hash.update(encode([name, part.size]));
      for (const [key, value] of part.rows()) hash.update(encode([key, value]));
    }
    return hash.digest('hex').slice(0, 32);
  }

  private named(): [string, Part][] {
    return [...this.parts].sort(([a], [b]) => compareStrings(a, b));
  }
}
