/**
 * Tables that take nobody's word. At a cut they pack every row at once, and hold what is told later, slice by slice, against that: each
 * row as it was at the cut, each key once and in order, no tombstone for what the base never had; and in the end the base is the state at the
 * cut, row for row. And no value changes in place that was not touched before. Messages are the exception: which of them share a row is
 * their store's affair, so that the base is held against the cut as the messages that it holds.
 */

import { Cut, prefixOf } from '../../node/services/cut.js';
import type { KeyForm } from '../../node/services/keys.js';
import { MESSAGES_TABLE, Messages } from '../../node/services/messages/messages.js';
import { type RowForm, StoredTable } from '../../node/services/stored-table.js';
import { Tables } from '../../node/services/tables.js';
import { encode } from '../../protocol/codec.js';

/** What a base holds: keys in hex, values in hex. */
export type BaseRows = ReadonlyMap<string, string>;

/** How the keys of messages begin, in hex. */
const MESSAGES = prefixOf(MESSAGES_TABLE).toString('hex');

/** Tables of a group. */
export class StrictTables extends Tables {
  /** What the base holds: the rows that were fed, and then what flushed cuts told. */
  base = new Map<string, string>();
  private readonly strict: StrictTable<unknown, unknown>[];

  constructor() {
    const strict: StrictTable<unknown, unknown>[] = [];
    super((key, row) => {
      const table = new StrictTable(key, row);
      strict.push(table as unknown as StrictTable<unknown, unknown>);
      return table;
    });
    this.strict = strict;
  }

  /** Nothing has changed in place of which the table was not told. @throws Error */
  check(): void {
    for (const table of this.strict) table.check();
  }

  override feed(key: Buffer, value: Buffer): void {
    this.base.set(key.toString('hex'), value.toString('hex'));
    super.feed(key, value);
  }

  override cut(): StrictCut {
    this.check();
    const rows = new Map(hexRows(this.rows()));
    return new StrictCut(super.cut(), this.base, rows, (base) => {
      this.base = base;
    });
  }
}

/** Gives all rows to the tables of a machine that has none. */
export function feedRows(rows: BaseRows, machine: Pick<Tables, 'feed'>): void {
  for (const key of [...rows.keys()].sort())
    machine.feed(Buffer.from(key, 'hex'), Buffer.from(rows.get(key) ?? '', 'hex'));
}

/** All rows of tables, as a base would hold them. */
export function rowsOf(tables: Tables): BaseRows {
  return new Map(hexRows(tables.rows()));
}

/** A cut whose rows are known from its beginning. */
export class StrictCut extends Cut {
  readonly #inner: Cut;
  readonly #rows: BaseRows;
  readonly #before: BaseRows;
  readonly #base: Map<string, string>;
  readonly #done: (base: Map<string, string>) => void;
  #last = '';

  constructor(inner: Cut, base: BaseRows, rows: BaseRows, done: (base: Map<string, string>) => void) {
    super([], () => {});
    this.#inner = inner;
    this.#rows = rows;
    this.#before = base;
    this.#base = new Map(base);
    this.#done = done;
  }

  override next(bytes_max: number): Buffer | null {
    const slice = this.#inner.next(bytes_max);
    if (slice === null) this.#compare();
    else for (const [key, value] of unpacked(slice)) this.#told(key, value);
    return slice;
  }

  override flushed(): void {
    this.#inner.flushed();
    this.#done(this.#base);
  }

  #told(key: string, value: string | null): void {
    if (key <= this.#last) throw new Error(`${named(key)} is told behind ${named(this.#last)}`);
    this.#last = key;
    if (!key.startsWith(MESSAGES) && (this.#rows.get(key) ?? null) !== value)
      throw new Error(`${named(key)} is not told as it was at the cut`);
    if (value !== null) this.#base.set(key, value);
    else if (!this.#before.has(key)) throw new Error(`${named(key)} is told to be gone, and never was in the base`);
    else this.#base.delete(key);
  }

  #compare(): void {
    const base = withMessagesAlike(this.#base);
    for (const [key, value] of this.#rows)
      if (base.get(key) !== value) throw new Error(`${named(key)} should have been told: it had changed`);
    for (const key of base.keys())
      if (!this.#rows.has(key)) throw new Error(`${named(key)} should have been told: it was gone`);
  }
}

/** A table that knows what its rows were when they were last announced. */
class StrictTable<K, V> extends StoredTable<K, V> {
  readonly #key: KeyForm<K>;
  readonly #row: RowForm<K, V>;
  /** Rows as they were when this generation began, or when they were put. */
  #known = new Map<string, string>();
  /** Rows that were touched, put or deleted in this generation. */
  readonly #announced = new Set<string>();

  constructor(key: KeyForm<K>, row: RowForm<K, V>) {
    super(key, row);
    this.#key = key;
    this.#row = row;
  }

  override put(key: K, value: V): void {
    this.#announce(key);
    super.put(key, value);
  }

  override touch(key: K): void {
    this.#announce(key);
    super.touch(key);
  }

  override delete(key: K): boolean {
    this.#announce(key);
    return super.delete(key);
  }

  override load(key: Buffer, value: Buffer): void {
    super.load(key, value);
    this.#known.set(key.toString('hex'), value.toString('hex'));
  }

  override cut(): void {
    super.cut();
    this.#known = new Map(hexRows(this.rows()));
    this.#announced.clear();
  }

  check(): void {
    for (const [key] of this.scan()) this.#compare(key);
  }

  #announce(key: K): void {
    this.#compare(key);
    this.#announced.add(this.#key.encode(key).toString('hex'));
  }

  #compare(key: K): void {
    const hex = this.#key.encode(key).toString('hex');
    const value = this.get(key);
    if (value === undefined || this.#announced.has(hex)) return;
    if (encode(this.#row.pack(value)).toString('hex') !== this.#known.get(hex))
      throw new Error(`the value of ${named(hex)} changed before it was touched`);
  }
}

/** The same rows, but the messages in rows as a store with no past has them. */
function withMessagesAlike(base: BaseRows): BaseRows {
  const store = new Messages();
  const alike = new Map<string, string>();
  for (const key of [...base.keys()].sort()) {
    const value = base.get(key) ?? '';
    if (!key.startsWith(MESSAGES)) alike.set(key, value);
    else store.load(Buffer.from(key.slice(MESSAGES.length), 'hex'), Buffer.from(value, 'hex'));
  }
  for (const [key, value] of hexRows(store.rows())) alike.set(MESSAGES + key, value);
  return alike;
}

function* hexRows(rows: Iterable<readonly [Buffer, Buffer]>): IterableIterator<[string, string]> {
  for (const [key, value] of rows) yield [key.toString('hex'), value.toString('hex')];
}

/** The rows of a slice. */
export function unpacked(slice: Buffer): [string, string | null][] {
  const rows: [string, string | null][] = [];
  for (let at = 0; at < slice.length; ) {
    const key = at + 8;
    const value = key + slice.readUInt32BE(at);
    const length = slice.readUInt32BE(at + 4);
    at = length === 0xffffffff ? value : value + length;
    rows.push([slice.toString('hex', key, value), length === 0xffffffff ? null : slice.toString('hex', value, at)]);
  }
  return rows;
}

function named(key: string): string {
  return JSON.stringify(Buffer.from(key, 'hex').toString('latin1'));
}
