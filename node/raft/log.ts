/** A group's log as the core sees it: runs in order, which of them are durable here, and how much of it is kept in memory. */
import { decodeRun, lastOf, type Run, RunError, sliceRun } from './run.js';
import { invariant } from './types.js';

/** What to send next: runs that are in memory, or the first one that has to be read from disk. */
export interface Slice {
  readonly runs: Buffer[];
  readonly bytes: number;
  /** Index of the last entry in `runs`; the index before the slice when there are none. */
  readonly last: number;
  /** Not in memory: load it, then ask again. */
  readonly missing: Run | null;
}

export class RaftLog {
  /** Contiguous, ascending, terms never falling. */
  #runs: Run[];
  /** Entries up to here are durable on this node and equal to what this log holds. Invariant: durable <= last. */
  #durable: number;
  #cached = 0;
  /** Runs before this position have been dropped from memory. */
  #dropped = 0;
  readonly #cacheMax: number;

  /** `runs` are what recovery found: durable, without bytes. */
  constructor(runs: readonly Run[], cacheMax: number) {
    this.#runs = [...runs];
    this.#cacheMax = cacheMax;
    this.#durable = this.last;
    this.#dropped = runs.length;
  }

  /** Index of the last entry, 0 when empty. */
  get last(): number {
    const run = this.#runs.at(-1);
    return run === undefined ? 0 : lastOf(run);
  }

  get lastTerm(): number {
    return this.#runs.at(-1)?.term ?? 0;
  }

  get durable(): number {
    return this.#durable;
  }

  /** Cluster time of the last run, ms. */
  get lastTime(): number {
    return this.#runs.at(-1)?.time ?? 0;
  }

  /** Term of the entry at `index`; 0 at 0 (before the log), undefined beyond its end. */
  termAt(index: number): number | undefined {
    if (index === 0) return 0;
    return this.runAt(index)?.term;
  }

  /** The run that holds the entry at `index`. */
  runAt(index: number): Run | undefined {
    return index < 1 || index > this.last ? undefined : this.#runs[this.#position(index)];
  }

  /** The greatest index <= `index` whose term is <= `term`: where a log that ends there could still agree with this one. */
  lastAtOrBelow(index: number, term: number): number {
    let at = Math.min(index, this.last);
    while (at > 0) {
      const run = this.runAt(at);
      if (run === undefined || run.term <= term) break;
      at = run.first - 1;
    }
    return at;
  }

  /** Appends a run that continues the log. */
  append(run: Run): void {
    invariant(run.first === this.last + 1, `a run starts at ${run.first} after ${this.last}`);
    invariant(run.term >= this.lastTerm, `a run of term ${run.term} after term ${this.lastTerm}`);
    this.#runs.push(run);
    if (run.bytes !== null) this.#cached += run.size;
  }

  /** Removes the entries from `index` on. A run that is cut in the middle keeps its place on disk: replay cuts it alike. */
  truncate(index: number): void {
    while (this.last >= index) {
      const run = this.#runs.pop();
      if (run === undefined) return;
      if (run.bytes !== null) this.#cached -= run.size;
      if (run.first >= index) continue;
      const kept: Run =
        run.bytes === null
          ? { ...run, count: index - run.first }
          : { ...sliceRun(run, run.first, index - 1), place: run.place };
      this.#runs.push(kept);
      if (kept.bytes !== null) this.#cached += kept.size;
    }
    this.#durable = Math.min(this.#durable, this.last);
    this.#dropped = Math.min(this.#dropped, this.#runs.length);
  }

  /** Entries up to `index` are durable. */
  saved(index: number): void {
    this.#durable = Math.max(this.#durable, Math.min(index, this.last));
  }

  /** The runs from index `from` on, at most `bytes_max` and `runs_max` of them but at least one. */
  slice(from: number, bytes_max: number, runs_max: number): Slice {
    const runs: Buffer[] = [];
    let bytes = 0;
    let next = from;
    for (let i = this.#position(from); i < this.#runs.length && runs.length < runs_max; i++) {
      const run = this.#runs[i];
      if (run === undefined || next > lastOf(run)) break;
      if (run.bytes === null) return { runs, bytes, last: next - 1, missing: runs.length === 0 ? run : null };
      const part = sliceRun(run, next, lastOf(run));
      if (runs.length > 0 && bytes + part.size > bytes_max) break;
      if (part.bytes !== null) runs.push(part.bytes);
      bytes += part.size;
      next = lastOf(part) + 1;
    }
    return { runs, bytes, last: next - 1, missing: null };
  }

  /** The bytes of `run`, read from its place. False when the log no longer holds that run. @throws RunError when they are not that run's. */
  load(run: Run, bytes: Buffer): boolean {
    const read = decodeRun(bytes);
    if (read.term !== run.term || read.first > run.first || lastOf(read) < lastOf(run))
      throw new RunError('the record on disk is another one');
    const here = this.runAt(run.first);
    if (here !== run) return false;
    if (run.bytes === null) {
      run.bytes = sliceRun(read, run.first, lastOf(run)).bytes;
      this.#cached += run.size;
      this.#dropped = Math.min(this.#dropped, this.#position(run.first));
    }
    return true;
  }

  /** Drops the oldest bytes above the limit, of runs that are durable and not beyond `applied`. */
  shrink(applied: number): void {
    while (this.#cached > this.#cacheMax && this.#dropped < this.#runs.length) {
      const run = this.#runs[this.#dropped];
      if (run === undefined || lastOf(run) > Math.min(applied, this.#durable)) return;
      // A run that was cut while it was being written has no place of its own and stays.
      if (run.bytes !== null && run.place !== null) {
        run.bytes = null;
        this.#cached -= run.size;
      }
      this.#dropped++;
    }
  }

  // Position of the run that holds `index`, which must not lie before the log.
  #position(index: number): number {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const run = this.#runs[middle];
      if (run !== undefined && run.first <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
