/**
 * The replies that one lane still remembers: a ring of ends in a typed array over one buffer of bytes. A full lane of 1,024 small
 * replies is two objects on the heap, not 1,024, and a lane whose replies are all confirmed holds next to nothing.
 */

import { bytes, FieldError, list, tuple, u32, u53 } from '../../protocol/fields.js';
import { LIMITS } from '../../protocol/limits.js';

/** Ends kept to begin with, and after all replies were confirmed. */
const ENDS_MIN = 8;
/** Bytes of a first buffer. */
const BYTES_MIN = 64;
/** An empty ring gives back what is larger than this. */
const KEPT_ENDS_MAX = 64;
const KEPT_BYTES_MAX = 4096;
/** Up to this many bytes a loop copies faster than a call. */
const LOOP_BYTES_MAX = 24;

const NOTHING: Buffer = Buffer.alloc(0);

const PACKED = tuple(u53, u53, list(u32, LIMITS.window_max), bytes(Number.POSITIVE_INFINITY));

/** Records of the lane numbers `confirmed` + 1 to `last`, without a gap: a kind byte and bytes each. */
export class Replies {
  /** The number of the last command that ran here, or was closed. */
  last = 0;
  /** Records up to this number have been forgotten. */
  confirmed = 0;
  /** Where the record of n ends, at n modulo the length, which is a power of 2. Offsets count all bytes since the lane began. */
  private ends = new Float64Array(ENDS_MIN);
  /** The bytes from offset `base` on; those before offset `start` are dead. */
  private arena: Buffer = NOTHING;
  private base = 0;
  private start = 0;
  private end = 0;

  /** Number of records. */
  get size(): number {
    return this.last - this.confirmed;
  }

  /** Bytes of all records. */
  get bytes(): number {
    return this.end - this.start;
  }

  /** Adds the record of number `last` + 1. The bytes are copied. */
  append(kind: number, bytes: Buffer): void {
    if (this.size === this.ends.length) this.widen();
    this.makeRoom(1 + bytes.length);
    let to = this.end - this.base;
    this.arena[to++] = kind;
    if (bytes.length > LOOP_BYTES_MAX) bytes.copy(this.arena, to);
    else for (let i = 0; i < bytes.length; i++) this.arena[to + i] = bytes[i] as number;
    this.end += 1 + bytes.length;
    this.last++;
    this.ends[this.slot(this.last)] = this.end;
  }

  /** Forgets the records up to `number`, at most all. */
  forget(number: number): void {
    const upTo = Math.min(number, this.last);
    if (upTo <= this.confirmed) return;
    this.start = this.ends[this.slot(upTo)] as number;
    this.confirmed = upTo;
    if (this.size > 0) return;
    this.base = this.end;
    if (this.arena.length > KEPT_BYTES_MAX) this.arena = NOTHING;
    if (this.ends.length > KEPT_ENDS_MAX) this.ends = new Float64Array(ENDS_MIN);
  }

  /** True while the record of `number` is remembered. */
  has(number: number): boolean {
    return number > this.confirmed && number <= this.last;
  }

  /** The kind of a remembered record. */
  kindOf(number: number): number {
    return this.arena[this.startOf(number) - this.base] as number;
  }

  /** The bytes of a remembered record, in memory of their own. */
  bytesOf(number: number): Buffer {
    return Buffer.from(this.arena.subarray(this.startOf(number) + 1 - this.base, this.endOf(number) - this.base));
  }

  /** All that is remembered, as a MessagePack value: [last, confirmed, lengths, bytes]. */
  pack(): unknown[] {
    const lengths: number[] = [];
    for (let n = this.confirmed + 1; n <= this.last; n++) lengths.push(this.endOf(n) - this.startOf(n));
    return [this.last, this.confirmed, lengths, this.arena.subarray(this.start - this.base, this.end - this.base)];
  }

  /** What was packed so. @throws FieldError when it was not */
  static unpack(packed: unknown): Replies {
    const [last, confirmed, lengths, records] = PACKED.check(packed);
    const replies = new Replies();
    replies.confirmed = confirmed;
    replies.last = last;
    while (replies.ends.length < lengths.length) replies.ends = new Float64Array(replies.ends.length * 2);
    for (const [i, length] of lengths.entries()) {
      replies.end += length;
      replies.ends[replies.slot(confirmed + 1 + i)] = replies.end;
    }
    if (last - confirmed !== lengths.length || replies.end !== records.length || lengths.includes(0))
      throw new FieldError('expected as many records as numbers, and all of their bytes');
    replies.arena = records;
    return replies;
  }

  private startOf(number: number): number {
    return number === this.confirmed + 1 ? this.start : this.endOf(number - 1);
  }

  private endOf(number: number): number {
    return this.ends[this.slot(number)] as number;
  }

  /** Lane numbers may pass 2^32: the low bits are all that counts. */
  private slot(number: number): number {
    return number & (this.ends.length - 1);
  }

  private widen(): void {
    const wider = new Float64Array(this.ends.length * 2);
    for (let n = this.confirmed + 1; n <= this.last; n++) wider[n & (wider.length - 1)] = this.endOf(n);
    this.ends = wider;
  }

  /** Makes `size` bytes free behind the last record: moves the live bytes to the front while they are the lesser part, else grows. */
  private makeRoom(size: number): void {
    if (this.end - this.base + size <= this.arena.length) return;
    const live = this.arena.subarray(this.start - this.base, this.end - this.base);
    const wanted = 2 * (live.length + size);
    const target = wanted <= this.arena.length ? this.arena : Buffer.allocUnsafeSlow(Math.max(BYTES_MIN, wanted));
    live.copy(target);
    this.arena = target;
    this.base = this.start;
  }
}
