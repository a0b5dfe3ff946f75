/** A group's log as the core sees it: where it begins, runs in order, which of them are durable here, and how much of it is kept in memory. */
import { decodeRun, lastOf, type Run, RunError, sliceRun } from './run.js';
import { invariant } from './types.js';

/** Runs read from disk at once for one follower. */
const READ_AHEAD_RUNS_MAX = 64;

/** Where a log begins: everything up to the entry `index`, which was of `term`, is in a checkpoint and no longer here. */
export interface LogStart {
  readonly index: number;
  readonly term: number;
}

/** The start of a log that nothing has been taken from. */
export const LOG_BEGIN: LogStart = { index: 0, term: 0 };

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
  #start: LogStart;
  /** Contiguous, ascending, terms never falling. The first may begin before the start: what it holds up to there is no part of the log. */
  readonly #runs: Run[];
  /** Entries up to here are durable on this node, in its log or in a checkpoint. Invariant: start <= durable <= last. */
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
   * `reloaded_bytes_max` of what was read back. With a `checkpoint`, `runs` lie behind it or hold its entry; those that reach further back
   * serve followers that were away for a short time.
   */
  constructor(
    runs: readonly Run[],
    cache_bytes_max: number,
    reloaded_bytes_max: number,
    checkpoint: LogStart = LOG_BEGIN,
  ) {
    this.#runs = [...runs];
    this.#start = this.#startBehind(checkpoint);
    this.#cacheMax = cache_bytes_max;
    this.#reloadedMax = reloaded_bytes_max;
    this.#durable = this.last;
    this.#dropped = this.#runs.length;
    invariant(
      (runs[0]?.first ?? 0) <= checkpoint.index + 1,
      `the log begins at ${runs[0]?.first}, its checkpoint ends before`,
    );
    invariant(
      this.termAt(checkpoint.index) === checkpoint.term,
      `entry ${checkpoint.index} of the log is not that of the checkpoint, of term ${checkpoint.term}`,
    );
  }

  /** What lies at or below it is purged. */
  get start(): LogStart {
    return this.#start;
  }

  /** Index of the first entry that is here, or would be if there were any. */
  get first(): number {
    return this.#start.index + 1;
  }

  /** Index of the last entry; that of the start when it is empty. */
  get last(): number {
    const run = this.#runs.at(-1);
    return run === undefined ? this.#start.index : lastOf(run);
  }

  get lastTerm(): number {
    return this.#runs.at(-1)?.term ?? this.#start.term;
  }

  get durable(): number {
    return this.#durable;
  }

  /** Runs that it holds. */
  get runs(): number {
    return this.#runs.length;
  }

  /** Cluster time of the last run, ms; 0 when there is none. */
  get lastTime(): number {
    return this.#runs.at(-1)?.time ?? 0;
  }

  /** Bytes of runs in memory. */
  get cached(): number {
    return this.#cached + this.#reloadedBytes;
  }

  /** Term of the entry at `index`, also at the start (0 before the first entry of all); undefined before it and beyond the end. */
  termAt(index: number): number | undefined {
    return index === this.#start.index ? this.#start.term : this.runAt(index)?.term;
  }

  /** The run that holds the entry at `index`; undefined when that is purged or not there yet. */
  runAt(index: number): Run | undefined {
    return index <= this.#start.index || index > this.last ? undefined : this.#runs[this.#position(index)];
  }

  /** Whether a run is still part of the log: it may have been cut away or purged while it was read from disk. */
  holds(run: Run): boolean {
    return this.runAt(lastOf(run)) === run;
  }

  /**
   * The greatest index <= `index` whose term is <= `term`: where a log that ends there could still agree with this one. An index before the
   * start says only that this log cannot tell.
   */
  lastAtOrBelow(index: number, term: number): number {
    const { index: start, term: startTerm } = this.#start;
    let at = Math.min(index, this.last);
    if (at < start) return at;
    while (at > start) {
      const run = this.runAt(at);
      if (run === undefined || run.term <= term) return at;
      at = run.first - 1;
    }
    return startTerm <= term ? start : start - 1;
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
    invariant(index > this.#start.index, `entry ${index} is purged (${this.#start.index}) and cannot be cut`);
    for (let run = this.#runs.at(-1); run !== undefined && lastOf(run) >= index; run = this.#runs.at(-1)) {
      // What lies before the start is no part of the log: of such a run nothing is left.
      if (Math.max(run.first, this.first) < index) this.#cut(run, index);
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

  /** Lets go whole runs that end at or below `index`, as far as they are durable. */
  compact(index: number): void {
    const until = Math.min(index, this.#durable);
    let count = 0;
    for (const run of this.#runs) {
      if (lastOf(run) > until) break;
      count++;
    }
    const last = this.#runs[count - 1];
    if (last === undefined) return;
    this.#start = { index: lastOf(last), term: last.term };
    this.#release(count);
  }

  /**
   * Begins anew behind `start`, which a checkpoint holds durably. Where the log holds that very entry, what follows it stays; else nothing
   * does: a log that differs there differs from there on, and one that ends before it has nothing behind it. Returns whether it stayed.
   */
  begin(start: LogStart): boolean {
    const agrees = this.termAt(start.index) === start.term;
    const count = agrees ? this.#runs.findIndex((run) => lastOf(run) > start.index) : -1;
    this.#release(count < 0 ? this.#runs.length : count);
    this.#start = start;
    this.#durable = agrees ? Math.max(this.#durable, start.index) : start.index;
    return agrees;
  }

  /** The first run without what lies before the start, as a run of its own. Storage must not have been given it yet. */
  behead(): Run {
    const run = this.#runs[0];
    invariant(run !== undefined && run.place === null, 'only a run that is not written yet can be beheaded');
    const part = sliceRun(run, this.first, lastOf(run));
    if (part === run) return run;
    this.#forget(run);
    this.#cached += part.size;
    this.#runs[0] = part;
    return part;
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
    if (!this.holds(run)) return false;
    const read = decodeRun(bytes);
    if (read.group !== run.group || read.term !== run.term || read.first > run.first || lastOf(read) < lastOf(run))
      throw new RunError('the record on disk is another one');
    if (run.bytes === null) {
      const part = sliceRun(read, run.first, lastOf(run));
      run.bytes = part.bytes;
      run.size = part.size;
      this.#reloaded.add(run);
      this.#reloadedBytes += run.size;
    }
    return true;
  }

  /**
   * Drops the oldest bytes above the limits, of runs that are durable and end at or below `needed`: what lies behind that will be applied
   * soon. While nothing is applied it is Infinity: what comes meanwhile is read back later.
   */
  shrink(needed: number): void {
    const until = Math.min(needed, this.#durable);
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

  // Where a log begins whose checkpoint is at hand. Nobody knows the term before a first run that reaches back behind the checkpoint: of it
  // only its end is of use.
  #startBehind(checkpoint: LogStart): LogStart {
    const [run] = this.#runs;
    if (run?.first === 1) return LOG_BEGIN;
    if (run === undefined || lastOf(run) > checkpoint.index) return checkpoint;
    this.#runs.shift();
    return { index: lastOf(run), term: run.term };
  }

  // The oldest runs leave the log.
  #release(count: number): void {
    for (const run of this.#runs.splice(0, count)) this.#forget(run);
    this.#dropped = Math.max(0, this.#dropped - count);
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
