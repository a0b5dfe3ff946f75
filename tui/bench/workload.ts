/** What the clients of a bench do: enqueues that are dequeued again in between, or reads over a queue that stays as it is; locks are next door. */
import type { Cluster, Queue } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { SHARD } from '../../protocol/groups.js';
import type { Histogram } from './histogram.js';
import { LockCycles } from './lock-load.js';
import { Pipeline } from './pipeline.js';

/** Enqueued before the queue is emptied: half of what it may hold, in number and in bytes. */
const MESSAGES_MAX = 500_000;
const BYTES_MAX = 512 << 20;
/** Messages in the queue while its size is read. */
export const MESSAGES_READ_OVER = 100;
/** Commands under way while the queue is filled or emptied. */
const SIDE_DEPTH = 256;

/** The kinds of load. */
export type LoadKind = 'queue' | 'read' | 'lock';

/** A load on a cluster. */
export interface Workload {
  /** The group that has most to do. */
  readonly group: string;
  /** From the release of a lock to the next holder, of what counted; null where there is no such thing. */
  readonly handOvers: Histogram | null;
  /** Ways to make its calls, dealt out to the places of a pipeline of this depth in turn. */
  callsOf(depth: number): readonly (() => Promise<unknown>)[];
  /** Calls that may be made before it has to make room. */
  readonly calls_max: number;
  /** Brings about what it needs. @throws ConcordError INVALID when the cluster is not fit for it */
  prepare(): Promise<void>;
  /** Hears when what is answered begins to count, and when no more. */
  count(on: boolean): void;
  /** Hears how many calls were made, or may have been. */
  made(calls: number): void;
  /** Makes room for further calls. @throws ConcordError */
  makeRoom(): Promise<void>;
  /** Leaves the cluster as it was found. @throws ConcordError */
  leave(): Promise<void>;
}

/** What a load is made of. */
export interface LoadShape {
  /** Bytes of a message. */
  readonly size: number;
  /** Locks shared by all; 0: none is. */
  readonly names: number;
}

/** The load of a kind, by these clients. */
export function workloadOf(kind: LoadKind, clients: readonly Cluster[], { size, names }: LoadShape): Workload {
  if (kind === 'lock') return new LockCycles(clients, names);
  const queue = new BenchQueue(clients, size);
  return kind === 'queue' ? new Enqueues(queue) : new Reads(queue);
}

/** The queue with the messages of a bench in it, and nobody else's. */
class BenchQueue {
  readonly queues: readonly Queue[];
  readonly message: Buffer;
  /** Messages of the bench in it, at most. */
  held = 0;

  constructor(clients: readonly Cluster[], size: number) {
    this.queues = clients.map((client) => client.queue());
    this.message = Buffer.alloc(size, 'x');
  }

  enqueues(): (() => Promise<number>)[] {
    return this.queues.map((queue) => () => queue.enqueue(this.message));
  }

  /** Messages of others would be dequeued with those of the bench. */
  async refuseMessages(): Promise<void> {
    const size = (await this.queues[0]?.size()) ?? 0;
    if (size === 0) return;
    const message = `the queue holds ${size} messages, which the bench would take: empty it first`;
    throw new ConcordError('INVALID', message, { definite: true });
  }

  async fill(count: number): Promise<void> {
    await allOf(new Pipeline({ calls: this.enqueues(), depth: SIDE_DEPTH, calls_max: count }), (made) => {
      this.held += made;
    });
  }

  async empty(): Promise<void> {
    const calls = this.queues.map((queue) => () => queue.dequeue());
    await allOf(new Pipeline({ calls, depth: SIDE_DEPTH, calls_max: this.held }), (made) => {
      this.held -= made;
    });
  }
}

/** Waits for the end; the first failure is the caller's. `made` hears how many calls were answered, in every case. */
async function allOf(pipeline: Pipeline, made: (calls: number) => void): Promise<void> {
  await pipeline.ended;
  made(pipeline.acknowledged);
  if (pipeline.failure !== null) throw pipeline.failure;
}

/** Durable enqueues. */
class Enqueues implements Workload {
  readonly group = SHARD;
  readonly handOvers = null;
  readonly calls_max: number;
  readonly #queue: BenchQueue;

  constructor(queue: BenchQueue) {
    this.#queue = queue;
    this.calls_max = Math.min(MESSAGES_MAX, Math.ceil(BYTES_MAX / Math.max(1, queue.message.length)));
  }

  callsOf(): (() => Promise<unknown>)[] {
    return this.#queue.enqueues();
  }

  count(): void {}

  prepare(): Promise<void> {
    return this.#queue.refuseMessages();
  }

  made(calls: number): void {
    this.#queue.held += calls;
  }

  makeRoom(): Promise<void> {
    return this.#queue.empty();
  }

  leave(): Promise<void> {
    return this.#queue.empty();
  }
}

/** Linearizable reads of the queue's size. */
class Reads implements Workload {
  readonly group = SHARD;
  readonly handOvers = null;
  readonly calls_max = Number.POSITIVE_INFINITY;
  readonly #queue: BenchQueue;

  constructor(queue: BenchQueue) {
    this.#queue = queue;
  }

  callsOf(): (() => Promise<unknown>)[] {
    return this.#queue.queues.map((one) => () => one.size());
  }

  count(): void {}

  async prepare(): Promise<void> {
    await this.#queue.refuseMessages();
    await this.#queue.fill(MESSAGES_READ_OVER);
  }

  made(): void {}

  async makeRoom(): Promise<void> {}

  leave(): Promise<void> {
    return this.#queue.empty();
  }
}
