/** Ordered tables in which services keep all state that outlives an entry, and their form in memory. Always scanned by key. */

/** A negative number when `a` comes first, 0 when they are the same key, a positive number when `b` comes first. */
export type Compare<K> = (a: K, b: K) => number;

/** A map in the order of its keys. Every call is synchronous; a value handed out is the table's own, not a copy. */
export interface Table<K, V> {
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

/** Rows of one block before it is split. A delete or an insert moves at most this many. */
const BLOCK_ROWS_MAX = 512;

/** An empty table in memory: O(log n) to find, cheap to append at the end and to delete at the front. */
export function memoryTable<K, V>(compare: Compare<K>): Table<K, V> {
  return new MemoryTable(compare);
}

/** Numbers, ascending. */
export const compareNumbers: Compare<number> = (a, b) => a - b;

/** Strings by UTF-16 code units: the same on every machine, whatever its locale. */
export const compareStrings: Compare<string> = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Pairs of numbers, by the first and then by the second. */
export const comparePairs: Compare<readonly [number, number]> = (a, b) => a[0] - b[0] || a[1] - b[1];

/** Neighbouring rows: `values[i]` belongs to `keys[i]`. Never empty while it is in a table. */
interface Block<K, V> {
  readonly keys: K[];
  readonly values: V[];
}

class MemoryTable<K, V> implements Table<K, V> {
  size = 0;
  /** In the order of their keys, which do not overlap. */
  private readonly blocks: Block<K, V>[] = [];
  /** Counts the changes that move rows, so that a scan knows when to look for its place again. */
  private moves = 0;
  private readonly compare: Compare<K>;

  constructor(compare: Compare<K>) {
    this.compare = compare;
  }

  get(key: K): V | undefined {
    const block = this.blocks[this.blockOf(key)];
    if (block === undefined) return undefined;
    const row = this.rowOf(block, key);
    return this.holds(block, row, key) ? block.values[row] : undefined;
  }

  put(key: K, value: V): void {
    const at = this.blockOf(key);
    const block = this.blocks[at];
    if (block === undefined) {
      this.blocks.push({ keys: [key], values: [value] });
    } else {
      const row = this.rowOf(block, key);
      if (this.holds(block, row, key)) {
        block.values[row] = value;
        return;
      }
      this.insert(at, block, row, key, value);
    }
    this.size++;
    this.moves++;
  }

  delete(key: K): boolean {
    const at = this.blockOf(key);
    const block = this.blocks[at];
    if (block === undefined) return false;
    const row = this.rowOf(block, key);
    if (!this.holds(block, row, key)) return false;
    removeAt(block.keys, row);
    removeAt(block.values, row);
    this.tidy(at, block);
    this.size--;
    this.moves++;
    return true;
  }

  first(): [K, V] | undefined {
    const block = this.blocks[0];
    return block === undefined ? undefined : rowAt(block, 0);
  }

  *scan(from?: K, to?: K): IterableIterator<[K, V]> {
    let at = from === undefined ? 0 : this.blockOf(from);
    const start = this.blocks[at];
    let row = start === undefined || from === undefined ? 0 : this.rowOf(start, from);
    for (;;) {
      const block = this.blocks[at];
      if (block === undefined) return;
      if (row >= block.keys.length) {
        at++;
        row = 0;
        continue;
      }
      const found = rowAt(block, row);
      if (to !== undefined && this.compare(found[0], to) >= 0) return;
      const { moves } = this;
      yield found;
      row++;
      if (moves !== this.moves) [at, row] = this.behind(found[0]);
    }
  }

  /** Where the first row behind `key` stands; its row may be one past the end of the block. */
  private behind(key: K): [number, number] {
    const at = this.blockOf(key);
    const block = this.blocks[at];
    if (block === undefined) return [0, 0];
    const row = this.rowOf(block, key);
    return [at, this.holds(block, row, key) ? row + 1 : row];
  }

  /** The block in which `key` is or would be: the last one that starts at or before it, else the first. */
  private blockOf(key: K): number {
    let low = 0;
    let high = this.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.compare((this.blocks[middle] as Block<K, V>).keys[0] as K, key) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The first row of `block` whose key is not before `key`. */
  private rowOf(block: Block<K, V>, key: K): number {
    const { keys } = block;
    // Most rows are added behind all others.
    if (this.compare(keys[keys.length - 1] as K, key) < 0) return keys.length;
    let low = 0;
    let high = keys.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(keys[middle] as K, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private holds(block: Block<K, V>, row: number, key: K): boolean {
    return row < block.keys.length && this.compare(block.keys[row] as K, key) === 0;
  }

  private insert(at: number, block: Block<K, V>, row: number, key: K, value: V): void {
    if (block.keys.length < BLOCK_ROWS_MAX) {
      block.keys.splice(row, 0, key);
      block.values.splice(row, 0, value);
      return;
    }
    const last = at === this.blocks.length - 1 && row === block.keys.length;
    // Rows that come in order leave full blocks behind; any other full block is halved.
    const cut = last ? block.keys.length : block.keys.length >>> 1;
    const next = { keys: block.keys.splice(cut), values: block.values.splice(cut) };
    this.blocks.splice(at + 1, 0, next);
    const into = row > cut || last ? next : block;
    const place = into === next ? row - cut : row;
    into.keys.splice(place, 0, key);
    into.values.splice(place, 0, value);
  }

  /** Keeps blocks from becoming many and small: drops an empty one, joins a small one with a small neighbour. */
  private tidy(at: number, block: Block<K, V>): void {
    if (block.keys.length === 0) {
      this.blocks.splice(at, 1);
    } else {
      this.join(at);
      this.join(at - 1);
    }
  }

  private join(at: number): void {
    const block = this.blocks[at];
    const next = this.blocks[at + 1];
    if (block === undefined || next === undefined) return;
    if (block.keys.length + next.keys.length > BLOCK_ROWS_MAX / 2) return;
    block.keys.push(...next.keys);
    block.values.push(...next.values);
    this.blocks.splice(at + 1, 1);
  }
}

function rowAt<K, V>(block: Block<K, V>, row: number): [K, V] {
  return [block.keys[row] as K, block.values[row] as V];
}

function removeAt(list: unknown[], at: number): void {
  if (at === 0) list.shift();
  else list.splice(at, 1);
}
