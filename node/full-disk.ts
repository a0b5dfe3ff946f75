/** A node without room on its disk for another entry or vote: it neither leads nor votes nor follows until there is some again. */
import type { Groups } from './groups.js';
import type { Log } from './storage/log.js';

/** How often it looks whether there is some again, ms. */
const LOOK_MS = 100;
/** What it leaves unheard: it may neither follow nor vote. Heartbeats and answers cost no disk. */
const COSTS_DISK: ReadonlySet<string> = new Set(['append', 'vote_request', 'timeout_now']);

export class FullDisk {
  readonly #log: Log;
  readonly #groups: Groups;
  readonly #election_ms: number;
  /** Since when there has been no room, monotonic ms; null while there is. */
  #since: number | null = null;

  constructor(log: Log, groups: Groups, election_ms: number) {
    this.#log = log;
    this.#groups = groups;
    this.#election_ms = election_ms;
  }

  get full(): boolean {
    return this.#log.space() === 'full';
  }

  /** True for a message that the node must not act upon now. */
  ignores(kind: string): boolean {
    return COSTS_DISK.has(kind) && this.full;
  }

  /** A leader hands over, and if nobody takes it, lets go. Called at the end of each turn. */
  turn(now: number): void {
    if (!this.full) this.#since = null;
    else this.#since ??= now;
    if (this.#since === null) return;
    const inVain = now - this.#since > this.#election_ms;
    if (inVain || !this.#groups.handOver(now)) this.#groups.resign('the disk is full', now);
  }

  /** No turn is wanted before this, monotonic ms: there is little that could be done in it. */
  notBefore(now: number): number {
    return this.full ? now + LOOK_MS : 0;
  }
}
