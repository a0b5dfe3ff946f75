/** Ordered tables in memory, always scanned by key: what services keep their state in, and the indexes that they derive from it. */
import { Blocks } from './blocks.js';
import type { Compare } from './keys.js';

/** A map in the order of its keys. Every call is synchronous; a value handed out is the table's own, not a copy. */
export interface Index<K, V> {
  /** Number of rows. */
  readonly size: number;
  get(key: K): V | undefined;
  /** Adds a row or replaces the value of one. */
  put(key: K, value: V): void;
  /** Removes a row; false when there was none. */
  delete(key: K): boolean;
  /** The row with the least key. */
  first(): [K, V] | undefined;
  /**
   * Rows in ascending order, from `from` (included) up to `to` (excluded), each open when left out. The table may be changed
   * meanwhile: the scan goes on behind the key that it gave last, over the rows as they are by then.
   */
  scan(from?: K, to?: K): IterableIterator<[K, V]>;
}

/**
 * State that outlives an entry: an index whose rows are written to a base now and then, as they were at one moment. Whoever changes a
 * value in place says so BEFORE, by `touch`; `put` and `delete` say it themselves, and a value that is put may be changed as long
 * as the generation is the same.
 */
export interface Table<K, V> extends Index<K, V> {
  /** Rises whenever rows are about to be written, from 1: what has been touched in a generation need not be touched again in it. */
  readonly generation: number;
  /** The value of that row is about to change in place. Nothing happens when there is no such row. */
  touch(key: K): void;
}

/** An empty index. It is not written anywhere: only for what can be told from rows of tables, and is put together anew from them. */
export function makeIndex<K, V>(compare: Compare<K>): Index<K, V> {
  return new MemoryIndex(compare);
}

class MemoryIndex<K, V> implements Index<K, V> {
  private readonly rows: Blocks<K, V>;

  constructor(compare: Compare<K>) {
    this.rows = new Blocks(compare);
  }

  get size(): number {
    return this.rows.size;
  }

  get(key: K): V | undefined {
    const { rows } = this;
    return rows.find(key) ? rows.block?.values[rows.row] : undefined;
  }

  put(key: K, value: V): void {
    const { rows } = this;
    if (rows.find(key) && rows.block !== undefined) rows.block.values[rows.row] = value;
    else rows.insert(key, value, 0);
  }

  delete(key: K): boolean {
    if (!this.rows.find(key)) return false;
    this.rows.remove();
    return true;
  }

  first(): [K, V] | undefined {
    return this.rows.first();
  }

  scan(from?: K, to?: K): IterableIterator<[K, V]> {
    return this.rows.scan(from, to);
  }
}
