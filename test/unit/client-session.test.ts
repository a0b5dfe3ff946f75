/** Promises about the session: opened when needed, kept alive, suspended by its own clock, ended by the cluster alone. */
import { expect } from 'chai';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Cluster, type ConcordError, type ConnectOptions, connect } from '../../protocol/client/index.js';
import { FakeCluster } from './fake-cluster.js';
import { FakeWorld } from './fake-world.js';

describe('client: sessions', () => {
  let world: FakeWorld;
  let fake: FakeCluster;
  let cluster: Cluster;

  async function start(options: Partial<ConnectOptions> = {}): Promise<void> {
    cluster = await world.result(connect({ nodes: fake.addresses, env: world, clientId: 'tester', ...options }));
  }

  const enqueue = (value: unknown) => cluster.queue().enqueue(value);
  const keepalives = () =>
    fake.nodes.flatMap(({ received }) => received.filter(({ kind }) => kind === 'keepalive')).length;

  beforeEach(() => {
    world = new FakeWorld(17);
    fake = new FakeCluster(world);
  });

  afterEach(async () => {
    await world.result(cluster.close());
  });

  it('is opened by the first command, under the name of the client', async () => {
    await start();
    expect(cluster.session).to.deep.equal({ id: 0, state: 'none' });
    const call = enqueue(1);
    expect(cluster.session.state).to.equal('opening');
    await world.result(call);
    expect(cluster.session).to.deep.equal({ id: 1, state: 'open' });
    expect([...fake.groups.c.sessions]).to.deep.equal([[1, 'tester']]);
  });

  it('is opened once for many commands at once, and again when the first answer is lost', async () => {
    await start();
    fake.node('n1').mute = true;
    const calls = Promise.all([1, 2, 3].map(enqueue));
    await world.until(() => fake.groups.c.sessions.size === 1);
    fake.node('n1').cut();
    fake.node('n1').mute = false;
    await world.result(calls);
    expect(fake.groups.c.sessions.size).to.equal(2);
    expect(cluster.session.id).to.equal(2);
    expect(fake.groups.s0.enqueued).to.deep.equal([1, 2, 3]);
  });

  for (const code of ['NOT_LEADER', 'STOPPING', 'OVERLOADED'] as const)
    it(`is opened at last by a command that has the time, whatever passing reason there was before: ${code}`, async () => {
      await start();
      const until = world.scheduler.now() + 12_000;
      for (const node of fake.nodes)
        node.intercept = (message, connection) => {
          if (message.kind !== 'command' || world.scheduler.now() > until) return false;
          node.fail(connection, message.correlation, code, {}, true);
          return true;
        };
      const call = cluster.queue().enqueue(1, { timeout_ms: 30_000 });
      expect(await world.result(call)).to.equal(1);
    });

  it('is kept alive three times a TTL through the leader of c, wherever that goes', async () => {
    await start({ ttl_ms: 9000 });
    await world.result(enqueue(1));
    await world.pass(30_000);
    expect(keepalives()).to.be.within(9, 11);
    fake.elect('c', 'n2');
    await world.pass(30_000);
    fake.node('n2').stop();
    fake.elect('c', 'n3');
    await world.pass(30_000);
    expect(cluster.session.state).to.equal('open');
  });

  it('is suspended when no keepalive was answered for a TTL less the drift of clocks, and open again with the next', async () => {
    await start({ ttl_ms: 10_000 });
    await world.result(enqueue(1));
    await world.pass(10_000);
    expect(cluster.session.state).to.equal('open');
    // The last keepalive that is answered is sent within the next third of a TTL.
    fake.elect('c', '');
    const cut = world.scheduler.now();
    await world.until(() => cluster.session.state === 'suspended');
    const sure_ms = (10_000 * 0.95) / 1.05;
    expect(world.scheduler.now() - cut).to.be.within(sure_ms - 10_000 / 3 - 1, sure_ms + 1);
    // Queue commands need no session deadline.
    expect(await world.result(enqueue(2))).to.equal(2);
    expect(cluster.session.state).to.equal('suspended');
    fake.elect('c', 'n2');
    await world.until(() => cluster.session.state === 'open', 10_000 / 3 + 10);
  });

  it('counts from when a keepalive was sent, not from when it was answered', async () => {
    await start({ ttl_ms: 10_000 });
    await world.result(enqueue(1));
    world.latency_ms = 1000;
    await world.pass(20_000);
    const leader = fake.node('n1');
    let last_ms = 0;
    leader.intercept = (message) => {
      if (message.kind === 'keepalive') last_ms = world.scheduler.now() - world.latency_ms;
      return false;
    };
    await world.until(() => last_ms > 0);
    await world.pass(1100);
    leader.intercept = (message) => message.kind === 'keepalive';
    await world.until(() => cluster.session.state === 'suspended');
    expect(world.scheduler.now() - last_ms).to.be.closeTo((10_000 * 0.95) / 1.05, 1);
  });

  it('ends when the cluster says so: a keepalive finds out, and the next command opens another', async () => {
    await start();
    await world.result(enqueue(1));
    fake.expire(1);
    await world.until(() => cluster.session.state === 'ended');
    expect(cluster.session.id).to.equal(1);
    await world.result(enqueue(2));
    expect(cluster.session.state).to.equal('open');
    expect(cluster.session.id).to.be.above(1);
    expect(fake.groups.s0.enqueued).to.deep.equal([1, 2]);
  });

  it('fails commands with it: definite those that never ran, indefinite those that may have', async () => {
    await start();
    await world.result(enqueue(0));
    fake.stuck = true;
    const sent = Promise.allSettled(Array.from({ length: 1030 }, (_, i) => enqueue(i)));
    await world.until(() => fake.proposals.length === 1024);
    fake.proposals.length = 0;
    fake.expire(1);
    fake.node('n1').cut();
    fake.stuck = false;
    const ends = await world.result(sent);
    const errors = ends.map((end) => (end.status === 'rejected' ? (end.reason as ConcordError) : undefined));
    expect(new Set(errors.map((error) => error?.code))).to.deep.equal(new Set(['SESSION_EXPIRED']));
    expect(errors.map((error) => error?.definite)).to.deep.equal(Array.from({ length: 1030 }, (_, i) => i >= 1024));
    expect(fake.groups.s0.enqueued).to.deep.equal([0]);
  });

  it('fails a pending command with it, indefinite', async () => {
    await start();
    const call = world.failure<ConcordError>(cluster.queue().dequeue({ wait_ms: 60_000 }));
    await world.until(() => fake.groups.s0.ran.length === 1);
    await world.pass(20);
    fake.expire(cluster.session.id);
    expect(await call).to.include({ code: 'SESSION_EXPIRED', definite: false });
  });

  it('is waited for while c has no leader, until the deadline of the command', async () => {
    await start();
    fake.elect('c', '');
    await world.pass(20);
    expect(await world.failure(cluster.queue().enqueue(1, { timeout_ms: 3000 }))).to.include({
      code: 'NO_LEADER',
      definite: true,
    });
    const call = cluster.queue().enqueue(2, { timeout_ms: 30_000 });
    await world.pass(12_000);
    fake.elect('c', 'n3');
    expect(await world.result(call)).to.equal(1);
  });

  it('is opened elsewhere at once when the leader of c is silent and another is named', async () => {
    await start();
    await world.until(() => cluster.members.every(({ connected }) => connected));
    fake.node('n1').stop();
    const call = enqueue(1);
    await world.pass(100);
    const before = world.scheduler.now();
    for (const name of ['c', 's0']) fake.elect(name, 'n2');
    await world.result(call);
    expect(world.scheduler.now() - before).to.be.below(50);
  });

  it('stops trying when nobody wants it any more', async () => {
    await start();
    fake.elect('c', '');
    await world.failure(cluster.queue().enqueue(1, { timeout_ms: 100 }));
    await world.until(() => cluster.session.state === 'none');
  });
});
