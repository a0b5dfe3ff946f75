/** Promises about ends that are no results: each call ends in time, and says truly whether the command may have run. */
import { expect } from 'chai';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Cluster, type ConcordError, type ConnectOptions, connect } from '../../protocol/client/index.js';
import { FakeCluster } from './fake-cluster.js';
import { FakeWorld } from './fake-world.js';

describe('client: errors', () => {
  let world: FakeWorld;
  let fake: FakeCluster;
  let cluster: Cluster;

  async function start(options: Partial<ConnectOptions> = {}): Promise<void> {
    cluster = await world.result(connect({ nodes: fake.addresses, env: world, ...options }));
    await world.until(() => cluster.members.every((member) => member.connected));
  }

  const enqueue = (value: unknown, timeout_ms = 1000) => cluster.queue().enqueue(value, { timeout_ms });
  const failure = (promise: Promise<unknown>) => world.failure<ConcordError>(promise);

  beforeEach(() => {
    world = new FakeWorld(11);
    fake = new FakeCluster(world);
  });

  afterEach(async () => {
    await world.result(cluster.close());
  });

  it('answers DEADLINE, NO_LEADER or UNREACHABLE, definite, for a command that was never put on a wire', async () => {
    await start();
    await world.result(enqueue(0));
    fake.elect('s0', '');
    await world.pass(100);
    // Nobody may be asked either: then no attempt is made at all.
    for (const node of fake.nodes) node.intercept = () => true;
    const before = world.scheduler.now();
    const waiting = failure(enqueue('behind', 500));
    for (const node of fake.nodes) node.intercept = () => false;
    expect(await waiting).to.include({ code: 'NO_LEADER', definite: true });
    expect(world.scheduler.now() - before).to.be.within(500, 510);
    for (const node of fake.nodes) node.kill();
    expect(await failure(enqueue('nobody there'))).to.include({ code: 'UNREACHABLE', definite: true });
    expect(fake.groups.s0.enqueued).to.deep.equal([0]);
  });

  it('answers definite when every attempt was refused without being proposed', async () => {
    await start();
    await world.result(enqueue(0));
    const leader = fake.node('n1');
    leader.intercept = (message, connection) => {
      if (message.kind === 'command') leader.fail(connection, message.correlation, 'OVERLOADED');
      return message.kind === 'command';
    };
    expect(await failure(enqueue(1))).to.include({ code: 'DEADLINE', definite: true });
    leader.intercept = () => false;
    expect(await world.result(enqueue(2))).to.equal(2);
    expect(fake.groups.s0.enqueued).to.deep.equal([0, 2]);
  });

  it('answers TIMEOUT, indefinite, for a command that may have run, whether it did or not', async () => {
    await start();
    await world.result(enqueue(0));
    fake.node('n1').mute = true;
    expect(await failure(enqueue('ran'))).to.include({ code: 'TIMEOUT', definite: false });
    fake.node('n1').mute = false;
    fake.stuck = true;
    expect(await failure(enqueue('hangs'))).to.include({ code: 'TIMEOUT', definite: false });
    expect(fake.groups.s0.enqueued).to.deep.equal([0, 'ran']);
  });

  it('closes the number of an abandoned command, so that the lane never stalls', async () => {
    await start();
    await world.result(enqueue(0));
    // The leader loses what it gets and the connection with it, so nothing has run when the deadline passes.
    const leader = fake.node('n1');
    leader.intercept = (message) => message.kind === 'command';
    const abandoned = failure(enqueue('abandoned', 500));
    const kept = cluster.queue().enqueue('kept', { timeout_ms: 20_000 });
    expect(await abandoned).to.include({ code: 'TIMEOUT', definite: false });
    leader.intercept = () => false;
    leader.cut();
    await world.result(kept);
    expect(fake.groups.s0.enqueued).to.deep.equal([0, 'kept']);
    expect(fake.groups.s0.ran.map(([name]) => name)).to.deep.equal(['queue.enqueue', 'lane.void', 'queue.enqueue']);
  });

  it('passes a refusal that is the caller’s to know on, definite, and goes on with the next command', async () => {
    await start();
    await world.result(enqueue(0));
    const leader = fake.node('n1');
    let refusals = 1;
    leader.intercept = (message, connection) => {
      if (message.kind !== 'command' || refusals-- <= 0) return false;
      leader.fail(connection, message.correlation, 'NO_SPACE');
      return true;
    };
    const refused = failure(enqueue('no room'));
    const next = enqueue('next');
    expect(await refused).to.include({ code: 'NO_SPACE', definite: true });
    await world.result(next);
    expect(fake.groups.s0.enqueued).to.deep.equal([0, 'next']);
  });

  it('finds out what became of an earlier attempt before it passes a refusal on', async () => {
    for (const ran of [true, false]) {
      world = new FakeWorld(11);
      fake = new FakeCluster(world);
      await start();
      await world.result(enqueue(0));
      const old = fake.node('n1');
      old.mute = true;
      if (!ran) old.intercept = (message) => message.kind === 'command';
      const call = enqueue(1);
      await world.pass(20);
      // The new leader refuses the repeat at first: alone that would say nothing about the first attempt.
      const leader = fake.node('n2');
      let refusals = 1;
      leader.intercept = (message, connection) => {
        if (message.kind !== 'command' || refusals-- <= 0) return false;
        leader.fail(connection, message.correlation, 'NO_SPACE');
        return true;
      };
      fake.elect('s0', 'n2');
      if (ran) expect(await world.result(call)).to.equal(2);
      else expect(await failure(call)).to.include({ code: 'NO_SPACE', definite: true });
      expect(fake.groups.s0.enqueued).to.deep.equal(ran ? [0, 1] : [0]);
      await world.result(cluster.close());
    }
  });

  it('gives a call up when its signal is raised: definite before it is sent, indefinite after', async () => {
    await start();
    await world.result(enqueue(0));
    const early = new AbortController();
    early.abort();
    expect(await failure(cluster.queue().enqueue(1, { signal: early.signal }))).to.include({
      code: 'CANCELLED',
      definite: true,
    });
    fake.stuck = true;
    const late = new AbortController();
    const call = failure(cluster.queue().enqueue(2, { signal: late.signal }));
    await world.until(() => fake.proposals.length === 1);
    late.abort();
    expect(await call).to.include({ code: 'CANCELLED', definite: false });
    fake.stuck = false;
    fake.commit();
    await world.result(enqueue(3));
    expect(fake.groups.s0.enqueued).to.deep.equal([0, 2, 3]);
  });

  it('answers at once what can never be sent', async () => {
    await start();
    const at = world.scheduler.now();
    expect(await failure(cluster.queue().enqueue(undefined))).to.include({ code: 'INVALID', definite: true });
    expect(await failure(cluster.queue().enqueue(new Map()))).to.include({ code: 'INVALID', definite: true });
    expect(await failure(cluster.queue().enqueue(Buffer.alloc(1_000_001)))).to.include({ definite: true });
    expect(await failure(cluster.queue().enqueue(1, { timeout_ms: 0 }))).to.include({
      code: 'INVALID',
      definite: true,
    });
    expect(await failure(cluster.queue().enqueue(1, { node: 'n9' }))).to.include({
      code: 'UNKNOWN_NODE',
      definite: true,
    });
    expect(await failure(cluster.command('queue.size', []))).to.include({ code: 'INVALID', definite: true });
    expect(await failure(cluster.command('lane.void', []))).to.include({ code: 'INVALID', definite: true });
    expect(world.scheduler.now()).to.equal(at);
  });

  describe('that does not follow', () => {
    it('answers NOT_LEADER with the leader, and NO_LEADER, as they come', async () => {
      await start({ follow: false });
      await world.result(enqueue(0));
      const refused = await failure(cluster.queue().enqueue(1, { node: 'n2' }));
      expect(refused).to.include({ code: 'NOT_LEADER', definite: true });
      expect(refused.details).to.deep.equal({ leader: 'n1', address: fake.node('n1').address });
      expect(await world.result(enqueue(2))).to.equal(2);
      fake.elect('s0', '');
      await world.pass(20);
      expect(await failure(enqueue(3))).to.include({ code: 'NO_LEADER', definite: true });
      fake.elect('s0', 'n1');
      await world.pass(20);
      expect(await world.result(enqueue(4))).to.equal(3);
      expect(fake.groups.s0.enqueued).to.deep.equal([0, 2, 4]);
      // The number of a command that was surely not run goes to the next one.
      expect(fake.groups.s0.ran.map(([name]) => name)).not.to.include('lane.void');
    });

    it('answers UNREACHABLE at once', async () => {
      await start({ follow: false });
      await world.result(enqueue(0));
      for (const node of fake.nodes) node.kill();
      await world.pass(5);
      const before = world.scheduler.now();
      expect(await failure(enqueue(1))).to.include({ code: 'UNREACHABLE', definite: true });
      expect(world.scheduler.now()).to.equal(before);
    });

    it('answers NO_LEADER when no session can be opened', async () => {
      fake.elect('c', '');
      await start({ follow: false });
      expect(await failure(enqueue(1))).to.include({ code: 'NO_LEADER', definite: true });
    });
  });
});
