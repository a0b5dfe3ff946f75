/** One seed's story: clients that enqueue numbers while nodes crash, stand still and lose each other; then everything heals and is counted. */
import type { Cluster } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { SimulatedCluster } from './cluster.js';
import { BrokenPromise } from './judge.js';

/** Simulated time with faults, ms. */
const FAULTY_MS = 30_000;
/** Mean time between faults, ms. */
const FAULT_EVERY_MS = 1500;
/** Within it a healed cluster has to elect, serve and agree, ms. */
const HEAL_MS_MAX = 20_000;
const WRITERS = 2;
const DEPTH = 8;

/** What a run came to. */
export interface Run {
  readonly acknowledged: number;
  readonly attempted: number;
  readonly events: number;
  readonly trace: readonly string[];
}

interface Writer {
  readonly client: Cluster;
  readonly name: string;
  next: number;
  readonly acknowledged: Set<string>;
  readonly refused: Set<string>;
}

/** Plays a seed to its end. @throws BrokenPromise with the last lines of the trace */
export async function explore(seed: number): Promise<Run> {
  const cluster = new SimulatedCluster(seed);
  try {
    return await play(cluster);
  } catch (error) {
    const told = error instanceof Error ? error : new Error(String(error));
    told.message = `seed ${seed}: ${told.message}\n${cluster.trace.slice(-40).join('\n')}`;
    throw told;
  }
}

async function play(cluster: SimulatedCluster): Promise<Run> {
  cluster.start(...cluster.ids);
  await cluster.until(() => cluster.leaders('s0').length === 1 && cluster.leaders('c').length === 1, 10_000);
  const writers: Writer[] = [];
  for (let i = 0; i < WRITERS; i++) {
    const name = `w${i}`;
    writers.push({ client: await clientOf(cluster, name), name, next: 0, acknowledged: new Set(), refused: new Set() });
  }
  const stop = { now: false };
  for (const writer of writers) for (let i = 0; i < DEPTH; i++) void write(cluster, writer, stop);
  await breakThings(cluster);
  mend(cluster);
  await cluster.pass(2000);
  stop.now = true;
  await cluster.until(() => writers.every(({ client }) => client.leaderOf('s0') !== ''), HEAL_MS_MAX);
  const bodies = await drain(cluster);
  count(writers, bodies);
  await cluster.until(() => cluster.converged('s0') !== null && cluster.converged('c') !== null, HEAL_MS_MAX);
  for (const group of ['c', 's0'])
    if (new Set(cluster.fingerprints(group)).size !== 1) throw new BrokenPromise(`replicas of ${group} differ`);
  const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged.size, 0);
  const attempted = writers.reduce((sum, writer) => sum + writer.next, 0);
  cluster.trace.push(`acknowledged ${acknowledged} of ${attempted}`);
  return { acknowledged, attempted, events: cluster.time.events, trace: cluster.trace };
}

// Enqueues one number after the other; several of these run side by side and share the numbers of one writer.
async function write(cluster: SimulatedCluster, writer: Writer, stop: { now: boolean }): Promise<void> {
  while (!stop.now) {
    const body = `${writer.name}:${writer.next++}`;
    try {
      await writer.client.queue().enqueue(body, { timeout_ms: 2000 + cluster.pick(4000) });
      writer.acknowledged.add(body);
    } catch (error) {
      if (!(error instanceof ConcordError)) throw error;
      if (error.definite) writer.refused.add(body);
    }
    await pause(cluster, 10 + cluster.pick(40));
  }
}

async function breakThings(cluster: SimulatedCluster): Promise<void> {
  const end = cluster.time.now() + FAULTY_MS;
  while (cluster.time.now() < end) {
    await cluster.pass(cluster.pick(2 * FAULT_EVERY_MS));
    const id = cluster.ids[cluster.pick(cluster.ids.length)] ?? 'n1';
    switch (cluster.pick(9)) {
      case 0:
      case 1:
        cluster.kill(id);
        break;
      case 2:
        cluster.cutPower(id);
        break;
      case 3:
        for (const every of cluster.ids) cluster.cutPower(every);
        break;
      case 4:
        cluster.isolate(id);
        break;
      case 5:
        cluster.pause(id);
        break;
      case 6:
        cluster.network.reset(id, cluster.ids[cluster.pick(cluster.ids.length)] ?? 'n2');
        break;
      default:
        mend(cluster);
    }
  }
}

function mend(cluster: SimulatedCluster): void {
  cluster.heal();
  for (const id of cluster.ids) {
    cluster.resume(id);
    cluster.start(id);
  }
}

async function drain(cluster: SimulatedCluster): Promise<string[]> {
  const reader = await clientOf(cluster, 'reader');
  const bodies: string[] = [];
  for (;;) {
    const message = await cluster.result(reader.queue().dequeue({ timeout_ms: HEAL_MS_MAX }));
    if (message === undefined) return bodies;
    bodies.push(String(message.body));
  }
}

function count(writers: readonly Writer[], bodies: readonly string[]): void {
  const times = new Map<string, number>();
  for (const body of bodies) times.set(body, (times.get(body) ?? 0) + 1);
  for (const [body, n] of times) if (n > 1) throw new BrokenPromise(`exactly once: ${body} came ${n} times`);
  for (const { name, acknowledged, refused } of writers) {
    for (const body of acknowledged)
      if (!times.has(body)) throw new BrokenPromise(`durable: acknowledged ${body} is lost`);
    for (const body of refused) if (times.has(body)) throw new BrokenPromise(`definite: refused ${body} was executed`);
    const numbers = bodies.filter((body) => body.startsWith(`${name}:`)).map((body) => Number(body.split(':')[1]));
    numbers.forEach((number, i) => {
      if (number <= (numbers[i - 1] ?? -1))
        throw new BrokenPromise(`in order: ${name}:${number} after ${numbers[i - 1]}`);
    });
  }
}

function clientOf(cluster: SimulatedCluster, name: string): Promise<Cluster> {
  return cluster.result(cluster.client(name, { timeout_ms: HEAL_MS_MAX }));
}

function pause(cluster: SimulatedCluster, ms: number): Promise<void> {
  return new Promise((resolve) => {
    cluster.time.add(ms, resolve, cluster.tester);
  });
}
