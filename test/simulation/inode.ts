/** Contents of one simulated file: what a reader sees (the page cache) against what outlives a power cut. */
import type { Random } from '../../protocol/env.js';

/** Smallest piece that a disk writes as a whole. */
export const SECTOR_BYTES = 512;

/** What becomes of a write that no sync has covered when the power goes. `torn`: some of its sectors. */
export type Fate = 'lost' | 'kept' | 'torn';

/** A write on its way to the medium. */
export interface PendingWrite {
  readonly offset: number;
  readonly data: Buffer;
  /** Its callback has come, or its process is gone: only now does a sync have to cover it. */
  finished: boolean;
  /** A sync that covered it failed: the system forgot that it was dirty, so no later sync writes it. */
  spoiled: boolean;
}

/** A file's bytes, growing as they are written; what was never written reads as zeros. */
class Content {
  length = 0;
  private bytes = Buffer.alloc(0);

  read(offset: number, length: number): Buffer {
    return Buffer.from(this.bytes.subarray(Math.min(offset, this.length), Math.min(offset + length, this.length)));
  }

  write(offset: number, data: Buffer): void {
    const end = offset + data.length;
    if (end > this.bytes.length) {
      const grown = Buffer.alloc(Math.max(end, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    data.copy(this.bytes, offset);
    this.length = Math.max(this.length, end);
  }

  flip(bit: number): void {
    const at = bit >>> 3;
    if (at >= this.length) return;
    this.bytes[at] = (this.bytes[at] ?? 0) ^ (1 << (bit & 7));
  }

  copy(): Content {
    const copy = new Content();
    copy.write(0, this.bytes.subarray(0, this.length));
    return copy;
  }
}

export class Inode {
  /** The name it was opened by or renamed to last; tells which faults are about it. */
  path = '';
  private cached = new Content();
  private durable = new Content();
  private pending: PendingWrite[] = [];

  get length(): number {
    return this.cached.length;
  }

  read(offset: number, length: number): Buffer {
    return this.cached.read(offset, length);
  }

  /** Visible at once, durable by a later sync. The caller sets `finished` when it calls back. */
  write(offset: number, data: Buffer): PendingWrite {
    const write = { offset, data: Buffer.from(data), finished: false, spoiled: false };
    this.cached.write(offset, write.data);
    this.pending.push(write);
    return write;
  }

  /** Nobody waits for its writes any more: they are in the page cache like any others, for the next sync to cover. */
  abandon(): void {
    for (const write of this.pending) write.finished = true;
  }

  /** What a sync that starts now has to make durable. */
  toSync(): PendingWrite[] {
    return this.pending.filter((write) => write.finished && !write.spoiled);
  }

  /**
   * A sync has succeeded. What another has made durable meanwhile is not written again: it may have changed since. Nor does what an
   * earlier sync failed to write come after what was written later: it is lost now.
   */
  synced(covered: readonly PendingWrite[]): void {
    const done = new Set(covered);
    const last = this.pending.findLastIndex((write) => done.has(write));
    for (const write of this.pending) if (done.has(write)) this.durable.write(write.offset, write.data);
    this.pending = this.pending.filter((write, i) => !done.has(write) && !(write.spoiled && i < last));
  }

  /** A sync has failed: no later one makes durable what this one should have. */
  spoil(): void {
    for (const write of this.toSync()) write.spoiled = true;
  }

  /** The power goes: of what is pending, each write meets the fate that `fate` draws for it. */
  crash(random: Random, fate: () => Fate): void {
    for (const write of this.pending) {
      const met = fate();
      if (met === 'kept') this.durable.write(write.offset, write.data);
      if (met === 'torn') for (const [offset, piece] of torn(write, random)) this.durable.write(offset, piece);
    }
    this.pending = [];
    this.cached = this.durable.copy();
  }

  /** A bit rots on the medium, and with it in the page cache. */
  flip(bit: number): void {
    this.cached.flip(bit);
    this.durable.flip(bit);
  }
}

/** Pieces of a write that reached the medium: a random half of its sectors, or the first ones. */
function* torn(write: PendingWrite, random: Random): Generator<[number, Buffer]> {
  const end = write.offset + write.data.length;
  const inOrder = random.uint32() % 2 === 0;
  const cut = write.offset + (random.uint32() % (write.data.length + 1));
  let at = write.offset;
  while (at < end) {
    const next = Math.min(end, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
    const kept = inOrder ? next <= cut : random.uint32() % 2 === 0;
    if (kept) yield [at, write.data.subarray(at - write.offset, next - write.offset)];
    at = next;
  }
}
