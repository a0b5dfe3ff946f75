/** A disk of one group for tests of several cores: hard state, runs and the newest checkpoint; what recovery finds there, and what damage takes. */
import { decodeRun, lastOf, type Run } from '../../node/raft/run.js';
import type { Checkpoint } from '../../node/raft/snapshots.js';
import type { Save } from '../../node/raft/state.js';
import type { HardState } from '../../node/raft/types.js';

/** A checkpoint with the state it stands for: all entries that were applied. */
export interface Base extends Checkpoint {
  readonly applied: readonly string[];
}

/** What damage may take: everything; the log and its hard state; the end of the log; the checkpoint. */
export const DAMAGES = ['all', 'log', 'tail', 'checkpoint'] as const;
export type Damage = (typeof DAMAGES)[number];

export class GroupDisk {
  state: HardState = { term: 0, vote: '' };
  runs: Run[] = [];
  base: Base | null = null;
  /** The identity says so: part of what stood here was lost. */
  repairing = false;
  /** The log begins behind this index; runs that were given back lie before it. */
  #begin = 0;
  /** What was lost, until the repair is over: terms by index, and the index of a checkpoint. */
  readonly #lost = new Map<number, number>();
  #lostBase = 0;

  /** Hard state first, then a new start, then runs; `bytes` are those that the runs had when the write began. */
  write({ state, start, runs }: Save, bytes: readonly (Buffer | null)[]): void {
    if (state !== null) this.state = state;
    if (start !== null) {
      if (this.termAt(start.index) === start.term) this.runs = this.runs.filter((run) => lastOf(run) > start.index);
      else this.runs = [];
      this.#begin = start.index;
    }
    runs.forEach((run, i) => {
      const place = bytes[i] ?? Buffer.alloc(0);
      run.place = place;
      this.#append(place);
    });
  }

  /** Entries up to `index` may go: whole runs do. */
  release(index: number): void {
    while (this.runs[0] !== undefined && lastOf(this.runs[0]) <= index) this.#begin = lastOf(this.runs.shift() as Run);
  }

  /** What a start begins with: a log that does not agree with its checkpoint, or ends before it, counts for nothing. */
  recovered(): Run[] {
    const { base } = this;
    const follows = base !== null && this.runs[0]?.first === base.index + 1;
    if (base !== null && !follows && this.termAt(base.index) !== base.term) return [];
    return this.runs.map((run) => ({ ...run }));
  }

  /** Takes something away. `from`: the first entry that is gone from the end of the log. */
  damage(what: Damage, from = 1): void {
    for (const run of this.runs)
      for (let index = run.first; index <= lastOf(run); index++) this.#lost.set(index, run.term);
    this.#lostBase = Math.max(this.#lostBase, this.base?.index ?? 0);
    this.repairing = true;
    if (what === 'all' || what === 'log') this.state = { term: 0, vote: '' };
    if (what === 'all' || what === 'checkpoint') this.base = null;
    if (what === 'all' || what === 'log') this.runs = [];
    if (what === 'tail') this.#cut(from);
    // What follows on nothing cannot be read.
    if (this.base === null && (this.runs[0]?.first ?? 1) > 1) this.runs = [];
    if (this.runs.length === 0) this.#begin = 0;
  }

  /** The repair is over. */
  repaired(): void {
    this.repairing = false;
    this.#lost.clear();
    this.#lostBase = 0;
  }

  /** Term of an entry in the log; undefined when it is not there. */
  termAt(index: number): number | undefined {
    return this.runs.find((run) => run.first <= index && index <= lastOf(run))?.term;
  }

  /** Whether an entry, of that term if it is committed, is here: in the checkpoint or in the log. */
  holds(index: number, term: number): boolean {
    return index <= (this.base?.index ?? 0) || this.termAt(index) === term;
  }

  /** Whether it was here, or is. A replica under repair does not vote: what it has lost still counts for the group. */
  held(index: number, term: number): boolean {
    return this.holds(index, term) || index <= this.#lostBase || this.#lost.get(index) === term;
  }

  // What replay will find: later runs cut earlier ones.
  #append(place: Buffer): void {
    const run = { ...decodeRun(place), bytes: null, place };
    this.#cut(run.first);
    const last = this.runs.at(-1);
    const next = (last === undefined ? this.#begin : lastOf(last)) + 1;
    if (run.first > next) throw new Error(`a run at ${run.first} after ${next - 1} on disk`);
    this.runs.push(run);
  }

  #cut(index: number): void {
    while ((this.runs.at(-1)?.first ?? 0) >= index) this.runs.pop();
    const last = this.runs.at(-1);
    if (last !== undefined) last.count = Math.min(last.count, index - last.first);
  }
}
