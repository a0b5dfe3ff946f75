/** What has changed in the tables of a group up to a moment, told in slices as bytes for a base. */
import type { Part, RowSink } from './part.js';

/** Length of a value that says: the row is gone. */
const DELETED = 0xffffffff;
/** Lengths of key and value in front of a row. */
const HEAD_BYTES = 8;
/** What a slice begins with, bytes: it grows by what it needs. */
const SLICE_BYTES_MIN = 4096;

/** Where the keys of a part stand among those of all: behind its name and a zero. */
export function prefixOf(name: string): Buffer {
  return Buffer.from(`${name}\0`);
}

/** A cut under way: its rows by the names of their parts and by their keys, as they were when it began. */
export class Cut {
  private readonly parts: readonly (readonly [name: string, part: Part])[];
  private readonly done: () => void;
  /** Parts that have been told to their ends. */
  private told = 0;

  constructor(parts: readonly (readonly [name: string, part: Part])[], done: () => void) {
    this.parts = parts;
    this.done = done;
  }

  /**
   * The next rows, behind each other: lengths of key and value (u32 big-endian; 0xffffffff for the value of a row that is gone), key,
   * value; in memory of their own. About `bytes_max` bytes, more by one row at most, which may be large; fewer or none when there was
   * much to look at. Null when all rows are told.
   */
  next(bytes_max: number): Buffer | null {
    const slice = new Slice(bytes_max);
    for (; this.told < this.parts.length; this.told++) {
      const [name, part] = this.parts[this.told] as (typeof this.parts)[number];
      slice.prefix = prefixOf(name);
      if (!part.write(slice)) return slice.bytes();
    }
    const bytes = slice.bytes();
    return bytes.length === 0 ? null : bytes;
  }

  /** All rows stand in the base and stay there. To be called once, after all are told. */
  flushed(): void {
    if (this.told < this.parts.length) throw new Error('a cut is flushed before it is told to its end');
    for (const [, part] of this.parts) part.flushed();
    this.done();
  }
}

/** Rows packed one behind the other. */
class Slice implements RowSink {
  prefix: Buffer = Buffer.alloc(0);
  private readonly bytes_max: number;
  private memory: Buffer = Buffer.alloc(0);
  private used = 0;

  constructor(bytes_max: number) {
    this.bytes_max = bytes_max;
  }

  get full(): boolean {
    return this.used >= this.bytes_max;
  }

  put(key: Buffer, value: Buffer): void {
    this.head(key, value.length, value.length);
    this.used += value.copy(this.memory, this.used);
  }

  delete(key: Buffer): void {
    this.head(key, DELETED, 0);
  }

  bytes(): Buffer {
    return this.memory.subarray(0, this.used);
  }

  private head(key: Buffer, length: number, bytes: number): void {
    const { prefix } = this;
    this.makeRoom(HEAD_BYTES + prefix.length + key.length + bytes);
    const { memory } = this;
    let at = memory.writeUInt32BE(prefix.length + key.length, this.used);
    at = memory.writeUInt32BE(length, at);
    at += prefix.copy(memory, at);
    this.used = at + key.copy(memory, at);
  }

  private makeRoom(bytes: number): void {
    const wanted = this.used + bytes;
    if (wanted <= this.memory.length) return;
    // Memory of its own, not of a pool: it is handed to another thread.
    const memory = Buffer.allocUnsafeSlow(Math.max(SLICE_BYTES_MIN, 2 * this.memory.length, wanted));
    this.memory.copy(memory, 0, 0, this.used);
    this.memory = memory;
  }
}
