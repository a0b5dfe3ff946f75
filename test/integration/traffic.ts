/** Numbered messages without pause: a client that never stops enqueuing, and the judgement of what comes out of the queue. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/index.js';
import { ConcordError } from '../../protocol/errors.js';
import { until } from './until.js';

/** Dequeues under way at once while the queue is emptied. */
const DRAIN_WINDOW = 256;

export interface TrafficOptions {
  /** Commands under way at once. Default 64. */
  readonly window?: number;
  /** Time that each command is allowed, ms. Default 30,000: longer than any fault lasts. */
  readonly timeout_ms?: number;
}

/** Enqueues 1, 2, 3, ... from when it is made until `stop`. */
export class Traffic {
  /** Id of the message, by acknowledged number. */
  readonly acknowledged = new Map<number, number>();
  /** What was answered instead, by number: a definite error or not. */
  readonly failed = new Map<number, ConcordError>();
  readonly #client: Cluster;
  readonly #window: number;
  readonly #timeout_ms: number;
  #sent = 0;
  #stopped = false;

  constructor(client: Cluster, { window = 64, timeout_ms = 30_000 }: TrafficOptions = {}) {
    this.#client = client;
    this.#window = window;
    this.#timeout_ms = timeout_ms;
    this.#fill();
  }

  get sent(): number {
    return this.#sent;
  }

  /** Resolves when so many more have been acknowledged: the cluster works. */
  async flows(count: number): Promise<void> {
    const goal = this.acknowledged.size + count;
    const enough = () => this.acknowledged.size >= goal;
    await until(`${count} more acknowledgements`, enough, () => `(${this.#stand()})`);
  }

  /** Sends no more; resolves when all that was sent has been answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await until(
      'everything is answered',
      () => this.#open === 0,
      () => `(${this.#stand()})`,
    );
  }

  /**
   * Empties the queue and holds it against what was answered: each acknowledged number comes out exactly once, under the id that it was
   * given; one whose fate was left open at most once; one that was refused never; all in order. Returns how many came out.
   */
  async verify(consumer: Cluster): Promise<number> {
    const messages = await drain(consumer);
    let last = 0;
    for (const { id, body } of messages) {
      const number = body as number;
      if (number <= last) expect.fail(`${number} came after ${last}`);
      for (let missing = last + 1; missing < number; missing++) this.#mayBeMissing(missing);
      const expected = this.acknowledged.get(number);
      if (expected !== undefined && expected !== id) expect.fail(`${number} is message ${id}, was told ${expected}`);
      if (this.failed.get(number)?.definite === true) expect.fail(`${number} was refused, and came out`);
      last = number;
    }
    for (let missing = last + 1; missing <= this.#sent; missing++) this.#mayBeMissing(missing);
    expect(await consumer.queue().size()).to.equal(0);
    return messages.length;
  }

  get #open(): number {
    return this.#sent - this.acknowledged.size - this.failed.size;
  }

  #mayBeMissing(number: number): void {
    if (this.acknowledged.has(number)) expect.fail(`${number} was acknowledged and is lost`);
  }

  #stand(): string {
    const [number, error] = [...this.failed].at(-1) ?? [0, null];
    const failure =
      error === null ? '' : `, ${this.failed.size} failed, the last ${number}: ${error.code} ${error.message}`;
    return `${this.#sent} sent, ${this.acknowledged.size} acknowledged${failure}`;
  }

  #refused(number: number, error: ConcordError): void {
    this.failed.set(number, error);
    // The test is over, most likely in vain.
    if (error.code === 'CLOSED') this.#stopped = true;
  }

  #fill(): void {
    while (!this.#stopped && this.#open < this.#window) {
      const number = ++this.#sent;
      this.#client
        .queue()
        .enqueue(number, { timeout_ms: this.#timeout_ms })
        .then(
          (id) => this.acknowledged.set(number, id),
          (error: unknown) =>
            this.#refused(number, error instanceof ConcordError ? error : new ConcordError('INTERNAL', `${error}`)),
        )
        .finally(() => this.#fill());
    }
  }
}

/** Takes out everything that is in the queue, in order. */
export async function drain(client: Cluster): Promise<{ id: number; body: unknown }[]> {
  const queue = client.queue();
  const messages: { id: number; body: unknown }[] = [];
  const underWay: Promise<{ id: number; body: unknown } | undefined>[] = [];
  let empty = false;
  do {
    while (!empty && underWay.length < DRAIN_WINDOW) underWay.push(queue.dequeue({ timeout_ms: 30_000 }));
    const message = await underWay.shift();
    if (message === undefined) empty = true;
    else messages.push(message);
  } while (underWay.length > 0);
  return messages;
}
