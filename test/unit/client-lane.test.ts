/** Promises of the lane: commands run once and in order, whatever becomes of leaders and connections. */
import { expect } from 'chai';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Cluster, type ConnectOptions, connect } from '../../protocol/client/index.js';
import type { Message } from '../../protocol/messages.js';
import { FakeCluster } from './fake-cluster.js';
import { FakeWorld } from './fake-world.js';

const numbers = (count: number, first = 0): number[] => Array.from({ length: count }, (_, i) => first + i);

describe('client: lanes', () => {
  let world: FakeWorld;
  let fake: FakeCluster;
  let cluster: Cluster;

  async function start(options: Partial<ConnectOptions> = {}): Promise<void> {
    cluster = await world.result(connect({ nodes: fake.addresses, env: world, ...options }));
    await world.until(() => cluster.members.every((member) => member.connected));
  }

  const enqueue = (value: unknown) => cluster.queue().enqueue(value);
  const enqueueAll = (values: readonly unknown[]) => Promise.all(values.map(enqueue));
  const commandsAt = (id: string) => fake.node(id).received.filter((message: Message) => message.kind === 'command');

  beforeEach(() => {
    world = new FakeWorld(7);
    fake = new FakeCluster(world);
  });

  afterEach(async () => {
    await world.result(cluster.close());
  });

  it('runs commands in the order of the calls, many on the way at once', async () => {
    await start();
    const ids = await world.result(enqueueAll(numbers(200)));
    expect(ids).to.deep.equal(numbers(200, 1));
    expect(fake.groups.s0.enqueued).to.deep.equal(numbers(200));
  });

  it('tells where a result came from', async () => {
    await start();
    const receipt = await world.result(cluster.command('queue.dequeue', [0]));
    expect(receipt).to.include({ value: null, node: 'n1', group: 's0', term: 1, index: 1 });
    expect(receipt.ms).to.be.above(0);
  });

  it('never has more than a window of commands without a confirmed reply, and calls beyond it wait their turn', async () => {
    await start();
    await world.result(enqueue('first'));
    fake.stuck = true;
    const calls = enqueueAll(numbers(3000));
    await world.until(() => fake.proposals.length > 0);
    await world.pass(50);
    expect(fake.proposals).to.have.length(1024);
    fake.stuck = false;
    fake.commit();
    await world.result(calls);
    expect(fake.groups.s0.enqueued.slice(1)).to.deep.equal(numbers(3000));
  });

  it('refuses calls beyond what it lets wait, and keeps the promises of the others', async () => {
    await start();
    await world.result(enqueue('first'));
    fake.stuck = true;
    const calls = numbers(1024 + 16_384).map(enqueue);
    const refused = await world.failure<{ code: string; definite: boolean }>(enqueue('one too many'));
    expect(refused).to.include({ code: 'OVERLOADED', definite: true });
    fake.stuck = false;
    fake.commit();
    await world.result(Promise.all(calls));
    expect(fake.groups.s0.enqueued).to.have.length(1 + calls.length);
  });

  it('moves to the new leader when the old one is deposed in the middle of a pipeline', async () => {
    await start();
    for (const fate of ['carry', 'lose'] as const) {
      fake.fate = fate;
      const before = fake.groups.s0.enqueued.length;
      const calls = enqueueAll(numbers(100, before));
      await world.until(() => fake.proposals.length > 0);
      fake.elect('s0', fake.groups.s0.leader === 'n1' ? 'n2' : 'n1');
      await world.result(calls);
      expect(fake.groups.s0.enqueued, fate).to.deep.equal(numbers(before + 100));
    }
  });

  it('follows the redirect of a node that does not lead', async () => {
    await start();
    await world.result(enqueue(0));
    // n2 leads, but only n1 knows it: the client learns of it from the refusal alone.
    for (const node of fake.nodes) node.learn = () => {};
    fake.elect('s0', 'n2');
    for (const id of ['n1', 'n2']) fake.node(id).view.set('s0', { term: 2, leader: 'n2' });
    await world.result(enqueueAll([1, 2, 3]));
    expect(fake.groups.s0.enqueued).to.deep.equal([0, 1, 2, 3]);
    expect(cluster.leaderOf('s0')).to.equal('n2');
  });

  it('sends everything again, once and in order, over a connection that was lost and made again', async () => {
    await start();
    await world.result(enqueue(0));
    fake.node('n1').mute = true;
    const calls = enqueueAll(numbers(50, 1));
    await world.until(() => fake.groups.s0.enqueued.length === 20 + 1 || fake.groups.s0.enqueued.length === 51);
    fake.node('n1').cut();
    fake.node('n1').mute = false;
    await world.result(calls);
    expect(fake.groups.s0.enqueued).to.deep.equal(numbers(51));
  });

  it('leaves a leader that is stopped and silent as soon as another node names a new one', async () => {
    await start();
    await world.result(enqueue(0));
    fake.node('n1').stop();
    const calls = enqueueAll([1, 2, 3]);
    await world.pass(100);
    const before = world.scheduler.now();
    fake.elect('s0', 'n3');
    await world.result(calls);
    expect(world.scheduler.now() - before).to.be.below(20);
    // What the stopped leader finds when it wakes up does no harm.
    fake.node('n1').go();
    await world.pass(100);
    expect(fake.groups.s0.enqueued).to.deep.equal([0, 1, 2, 3]);
  });

  it('drops the connection to a leader that says nothing for some seconds', async () => {
    await start();
    await world.result(enqueue(0));
    fake.node('n1').stop();
    const call = cluster.queue().enqueue(1, { timeout_ms: 60_000 });
    await world.until(() => cluster.members.find(({ id }) => id === 'n1')?.connected === false, 5000);
    fake.node('n1').go();
    await world.result(call);
    expect(fake.groups.s0.enqueued).to.deep.equal([0, 1]);
  });

  it('does not blame a node for the time in which this process stood still', async () => {
    await start();
    await world.result(enqueue(0));
    const leader = fake.node('n1');
    const connections = [...leader.connections];
    const now = world.scheduler.now;
    let stood_ms = 0;
    Object.assign(world.scheduler, { now: () => now() + stood_ms });
    // Almost given up when this process stands still; what the node says meanwhile is read after the timers have run.
    leader.stop();
    await world.pass(3500);
    stood_ms = 20_000;
    await world.pass(600);
    leader.go();
    await world.pass(5000);
    expect(connections.every((connection) => leader.connections.has(connection))).to.equal(true);
  });

  it('waits out a time without a leader, and goes on the moment that one is named', async () => {
    await start();
    await world.result(enqueue(0));
    fake.elect('s0', '');
    const calls = enqueueAll([1, 2]);
    await world.pass(2000);
    expect(fake.groups.s0.enqueued).to.deep.equal([0]);
    const before = world.scheduler.now();
    fake.elect('s0', 'n2');
    await world.result(calls);
    expect(world.scheduler.now() - before).to.be.below(20);
    expect(fake.groups.s0.enqueued).to.deep.equal([0, 1, 2]);
  });

  it('finds a leader that no push has named by asking round', async () => {
    await start();
    await world.result(enqueue(0));
    fake.elect('s0', '');
    await world.pass(100);
    for (const node of fake.nodes) node.learn = () => {};
    fake.elect('s0', 'n3');
    fake.node('n3').view.set('s0', { term: fake.groups.s0.term, leader: 'n3' });
    await world.result(enqueueAll([1, 2]));
    expect(cluster.leaderOf('s0')).to.equal('n3');
  });

  it('sends the rest again, in order, when one command is asked to wait and those behind it meet a gap', async () => {
    await start();
    await world.result(enqueue(0));
    const leader = fake.node('n1');
    for (const code of ['RETRY', 'OVERLOADED', 'WINDOW_FULL'] as const) {
      let refusals = 1;
      leader.intercept = (message, connection) => {
        if (message.kind !== 'command' || refusals === 0) return false;
        refusals--;
        leader.fail(connection, message.correlation, code);
        return true;
      };
      const before = fake.groups.s0.enqueued.length;
      await world.result(enqueueAll(numbers(20, before)));
      expect(fake.groups.s0.enqueued, code).to.deep.equal(numbers(before + 20));
    }
  });

  it('takes a leader that cannot tell what became of a command at its word, and asks again', async () => {
    await start();
    const leader = fake.node('n1');
    let lost = 3;
    leader.intercept = (message, connection) => {
      if (message.kind !== 'command' || lost-- <= 0) return false;
      leader.fail(connection, message.correlation, 'TIMEOUT', {}, false);
      return true;
    };
    await world.result(enqueueAll([0, 1, 2, 3]));
    expect(fake.groups.s0.enqueued).to.deep.equal([0, 1, 2, 3]);
  });

  it('ignores what an earlier attempt is answered late', async () => {
    await start();
    await world.result(enqueue(0));
    const held: (() => void)[] = [];
    const leader = fake.node('n1');
    leader.intercept = (message, connection) => {
      if (message.kind !== 'command') return false;
      held.push(() => leader.fail(connection, message.correlation, 'INVALID'));
      return true;
    };
    const call = enqueue(1);
    await world.until(() => held.length > 0);
    fake.elect('s0', 'n2');
    const before = commandsAt('n2').length;
    for (const answer of held) answer();
    expect(await world.result(call)).to.equal(2);
    expect(commandsAt('n2')).to.have.length(before + 1);
  });

  it('sends everything again when the same leader comes back in a later term', async () => {
    await start();
    await world.result(enqueue(0));
    fake.fate = 'lose';
    for (let i = 1; i <= 5; i++) {
      const call = enqueue(i);
      await world.until(() => fake.proposals.length > 0);
      const before = world.scheduler.now();
      fake.elect('s0', 'n1');
      await world.result(call);
      expect(world.scheduler.now() - before).to.be.below(50);
    }
    expect(fake.groups.s0.enqueued).to.deep.equal([0, 1, 2, 3, 4, 5]);
  });

  it('puts a named node first, and goes on to the leader', async () => {
    await start();
    await world.result(enqueue(0));
    const before = commandsAt('n3').length;
    const atLeader = commandsAt('n1').length;
    const receipts = await world.result(
      Promise.all([
        cluster.command('queue.dequeue', [0], { node: 'n3' }),
        cluster.command('queue.dequeue', [0]),
        cluster.command('queue.dequeue', [0], { node: 'n1' }),
      ]),
    );
    expect(commandsAt('n3')).to.have.length(before + 1);
    // What comes behind waits for the answer, or it would meet a gap.
    expect(commandsAt('n1')).to.have.length(atLeader + 3);
    expect(receipts.map(({ node }) => node)).to.deep.equal(['n1', 'n1', 'n1']);
    expect(receipts[0]?.value).to.be.an('array');
    expect(receipts[1]?.value).to.equal(null);
  });
});
