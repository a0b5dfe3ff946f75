/**
 * Lets shards forget old fencing tokens. Locks live in `c`; a shard remembers of each lock that guards something in it the greatest
 * token that it has seen. Once these have piled up, the leader of the shard proposes a floor: what this node's replica of `c` says is
 * the lowest token that anybody holds. The shard refuses what is below it from then on, and need not remember it.
 *
 * Why the floor never refuses the token of somebody who holds the lock. Let it be told at index i of `c`: the lowest token of any lock
 * that is held there, or i + 1 when none is. Take anyone who holds a lock with token t, at i or at any later index of `c`. Either the
 * lock got this token by i and was never without a holder since (a lock that is let go of is given a new token when it is next held):
 * then it was one of those held at i, and the floor is at most t. Or it got it behind i, and a token is the index of the entry that
 * gives it: t is at least i + 1, and the floor at most i + 1. So it does not matter how far this replica of `c` is behind, who leads
 * the shard, in which order floors arrive, or when they are applied: a shard keeps the highest.
 */
import { proposalOf, type Replica } from './replica.js';
import { fencesEntry } from './services/entry.js';

/** Locks that a shard remembers without further ado. */
export const FENCE_PILE = 1000;
/** Between two looks at a pile, ms. */
const LOOK_AGAIN_MS = 250;

export class FenceFloor {
  readonly #shard: Replica;
  /** The lowest token held, as this node's replica of `c` has it. */
  readonly #lowestHeld: () => number;
  #lookAt = Number.NEGATIVE_INFINITY;

  constructor(shard: Replica, lowestHeld: () => number) {
    this.#shard = shard;
    this.#lowestHeld = lowestHeld;
  }

  /** Called at the end of each turn. */
  turn(now: number): void {
    if (!this.#piled || now < this.#lookAt) return;
    this.#lookAt = now + LOOK_AGAIN_MS;
    const floor = this.#lowestHeld();
    if (this.#shard.machine.fences.lowest < floor) this.#shard.propose(proposalOf(fencesEntry(floor)), null);
  }

  deadline(): number {
    return this.#piled ? this.#lookAt : Number.POSITIVE_INFINITY;
  }

  get #piled(): boolean {
    const { raft, machine } = this.#shard;
    return machine.fences.size > FENCE_PILE && raft.settled;
  }
}
