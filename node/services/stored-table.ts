/**
 * A table in memory whose rows can be written out as they were at one moment, the cut, while they go on changing.
 *
 * Nothing is copied for that. Each row has a mark: the generation in which it last changed, and whether the base has a version of it.
 * A cut begins the next generation; what changed in the one before is its rows. One that is about to change or go before it has been
 * told is packed first and told from there. A row that came and went between two cuts never reached the base, and nothing is told.
 */
import { decode, encode, encodeBorrowed } from '../../protocol/codec.js';
import { type Field, u53 } from '../../protocol/fields.js';
import { type Block, Blocks } from './blocks.js';
import type { KeyForm } from './keys.js';
import type { Part, RowSink } from './part.js';
import { type Index, makeIndex, type Table } from './table.js';

/** How the values of a table are written. */
export interface RowForm<K, V> {
  /** The value as a MessagePack value that says everything the key does not say. Encoded at once: it may share memory with the value. */
  pack(value: V): unknown;
  /** The value that was packed so. @throws when it was not */
  unpack(packed: unknown, key: K): V;
}

/** Values that are MessagePack values as they are. */
export function plainRow<V>(field: Field<V>): RowForm<unknown, V> {
  return { pack: (value) => value, unpack: (packed) => field.check(packed) };
}

/** Values that are numbers. */
export const numberRow: RowForm<unknown, number> = plainRow(u53);

/** Rows and blocks that one call of `write` looks at, where one that is told counts for so many: it takes a microsecond, not ten nanoseconds. */
const LOOKED_AT_MAX = 50_000;
const TOLD_COUNTS = 50;
/** What a row is taken to hold before any has been packed, bytes. */
const ROW_BYTES = 64;

/** A mark is twice the generation, and 1 more when a version of the row stands in the base or will before the next cut. */
const IN_BASE = 1;
/** The mark of a row that stands in the base as it is. */
const CLEAN = IN_BASE;
/** As `frozen`, while no cut is under way. No mark is less than 0. */
const NO_CUT = -1;

/** A table, and a part of the group's tables. */
export class StoredTable<K, V> implements Table<K, V>, Part {
  generation = 1;
  private readonly key: KeyForm<K>;
  private readonly row: RowForm<K, V>;
  private readonly blocks: Blocks<K, V>;
  /** The least mark of a row that has changed in this generation. */
  private fresh = 2;
  /** Rows that have changed in it. */
  private changed = 0;
  /** Keys of rows that the base has and that are gone since the last cut. */
  private gone: Index<K, null>;
  /** The least mark of the rows of the cut under way. All that have one are yet to be told. */
  private frozen = NO_CUT;
  /** Rows of the cut that are no longer what they were, yet to be told: the bytes of their values, null for those that were gone. */
  private apart: Index<K, Buffer | null>;
  /** No row up to this key is yet to be told, but for those apart. */
  private passed: K | undefined;
  /** What was packed so far. */
  private packedRows = 0;
  private packedBytes = 0;

  constructor(key: KeyForm<K>, row: RowForm<K, V>) {
    this.key = key;
    this.row = row;
    this.blocks = new Blocks(key.compare);
    this.gone = makeIndex(key.compare);
    this.apart = makeIndex(key.compare);
  }

  get size(): number {
    return this.blocks.size;
  }

  get(key: K): V | undefined {
    const { blocks } = this;
    return blocks.find(key) ? blocks.block?.values[blocks.row] : undefined;
  }

  put(key: K, value: V): void {
    const { blocks } = this;
    if (blocks.find(key) && blocks.block !== undefined) {
      this.change(blocks.block, blocks.row);
      blocks.block.values[blocks.row] = value;
      return;
    }
    const inBase = this.gone.size > 0 && this.gone.delete(key) ? IN_BASE : 0;
    blocks.insert(key, value, this.fresh + inBase);
    this.changed++;
  }

  touch(key: K): void {
    const { blocks } = this;
    if (blocks.find(key) && blocks.block !== undefined) this.change(blocks.block, blocks.row);
  }

  delete(key: K): boolean {
    const { blocks } = this;
    if (!blocks.find(key) || blocks.block === undefined) return false;
    if ((blocks.block.marks[blocks.row] as number) >= this.fresh) this.changed--;
    if (this.keep(blocks.block, blocks.row) === IN_BASE) this.gone.put(key, null);
    blocks.remove();
    return true;
  }

  first(): [K, V] | undefined {
    return this.blocks.first();
  }

  scan(from?: K, to?: K): IterableIterator<[K, V]> {
    return this.blocks.scan(from, to);
  }

  get dirty(): number {
    const average = this.packedRows === 0 ? ROW_BYTES : this.packedBytes / this.packedRows;
    return Math.ceil((this.changed + this.gone.size) * average);
  }

  *rows(): IterableIterator<[Buffer, Buffer]> {
    for (const [key, value] of this.blocks.scan()) yield [this.key.encode(key), encode(this.row.pack(value))];
  }

  cut(): void {
    if (this.frozen !== NO_CUT) throw new Error('a cut begins while another one is under way');
    this.frozen = this.fresh;
    this.fresh += 2;
    this.generation++;
    this.changed = 0;
    this.apart = this.gone;
    this.gone = makeIndex(this.key.compare);
    this.passed = undefined;
  }

  write(out: RowSink): boolean {
    const { blocks, frozen } = this;
    let [at, row] = this.passed === undefined ? [0, 0] : blocks.behind(this.passed);
    for (let looked = 0; looked < LOOKED_AT_MAX && !out.full; looked++) {
      const block = blocks.list[at];
      if (block === undefined) return this.writeApart(out);
      if (row === 0 && block.mark_max < frozen) row = block.keys.length;
      if (row < block.keys.length) {
        const key = block.keys[row] as K;
        if (isOf(frozen, block.marks[row])) {
          if (!this.writeApart(out, key)) return false;
          out.put(this.key.encode(key), this.packBorrowed(block.values[row] as V));
          block.marks[row] = CLEAN;
          looked += TOLD_COUNTS;
        }
        this.passed = key;
        row++;
      } else {
        this.passed = block.keys[row - 1];
        at++;
        row = 0;
      }
    }
    return false;
  }

  flushed(): void {
    this.frozen = NO_CUT;
  }

  load(key: Buffer, value: Buffer): void {
    const { blocks } = this;
    const decoded = this.key.decode(key);
    const unpacked = this.row.unpack(decode(value), decoded);
    if (blocks.find(decoded) && blocks.block !== undefined) blocks.block.values[blocks.row] = unpacked;
    else blocks.insert(decoded, unpacked, CLEAN);
  }

  /** The row is about to change. */
  private change(block: Block<K, V>, row: number): void {
    if ((block.marks[row] as number) >= this.fresh) return;
    const mark = this.fresh + this.keep(block, row);
    block.marks[row] = mark;
    if (mark > block.mark_max) block.mark_max = mark;
    this.changed++;
  }

  /** Sets the row apart as it is, if it is of the cut and yet to be told. IN_BASE when the base has it, or will by the cut; else 0. */
  private keep(block: Block<K, V>, row: number): number {
    const mark = block.marks[row] as number;
    if (!isOf(this.frozen, mark)) return mark & IN_BASE;
    this.apart.put(block.keys[row] as K, this.pack(block.values[row] as V));
    return IN_BASE;
  }

  /** Tells the rows that are apart, up to `to` (excluded): false when `out` was full before. */
  private writeApart(out: RowSink, to?: K): boolean {
    for (let first = this.apart.first(); first !== undefined; first = this.apart.first()) {
      const [key, value] = first;
      if (to !== undefined && this.key.compare(key, to) >= 0) return true;
      if (out.full) return false;
      if (value === null) out.delete(this.key.encode(key));
      else out.put(this.key.encode(key), value);
      this.apart.delete(key);
    }
    return true;
  }

  private pack(value: V): Buffer {
    return Buffer.from(this.packBorrowed(value));
  }

  /** Into memory that the next call writes over. */
  private packBorrowed(value: V): Buffer {
    const bytes = encodeBorrowed(this.row.pack(value));
    this.packedRows++;
    this.packedBytes += bytes.length;
    return bytes;
  }
}

/** True for the mark of a row of the cut. */
function isOf(frozen: number, mark: number | undefined): boolean {
  return mark === frozen || mark === frozen + IN_BASE;
}
