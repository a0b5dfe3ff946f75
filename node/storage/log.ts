/**
 * The log of a node: one sequence of batches for all its groups, in segments. One batch is one write that is a sync too, and one is under
 * way at a time; while it is, the next one fills at the caller's.
 *
 * What it stands against: power cuts (record.ts, scan.ts: a batch is there whole or not at all), rot (every byte is under a check;
 * what is damaged is refused, never skipped), a full disk (segments take their room before they are used), and syncs that fail (the
 * end: the system may have dropped what it could not write).
 *
 * What checkpoints stand in for is given back from the front, by segments. Nothing else that was written there is needed then: a
 * segment starts with the newest hard state of every group, and with marks that tell where their logs ended. So the last one has them
 * all as soon as its first batch is durable, and before that none goes.
 */
import type { Scheduler } from '../../protocol/env.js';
import { Durations } from '../observe/histogram.js';
import type { Done, FileError, Files } from '../world.js';
import { ReleasedError, StorageError } from './errors.js';
import type { Inventory, Pin } from './inventory.js';
import {
  type Batch,
  batchLength,
  decodeRecord,
  encodeBatch,
  type HardState,
  type Place,
  RECORD,
  type RunHead,
  type Start,
  type WrittenBatch,
  wholeSectors,
} from './record.js';
import { type Recovery, recover } from './recover.js';
import { Removal } from './removal.js';
import type { BaseEntry, Recovered } from './replay.js';
import { createSegment, HEADER_BYTES, type Segment, segmentPath } from './segment.js';
import { SegmentFiles } from './segment-files.js';
import { Spare } from './spare.js';

export type { Pin } from './inventory.js';
export type { Batch, HardState, Place, RunHead, Start } from './record.js';
export type { BaseEntry, Recovered, RecoveredGroup, RecoveredRun } from './replay.js';

/** Length of a segment when nothing else is said. */
export const SEGMENT_BYTES = 64 << 20;
/** A new node starts with a smaller one, made at once. */
const FIRST_SEGMENT_BYTES = 1 << 20;
/** While no next segment can be made, so much is kept of the current one: `space` tells 'full' below it. */
const RESERVE_BYTES = 256 << 10;
/** A batch must be smaller. */
const BATCH_BYTES_MAX = 1 << 30;
/** The buffer in which batches are encoded is let go when a batch made it larger than this. */
const BUFFER_BYTES_KEPT = 4 << 20;

export interface LogOptions<Head extends RunHead> {
  readonly files: Files;
  readonly scheduler: Scheduler;
  /** The log's own folder, an absolute path; made when it is missing. */
  readonly folder: string;
  /** Length of a segment; default SEGMENT_BYTES. Segments that are there keep theirs. */
  readonly segment_bytes?: number;
  /** What the checkpoints stand in for: runs are told from there on. The log must reach back to it. */
  readonly bases: ReadonlyMap<string, BaseEntry>;
  /** Reads the head of a run's bytes, and what else recovery should tell of it. Must not keep the bytes. May throw. */
  readonly describe: (bytes: Buffer) => Head;
  /** The disk failed: nothing more becomes durable and the process has to end. Called once at most. */
  readonly fatal: (error: FileError) => void;
}

/** 'low': there is no room for a next segment. 'full': nor much in this one. Both pass by themselves when room is made. */
export type Space = 'ok' | 'low' | 'full';

export interface Log {
  /** Writes of batches, each a sync too. */
  readonly syncs: Durations;
  /** Runs that were read. */
  readonly reads: number;
  /**
   * Makes a batch durable, then calls `done` with the places of its runs, in order. The next append may start inside `done`, not
   * before. Runs must not change until then. It waits while it needs a next segment and the disk is full. `done` is not called after
   * `fatal` or once `close` has been called for an append that had not been written by then.
   */
  append(batch: Batch, done: (places: Place[]) => void): void;
  /**
   * The bytes of the run at `place`. Fails with StorageError ROT when they are not what was written, and with ReleasedError when the
   * segment was given back before the read began.
   */
  read(place: Place, done: Done<Buffer>): void;
  space(): Space;
  /**
   * Nobody needs entries of the group up to `index`: a checkpoint stands in for them, durably, and nobody is going to read them. What
   * no group needs of the oldest segments goes, in the background. To be told anew after a start.
   */
  release(group: string, index: number): void;
  /** Which group, by which of its entries, keeps the oldest segment that cannot go yet; null when that is the one being written to. */
  pinned(): Pin | null;
  /** Bytes of log in all segments; what was made in advance does not count. */
  bytes(): number;
  /** Waits for an append, a removal and reads that are under way, then closes all files. Nothing may be read from then on. */
  close(done: () => void): void;
}

/** What `openLog` gives. */
export interface OpenedLog<Head extends RunHead> {
  readonly log: Log;
  readonly recovered: Recovered<Head>;
}

/** Opens the log in a folder, or begins one. Fails with StorageError when what is there must not be used. */
export function openLog<Head extends RunHead>(options: LogOptions<Head>, done: Done<OpenedLog<Head> | null>): void {
  recover(options, (error, recovery) => {
    if (error || recovery === null) return done(error, null);
    const opened = (current: Segment, position: number) => {
      const log = new SegmentedLog(options, recovery, current, position);
      done(null, { log, recovered: recovery.recovered });
    };
    if (recovery.current !== null) return opened(recovery.current, recovery.position);
    const size = Math.min(FIRST_SEGMENT_BYTES, wholeSectors(options.segment_bytes ?? SEGMENT_BYTES));
    createSegment({ ...options, id: 1, size }, (createError, segment) => {
      if (createError || segment === null) done(createError, null);
      else opened(segment, HEADER_BYTES);
    });
  });
}

class SegmentedLog implements Log {
  readonly syncs = new Durations();
  reads = 0;
  private readonly scheduler: Scheduler;
  private readonly folder: string;
  private readonly spare: Spare;
  private readonly files: SegmentFiles;
  private readonly states = new Map<string, HardState>();
  private current: Segment;
  /** Where the next batch goes. */
  private position: number;
  /** Its number. */
  private next: number;
  private readonly inventory: Inventory;
  /** Go out with the next batch. */
  private starts: readonly Start[];
  private readonly removal: Removal;
  private buffer: Buffer = Buffer.alloc(0);
  private appending: 'no' | 'waiting' | 'writing' = 'no';
  private failed = false;
  private closed = false;
  private closing: (() => void) | null = null;
  private readonly report: (error: FileError) => void;

  constructor(options: LogOptions<RunHead>, recovery: Recovery<RunHead>, current: Segment, position: number) {
    const { files, folder, scheduler } = options;
    this.scheduler = scheduler;
    this.folder = folder;
    this.report = options.fatal;
    this.current = current;
    this.position = position;
    this.next = recovery.next;
    this.inventory = recovery.inventory;
    this.starts = recovery.starts;
    if (this.inventory.newest === 0) this.inventory.begin(current.id, 0);
    for (const [group, { term, vote }] of recovery.recovered) this.states.set(group, { group, term, vote });
    this.files = new SegmentFiles(files, folder);
    this.files.add(current.id, current.file);
    const segment_bytes = options.segment_bytes ?? SEGMENT_BYTES;
    const fatal = (error: FileError) => this.fail(error);
    this.spare = new Spare({ files, scheduler, folder, segment_bytes, fatal }, current.id + 1, recovery.spare);
    this.removal = new Removal({ files, folder, inventory: this.inventory, open: this.files });
    this.spare.prepare();
  }

  append(batch: Batch, done: (places: Place[]) => void): void {
    if (this.failed || this.closed || this.closing !== null) return;
    if (this.appending !== 'no') throw new Error('an append while another is under way');
    for (const state of batch.states) this.states.set(state.group, state);
    const whole = this.position === HEADER_BYTES ? this.first(batch) : this.whole(batch);
    const length = batchLength(whole);
    if (length > BATCH_BYTES_MAX) throw new Error(`a batch of ${length} bytes`);
    if (this.position + length <= this.current.size) this.write(whole, length, done);
    else this.writeToNext(this.first(batch), done);
  }

  read(place: Place, done: Done<Buffer>): void {
    const { segment, offset, length } = place;
    this.reads++;
    if (this.removal.took(segment)) {
      const gone = new ReleasedError(segmentPath(this.folder, segment));
      this.scheduler.defer(() => done(gone, Buffer.alloc(0)));
      return;
    }
    const check: Done<Buffer> = (error, bytes) => {
      if (error) return done(error, bytes);
      const record = decodeRecord(bytes, segment, offset);
      if (record !== null && record.kind === RECORD.run) done(null, record.body);
      else done(new StorageError('ROT', segmentPath(this.folder, segment), offset, 'a run is damaged'), bytes);
    };
    this.files.read(segment, offset, length, check);
  }

  space(): Space {
    if (!this.spare.low) return 'ok';
    const reserve = Math.min(RESERVE_BYTES, this.current.size / 4);
    return this.appending === 'waiting' || this.current.size - this.position < reserve ? 'full' : 'low';
  }

  release(group: string, index: number): void {
    this.inventory.release(group, index);
    this.giveBack();
  }

  pinned(): Pin | null {
    return this.inventory.pin(this.position);
  }

  bytes(): number {
    return this.inventory.sealed_bytes + this.position;
  }

  close(done: () => void): void {
    this.closing = done;
    this.closeWhenQuiet();
  }

  /** A batch with what the log itself adds. */
  private whole({ states, starts, runs }: Batch): WrittenBatch {
    const all = [...this.starts, ...starts].map((start) => this.inventory.resolve(start));
    return { states, marks: [], starts: all, runs };
  }

  /** A batch as the first one of a segment, so that nothing depends on those before but entries. */
  private first(batch: Batch): WrittenBatch {
    return { ...this.whole(batch), states: [...this.states.values()], marks: this.inventory.marks() };
  }

  private writeToNext(batch: WrittenBatch, done: (places: Place[]) => void): void {
    this.appending = 'waiting';
    const length = batchLength(batch);
    this.spare.take(HEADER_BYTES + length, (segment) => {
      this.files.letGo(this.current.id);
      this.files.add(segment.id, segment.file);
      this.inventory.begin(segment.id, this.position);
      this.current = segment;
      this.position = HEADER_BYTES;
      this.write(batch, length, done);
    });
  }

  private write(batch: WrittenBatch, length: number, done: (places: Place[]) => void): void {
    this.appending = 'writing';
    const { current, position } = this;
    const bytes = this.room(length);
    const places = encodeBatch(bytes, batch, this.next, current.id, position);
    const started = this.scheduler.now();
    current.file.write(position, bytes, (error) => {
      this.appending = 'no';
      if (!error) this.syncs.recordMs(this.scheduler.now() - started);
      if (error) this.fail(error);
      else if (!this.failed) this.advance(batch, length, () => done(places));
      this.closeWhenQuiet();
    });
  }

  /** A batch is durable. */
  private advance({ starts, runs }: WrittenBatch, length: number, done: () => void): void {
    this.position += length;
    this.next++;
    this.starts = [];
    for (const start of starts) this.inventory.start(start);
    for (const run of runs) this.inventory.run(run);
    // Only now: so that behind a segment in which nothing is durable there is never more than one.
    this.spare.prepare();
    this.giveBack();
    done();
  }

  /** The buffer for a batch: one for all, since only one is under way. */
  private room(length: number): Buffer {
    if (length > this.buffer.length || this.buffer.length > BUFFER_BYTES_KEPT)
      this.buffer = Buffer.allocUnsafeSlow(length <= BUFFER_BYTES_KEPT ? ceilPowerOfTwo(length) : length);
    return this.buffer.subarray(0, length);
  }

  /** Removes what nobody needs: nothing while the current segment is empty, since the newest hard states stand before it then. */
  private giveBack(): void {
    if (this.failed || this.closed || this.closing !== null || this.position === HEADER_BYTES) return;
    this.removal.next((error) => {
      if (error) this.fail(error);
      else this.spare.hurry();
      this.giveBack();
      this.closeWhenQuiet();
    });
  }

  private fail(error: FileError): void {
    if (this.failed) return;
    this.failed = true;
    this.report(error);
  }

  private closeWhenQuiet(): void {
    const done = this.closing;
    if (done === null || this.appending === 'writing' || this.removal.busy) return;
    this.closing = null;
    this.closed = true;
    this.spare.close(() => this.files.close(done));
  }
}

function ceilPowerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}
