/** A few words for tests of the log: a node's disk, its log, power cuts, and bytes changed behind its back. */
import { expect } from 'chai';
import { StorageError } from '../../node/storage/errors.js';
import {
  type BaseEntry,
  type HardState,
  type Log,
  openLog,
  type Place,
  type Recovered,
  type RunHead,
  type Start,
} from '../../node/storage/log.js';
import type { File, FileError, Files } from '../../node/world.js';
import { SimulatedDisk } from '../simulation/files.js';
import type { Fate } from '../simulation/inode.js';
import { seeded, VirtualTime } from './virtual-time.js';

export const FOLDER = '/data/n1/log';

/** A run of the tests: 16 bytes of head, the group, and filling without zeros in it. */
export function run(group: string, first: number, count = 1, options: { term?: number; fill?: number } = {}) {
  const bytes = Buffer.alloc(16 + group.length + (options.fill ?? 20 * count), `${group}${first}.`);
  bytes.writeUInt32BE(first, 0);
  bytes.writeUInt32BE(count, 4);
  bytes.writeUInt32BE(options.term ?? 1, 8);
  bytes.writeUInt32BE(group.length, 12);
  bytes.write(group, 16);
  return { group, first, count, term: options.term ?? 1, bytes };
}

/** A run as the tests hand it in. */
export type TestRun = ReturnType<typeof run>;

/** A hard state of the tests. */
export function vote(group: string, term: number, to: string): HardState {
  return { group, term, vote: to };
}

export function describeRun(bytes: Buffer): RunHead {
  const group = bytes.toString('latin1', 16, 16 + bytes.readUInt32BE(12));
  return { group, first: bytes.readUInt32BE(0), count: bytes.readUInt32BE(4), term: bytes.readUInt32BE(8) };
}

/** What was recovered, short: `{ c: 'term 3 for n1, 1-4 5-5' }`. */
export function summary(recovered: Recovered<RunHead>): Record<string, string> {
  const groups = [...recovered].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    groups.map(([group, { term, vote, runs }]) => [
      group,
      [`term ${term} for ${vote},`, ...runs.map((one) => `${one.first}-${one.first + one.count - 1}`)].join(' '),
    ]),
  );
}

export class LogWorld {
  readonly time = new VirtualTime();
  disk = new SimulatedDisk(this.time);
  files: Files = this.disk.mount();
  readonly fatal: FileError[] = [];
  readonly segment_bytes: number;
  recovered: Recovered<RunHead> = new Map();
  /** What checkpoints stand in for when the log is opened. */
  readonly bases = new Map<string, BaseEntry>();
  private opened: Log | null = null;

  constructor(segment_bytes = 8192) {
    this.segment_bytes = segment_bytes;
  }

  get log(): Log {
    if (this.opened === null) throw new Error('no log is open');
    return this.opened;
  }

  get isOpen(): boolean {
    return this.opened !== null;
  }

  /** Starts opening; what it comes to is there once the time has run. */
  tryOpen(): { error: FileError | null } {
    const outcome: { error: FileError | null } = { error: null };
    const { files, time, segment_bytes, bases } = this;
    this.opened = null;
    const fatal = (error: FileError) => this.fatal.push(error);
    openLog(
      { files, scheduler: time, folder: FOLDER, segment_bytes, bases, describe: describeRun, fatal },
      (error, opened) => {
        outcome.error = error;
        if (opened !== null) ({ log: this.opened, recovered: this.recovered } = opened);
      },
    );
    return outcome;
  }

  /** Opens the log and lets the background work end. */
  open(): this {
    const outcome = this.tryOpen();
    this.time.settle();
    if (outcome.error) throw outcome.error;
    expect(this.opened, 'the log').to.not.equal(null);
    return this;
  }

  /** How the log is refused. */
  refusal(): StorageError {
    const outcome = this.tryOpen();
    this.time.settle();
    if (!(outcome.error instanceof StorageError)) throw new Error(`not refused: ${outcome.error?.message}`);
    expect(this.disk.openFiles, 'open files after a refusal').to.equal(0);
    return outcome.error;
  }

  /** Appends runs and lets them become durable. */
  append(runs: TestRun[], states: HardState[] = [], starts: Start[] = []): Place[] {
    let result: Place[] | null = null;
    this.log.append({ states, starts, runs }, (places) => {
      result = places;
    });
    this.time.settle();
    if (result === null) throw new Error('the append did not end');
    return result;
  }

  /** The bytes at a place, or the code of the error. */
  read(place: Place): Buffer | string | undefined {
    let result: Buffer | string | undefined;
    this.log.read(place, (error, bytes) => {
      result = error ? error.code : bytes;
    });
    this.time.settle();
    return result;
  }

  /** The process ends without a word; the page cache stays. */
  kill(): this {
    this.disk.kill();
    this.files = this.disk.mount();
    this.time.settle();
    return this;
  }

  /** The power goes: what was not synced is lost, or meets the fate that is given or drawn. */
  crash(options: { fate?: Fate; seed?: number } = { fate: 'lost' }): this {
    const { fate, seed = 1 } = options;
    this.disk.crash(fate === undefined ? { random: seeded(seed) } : { random: seeded(seed), fate });
    this.files = this.disk.mount();
    this.time.settle();
    return this;
  }

  path(segment: number): string {
    return `${FOLDER}/${String(segment).padStart(10, '0')}.log`;
  }

  contents(segment: number): Buffer {
    return this.disk.contents(this.path(segment));
  }

  /** Changes bytes of a segment, durably. */
  put(segment: number, offset: number, bytes: Buffer): this {
    this.withFile(segment, (file) => file.write(offset, bytes, () => file.sync(() => file.close(() => {}))));
    return this;
  }

  names(): string[] {
    let names: string[] = [];
    this.files.list(FOLDER, (error, found) => {
      if (error === null) names = found;
    });
    this.time.settle();
    return names;
  }

  remove(segment: number): this {
    this.files.remove(this.path(segment), () => {});
    this.time.settle();
    return this;
  }

  private withFile(segment: number, work: (file: File) => void): void {
    this.files.open(this.path(segment), { create: true }, (_, file) => work(file));
    this.time.settle();
  }
}
