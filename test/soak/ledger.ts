/** What two clients were told about numbered messages while everything went wrong, and whether that can be true of a queue. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Queue } from '../../protocol/client/index.js';
import { ConcordError } from '../../protocol/errors.js';
import { until } from '../integration/until.js';
import type { Bodies } from './bodies.js';

/** Longer than any fault lasts, ms. */
const TIMEOUT_MS = 60_000;
const PUTS = 32;
const TAKES = 32;
/** A client that has nothing to do looks again after this, ms. */
const IDLE_MS = 5;
/** More of them tell nothing new. */
const VIOLATIONS_MAX = 20;

/** What became of a dequeue: a message, nothing in the queue, or nobody knows. */
type Taken = { readonly number: number; readonly id: number } | 'empty' | 'refused' | 'unknown' | 'open';

/** Enqueues 1, 2, 3, ... from when it is made until `stop`, and dequeues what is too much. */
export class Ledger {
  /** Messages that may be in the queue before one is dequeued. */
  level = 0;
  /** Id of the message, by number. */
  readonly acknowledged = new Map<number, number>();
  readonly #bodies: Bodies;
  readonly #consumer: Queue;
  /** By number. */
  readonly #failed = new Map<number, ConcordError>();
  /** In the order in which they were asked for. */
  readonly #taken: Taken[] = [];
  readonly #wrong: string[] = [];
  #sent = 0;
  #out = 0;
  #stopped = false;
  readonly #ended: Promise<unknown>;

  constructor(producer: Cluster, consumer: Cluster, bodies: Bodies) {
    this.#bodies = bodies;
    this.#consumer = consumer.queue();
    const queue = producer.queue();
    const puts = Array.from({ length: PUTS }, () => this.#keepPutting(queue));
    const takes = Array.from({ length: TAKES }, () => this.#keepTaking());
    this.#ended = Promise.all([...puts, ...takes]);
  }

  /** Messages that came out. */
  get out(): number {
    return this.#out;
  }

  /** Commands of which nobody knows whether they were carried out. */
  get unknown(): number {
    const puts = [...this.#failed.values()].filter(({ definite }) => !definite).length;
    return puts + this.#taken.filter((taken) => taken === 'unknown').length;
  }

  /** Resolves when so many more were acknowledged: the cluster works. */
  async flows(count: number): Promise<void> {
    const goal = this.acknowledged.size + count;
    await until(`${count} more acknowledgements`, () => this.acknowledged.size >= goal);
  }

  /** Resolves when all that was asked has been answered, and no more is asked. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }

  /** Dequeues so many, or all that there are. After `stop`. */
  async drain(count = Number.POSITIVE_INFINITY): Promise<void> {
    let left = count;
    let over = false;
    const place = async () => {
      while (!over && left-- > 0) {
        const taken = await this.#take();
        // Empty; or the queue cannot be emptied, which shows in what is lost then.
        if (typeof taken === 'string') over = true;
      }
    };
    await Promise.all(Array.from({ length: TAKES }, place));
  }

  /** What cannot be, once the queue is empty. */
  violations(): string[] {
    const wrong = [...this.#wrong];
    const seen = new Set<number>();
    let last = 0;
    for (const taken of this.#taken) {
      if (typeof taken === 'string') continue;
      const { number, id } = taken;
      const told = this.acknowledged.get(number);
      if (seen.has(number)) wrong.push(`${number} came out twice`);
      else if (number < last) wrong.push(`${number} came out after ${last}`);
      if (number > this.#sent) wrong.push(`${number} came out and was never sent`);
      if (this.#failed.get(number)?.definite === true) wrong.push(`${number} was refused and came out`);
      if (told !== undefined && told !== id) wrong.push(`${number} is message ${id}, and was told ${told}`);
      seen.add(number);
      last = Math.max(last, number);
    }
    const missing = [...this.acknowledged.keys()].filter((number) => !seen.has(number));
    // A dequeue whose end nobody knows may have taken one of them.
    const may = this.#taken.filter((taken) => taken === 'unknown').length;
    const some = missing.slice(0, VIOLATIONS_MAX).join(' ');
    if (missing.length > may) wrong.push(`${missing.length} acknowledged and lost: ${some}`);
    const refused = this.#taken.filter((taken) => taken === 'refused').length;
    const [number, error] = [...this.#failed][0] ?? [];
    if (error !== undefined)
      wrong.push(`${this.#failed.size} refused, the first ${number}: ${error.code} ${error.message}`);
    if (refused > 0) wrong.push(`${refused} dequeues refused`);
    return wrong.slice(0, VIOLATIONS_MAX);
  }

  async #keepPutting(queue: Queue): Promise<void> {
    while (!this.#stopped) {
      const number = ++this.#sent;
      try {
        this.acknowledged.set(number, await queue.enqueue(this.#bodies.of(number), { timeout_ms: TIMEOUT_MS }));
      } catch (error) {
        this.#failed.set(number, known(error));
        await sleep(IDLE_MS);
      }
    }
  }

  async #keepTaking(): Promise<void> {
    while (!this.#stopped)
      if (this.acknowledged.size - this.#out <= this.level || typeof (await this.#take()) === 'string')
        await sleep(IDLE_MS);
  }

  async #take(): Promise<Taken> {
    const place = this.#taken.push('open') - 1;
    const taken = await this.#ask();
    this.#taken[place] = taken;
    if (typeof taken !== 'string') this.#out++;
    return taken;
  }

  async #ask(): Promise<Taken> {
    try {
      const message = await this.#consumer.dequeue({ timeout_ms: TIMEOUT_MS });
      return message === undefined ? 'empty' : { number: this.#read(message.body), id: message.id };
    } catch (error) {
      return known(error).definite ? 'refused' : 'unknown';
    }
  }

  #read(body: unknown): number {
    try {
      return this.#bodies.read(body);
    } catch (error) {
      this.#wrong.push((error as Error).message);
      return 0;
    }
  }
}

function known(error: unknown): ConcordError {
  return error instanceof ConcordError ? error : new ConcordError('INTERNAL', String(error));
}
