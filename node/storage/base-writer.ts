/** The thread that writes a base (base-worker.ts), as the main thread sees it: started, given orders, closed, and waited for at exit. */
import { Worker } from 'node:worker_threads';
import type { Done, FileError } from '../world.js';
import type { Head } from './base.js';
import { type Order, type Report, type SpaceRows, STATE, type WriterOptions } from './base-orders.js';
import { errorOf, type Failure, failureOf } from './lmdb.js';

/** Longest time that an exiting process waits for a transaction to be taken back, ms. A sync that is under way cannot be. */
const EXIT_MS_MAX = 10_000;

/** Opens the base in a folder for writing, in a thread of its own. */
export function startWriter(folder: string, done: Done<BaseWriter | null>): void {
  const state = new SharedArrayBuffer(4);
  const workerData: WriterOptions = { folder, state };
  const worker = new Worker(new URL('./base-worker.js', import.meta.url), {
    workerData,
    execArgv: ['--enable-source-maps'],
  });
  let opened: FileError | null = errorOf({ code: 'EIO', message: 'the thread that writes it did not start' }, folder);
  let writer: BaseWriter | null = null;
  worker.once('message', (report: Report) => {
    if (report.report !== 'open') throw new Error(`a writer began with ${report.report}`);
    opened = report.failure && errorOf(report.failure, folder);
    if (opened !== null) return;
    writer = new BaseWriter(worker, new Int32Array(state), folder, report.bytes);
    done(null, writer);
  });
  worker.on('error', (error) => {
    if (writer === null) opened = errorOf(failureOf(error), folder);
    else writer.fail(failureOf(error));
  });
  worker.once('exit', () => {
    if (writer === null) done(opened, null);
    else writer.ended();
  });
}

export class BaseWriter {
  readonly #worker: Worker;
  readonly #state: Int32Array;
  readonly #folder: string;
  readonly #waiting = new Map<number, Done>();
  #ids = 0;
  #dead: FileError | null = null;
  #gone = false;
  #closed: () => void = () => {};
  /** As in Base. */
  full = false;
  bytes: number;

  constructor(worker: Worker, state: Int32Array, folder: string, bytes: number) {
    this.#worker = worker;
    this.#state = state;
    this.#folder = folder;
    this.bytes = bytes;
    worker.on('message', (report: Report) => this.#hear(report));
    process.on('exit', this.#stop);
  }

  /** Writes rows and a head as one. The buffers of the rows are handed over. */
  commit(rows: readonly SpaceRows[], head: Head | null, done: Done): void {
    const handed = rows.map(({ packed }) => packed.buffer as ArrayBuffer);
    this.#order({ order: 'commit', id: this.#ids++, rows, head }, done, handed);
  }

  drop(space: number, done: Done): void {
    this.#order({ order: 'drop', id: this.#ids++, space }, done, []);
  }

  /** Ends the thread once what was ordered is over, or given up because the disk is full. */
  close(closed: () => void): void {
    this.#closed = closed;
    if (this.#gone) setImmediate(closed);
    else this.#worker.postMessage({ order: 'close' } satisfies Order);
  }

  /** It writes no more, for this reason. */
  fail(failure: Failure): void {
    const dead = errorOf(failure, this.#folder);
    this.#dead ??= dead;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const done of waiting) done(dead);
  }

  /** The thread has ended. */
  ended(): void {
    process.off('exit', this.#stop);
    this.#gone = true;
    this.fail({ code: 'EIO', message: 'the thread that writes it has ended' });
    this.#closed();
  }

  #order(order: Extract<Order, { readonly id: number }>, done: Done, handed: readonly ArrayBuffer[]): void {
    const dead = this.#dead;
    if (dead !== null) {
      setImmediate(() => done(dead));
      return;
    }
    this.#waiting.set(order.id, done);
    this.#worker.postMessage(order, handed);
  }

  #hear(report: Report): void {
    if (report.report === 'full') this.full = report.full;
    if (report.report !== 'over') return;
    const done = this.#waiting.get(report.id);
    this.#waiting.delete(report.id);
    this.bytes = report.bytes;
    done?.(report.failure && errorOf(report.failure, this.#folder));
  }

  /** The process exits now. */
  readonly #stop = (): void => {
    const was = Atomics.exchange(this.#state, 0, STATE.stop);
    if (was === STATE.writing) Atomics.wait(this.#state, 0, STATE.stop, EXIT_MS_MAX);
  };
}
