/** A machine for tests of several cores: a disk that outlives the process, and what is on its way to it. */
import { configurationIn } from '../../node/raft/configuration.js';
import { RaftGroup } from '../../node/raft/group.js';
import { MultiRaft } from '../../node/raft/multi.js';
import { decodeRun, lastOf } from '../../node/raft/run.js';
import type { Random, ReadResult, Save } from '../../node/raft/state.js';
import type { Configuration, NodeId, RaftSettings } from '../../node/raft/types.js';
import { Broken, type GroupDisk, type Witness } from './raft-checks.js';

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

  constructor(id: NodeId, options: MachineOptions) {
    this.id = id;
    this.#options = options;
  }

  start(now: number): void {
    this.multi = new MultiRaft(this.id, this.#options.settings);
    this.asked = [];
    for (const group of this.#options.groups) this.multi.add(this.#recover(group, now));
  }

  /** Whatever was not durable is lost; what was being written is whole or not there at all. */
  crash(written: boolean): void {
    if (written) this.#write();
    this.multi = null;
    this.waiting = null;
    this.#saving = [];
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

  // What replay will find: later runs cut earlier ones.
  #write(): void {
    for (const { group, save, bytes } of this.#saving) {
      const disk = this.disk.get(group.id) ?? { state: { term: 0, vote: '' }, runs: [] };
      this.disk.set(group.id, disk);
      if (save.state !== null) disk.state = save.state;
      save.runs.forEach((run, i) => {
        run.place = bytes[i];
        this.#append(disk, bytes[i] ?? Buffer.alloc(0));
      });
    }
  }

  #append(disk: GroupDisk, place: Buffer): void {
    const run = { ...decodeRun(place), bytes: null, place };
    while ((disk.runs.at(-1)?.first ?? 0) >= run.first) disk.runs.pop();
    const last = disk.runs.at(-1);
    if (last !== undefined) last.count = Math.min(last.count, run.first - last.first);
    const next = last === undefined ? 1 : lastOf(last) + 1;
    if (run.first !== next) throw new Broken(`${this.id}: ${run.first} after ${next - 1} on disk`);
    disk.runs.push(run);
  }

  #recover(group: string, now: number): RaftGroup {
    const { configuration, settings, random } = this.#options;
    const { state, runs } = this.disk.get(group) ?? { state: { term: 0, vote: '' }, runs: [] };
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
      runs: runs.map((run) => ({ ...run })),
      configurations,
      now,
    });
  }
}
