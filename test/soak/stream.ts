/** One client's messages, in at one end of the queue and out at the other: what comes out has to be what went in, in its order. */
import type { Cluster, Queue } from '../../protocol/client/index.js';
import type { Bodies } from './bodies.js';
import { inFlight } from './figures.js';

/** Longer than anything keeps a command waiting, ms. */
const TIMEOUT_MS = 120_000;
const PROGRESS_MS = 5000;

/** Hears how many are done. */
export type Progress = (done: number) => void;

/** For a queue that nobody else uses, with faults that leave no command's fate open. */
export class Stream {
  /** Numbers given to messages, and messages asked for: 1, 2, 3, ... */
  sent = 0;
  asked = 0;
  readonly #bodies: Bodies;
  #queue: Queue;

  constructor(client: Cluster, bodies: Bodies) {
    this.#queue = client.queue();
    this.#bodies = bodies;
  }

  /** From now on this client. Only while no command is under way. */
  use(client: Cluster): void {
    this.#queue = client.queue();
  }

  /** Messages in the queue, when nothing is under way. */
  get length(): number {
    return this.sent - this.asked;
  }

  /** Enqueues the next message. */
  async put(): Promise<void> {
    await this.#queue.enqueue(this.#bodies.of(++this.sent), { timeout_ms: TIMEOUT_MS });
  }

  /** Dequeues the first one; there has to be one. @throws Error when it is not the one that was to come */
  async take(): Promise<void> {
    const wanted = ++this.asked;
    const message = await this.#queue.dequeue({ timeout_ms: TIMEOUT_MS });
    if (message === undefined) throw new Error(`message ${wanted} is lost: the queue is empty`);
    const number = this.#bodies.read(message.body);
    if (number !== wanted) throw new Error(`message ${number} came where ${wanted} was to come`);
  }

  async pair(): Promise<void> {
    await this.put();
    await this.take();
  }

  /** Enqueues `count`, `depth` at a time; tells now and then how many it was. Returns ms. */
  puts(count: number, depth: number, progress: Progress = () => {}): Promise<number> {
    return timed(count, depth, () => this.put(), progress);
  }

  takes(count: number, depth: number, progress: Progress = () => {}): Promise<number> {
    return timed(count, depth, () => this.take(), progress);
  }

  pairs(count: number, depth: number, progress: Progress = () => {}): Promise<number> {
    return timed(count, depth, () => this.pair(), progress);
  }
}

async function timed(count: number, depth: number, one: () => Promise<void>, progress: Progress): Promise<number> {
  const begun = performance.now();
  let done = 0;
  let told = begun;
  await inFlight(count, depth, async () => {
    await one();
    done++;
    if (performance.now() - told < PROGRESS_MS) return;
    told = performance.now();
    progress(done);
  });
  return performance.now() - begun;
}
