/**
 * Tells shards which sessions have ended. Sessions live in `c`, their lanes in shards: the leader of a shard looks which of its lanes
 * belong to sessions that this node's replica of `c` knows to be over, and proposes to sweep them.
 */
import { proposalOf, type Replica } from './replica.js';
import { ENTRY_SESSIONS_MAX, sweepEntry } from './services/entry.js';
import type { Directory } from './services/sessions.js';

/** A sweep that was proposed and not applied is looked at again after this, ms: the leader may have been handing over. */
const LOOK_AGAIN_MS = 2000;

export class Sweeper {
  readonly #shard: Replica;
  readonly #coordination: Replica;
  readonly #directory: Directory;
  #lookAt = Number.NEGATIVE_INFINITY;
  /** As leader: what earlier leaders committed ends here; its lanes are not all here before it is applied. */
  #from = Number.POSITIVE_INFINITY;

  constructor(shard: Replica, coordination: Replica, directory: Directory) {
    this.#shard = shard;
    this.#coordination = coordination;
    this.#directory = directory;
  }

  /** Sessions have ended in `c`, or a sweep has been applied here. */
  changed(): void {
    this.#lookAt = Number.NEGATIVE_INFINITY;
  }

  /** Called at the end of each turn. */
  turn(now: number): void {
    const { raft, applied } = this.#shard;
    if (!raft.settled) {
      this.changed();
      this.#from = Number.POSITIVE_INFINITY;
      return;
    }
    this.#from = Math.min(this.#from, raft.commit);
    if (applied >= this.#from && now >= this.#lookAt) this.#look(now);
  }

  deadline(): number {
    return this.#lookAt === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : this.#lookAt;
  }

  #look(now: number): void {
    const { known } = this.#coordination;
    const over: number[] = [];
    for (const id of this.#shard.machine.sessions()) {
      if (id <= known && !this.#directory.sessions.alive(id)) over.push(id);
      if (over.length === ENTRY_SESSIONS_MAX) break;
    }
    this.#lookAt = over.length === 0 ? Number.POSITIVE_INFINITY : now + LOOK_AGAIN_MS;
    if (over.length > 0) this.#shard.propose(proposalOf(sweepEntry(known, over)), null);
  }
}
