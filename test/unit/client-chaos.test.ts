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
    if (world.pick(3) === 0)
      await new Promise<void>((resolve) => {
        world.scheduler.after(world.pick(60), resolve);
      });
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

describe('client: chaos', () => {
  for (let seed = 1; seed <= 40; seed++) {
    it(`keeps exactly once, the order, and its word (seed ${seed})`, () => run(seed)).timeout(20_000);
  }
});
