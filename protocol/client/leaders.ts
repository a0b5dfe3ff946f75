/** Who leads which group, as far as this client was told: the highest term wins, and a leader is only unlearned from itself. */

interface Leader {
  /** The highest term in which a leader was named. */
  term: number;
  /** '' when the leader of that term said that it leads no more. */
  node: string;
  /** Named by a refusal, which tells no term: the push that follows is no news. */
  hinted: boolean;
  /** Counts what was news: commands sent in an earlier epoch may have been dropped. */
  epoch: number;
}

/** The leaders of all groups. As many as the node's messages name: LIMITS.groups_max. */
export class Leaders {
  readonly #groups = new Map<string, Leader>();

  /** The node that leads `group`, or ''. */
  of(group: string): string {
    return this.#groups.get(group)?.node ?? '';
  }

  /** Changes whenever another leader or the same one in a later term took over. */
  epoch(group: string): number {
    return this.#groups.get(group)?.epoch ?? 0;
  }

  /**
   * `from` says that `node` ('' for nobody) leads `group` in `term`. True when that is news.
   * Nobody is believed about an absent leader but the leader itself: others tell only that they lost contact to it.
   */
  learn(group: string, term: number, node: string, from: string): boolean {
    const known = this.#groups.get(group);
    if (node === '') {
      if (known === undefined || known.node !== from || term < known.term) return false;
      known.node = '';
      known.hinted = false;
      return true;
    }
    if (known === undefined) {
      this.#groups.set(group, { term, node, hinted: false, epoch: 1 });
      return true;
    }
    // While no leader is known, an older name is better than none: it is refused at worst.
    if (known.node !== '' && (term < known.term || (term === known.term && !known.hinted))) return false;
    const news = known.node !== node || (!known.hinted && term > known.term);
    known.term = term;
    known.node = node;
    known.hinted = false;
    if (news) known.epoch++;
    return news;
  }

  /**
   * `refuser` answered that it does not lead `group` but `hint` ('' if it knows none) does. Believed about the refuser's own part
   * only: when another leader has become known since, that one stays.
   */
  refused(group: string, refuser: string, hint: string): void {
    const known = this.#groups.get(group);
    const node = hint === refuser ? '' : hint;
    if (known === undefined) {
      if (node !== '') this.#groups.set(group, { term: 0, node, hinted: true, epoch: 1 });
      return;
    }
    if (known.node === node || (known.node !== refuser && known.node !== '')) return;
    known.node = node;
    known.hinted = node !== '';
    if (node !== '') known.epoch++;
  }
}
