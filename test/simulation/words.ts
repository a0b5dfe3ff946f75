/** The words of the named scenarios: a cluster that runs, leaders where a test wants them, load, and strangers. */
import type { Cluster, Queue } from '../../protocol/client/types.js';
import { type Connection, dial } from '../../protocol/connection.js';
import { ConcordError } from '../../protocol/errors.js';
import type { Message, MessageOf } from '../../protocol/messages.js';
import { hello } from '../unit/greetings.js';
import { SimulatedCluster, type SimulationOptions } from './cluster.js';

/** Longest time that a healthy cluster may take for anything, ms. */
export const SOON_MS = 10_000;

/** Segments and budgets so small that the log is given back again and again within seconds. */
export const SMALL = {
  segment_bytes: 16 << 10,
  budgets: { memory_budget: 64 << 10, log_budget: 64 << 10 },
} satisfies SimulationOptions;

/** A cluster that has just been born, with n1 leading both groups. */
export async function running(options: SimulationOptions = {}, seed = 1): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(seed, options);
  cluster.start(...cluster.ids);
  await lead(cluster, cluster.ids[0] ?? '', 'c', 's0');
  return cluster;
}

/** The leader of a group, '' while there is none that is settled. One that stood still may take itself for it: the newest counts. */
export function leaderOf(cluster: SimulatedCluster, group = 's0'): string {
  const term = (id: string) => cluster.replica(id, group)?.raft.term ?? 0;
  const settled = cluster.leaders(group).filter((id) => cluster.replica(id, group)?.raft.settled === true);
  return settled.sort((a, b) => term(b) - term(a))[0] ?? '';
}

/** Some node leads the group, one other than `not`. */
export async function led(cluster: SimulatedCluster, group = 's0', not = ''): Promise<string> {
  await cluster.until(() => ![not, ''].includes(leaderOf(cluster, group)), SOON_MS);
  return leaderOf(cluster, group);
}

/** Makes `id` the leader of these groups. */
export async function lead(cluster: SimulatedCluster, id: string, ...groups: readonly string[]): Promise<void> {
  for (const group of groups) {
    const leader = await led(cluster, group);
    if (leader === id) continue;
    await cluster.until(() => {
      cluster.replica(leader, group)?.raft.transfer(id, cluster.time.now());
      return leaderOf(cluster, group) === id;
    }, SOON_MS);
  }
}

/** Every node has applied the same entries of `group`, and its state is the same. */
export async function agreed(cluster: SimulatedCluster, group = 's0'): Promise<boolean> {
  await cluster.until(() => cluster.converged(group) !== null, SOON_MS);
  return new Set(cluster.fingerprints(group)).size === 1;
}

/** Load flows until the log of `group` on every node that is up begins behind what `id`, which is away, has. */
export async function outrun(
  cluster: SimulatedCluster,
  load: Load,
  id: string,
  last: number,
  group = 's0',
): Promise<void> {
  const others = cluster.ids.filter((other) => other !== id && cluster.isUp(other));
  while (others.some((other) => (cluster.replica(other, group)?.raft.log.start.index ?? 0) <= last))
    await load.flows(20);
}

/** The error that a call ends in. */
export async function failure(cluster: SimulatedCluster, call: Promise<unknown>): Promise<ConcordError> {
  try {
    await cluster.result(call);
  } catch (error) {
    if (error instanceof ConcordError) return error;
    throw error;
  }
  throw new Error('expected an error');
}

/** Takes everything out of the queue. */
export async function drained(cluster: SimulatedCluster, queue: Queue): Promise<unknown[]> {
  const bodies: unknown[] = [];
  for (;;) {
    const message = await cluster.result(queue.dequeue({ timeout_ms: 20_000 }));
    if (message === undefined) return bodies;
    bodies.push(message.body);
  }
}

/** Numbers enqueued one after the other, a few at a time, until it is told to stop. */
export class Load {
  readonly acknowledged: number[] = [];
  readonly failures: ConcordError[] = [];
  readonly #cluster: SimulatedCluster;
  readonly #queue: Queue;
  #next = 0;
  #running = 0;
  #stopped = false;

  constructor(cluster: SimulatedCluster, client: Cluster, options: { depth?: number; pause_ms?: number } = {}) {
    this.#cluster = cluster;
    this.#queue = client.queue();
    const { depth = 4, pause_ms = 5 } = options;
    for (let i = 0; i < depth; i++) void this.#write(pause_ms);
  }

  /** How many were sent, answered or not. */
  get sent(): number {
    return this.#next;
  }

  /** Lets `count` more commands be acknowledged. */
  async flows(count = 50): Promise<void> {
    const until = this.acknowledged.length + count;
    await this.#cluster.until(() => this.acknowledged.length >= until, SOON_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#cluster.until(() => this.#running === 0, SOON_MS);
  }

  async #write(pause_ms: number): Promise<void> {
    this.#running++;
    while (!this.#stopped) {
      const number = this.#next++;
      try {
        await this.#queue.enqueue(number);
        this.acknowledged.push(number);
      } catch (error) {
        if (!(error instanceof ConcordError)) throw error;
        this.failures.push(error);
      }
      await new Promise<void>((resolve) => {
        this.#cluster.time.add(pause_ms, resolve, this.#cluster.tester);
      });
    }
    this.#running--;
  }
}

/** A cluster at work under n1: a client that enqueues numbers all the time, and the term in which it does. */
export interface AtWork {
  readonly cluster: SimulatedCluster;
  readonly client: Cluster;
  readonly load: Load;
  readonly term: number | undefined;
}

/** A running cluster, once its load flows. */
export async function atWork(): Promise<AtWork> {
  const cluster = await running();
  const client = await cluster.result(cluster.client('a'));
  const load = new Load(cluster, client, { pause_ms: 20 });
  await load.flows(20);
  return { cluster, client, load, term: cluster.replica('n1', 's0')?.raft.term };
}

/** A program that speaks the protocol by hand: it sends any message, and keeps what it is told. */
export class Stranger {
  readonly received: Message[] = [];
  closed = '';
  readonly #cluster: SimulatedCluster;
  readonly #connection: Connection;

  constructor(cluster: SimulatedCluster, node: string, greeting: Partial<MessageOf<'hello'>> = {}) {
    const process = cluster.time.process(`stranger to ${node}`);
    const env = { scheduler: process, network: cluster.network.of(process), random: cluster.random };
    this.#cluster = cluster;
    this.#connection = dial(env, cluster.address(node), hello({ id: 'stranger', ...greeting }), {
      ready() {},
      message: (_, message) => this.received.push(message),
      close: (_, reason) => {
        this.closed = reason.error?.code ?? reason.message;
      },
    });
  }

  async connected(): Promise<this> {
    await this.#cluster.until(() => this.#connection.open, SOON_MS);
    return this;
  }

  send(message: Message): void {
    this.#connection.send(message);
  }

  /** Sends a request and waits for the answer to it. */
  async ask(message: Message & { readonly correlation: number }): Promise<Message> {
    this.send(message);
    const { correlation } = message;
    const answer = () => this.received.find((one) => 'correlation' in one && one.correlation === correlation);
    await this.#cluster.until(() => answer() !== undefined, SOON_MS);
    return answer() as Message;
  }
}
