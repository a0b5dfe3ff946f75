/** The promise of exactly once, in order and truly told, under leaders, nodes and connections that come and go at random. */
import { expect } from 'chai';
import { describe, it } from 'mocha';
import { type Cluster, type ConcordError, connect } from '../../protocol/client/index.js';
import { FakeCluster, type FakeNode } from './fake-cluster.js';
import { FakeWorld } from './fake-world.js';

const COMMANDS = 150;

interface End {
  readonly value: string;
  readonly id: number | undefined;
  readonly error: ConcordError | undefined;
}

/** Does one bad thing, or undoes it. */
function disturb(world: FakeWorld, fake: FakeCluster): void {
  const node = fake.nodes[world.pick(fake.nodes.length)] as FakeNode;
  switch (world.pick(9)) {
    case 0:
    case 1:
      fake.elect('s0', world.pick(4) === 0 ? '' : node.id);
      break;
    case 2:
      fake.elect('c', node.id);
      break;
    case 3:
      node.cut();
      break;
    case 4:
      if (node.stopped) node.go();
      else node.stop();
      break;
    case 5:
      node.mute = !node.mute;
      if (!node.mute) node.cut();
      break;
    case 6:
      node.intercept = refusing(world, node);
      break;
    case 7:
      node.intercept = () => false;
      break;
    default:
      fake.stuck = !fake.stuck;
      fake.commit();
  }
}

/** Refuses every third command with something that a leader may say at any time. */
function refusing(world: FakeWorld, node: FakeNode): FakeNode['intercept'] {
  const codes = ['RETRY', 'OVERLOADED', 'STOPPING', 'DEADLINE', 'NO_SPACE', 'NO_LEADER'] as const;
  return (message, connection) => {
    if (message.kind !== 'command' || world.pick(3) > 0) return false;
    node.fail(connection, message.correlation, codes[world.pick(codes.length)] ?? 'RETRY');
    return true;
  };
}

function heal(fake: FakeCluster): void {
  fake.stuck = false;
  for (const node of fake.nodes) {
    node.intercept = () => false;
    node.mute = false;
    if (node.stopped) node.go();
    node.cut();
  }
  for (const name of ['c', 's0']) fake.elect(name, 'n2');
}

async function enqueueAll(world: FakeWorld, cluster: Cluster, name: string, ends: End[]): Promise<void> {
  const calls: Promise<void>[] = [];
  for (let i = 0; i < COMMANDS; i++) {
    const value = `${name}-${i}`;
    const call = cluster.queue().enqueue(value, { timeout_ms: 200 + world.pick(6000) });
    calls.push(
      call.then(
        (id) => void ends.push({ value, id, error: undefined }),
        (error: ConcordError) => void ends.push({ value, id: undefined, error }),
      ),
    );
    if (world.pick(3) === 0) await pause(world, world.pick(60));
  }
  await Promise.all(calls);
}

async function run(seed: number): Promise<void> {
  const world = new FakeWorld(seed);
  const fake = new FakeCluster(world);
  const clusters = await world.result(
    Promise.all(['a', 'b'].map((clientId) => connect({ nodes: fake.addresses, env: world, clientId }))),
  );
  const ends: End[] = [];
  let done = false;
  const work = Promise.all(clusters.map((cluster) => enqueueAll(world, cluster, cluster.clientId, ends))).then(() => {
    done = true;
  });
  while (!done) {
    await world.pass(world.pick(300));
    if (world.scheduler.now() < 30_000) disturb(world, fake);
    else heal(fake);
  }
  await work;
  heal(fake);
  const { enqueued } = fake.groups.s0;
  expect(ends.length).to.equal(2 * COMMANDS);
  expect(new Set(enqueued).size, 'nothing runs twice').to.equal(enqueued.length);
  for (const { value, id, error } of ends) {
    if (id !== undefined) expect(enqueued[id - 1], 'the result is the one of this command').to.equal(value);
    if (error?.definite) expect(enqueued, `${value}: ${error.code} says never`).not.to.include(value);
  }
  for (const { clientId } of clusters) {
    const mine = enqueued.map(String).filter((value) => value.startsWith(clientId));
    const order = mine.map((value) => Number(value.slice(2)));
    expect(order, 'the order of the calls').to.deep.equal([...order].sort((a, b) => a - b));
  }
  // Whatever was given up, the lanes go on.
  const after = clusters.map((cluster) => cluster.queue().enqueue(`${cluster.clientId}-end`, { timeout_ms: 20_000 }));
  await world.result(Promise.all(after));
  await world.pass(10_000);
  const before = enqueued.length;
  for (const { value, error } of ends) {
    if (error?.definite) expect(enqueued, `${value}: ${error.code} says never, later too`).not.to.include(value);
  }
  await world.result(Promise.all(clusters.map((cluster) => cluster.close())));
  expect(enqueued.length).to.equal(before);
}

/** Dequeues, most of them waiting, until `stop` is true. Returns the bodies that arrived and how many calls ended in doubt. */
async function consume(
  world: FakeWorld,
  cluster: Cluster,
  stop: () => boolean,
): Promise<{ bodies: unknown[]; doubts: number }> {
  const bodies: unknown[] = [];
  let doubts = 0;
  const one = async () => {
    while (!stop()) {
      try {
        const wait_ms = world.pick(3) * 1000;
        const message = await cluster.queue().dequeue({ wait_ms, timeout_ms: 300 + world.pick(6000) });
        if (message !== undefined) bodies.push(message.body);
        else await pause(world, 20);
      } catch (error) {
        if (!(error as ConcordError).definite) doubts++;
        await pause(world, 20);
      }
    }
  };
  await Promise.all([one(), one(), one(), one()]);
  return { bodies, doubts };
}

async function runConsumers(seed: number): Promise<void> {
  const world = new FakeWorld(seed);
  const fake = new FakeCluster(world);
  const clusters = await world.result(
    Promise.all(['a', 'b', 'c'].map((clientId) => connect({ nodes: fake.addresses, env: world, clientId }))),
  );
  const [producer, ...consumers] = clusters as [Cluster, ...Cluster[]];
  const ends: End[] = [];
  let produced = false;
  let stop = false;
  let done = false;
  const production = enqueueAll(world, producer, 'a', ends).then(() => {
    produced = true;
  });
  const consumption = Promise.all(consumers.map((cluster) => consume(world, cluster, () => stop)));
  void consumption.then(() => {
    done = true;
  });
  while (!produced || world.scheduler.now() < 8000) {
    await world.pass(world.pick(300));
    if (world.scheduler.now() >= 30_000) heal(fake);
    else if (world.pick(12) === 0) fake.expire(consumers[world.pick(consumers.length)]?.session.id ?? 0);
    else disturb(world, fake);
  }
  heal(fake);
  await production;
  await world.pass(5000);
  stop = true;
  await world.until(() => done);
  const all = await consumption;
  const bodies = all.flatMap((one) => one.bodies);
  const doubts = all.reduce((sum, one) => sum + one.doubts, 0);
  const { enqueued, queue, lanes } = fake.groups.s0;
  expect(new Set(bodies).size, 'nothing is delivered twice').to.equal(bodies.length);
  expect(enqueued).to.include.members(bodies);
  const missing = enqueued.length - queue.length - bodies.length;
  expect(missing, 'what is missing went to calls that ended in doubt').to.be.within(0, doubts);
  for (const { value, error } of ends) if (error?.definite) expect(enqueued).not.to.include(value);
  await world.pass(5000);
  const kept = [...lanes.values()].reduce((sum, lane) => sum + lane.outcomes.size, 0);
  expect(kept, 'every outcome is confirmed').to.equal(0);
  await world.result(Promise.all(clusters.map((cluster) => cluster.close())));
}

function pause(world: FakeWorld, ms: number): Promise<void> {
  return new Promise((resolve) => {
    world.scheduler.after(ms, resolve);
  });
}

describe('client: chaos', () => {
  for (let seed = 1; seed <= 25; seed++) {
    it(`keeps exactly once, the order, and its word (seed ${seed})`, () => run(seed)).timeout(20_000);
    it(`delivers to those who wait, and ends sessions, without a loss (seed ${seed})`, () =>
      runConsumers(seed)).timeout(20_000);
  }
});
