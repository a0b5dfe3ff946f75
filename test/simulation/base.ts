/** A simulated base as one process has it open: its transactions are written, then flushed, then told. */

import { eachPackedRow } from '../../node/packed-rows.js';
import type { Base, BaseWrite, Head, Row, RowReader } from '../../node/storage/base.js';
import { rowKey, seal } from '../../node/storage/base-rows.js';
import type { Done, FileError } from '../../node/world.js';
import type { Random, Scheduler } from '../../protocol/env.js';
import { bytesOf, type Change, changed, checkedValue, firstFrom, type State, type Stored } from './base-state.js';
import { Failed, type Faults } from './faults.js';

/** Brings a process what its call came to: now, later, or not at all. */
export type Deliver = (task: () => void) => void;

/** Longest time that the writing of a transaction takes, and that its flush takes, ms. */
const WRITE_MS_MAX = 40;
const FLUSH_MS_MAX = 20;

/** Time between two attempts while the disk is full, ms. */
const RETRY_MS = 250;

/** Rows that one transaction of a drop deletes at most: few, so that power cuts come in between. */
const DROP_ROWS = 16;

/** What is on the medium, under one folder. */
export interface Medium {
  readonly path: string;
  /** What a new process finds, and what a power cut leaves. */
  written: State;
  flushed: State;
  /** Size of the file: it never shrinks. */
  bytes: number;
}

/** What an open base knows of the machine and of the process that it belongs to. */
export interface Machine {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: Faults;
  readonly alive: () => boolean;
  readonly deliver: Deliver;
  /** A head, and all that was committed before, has become durable. */
  readonly flushed?: (head: Head, state: State) => void;
}

/** Something happens after a time drawn, and `ms_more`, unless the process is dead by then. */
export function later(machine: Machine, ms_max: number, task: () => void, ms_more = 0): void {
  const ms = 1 + (machine.random.uint32() % ms_max) + ms_more;
  machine.scheduler.after(ms, () => {
    if (machine.alive()) task();
  });
}

/** A transaction that waits for its turn or for room. */
interface Job {
  /** What it makes of the state, as it is when its turn comes; `over` false when there is more to do in another one. */
  apply(state: State): { readonly next: State; readonly over: boolean };
  readonly bytes: number;
  readonly head: Head | null;
  readonly done: Done;
}

export class SimBase implements Base {
  readonly #machine: Machine;
  readonly #medium: Medium;
  readonly #spaces: readonly number[];
  readonly #readers = new Set<SimReader>();
  readonly #jobs: Job[] = [];
  /** What reads see. */
  #state: State;
  #working = false;
  #dead: FileError | null = null;
  #closing: (() => void) | null = null;
  full = false;

  constructor(machine: Machine, medium: Medium) {
    this.#machine = machine;
    this.#medium = medium;
    this.#state = medium.flushed;
    this.#spaces = [...this.#state.spaces.keys()].sort((a, b) => a - b);
  }

  heads(): ReadonlyMap<string, Buffer> {
    return this.#state.heads;
  }

  spaces(): readonly number[] {
    return this.#spaces;
  }

  bytes(): number {
    return this.#medium.bytes;
  }

  get(space: number, key: Buffer): Buffer | undefined {
    const rows = this.#state.spaces.get(space) ?? [];
    const row = rows[firstFrom(rows, key)];
    return row?.key.equals(key) ? checkedValue(space, row, this.#medium.path) : undefined;
  }

  read(space: number, after: Buffer | null): RowReader {
    const rows = this.#state.spaces.get(space) ?? [];
    const from = after === null ? 0 : firstFrom(rows, Buffer.concat([after, Buffer.alloc(1)]));
    const reader = new SimReader(space, rows.slice(from), this.#medium.path, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    return reader;
  }

  begin(): BaseWrite {
    const spaces = new Map<number, Map<string, Change>>();
    let bytes = 0;
    return {
      add: (space, packed) => {
        bytes += packed.length;
        const changes = spaces.get(space) ?? new Map<string, Change>();
        spaces.set(space, changes);
        eachPackedRow(handedOver(packed), (key, value) => {
          const sealed = value && seal(rowKey(space, key), value);
          changes.set(key.toString('latin1'), { key: Buffer.from(key), sealed });
        });
      },
      commit: (head, done) => {
        const all = new Map(spaces);
        const apply = (state: State) => ({ next: changed(state, all, head), over: true });
        this.#take({ apply, bytes: bytes + (head?.bytes.length ?? 0), head, done });
      },
      abandon: () => spaces.clear(),
    };
  }

  drop(space: number, done: Done): void {
    const apply = (state: State) => {
      const rows = state.spaces.get(space) ?? [];
      const gone = rows.slice(0, DROP_ROWS).map(({ key }) => [key.toString('latin1'), { key, sealed: null }] as const);
      return { next: changed(state, new Map([[space, new Map(gone)]]), null), over: gone.length < DROP_ROWS };
    };
    this.#take({ apply, bytes: 0, head: null, done });
  }

  close(done: () => void): void {
    this.#closing = done;
    if (this.full) this.#giveUp();
    if (!this.#working) this.#closed();
  }

  #take(job: Job): void {
    const error = this.#closing ? new Failed('EBADF', this.#medium.path) : this.#dead;
    if (error !== null) {
      this.#machine.scheduler.defer(() => this.#deliver(() => job.done(error)));
      return;
    }
    this.#jobs.push(job);
    if (!this.#working) this.#work();
  }

  /** Works on the first job: it is written, then flushed, then told. */
  #work(): void {
    const [job] = this.#jobs;
    this.#working = job !== undefined;
    if (job === undefined) {
      if (this.#closing !== null) this.#closed();
      return;
    }
    later(this.#machine, WRITE_MS_MAX, () => {
      // It may have been given up.
      if (this.#jobs[0] !== job) this.#work();
      else if (this.#dead !== null) this.#end(job, this.#dead);
      else if (!this.#makeRoom(job)) this.#waitForRoom();
      else this.#write(job);
    });
  }

  #write(job: Job): void {
    const { faults, scheduler } = this.#machine;
    const call = { operation: 'sync', path: this.#medium.path } as const;
    const failure = faults.failureOf(call);
    if (failure !== null) {
      this.#dead = failure;
      this.#end(job, failure);
      return;
    }
    const { next, over } = job.apply(this.#medium.written);
    this.#medium.written = next;
    const flush = () => {
      this.#medium.flushed = next;
      if (job.head !== null) this.#machine.flushed?.(job.head, next);
      this.#deliver(() => {
        this.#state = next;
      });
      if (over) this.#end(job, null);
      else this.#work();
    };
    later(this.#machine, FLUSH_MS_MAX, flush, faults.delayOf(call));
    const surprise = faults.surprise(call);
    if (surprise !== null) scheduler.after(0, surprise);
  }

  /** What a transaction writes over is room only once it is over. */
  #makeRoom({ bytes }: Job): boolean {
    const { faults } = this.#machine;
    const growth = Math.max(0, bytesOf(this.#medium.written) + bytes - this.#medium.bytes);
    if (growth > faults.free_bytes) {
      faults.count('ENOSPC on commit');
      return false;
    }
    this.full = false;
    this.#medium.bytes += faults.grow(growth);
    return true;
  }

  #waitForRoom(): void {
    this.full = true;
    if (this.#closing !== null) {
      this.#giveUp();
      this.#work();
      return;
    }
    this.#machine.scheduler.after(RETRY_MS, () => {
      if (this.#machine.alive() && this.#working) this.#work();
    });
  }

  #giveUp(): void {
    const error = new Failed('ENOSPC', this.#medium.path);
    for (const job of this.#jobs.splice(0)) this.#machine.scheduler.defer(() => this.#deliver(() => job.done(error)));
  }

  #end(job: Job, error: FileError | null): void {
    this.#jobs.shift();
    this.#deliver(() => job.done(error));
    this.#work();
  }

  #closed(): void {
    const closing = this.#closing;
    for (const reader of this.#readers) reader.close();
    this.#machine.scheduler.defer(() => this.#deliver(() => closing?.()));
  }

  #deliver(task: () => void): void {
    if (this.#machine.alive()) this.#machine.deliver(task);
  }
}

class SimReader implements RowReader {
  readonly #space: number;
  readonly #rows: readonly Stored[];
  readonly #path: string;
  readonly #closed: () => void;
  #at = 0;
  #open = true;

  constructor(space: number, rows: readonly Stored[], path: string, closed: () => void) {
    this.#space = space;
    this.#rows = rows;
    this.#path = path;
    this.#closed = closed;
  }

  next(bytes_max: number): Row[] {
    const rows: Row[] = [];
    let bytes = 0;
    let at = this.#at;
    for (let row = this.#rows[at]; this.#open && row !== undefined && bytes < bytes_max; row = this.#rows[at]) {
      rows.push({ key: Buffer.from(row.key), value: checkedValue(this.#space, row, this.#path) });
      bytes += row.key.length + row.sealed.length - 4;
      at++;
    }
    this.#at = at;
    return rows;
  }

  close(): void {
    this.#open = false;
    this.#closed();
  }
}

/** The giver loses its buffer, as it does to another thread: whoever goes on using it notices. */
function handedOver(packed: Buffer): Buffer {
  if (packed.buffer.byteLength <= Buffer.poolSize) return Buffer.from(packed);
  const { byteOffset, length } = packed;
  const memory = packed.buffer as ArrayBuffer;
  return Buffer.from(structuredClone(memory, { transfer: [memory] }), byteOffset, length);
}
