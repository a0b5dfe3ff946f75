/** The way to the log on disk: the saves of all groups as one batch, one sync under way while the next batch fills (group commit). */
import { Durations, Histogram } from './observe/histogram.js';
import type { RaftGroup } from './raft/group.js';
import type { Run } from './raft/run.js';
import type { Batch, Log } from './storage/log.js';

export class Disk {
  /** Time until a batch is durable. */
  readonly appends = new Durations();
  /** Bytes of the runs in a batch. */
  readonly batchBytes = new Histogram();
  readonly #log: Log;
  readonly #groups: ReadonlyMap<string, RaftGroup>;
  readonly #now: () => number;
  readonly #wake: () => void;
  #busy = false;
  #idle: (() => void) | null = null;

  /** `wake` is called when a batch has become durable and there may be more to do. */
  constructor(log: Log, groups: ReadonlyMap<string, RaftGroup>, now: () => number, wake: () => void) {
    this.#log = log;
    this.#groups = groups;
    this.#now = now;
    this.#wake = wake;
  }

  /** Writes what the groups want durable, unless a batch is under way: then it joins the next. */
  pump(): void {
    if (this.#busy) return;
    const now = this.#now();
    const states: { group: string; term: number; vote: string }[] = [];
    const starts: Batch['starts'][number][] = [];
    const runs: Run[] = [];
    const saves: { group: RaftGroup; sequence: number }[] = [];
    for (const group of this.#groups.values()) {
      const save = group.takeSave(now);
      if (save === null) continue;
      saves.push({ group, sequence: save.sequence });
      if (save.state !== null) states.push({ group: group.id, ...save.state });
      if (save.start !== null) starts.push({ group: group.id, ...save.start });
      runs.push(...save.runs);
    }
    if (saves.length === 0) return;
    this.#busy = true;
    this.batchBytes.record(runs.reduce((sum, { size }) => sum + size, 0));
    this.#log.append({ states, starts, runs: runs.map(encoded) }, (places) => {
      this.#busy = false;
      this.appends.recordMs(this.#now() - now);
      places.forEach((place, i) => {
        const run = runs[i];
        if (run !== undefined) run.place = place;
      });
      for (const { group, sequence } of saves) group.saved(sequence, this.#now());
      this.#wake();
      this.#idle?.();
    });
  }

  /** Calls back once no batch is under way. Nothing may be pumped afterwards. */
  drain(done: () => void): void {
    if (this.#busy) this.#idle = done;
    else done();
  }
}

function encoded(run: Run): Batch['runs'][number] {
  // A run is kept in memory at least until it is durable.
  if (run.bytes === null) throw new Error(`run ${run.group}/${run.first} was dropped before it was written`);
  const { group, first, count, term, bytes } = run;
  return { group, first, count, term, bytes };
}
