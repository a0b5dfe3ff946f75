/** Rows in the order of their keys, in blocks of neighbours: what every table in memory is made of. */
import type { Compare } from './keys.js';

/** Rows of one block before it is split. A delete or an insert moves at most this many. */
const BLOCK_ROWS_MAX = 512;

/** Neighbouring rows: `values[i]` and `marks[i]` belong to `keys[i]`. Never empty while it is in a table. */
export interface Block<K, V> {
  readonly keys: K[];
  readonly values: V[];
  /** A small integer for each row: what it says is up to the table. */
  readonly marks: number[];
  /** No mark of the block has been greater. */
  mark_max: number;
}

/** Sorted rows: O(log n) to find, cheap to append at the end and to remove at the front. */
export class Blocks<K, V> {
  size = 0;
  /** In the order of their keys, which do not overlap. */
  readonly list: Block<K, V>[] = [];
  /** Counts the changes that move rows, so that a scan knows when to look for its place again. */
  moves = 0;
  /** Where `find` came to last: the row of the key, or the place where it would be. Undefined in an empty table. */
  block: Block<K, V> | undefined;
  at = 0;
  row = 0;
  private readonly compare: Compare<K>;

  constructor(compare: Compare<K>) {
    this.compare = compare;
  }

  /** Goes to the row of that key; false when there is none. */
  find(key: K): boolean {
    const { compare } = this;
    this.at = this.blockOf(key);
    const block = this.list[this.at];
    this.block = block;
    if (block === undefined) return false;
    this.row = this.rowOf(block, key);
    return this.row < block.keys.length && compare(block.keys[this.row] as K, key) === 0;
  }

  /** Adds a row at the place to which `find` came for its key. */
  insert(key: K, value: V, mark: number): void {
    this.size++;
    this.moves++;
    if (this.block === undefined) this.list.push({ keys: [key], values: [value], marks: [mark], mark_max: mark });
    else this.add(this.block, key, value, mark);
  }

  /** Removes the row to which `find` came. */
  remove(): void {
    const { block, at, row } = this;
    if (block === undefined) return;
    removeAt(block.keys, row);
    removeAt(block.values, row);
    removeAt(block.marks, row);
    this.tidy(at, block);
    this.size--;
    this.moves++;
  }

  /** The row with the least key. */
  first(): [K, V] | undefined {
    const block = this.list[0];
    return block === undefined ? undefined : rowAt(block, 0);
  }

  /** As `Table.scan`. */
  *scan(from?: K, to?: K): IterableIterator<[K, V]> {
    let at = from === undefined ? 0 : this.blockOf(from);
    const start = this.list[at];
    let row = start === undefined || from === undefined ? 0 : this.rowOf(start, from);
    for (;;) {
      const block = this.list[at];
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

  /** Where the first row behind `key` stands: its block, and its row, which may be one past the end of that. */
  behind(key: K): [number, number] {
    return this.find(key) ? [this.at, this.row + 1] : [this.at, this.block === undefined ? 0 : this.row];
  }

  /** The block in which `key` is or would be: the last one that starts at or before it, else the first. */
  private blockOf(key: K): number {
    let low = 0;
    let high = this.list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.compare((this.list[middle] as Block<K, V>).keys[0] as K, key) <= 0) low = middle;
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

  private add(block: Block<K, V>, key: K, value: V, mark: number): void {
    const { at, row } = this;
    if (block.keys.length < BLOCK_ROWS_MAX) {
      insertAt(block, row, key, value, mark);
      return;
    }
    const last = at === this.list.length - 1 && row === block.keys.length;
    // Rows that come in order leave full blocks behind; any other full block is halved.
    const cut = last ? block.keys.length : block.keys.length >>> 1;
    const { keys, values, marks, mark_max } = block;
    const next = { keys: keys.splice(cut), values: values.splice(cut), marks: marks.splice(cut), mark_max };
    this.list.splice(at + 1, 0, next);
    if (row > cut || last) insertAt(next, row - cut, key, value, mark);
    else insertAt(block, row, key, value, mark);
  }

  /** Keeps blocks from becoming many and small: drops an empty one, joins a small one with a small neighbour. */
  private tidy(at: number, block: Block<K, V>): void {
    if (block.keys.length === 0) {
      this.list.splice(at, 1);
    } else {
      this.join(at);
      this.join(at - 1);
    }
  }

  private join(at: number): void {
    const block = this.list[at];
    const next = this.list[at + 1];
    if (block === undefined || next === undefined) return;
    if (block.keys.length + next.keys.length > BLOCK_ROWS_MAX / 2) return;
    block.keys.push(...next.keys);
    block.values.push(...next.values);
    block.marks.push(...next.marks);
    block.mark_max = Math.max(block.mark_max, next.mark_max);
    this.list.splice(at + 1, 1);
  }
}

function rowAt<K, V>(block: Block<K, V>, row: number): [K, V] {
  return [block.keys[row] as K, block.values[row] as V];
}

function insertAt<K, V>(block: Block<K, V>, row: number, key: K, value: V, mark: number): void {
  const { keys, values, marks } = block;
  if (row === keys.length) {
    keys.push(key);
    values.push(value);
    marks.push(mark);
  } else {
    keys.splice(row, 0, key);
    values.splice(row, 0, value);
    marks.splice(row, 0, mark);
  }
  if (mark > block.mark_max) block.mark_max = mark;
}

function removeAt(list: unknown[], at: number): void {
  if (at === 0) list.shift();
  else if (at === list.length - 1) list.pop();
  else list.splice(at, 1);
}
