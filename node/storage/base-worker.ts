/** The thread that alone writes a base: takes orders from the main thread (lmdb-base.ts), one transaction after the other. */
import { statfsSync, statSync } from 'node:fs';
import os from 'node:os';
import { MessageChannel, type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { eachPackedRow } from '../packed-rows.js';
import { type Order, type Report, STATE, type WriterOptions } from './base-orders.js';
import { BASE_FORMAT, FORMAT_KEY, headKey, rangeBehind, rowKey, seal, sealedBytes } from './base-rows.js';
import { DATA_FILE, type Failure, failureOf, type Lmdb, openLmdb } from './lmdb.js';

type Job = Exclude<Order, { readonly order: 'close' }>;

/** Rows that one transaction of a drop deletes at most. */
const DROP_ROWS = 4_096;

/** A disk with less room than this is full, bytes. */
const FULL_BYTES = 1 << 20;

/** Time between two attempts while the disk is full, ms. */
const RETRY_MS = 250;

/** Nobody waits for a checkpoint: where processors are few it gives way to the commands that come meanwhile. */
const NICENESS = 10;

/** Takes a transaction back because the process ends. */
class Stopped extends Error {
  constructor() {
    super('the process ends');
  }
}

class Writer {
  readonly #db: Lmdb;
  readonly #folder: string;
  readonly #state: Int32Array;
  readonly #port: MessagePort;
  /** Commits come in their order; drops, which concern nobody else, in between. */
  readonly #commits: Job[] = [];
  readonly #drops: Job[] = [];
  #working = false;
  #full = false;
  readonly #nowhere = portToNowhere();
  #closing = false;
  /** What the first write that failed failed with: there is none after it. */
  #dead: Failure | null = null;
  #endPause: () => void = () => {};
  #scratch = Buffer.alloc(64 << 10);

  constructor(db: Lmdb, port: MessagePort, { folder, state }: WriterOptions) {
    this.#db = db;
    this.#folder = folder;
    this.#state = new Int32Array(state);
    this.#port = port;
  }

  take(order: Order): void {
    if (order.order === 'close') this.#closing = true;
    else (order.order === 'commit' ? this.#commits : this.#drops).push(order);
    this.#endPause();
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#commits.length + this.#drops.length > 0) {
      const full = [await this.#advance(this.#commits), await this.#advance(this.#drops)].find((failure) => failure);
      this.#tellFull(full !== undefined);
      if (full) await this.#giveUpOrWait(full);
    }
    this.#working = false;
    if (!this.#closing) return;
    await this.#db.close();
    this.#port.close();
  }

  /** One transaction for the first job of a line. Gives the failure when the disk is full; the job stays then. */
  async #advance(line: Job[]): Promise<Failure | null> {
    const [job] = line;
    if (job === undefined) return null;
    let over = true;
    try {
      if (this.#dead === null)
        over = this.#transact(() => (job.order === 'commit' ? this.#commit(job) : this.#drop(job)));
      await this.#db.flushed;
    } catch (error) {
      const failure = failureOf(error);
      if (isFull(failure, this.#folder)) return { ...failure, code: 'ENOSPC' };
      this.#dead = failure;
    }
    if (over) this.#end(line, this.#dead);
    return null;
  }

  #transact(work: () => boolean): boolean {
    if (Atomics.compareExchange(this.#state, 0, STATE.idle, STATE.writing) !== STATE.idle) throw new Stopped();
    let over = false;
    try {
      // Given something to wait for, it would commit later.
      this.#db.transactionSync(() => {
        over = work();
      });
    } finally {
      const was = Atomics.compareExchange(this.#state, 0, STATE.writing, STATE.idle);
      if (was === STATE.stop) Atomics.store(this.#state, 0, STATE.stopped);
      Atomics.notify(this.#state, 0);
    }
    return over;
  }

  /** @throws Stopped when the process is about to end */
  #checkStop(): void {
    if (Atomics.load(this.#state, 0) === STATE.stop) throw new Stopped();
  }

  #commit({ rows, head }: Extract<Job, { order: 'commit' }>): boolean {
    for (const { space, packed } of rows) {
      const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
      eachPackedRow(bytes, (key, value) => {
        this.#checkStop();
        if (value === null) this.#db.removeSync(rowKey(space, key));
        else this.#put(rowKey(space, key), value);
      });
    }
    if (head !== null) this.#put(headKey(head.group), Buffer.from(head.bytes));
    return true;
  }

  #drop({ space }: Extract<Job, { order: 'drop' }>): boolean {
    const keys = [...this.#db.getKeys({ ...rangeBehind(space, null), limit: DROP_ROWS })];
    for (const key of keys) this.#db.removeSync(key);
    return keys.length < DROP_ROWS;
  }

  #put(stored: Buffer, value: Buffer): void {
    const bytes = sealedBytes(value);
    if (bytes > this.#scratch.length) this.#scratch = Buffer.alloc(2 * bytes);
    // Inside a transaction LMDB copies at once.
    this.#db.putSync(stored, seal(stored, value, this.#scratch.subarray(0, bytes)));
  }

  #end(line: Job[], failure: Failure | null): void {
    const job = line.shift();
    if (job === undefined) return;
    if (job.order === 'commit') this.#forget(job);
    if (failure === null) this.#tellFull(false);
    this.#tell({ report: 'over', id: job.id, failure, bytes: sizeOf(this.#folder) });
  }

  #tell(report: Report): void {
    this.#port.postMessage(report);
  }

  /** Gives the memory of rows back, 32 MB and more, for which the collector of this thread has no reason to hurry. */
  #forget(job: Extract<Job, { order: 'commit' }>): void {
    this.#nowhere.postMessage(
      null,
      job.rows.map(({ packed }) => packed.buffer as ArrayBuffer),
    );
    job.rows = [];
  }

  #tellFull(full: boolean): void {
    if (full !== this.#full) this.#tell({ report: 'full', full });
    this.#full = full;
  }

  async #giveUpOrWait(full: Failure): Promise<void> {
    if (this.#closing) {
      for (const line of [this.#commits, this.#drops]) while (line.length > 0) this.#end(line, full);
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = () => {};
  }
}

/** LMDB takes a write of which only a part found room for an error of the device. */
function isFull({ code }: Failure, folder: string): boolean {
  if (code !== 'EIO') return code === 'ENOSPC' || code === 'EDQUOT';
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize < FULL_BYTES;
}

/** What is handed over to it is gone at once. */
function portToNowhere(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return port1;
}

/** Size of the database's file, bytes. */
function sizeOf(folder: string): number {
  return statSync(`${folder}/${DATA_FILE}`).size;
}

/** Opens the database and writes the format into a new one. */
function openForWriting(folder: string): Lmdb {
  const db = openLmdb(folder, { readOnly: false });
  if (db.getKeysCount({ limit: 1 }) === 0) {
    const version = Buffer.alloc(4);
    version.writeUInt32BE(BASE_FORMAT);
    db.putSync(FORMAT_KEY, seal(FORMAT_KEY, version));
  }
  return db;
}

/** Elsewhere than on Linux it would be about the whole process. */
function giveWay(): void {
  if (process.platform === 'linux') os.setPriority(NICENESS);
}

function main(): void {
  const port = parentPort;
  if (port === null) throw new Error('this file is for a worker thread');
  const options: WriterOptions = workerData;
  const tell = (report: Report) => port.postMessage(report);
  giveWay();
  try {
    const writer = new Writer(openForWriting(options.folder), port, options);
    port.on('message', (order: Order) => writer.take(order));
    tell({ report: 'open', failure: null, bytes: sizeOf(options.folder) });
  } catch (error) {
    tell({ report: 'open', failure: failureOf(error), bytes: 0 });
  }
}

main();
