/** What a log has to hold of its groups, told in the plainest way: every entry by itself. For the property test of the log. */
import type { BaseEntry, Place, Start } from '../../node/storage/log.js';
import type { TestRun } from './log-world.js';

export interface ModelEntry {
  readonly term: number;
  /** null for one that is on its way to the disk. */
  readonly place: Place | null;
}

export class GroupModel {
  base: BaseEntry = { index: 0, term: 0 };
  released = 0;
  entries = new Map<number, ModelEntry>();
  /** Entries that contradict the base: the log forgets them with its next batch. */
  dead = new Map<number, ModelEntry>();

  get last(): number {
    return Math.max(this.base.index, ...this.entries.keys());
  }

  /** The term of what stands at `index`, of the base too. */
  termAt(index: number): number {
    return index === this.base.index ? this.base.term : (this.entries.get(index)?.term ?? 0);
  }

  copy(): GroupModel {
    return Object.assign(new GroupModel(), this, { entries: new Map(this.entries), dead: new Map(this.dead) });
  }

  /** A snapshot stands in for the log. */
  start({ index, term }: Start | BaseEntry): void {
    const keeps = this.entries.get(index)?.term === term;
    for (const at of [...this.entries.keys()]) if (!keeps || at <= index) this.entries.delete(at);
  }

  run({ first, count, term }: TestRun, place: Place | null): void {
    for (const at of [...this.entries.keys()]) if (at >= first) this.entries.delete(at);
    for (let at = first; at < first + count; at++) this.entries.set(at, { term, place });
  }

  /** The log is read again: it goes where it does not continue its base. */
  join(): void {
    const { index, term } = this.base;
    if (index === 0 || this.entries.size === 0) return;
    const last = Math.max(...this.entries.keys());
    if (last >= index && (this.entries.get(index)?.term ?? term) === term) return;
    this.dead = new Map([...this.dead, ...this.entries]);
    this.entries.clear();
  }

  /** Terms behind the base: what recovery has to tell. */
  behindBase(): number[] {
    const terms: number[] = [];
    for (let at = this.base.index + 1; this.entries.has(at); at++) terms.push(this.entries.get(at)?.term ?? 0);
    return terms;
  }

  /** The oldest segment that the group needs. */
  oldest(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const [at, { place }] of [...this.entries, ...this.dead])
      if (at > this.released) oldest = Math.min(oldest, place?.segment ?? Number.POSITIVE_INFINITY);
    return oldest;
  }
}
