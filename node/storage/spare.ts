/** The segment that comes next: made in the background, so that an append need not wait for it. */
import type { Scheduler } from '../../protocol/env.js';
import type { FileError, Files } from '../world.js';
import { wholeSectors } from './record.js';
import { createSegment, type Segment } from './segment.js';

/** While the disk is full, how often it is tried again. */
const RETRY_MS = 1000;

interface SpareOptions {
  readonly files: Files;
  readonly scheduler: Scheduler;
  readonly folder: string;
  /** Length of an ordinary segment. */
  readonly segment_bytes: number;
  /** The disk failed in another way than being full. */
  readonly fatal: (error: FileError) => void;
}

/** Who waits for the segment. At most one. */
interface Taker {
  readonly size: number;
  readonly then: (segment: Segment) => void;
}

export class Spare {
  private readonly options: SpareOptions;
  /** Number of the next segment. */
  private id: number;
  private ready: Segment | null;
  private taker: Taker | null = null;
  private state: 'idle' | 'making' | 'waiting' | 'closed' = 'idle';
  private retry: { cancel(): void } | null = null;
  private full = false;
  private closing: (() => void) | null = null;

  /** `ready` is what recovery found, numbered `id`. */
  constructor(options: SpareOptions, id: number, ready: Segment | null) {
    this.options = options;
    this.id = id;
    this.ready = ready;
  }

  /** True while there is no room for the next segment. Ends by itself. */
  get low(): boolean {
    return this.full;
  }

  /** Makes the segment if there is none. */
  prepare(): void {
    if (this.ready === null && this.state === 'idle') this.make();
  }

  /** Hands the segment out as soon as there is one of at least `size` bytes. The next one has the next number. */
  take(size: number, then: (segment: Segment) => void): void {
    this.taker = { size, then };
    if (this.state === 'idle') this.serve();
  }

  /** There may be room now: tries again at once if it waits for some. */
  hurry(): void {
    if (this.state !== 'waiting') return;
    this.retry?.cancel();
    this.make();
  }

  /** Stops making one and closes what is there. Who waits for a segment gets none. */
  close(done: () => void): void {
    const { state } = this;
    this.state = 'closed';
    this.taker = null;
    this.retry?.cancel();
    if (state === 'making') this.closing = done;
    else this.drop(done);
  }

  private serve(): void {
    const { ready, taker } = this;
    if (taker === null) return;
    if (ready !== null && ready.size >= taker.size) {
      this.ready = null;
      this.taker = null;
      this.id++;
      taker.then(ready);
    } else {
      this.state = 'making';
      this.drop(() => this.make());
    }
  }

  /** Makes a segment, in place of one that is too small. */
  private make(): void {
    if (this.state === 'closed') {
      this.closing?.();
      return;
    }
    this.state = 'making';
    const { segment_bytes } = this.options;
    const size = wholeSectors(Math.max(segment_bytes, this.taker?.size ?? 0));
    const cancelled = () => this.state === 'closed';
    const urgent = () => this.taker !== null;
    createSegment({ ...this.options, id: this.id, size, cancelled, urgent }, (error, segment) => {
      this.ready = segment;
      if (this.state === 'closed') return this.drop(() => this.closing?.());
      this.full = isFull(error);
      if (this.full) this.wait();
      else if (error) this.options.fatal(error);
      else {
        this.state = 'idle';
        this.serve();
      }
    });
  }

  private wait(): void {
    this.state = 'waiting';
    this.retry = this.options.scheduler.after(RETRY_MS, () => this.make());
  }

  private drop(done: () => void): void {
    const { ready } = this;
    this.ready = null;
    if (ready === null) done();
    else ready.file.close(done);
  }
}

function isFull(error: FileError | null): boolean {
  return error?.code === 'ENOSPC' || error?.code === 'EDQUOT';
}
