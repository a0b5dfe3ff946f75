/** What the locks count while they work: plain numbers since this process began, for metrics. They decide nothing. */
import { Histogram } from '../../observe/histogram.js';
import { Contention } from './contention.js';
import type { Mode } from './modes.js';
import type { Hold, Request } from './rows.js';

/** What an acquire came to: given at once, given after a wait, or not. */
export type AcquireResult = 'granted' | 'waited' | 'would_block' | 'timeout' | 'deadlock' | 'refused';

/** All of them. */
export const ACQUIRE_RESULTS: readonly AcquireResult[] = [
  'granted',
  'waited',
  'would_block',
  'timeout',
  'deadlock',
  'refused',
];

/** Counters of the locks. */
export class LockCounts {
  /** Requests that were broken off since they closed a circle. */
  deadlocks = 0;
  /** Requests whose time was up. */
  timeouts = 0;
  /** Holds taken away on somebody's order. */
  revoked = 0;
  /** Holds taken away because their own time was up. */
  heldTooLong = 0;
  /** Holds that ended with their sessions. */
  holdersLost = 0;
  /** Requests looked at in queues, whether they could be served. */
  looked = 0;
  /** Steps of searches for circles. */
  searched = 0;
  /** Of requests that stood in line, however that ended; cluster time, told in seconds. */
  readonly waits = new Histogram(1000);
  /** Of holds, however they ended. */
  readonly holds = new Histogram(1000);
  readonly contention = new Contention();
  private readonly acquires = new Map<AcquireResult, Record<Mode, number>>(
    ACQUIRE_RESULTS.map((result) => [result, { 1: 0, 2: 0, 3: 0 }]),
  );

  /** Locks that were asked for in that mode, to that result. */
  acquiresIn(mode: Mode, result: AcquireResult): number {
    return this.acquires.get(result)?.[mode] ?? 0;
  }

  /** A request came to that result: counted for each of its locks. */
  acquired({ items }: Request, result: AcquireResult): void {
    const byMode = this.acquires.get(result);
    if (byMode !== undefined) for (const { mode } of items) byMode[mode]++;
  }

  /** A request has left its queues. */
  waited({ items, since }: Request, time: number): void {
    this.waits.record(time - since);
    for (const { lock, covered } of items) if (!covered) this.contention.waited(lock.name, time - since);
  }

  /** A hold has ended. */
  held({ since }: Hold, time: number): void {
    this.holds.record(time - since);
  }
}
