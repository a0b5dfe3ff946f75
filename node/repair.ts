/**
 * A node whose log or base was damaged comes back: its replicas have no vote until they hold again all that they can have acknowledged
 * (raft/repair.ts says why that is enough). Here is what that takes outside of the cores: asking all other members for their terms, and
 * writing down that it is over.
 */
import type { Message } from '../protocol/messages.js';
import type { RaftGroup } from './raft/group.js';
import type { GroupId, NodeId } from './raft/types.js';

/** What a repair needs of its node. */
export interface RepairHost {
  now(): number;
  send(to: NodeId, message: Message): void;
  /** Sees to it that there is a link to a member. */
  reach(to: NodeId): void;
  /** Writes down that nothing is under repair any more. */
  remember(done: () => void): void;
  /** All replicas are whole. */
  over(): void;
}

/** Who has not answered is asked again after this, ms. */
const ASK_AGAIN_MS = 500;

export class Repair {
  readonly #groups: ReadonlyMap<GroupId, RaftGroup>;
  readonly #host: RepairHost;
  /** Members that have not answered. */
  readonly #unheard: Set<NodeId>;
  /** The greatest term of each group that was heard of. */
  readonly #terms = new Map<GroupId, number>();
  /** Replicas that are not whole yet. */
  readonly #broken: Set<GroupId>;
  #askAt = Number.NEGATIVE_INFINITY;

  /** `others`: all other members. */
  constructor(groups: ReadonlyMap<GroupId, RaftGroup>, others: readonly NodeId[], host: RepairHost) {
    this.#groups = groups;
    this.#host = host;
    this.#unheard = new Set(others);
    this.#broken = new Set(groups.keys());
  }

  /** Members that have to be heard before anything goes on. */
  get unheard(): readonly NodeId[] {
    return [...this.#unheard].sort();
  }

  /**
   * Asks who has not answered. Returns when it wants to be called again, monotonic ms. All links are younger than this node's start: what was
   * promised to whom before it went over others, that are no more.
   */
  turn(): number {
    if (this.#unheard.size === 0) return Number.POSITIVE_INFINITY;
    const now = this.#host.now();
    if (now >= this.#askAt) {
      // At first there is time for others to dial.
      const again = this.#askAt > Number.NEGATIVE_INFINITY;
      this.#askAt = now + ASK_AGAIN_MS;
      for (const peer of this.#unheard) {
        if (again) this.#host.reach(peer);
        this.#host.send(peer, { kind: 'terms_ask' });
      }
    }
    return this.#askAt;
  }

  /** A member has answered. */
  onTerms(peer: NodeId, terms: readonly (readonly [GroupId, number])[]): void {
    if (!this.#unheard.delete(peer)) return;
    for (const [group, term] of terms) this.#terms.set(group, Math.max(term, this.#terms.get(group) ?? 0));
    if (this.#unheard.size > 0) return;
    for (const [id, group] of this.#groups) group.repairTerm(this.#terms.get(id) ?? 0, this.#host.now());
  }

  /** A replica holds again what it can have acknowledged. */
  repaired(group: GroupId): void {
    if (!this.#broken.delete(group) || this.#broken.size > 0) return;
    this.#host.remember(() => {
      for (const one of this.#groups.values()) one.repairDone();
      this.#host.over();
    });
  }
}
