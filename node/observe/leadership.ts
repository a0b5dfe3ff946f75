/** Counts what the terms and leaders of a replica came to, from looks at it after each change. */
import type { NodeId } from '../raft/types.js';

/** A replica as it is looked at. */
export interface Standing {
  readonly leads: boolean;
  readonly term: number;
  /** '' while it knows of none. */
  readonly leader: NodeId;
  /** Whom it voted for in `term`. */
  readonly vote: NodeId;
  /** It enters a term without standing in it, and has the vote for itself written down all the same (raft/repair.ts). */
  readonly repairing: boolean;
}

export class Leadership {
  /** Elections in which this node stood, and those it won. */
  started = 0;
  won = 0;
  /** Times it stopped leading. */
  lost = 0;
  /** Leaders heard of, each term counting anew. */
  changes = 0;
  readonly #self: NodeId;
  #term: number;
  #led = false;
  #leader: NodeId = '';
  #leaderTerm = 0;

  /** `term` is the one recovered: what this node did in it was in another life. */
  constructor(self: NodeId, term: number) {
    this.#self = self;
    this.#term = term;
  }

  /** The replica now. Looked at once a turn, what one turn did and undid again goes uncounted. */
  see({ leads, term, leader, vote, repairing }: Standing): void {
    const isNewTerm = term > this.#term;
    // Whoever stands votes for itself in a new term.
    if (isNewTerm && vote === this.#self && !repairing) this.started++;
    if (this.#led && (!leads || isNewTerm)) this.lost++;
    if (leads && (!this.#led || isNewTerm)) this.won++;
    if (leader !== '' && (leader !== this.#leader || term > this.#leaderTerm)) {
      this.changes++;
      this.#leader = leader;
      this.#leaderTerm = term;
    }
    this.#term = term;
    this.#led = leads;
  }
}
