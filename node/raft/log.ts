/** A group's log as the core sees it: runs in order, which of them are durable here, and how much of it is kept in memory. */
import { decodeRun, lastOf, type Run, RunError, sliceRun } from './run.js';
import { invariant } from './types.js';

/** Runs read from disk at once for one follower. */
const READ_AHEAD_RUNS_MAX = 64;

/** What to send next: runs that are in memory, or those that have to be read from disk first. */
export interface Slice {
  readonly runs: Buffer[];
  readonly bytes: number;
  /** Index of the last entry in `runs`; the index before the slice when there are none. */
  readonly last: number;
  /** What is next and not in memory, in order: when the first has been loaded, ask again. Empty when `runs` is not. */
  readonly missing: readonly Run[];
}

export class RaftLog {
  /** Contiguous, ascending, terms never falling. */
  readonly #runs: Run[];
  /** Entries up to here are durable on this node and equal to what this log holds. Invariant: durable <= last. */
  #durable: number;
  readonly #cacheMax: number;
  /** Bytes of runs that are in memory since they were appended. */
  #cached = 0;
  /** Of the runs before this position, those have been dropped from memory. */
  #dropped: number;
  readonly #reloadedMax: number;
  /** Runs that were read back for a follower or to be applied, oldest first. */
  readonly #reloaded = new Set<Run>();
  #reloadedBytes = 0;

  /**
   * `runs` are what recovery found: durable, without bytes. Memory holds about `cache_bytes_max` of what was appended, and about
   * `reloaded_bytes_max` of what was read back.
   */
  constructor(runs: readonly Run[], cache_bytes_max: number, reloaded_bytes_max: number) {
    this.#runs = [...runs];
    this.#cacheMax = cache_bytes_max;
    this.#reloadedMax = reloaded_bytes_max;
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

  /** Bytes of runs in memory. */
  get cached(): number {
    return this.#cached + this.#reloadedBytes;
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
    for (let run = this.#runs.at(-1); run !== undefined && lastOf(run) >= index; run = this.#runs.at(-1)) {
      if (run.first < index) this.#cut(run, index);
      else {
        this.#runs.pop();
        this.#forget(run);
      }
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
      if (run.bytes === null) {
        if (runs.length > 0) break;
        return { runs, bytes, last: next - 1, missing: this.#missing(i, bytes_max) };
      }
      const part = sliceRun(run, next, lastOf(run));
      if (runs.length > 0 && bytes + part.size > bytes_max) break;
      if (part.bytes !== null) runs.push(part.bytes);
      bytes += part.size;
      next = lastOf(part) + 1;
    }
    return { runs, bytes, last: next - 1, missing: [] };
  }

  /** The bytes of `run`, read from its place. False when the log no longer holds that run. @throws RunError when they are not that run's. */
  load(run: Run, bytes: Buffer): boolean {
    const read = decodeRun(bytes);
    if (read.group !== run.group || read.term !== run.term || read.first > run.first || lastOf(read) < lastOf(run))
      throw new RunError('the record on disk is another one');
    if (this.runAt(run.first) !== run) return false;
    if (run.bytes === null) {
      const part = sliceRun(read, run.first, lastOf(run));
      run.bytes = part.bytes;
      run.size = part.size;
      this.#reloaded.add(run);
      this.#reloadedBytes += run.size;
    }
    return true;
  }

  /** Drops the oldest bytes above the limits, of runs that are durable and not beyond `applied`. */
  shrink(applied: number): void {
    const until = Math.min(applied, this.#durable);
    // What was read back is not worth more than what was appended, nor may it push that out.
    for (const run of this.#reloaded) {
      if (this.#reloadedBytes <= this.#reloadedMax) break;
      if (lastOf(run) > until) continue;
      this.#forget(run);
      run.bytes = null;
    }
    while (this.#cached > this.#cacheMax && this.#dropped < this.#runs.length) {
      const run = this.#runs[this.#dropped];
      if (run === undefined || lastOf(run) > until) return;
      if (run.bytes !== null && run.place !== null && !this.#reloaded.has(run)) {
        this.#forget(run);
        run.bytes = null;
      }
      this.#dropped++;
    }
  }

  // Keeps what of `run` lies before `index`, in the same object: if it is being written just now, it still gets its place.
  #cut(run: Run, index: number): void {
    if (run.bytes === null) {
      run.count = index - run.first;
      return;
    }
    const part = sliceRun(run, run.first, index - 1);
    if (this.#reloaded.has(run)) this.#reloadedBytes += part.size - run.size;
    else this.#cached += part.size - run.size;
    run.count = part.count;
    run.size = part.size;
    run.bytes = part.bytes;
  }

  // Takes a run that leaves memory out of the books.
  #forget(run: Run): void {
    if (run.bytes === null) return;
    if (this.#reloaded.delete(run)) this.#reloadedBytes -= run.size;
    else this.#cached -= run.size;
  }

  // The runs from a position on that are not in memory, up to the first that is.
  #missing(from: number, bytes_max: number): Run[] {
    const missing: Run[] = [];
    let bytes = 0;
    for (let i = from; i < this.#runs.length && missing.length < READ_AHEAD_RUNS_MAX; i++) {
      const run = this.#runs[i];
      if (run === undefined || run.bytes !== null || (missing.length > 0 && bytes + run.size > bytes_max)) break;
      missing.push(run);
      bytes += run.size;
    }
    return missing;
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
