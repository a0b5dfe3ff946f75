/** Promises about commands that wait: the outcome arrives once, whatever is lost on the way, and is then confirmed. */
import { expect } from 'chai';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Cluster, type ConcordError, connect } from '../../protocol/client/index.js';
import { FakeCluster } from './fake-cluster.js';
import { FakeWorld } from './fake-world.js';

describe('client: pending commands', () => {
  let world: FakeWorld;
  let fake: FakeCluster;
  let cluster: Cluster;
  let other: Cluster;

  const join = () => world.result(connect({ nodes: fake.addresses, env: world }));
  const dequeue = (wait_ms: number, timeout_ms = 5000) => cluster.queue().dequeue({ wait_ms, timeout_ms });
  const unsettled = () => [...fake.groups.s0.lanes.values()].reduce((sum, lane) => sum + lane.outcomes.size, 0);

  beforeEach(async () => {
    world = new FakeWorld(13);
    fake = new FakeCluster(world);
    cluster = await join();
    other = await join();
  });

  afterEach(async () => {
    await world.result(Promise.all([cluster.close(), other.close()]));
  });

  it('resolves with the outcome that is pushed, and confirms it', async () => {
    const call = dequeue(10_000);
    await world.until(unsettledIs(1));
    await world.pass(100);
    await world.result(other.queue().enqueue('hello'));
    expect(await world.result(call)).to.deep.equal({ id: 1, body: 'hello' });
    await world.until(unsettledIs(0));
  });

  it('resolves with nothing when the wait is over', async () => {
    expect(await world.result(dequeue(300))).to.equal(undefined);
    await world.until(unsettledIs(0));
  });

  it('lets commands behind a waiting one run', async () => {
    const call = dequeue(10_000);
    expect(await world.result(cluster.queue().enqueue('mine'))).to.equal(1);
    expect(await world.result(call)).to.deep.equal({ id: 1, body: 'mine' });
  });

  it('allows the wait besides the time for the call', async () => {
    const call = cluster.queue().dequeue({ wait_ms: 8000, timeout_ms: 500 });
    await world.pass(7000);
    await world.result(other.queue().enqueue('late'));
    expect(await world.result(call)).to.deep.equal({ id: 1, body: 'late' });
  });

  it('gets an outcome that was lost with the connection by sending the command again', async () => {
    await world.result(other.queue().dequeue());
    const call = dequeue(10_000);
    await world.until(unsettledIs(1));
    await world.pass(20);
    fake.node('n1').mute = true;
    const producer = other.queue().enqueue('hello');
    await world.until(() => fake.groups.s0.enqueued.length === 1);
    fake.node('n1').cut();
    fake.node('n1').mute = false;
    await world.result(producer);
    expect(await world.result(call)).to.deep.equal({ id: 1, body: 'hello' });
    await world.until(unsettledIs(0));
  });

  it('goes on waiting under a new leader', async () => {
    const call = dequeue(20_000);
    await world.until(unsettledIs(1));
    await world.pass(20);
    fake.elect('s0', 'n2');
    fake.elect('c', 'n3');
    await world.pass(100);
    fake.node('n1').kill();
    await world.result(other.queue().enqueue('hello'));
    expect(await world.result(call)).to.deep.equal({ id: 1, body: 'hello' });
    await world.until(unsettledIs(0));
  });

  it('takes an outcome that comes before the word that it is pending', async () => {
    const leader = fake.node('n1');
    const send = leader.reply.bind(leader);
    leader.reply = (connection, correlation, envelope, outcome) => {
      if (outcome !== 'pending') send(connection, correlation, envelope, outcome);
    };
    const call = dequeue(300);
    expect(await world.result(call)).to.equal(undefined);
    await world.until(unsettledIs(0));
    expect(await world.result(cluster.queue().enqueue(1))).to.equal(1);
  });

  it('confirms an outcome that is repeated', async () => {
    await world.result(dequeue(100));
    await world.until(unsettledIs(0));
    const { s0 } = fake.groups;
    const [session] = [...s0.lanes.keys()];
    s0.lanes.get(session ?? 0)?.outcomes.set(1, { ok: true, result: Buffer.from([0xc0]) });
    fake.node('n1').pushOutcome(s0, session ?? 0, 1, { ok: true, result: Buffer.from([0xc0]) });
    await world.until(unsettledIs(0));
  });

  it('takes no outcome of another session for its own', async () => {
    const call = dequeue(10_000);
    await world.until(unsettledIs(1));
    await world.pass(20);
    const { s0 } = fake.groups;
    const leader = fake.node('n1');
    const { term, index } = s0;
    for (const connection of leader.connections)
      connection.send({
        kind: 'outcome',
        group: 's0',
        session: 999,
        lane: 1,
        term,
        index,
        ok: true,
        result: Buffer.from([0xc0]),
      });
    await world.pass(100);
    await world.result(other.queue().enqueue('mine'));
    expect(await world.result(call)).to.deep.equal({ id: 1, body: 'mine' });
  });

  it('gathers what is to be confirmed while the lane stands still', async () => {
    const calls = Promise.all([100, 200, 300, 400, 500].map((wait_ms) => dequeue(wait_ms)));
    await world.until(unsettledIs(5));
    await world.pass(20);
    fake.stuck = true;
    await world.result(calls);
    await world.pass(500);
    fake.stuck = false;
    fake.commit();
    await world.until(unsettledIs(0));
    expect(fake.groups.s0.ran.filter(([name]) => name === 'lane.confirm').length).to.be.below(3);
  });

  it('confirms nothing of a session that has ended in the next one', async () => {
    await world.result(dequeue(50));
    fake.stuck = true;
    await world.until(() => fake.proposals.length === 1);
    const [session] = [...fake.groups.s0.lanes.keys()];
    fake.expire(session ?? 0);
    fake.stuck = false;
    fake.commit();
    await world.until(() => cluster.session.state === 'ended');
    await world.result(cluster.queue().enqueue('next'));
    await world.pass(200);
    const ran = fake.groups.s0.ran.filter(([, of]) => of !== session).map(([name]) => name);
    expect(ran).to.deep.equal(['queue.enqueue']);
  });

  it('confirms many outcomes with one command', async () => {
    const calls = Promise.all(Array.from({ length: 100 }, () => dequeue(500)));
    await world.result(calls);
    await world.until(unsettledIs(0));
    expect(fake.groups.s0.ran.filter(([name]) => name === 'lane.confirm').length).to.be.below(5);
  });

  it('gives the wait up when the call is given up, so that no message goes to nobody', async () => {
    const gone = new AbortController();
    const call = world.failure<ConcordError>(cluster.queue().dequeue({ wait_ms: 60_000, signal: gone.signal }));
    await world.until(unsettledIs(1));
    await world.pass(20);
    gone.abort();
    expect(await call).to.include({ code: 'CANCELLED', definite: false });
    await world.pass(100);
    expect(unsettled()).to.equal(0);
    await world.result(other.queue().enqueue('kept'));
    expect(await world.result(cluster.queue().dequeue())).to.deep.equal({ id: 1, body: 'kept' });
  });

  it('gives the wait up also when the call was given up before the word that it is pending', async () => {
    const gone = new AbortController();
    await world.result(cluster.queue().size());
    await world.result(cluster.queue().dequeue());
    const call = world.failure<ConcordError>(cluster.queue().dequeue({ wait_ms: 60_000, signal: gone.signal }));
    gone.abort();
    expect(await call).to.include({ code: 'CANCELLED' });
    await world.pass(100);
    expect(unsettled()).to.equal(0);
  });

  function unsettledIs(count: number): () => boolean {
    return () => unsettled() === count;
  }
});
