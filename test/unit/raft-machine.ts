/** A machine for tests of several cores: a disk that outlives the process, what is on its way to it, and a state machine that remembers all. */
import { configurationIn } from '../../node/raft/configuration.js';
import { RaftGroup } from '../../node/raft/group.js';
import { MultiRaft } from '../../node/raft/multi.js';
import { eachEntry, lastOf } from '../../node/raft/run.js';
import type { Random, ReadResult, Save } from '../../node/raft/state.js';
import type { Configuration, NodeId, RaftSettings } from '../../node/raft/types.js';
import { Broken, type Witness } from './raft-checks.js';
import { type Base, GroupDisk } from './raft-disk.js';

/** A read that was asked for. */
export interface Asked {
  readonly at: NodeId;
  /** What was committed when it was asked. */
  readonly floor: number;
  result: ReadResult | null;
}

export interface MachineOptions {
  readonly groups: readonly string[];
  readonly configuration: Configuration;
  readonly settings: RaftSettings;
  readonly random: Random;
}

interface Saving {
  readonly group: RaftGroup;
  readonly save: Save;
  /** As handed over: a run may be cut while it is being written. */
  readonly bytes: (Buffer | null)[];
}

export class Machine implements Witness {
  readonly id: NodeId;
  readonly disk = new Map<string, GroupDisk>();
  /** null while the process is down. */
  multi: MultiRaft | null = null;
  /** How long a write takes; Infinity: it hangs. */
  disk_ms = 1;
  savedAt = Number.POSITIVE_INFINITY;
  /** What has come to it while it stood still, in order; null while it runs. */
  waiting: (() => void)[] | null = null;
  /** Reads of its present life: as with real nodes, each life counts its contexts from 1. */
  asked: Asked[] = [];
  readonly #options: MachineOptions;
  #saving: Saving[] = [];
  /** By group: all entries applied, from index 1 on. */
  readonly #states = new Map<string, string[]>();
  /** Groups that wait for rows of a snapshot: they apply nothing meanwhile. */
  readonly #suspended = new Set<string>();
  /** Checkpoints on their way to the disk. */
  readonly #flushing = new Map<string, Base>();

  constructor(id: NodeId, options: MachineOptions) {
    this.id = id;
    this.#options = options;
    for (const group of options.groups) this.disk.set(group, new GroupDisk());
  }

  start(now: number): void {
    this.multi = new MultiRaft(this.id, this.#options.settings);
    this.asked = [];
    for (const group of this.#options.groups) this.multi.add(this.#recover(group, now));
  }

  /** Whatever was not durable is lost; what was being written is whole or not there at all. */
  crash(written: boolean): void {
    if (written) {
      this.#write();
      for (const [group, base] of this.#flushing) this.diskOf(group).base = base;
    }
    this.multi = null;
    this.waiting = null;
    this.#saving = [];
    this.#suspended.clear();
    this.#flushing.clear();
    this.savedAt = Number.POSITIVE_INFINITY;
  }

  /** When it has something to do by itself. */
  get due(): number {
    if (this.waiting !== null) return Number.POSITIVE_INFINITY;
    return Math.min(this.savedAt, this.multi?.deadline() ?? Number.POSITIVE_INFINITY);
  }

  /** What is being written. */
  get saving(): readonly Save[] {
    return this.#saving.map(({ save }) => save);
  }

  diskOf(group: string): GroupDisk {
    const disk = this.disk.get(group);
    if (disk === undefined) throw new Error(`no group ${group}`);
    return disk;
  }

  /** All that a group has applied. */
  state(group: string): readonly string[] {
    return this.#states.get(group) ?? [];
  }

  setDisk(ms: number, now: number): void {
    this.disk_ms = ms;
    if (this.#saving.length > 0) this.savedAt = now + ms;
  }

  /** Begins to write what the groups want durable, unless something is being written. */
  pump(now: number): void {
    if (this.#saving.length > 0) return;
    for (const group of this.multi?.groups.values() ?? []) {
      const save = group.takeSave(now);
      if (save !== null) this.#saving.push({ group, save, bytes: save.runs.map(({ bytes }) => bytes) });
    }
    if (this.#saving.length > 0) this.savedAt = now + this.disk_ms;
  }

  /** What was being written is durable. */
  saved(now: number): void {
    this.#write();
    this.savedAt = Number.POSITIVE_INFINITY;
    for (const { group, save } of this.#saving.splice(0)) group.saved(save.sequence, now);
  }

  /** Applies what is committed. */
  apply(raft: RaftGroup): void {
    const state = this.#states.get(raft.id) ?? [];
    this.#states.set(raft.id, state);
    const paused = this.#suspended.has(raft.id);
    while (!paused && state.length < raft.commit) {
      const run = raft.log.runAt(state.length + 1);
      if (run === undefined) throw new Broken(`${this.id}: entry ${state.length + 1} is to be applied and gone`);
      const bytes = run.bytes ?? (run.place as Buffer);
      const { term } = run;
      eachEntry(bytes, state.length + 1, Math.min(raft.commit, lastOf(run)), (_, entry) =>
        state.push(`${term}:${entry.toString('base64')}`),
      );
    }
    raft.applied(state.length, paused);
  }

  // --- checkpoints and snapshots ------------------------------------------------------------------------------------------------------

  /** The state as it stands, to be flushed. null when that may not be, or would bring nothing. */
  cut(raft: RaftGroup): Base | null {
    const applied = this.state(raft.id);
    const index = applied.length;
    const term = raft.log.termAt(index);
    if (index <= (this.diskOf(raft.id).base?.index ?? 0) || this.#suspended.has(raft.id)) return null;
    if (raft.durableTerm < raft.term || term === undefined) return null;
    return { index, term, time: raft.timeAt(0), configuration: raft.configurationAt(index), applied: [...applied] };
  }

  /** A checkpoint is on its way to the disk. */
  flush(group: string, base: Base): void {
    this.#flushing.set(group, base);
  }

  /** It is there, unless another one has taken its place: all but `tail` entries below it go. */
  flushed(raft: RaftGroup, tail: number): void {
    const base = this.#flushing.get(raft.id);
    const disk = this.diskOf(raft.id);
    this.#flushing.delete(raft.id);
    if (base === undefined || base.index <= (disk.base?.index ?? 0)) return;
    disk.base = base;
    raft.compact(Math.max(0, base.index - tail), base.index);
    disk.release(raft.log.start.index);
  }

  /** Rows of a snapshot come in. */
  suspend(group: string): void {
    this.#suspended.add(group);
  }

  resume(group: string): void {
    this.#suspended.delete(group);
  }

  /** The rows of a snapshot are durable: they count, unless the core has gone on. */
  install(raft: RaftGroup, base: Base, leaderTerm: number, now: number): boolean {
    this.#suspended.delete(raft.id);
    if (!raft.mayInstall(base.index, leaderTerm)) return false;
    this.#flushing.delete(raft.id);
    this.diskOf(raft.id).base = base;
    const { index, term, time, configuration } = base;
    if (!raft.install({ index, term, time, configuration, leaderTerm }, now)) throw new Broken('a snapshot is refused');
    this.#states.set(raft.id, [...base.applied]);
    return true;
  }

  #write(): void {
    for (const { group, save, bytes } of this.#saving) this.diskOf(group.id).write(save, bytes);
  }

  #recover(group: string, now: number): RaftGroup {
    const { configuration, settings, random } = this.#options;
    const { state, base, repairing } = this.diskOf(group);
    const runs = this.diskOf(group).recovered();
    this.#states.set(group, [...(base?.applied ?? [])]);
    const configurations = runs.flatMap((run) => {
      const found = configurationIn({ ...run, bytes: run.place as Buffer });
      return found === null ? [] : [{ index: run.first, configuration: found }];
    });
    return new RaftGroup({
      group,
      self: this.id,
      configuration,
      settings,
      random,
      hardState: state,
      runs,
      configurations,
      start: base,
      repairing,
      now,
    });
  }
}
