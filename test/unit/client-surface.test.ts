/** Promises of the rest of the surface: connecting, reads, admin words, observing, closing. */
import { expect } from 'chai';
import { afterEach, beforeEach, describe, it } from 'mocha';
import {
  type Cluster,
  type ConcordError,
  type ConnectOptions,
  connect,
  type Observation,
  type Receipt,
} from '../../protocol/client/index.js';
import { FakeCluster } from './fake-cluster.js';
import { FakeWorld } from './fake-world.js';

describe('client: surface', () => {
  let world: FakeWorld;
  let fake: FakeCluster;
  let cluster: Cluster | undefined;

  async function start(options: Partial<ConnectOptions> = {}): Promise<Cluster> {
    cluster = await world.result(connect({ nodes: fake.addresses, env: world, ...options }));
    return cluster;
  }

  async function startAll(): Promise<Cluster> {
    const started = await start();
    await world.until(() => started.members.every(({ connected }) => connected));
    return started;
  }

  const readsAt = (id: string) => fake.node(id).received.filter(({ kind }) => kind === 'read').length;
  const failure = (promise: Promise<unknown>) => world.failure<ConcordError>(promise);

  beforeEach(() => {
    world = new FakeWorld(19);
    fake = new FakeCluster(world);
    cluster = undefined;
  });

  afterEach(async () => {
    if (cluster !== undefined) await world.result(cluster.close());
  });

  describe('connect', () => {
    it('resolves with the first node, and learns the other members from it', async () => {
      const started = await start({ nodes: [fake.node('n2').address] });
      await world.until(() => started.members.every(({ connected }) => connected));
      expect(started.members.map(({ id }) => id)).to.deep.equal(['n2', 'n1', 'n3']);
      expect(started.leaderOf('s0')).to.equal('n1');
      expect(started.clientId).to.match(/^client-[0-9a-f]{8}$/);
    });

    it('needs only one of the addresses', async () => {
      fake.node('n1').kill();
      fake.node('n3').kill();
      const started = await start();
      expect(started.members.filter(({ connected }) => connected).map(({ id }) => id)).to.deep.equal(['n2']);
    });

    it('makes one connection to a node that it reaches under two addresses', async () => {
      world.network.listen(
        'alias:1',
        (socket) => {
          const host = fake.node('n1');
          let handlers = {} as ReturnType<Parameters<typeof world.network.listen>[1]>;
          const { listen } = world.network;
          world.network.listen = (_address, accept) => {
            handlers = accept(socket);
          };
          host.listen();
          world.network.listen = listen;
          return handlers;
        },
        () => {},
      );
      const started = await start({ nodes: ['alias:1', fake.node('n1').address] });
      await world.until(() => started.members.filter(({ connected }) => connected).length === 3);
      await world.pass(10_000);
      expect(fake.node('n1').connections.size).to.equal(1);
    });

    it('ends in UNREACHABLE when nobody answers in time', async () => {
      for (const node of fake.nodes) node.kill();
      const error = await failure(connect({ nodes: fake.addresses, env: world, timeout_ms: 800 }));
      expect(error).to.include({ code: 'UNREACHABLE', definite: true });
      expect(error.message).to.contain('ECONNREFUSED');
    });

    it('ends at once with what every node refuses with', async () => {
      for (const node of fake.nodes) node.refuses = 'WRONG_CLUSTER';
      const before = world.scheduler.now();
      expect(await failure(connect({ nodes: fake.addresses, env: world }))).to.include({ code: 'WRONG_CLUSTER' });
      expect(world.scheduler.now() - before).to.be.below(20);
    });

    it('does without a node that refuses', async () => {
      fake.node('n1').refuses = 'WRONG_CLUSTER';
      const started = await start();
      expect(started.members.map(({ id }) => id)).to.include.members(['n1', 'n2', 'n3']);
    });

    it('refuses wrong options', async () => {
      for (const wrong of [{ nodes: [] }, { nodes: ['nowhere'] }, { ttl_ms: 10 }, { clientId: '' }, { timeout_ms: -1 }])
        expect(await failure(connect({ nodes: fake.addresses, env: world, ...wrong }))).to.include({ code: 'INVALID' });
    });

    it('connects again to a node that comes back', async () => {
      const started = await startAll();
      fake.node('n3').kill();
      await world.until(() => !started.members.every(({ connected }) => connected));
      await world.pass(30_000);
      fake.node('n3').listen();
      await world.until(() => started.members.every(({ connected }) => connected), 2100);
    });
  });

  describe('reads', () => {
    it('are answered by the nearest node, or by the one that is named', async () => {
      const started = await startAll();
      await world.result(started.queue().enqueue('x'));
      expect(await world.result(started.queue().size())).to.equal(1);
      expect(readsAt('n1')).to.equal(1);
      const receipt = await world.result(started.read('queue.size', [], { node: 'n3' }));
      expect(receipt).to.include({ value: 1, node: 'n3', group: 's0' });
    });

    it('are retried elsewhere when the node is lost or refuses', async () => {
      const started = await startAll();
      fake.node('n1').intercept = (message) => message.kind === 'read';
      const call = started.queue().size();
      await world.until(() => readsAt('n1') === 1);
      fake.node('n1').kill();
      expect(await world.result(call)).to.equal(0);
      const second = fake.node('n2');
      second.intercept = (message, connection) => {
        if (message.kind === 'read') second.fail(connection, message.correlation, 'OVERLOADED');
        return message.kind === 'read';
      };
      expect(await world.result(started.read('queue.size', []))).to.include({ node: 'n3' });
    });

    it('wait out a time without a leader until their deadline, which is always definite', async () => {
      const started = await startAll();
      fake.elect('s0', '');
      expect(await failure(started.queue().size({ timeout_ms: 2000 }))).to.include({
        code: 'NO_LEADER',
        definite: true,
      });
      const call = started.queue().size();
      await world.pass(1000);
      fake.elect('s0', 'n2');
      expect(await world.result(call)).to.equal(0);
      for (const node of fake.nodes) node.intercept = () => true;
      expect(await failure(started.queue().size())).to.include({ code: 'DEADLINE', definite: true });
    });

    it('can be given up', async () => {
      const started = await startAll();
      for (const node of fake.nodes) node.intercept = () => true;
      const gone = new AbortController();
      const call = failure(started.queue().size({ signal: gone.signal }));
      gone.abort();
      expect(await call).to.include({ code: 'CANCELLED', definite: true });
    });
  });

  it('tells where a call was served, before its caller hears of it', async () => {
    const queue = (await start()).queue();
    const heard: string[] = [];
    const onReceipt = ({ node, group, index }: Receipt) => heard.push(`${group} ${node} ${index > 0}`);
    await world.result(queue.enqueue(1, { onReceipt }).then(() => heard.push('enqueued')));
    await world.result(queue.size({ onReceipt }).then(() => heard.push('read')));
    expect(heard).to.deep.equal(['s0 n1 true', 'enqueued', 's0 n1 true', 'read']);
  });

  describe('admin words', () => {
    it('are answered by the node that is named, and by no other', async () => {
      const started = await startAll();
      const receipt = await world.result(started.admin('status', null, { node: 'n2' }));
      expect(receipt).to.deep.include({ value: { node: 'n2', word: 'status' }, node: 'n2', group: '' });
      fake.node('n2').intercept = (message) => message.kind === 'admin';
      const call = failure(started.admin('transfer', { group: 's0', to: 'n3' }, { node: 'n2' }));
      await world.pass(10);
      fake.node('n2').kill();
      expect(await call).to.include({ code: 'UNREACHABLE', definite: false });
      expect(await failure(started.admin('status', null, { node: 'n2', timeout_ms: 500 }))).to.include({
        code: 'UNREACHABLE',
        definite: true,
      });
    });

    it('go to the leader that a refusal names when no node was', async () => {
      const started = await startAll();
      const first = fake.node('n1');
      first.intercept = (message, connection) => {
        if (message.kind === 'admin')
          first.fail(connection, message.correlation, 'NOT_LEADER', { leader: 'n3', address: fake.node('n3').address });
        return message.kind === 'admin';
      };
      expect(await world.result(started.admin('transfer', { group: 's0', to: 'n2' }))).to.include({ node: 'n3' });
    });

    it('refuse an argument that cannot travel', async () => {
      const started = await start();
      expect(await failure(started.admin('log', new Map()))).to.include({ code: 'INVALID', definite: true });
    });
  });

  describe('observe', () => {
    it('tells the state of every node, whole first, then changes, and of nodes that go and come', async () => {
      const started = await startAll();
      const news: Observation[] = [];
      const stop = started.observe((one) => news.push(one), { interval_ms: 50 });
      await world.until(() => news.filter(({ kind }) => kind === 'status').length === 3);
      expect([...fake.node('n2').subscribers.values()]).to.deep.equal([50]);
      news.length = 0;
      fake.node('n2').publish({ leads: 2 });
      await world.until(() => news.length === 1);
      expect(news[0]).to.deep.equal({ kind: 'status', node: 'n2', whole: false, state: { leads: 2 } });
      fake.node('n2').kill();
      await world.until(() => news.length === 2);
      expect(news[1]).to.deep.include({ kind: 'down', node: 'n2', address: fake.node('n2').address });
      await world.pass(5000);
      expect(news).to.have.length(2);
      fake.node('n2').listen();
      await world.until(() => news.length === 4);
      expect(news[2]).to.deep.include({ kind: 'up', node: 'n2' });
      expect(news[3]).to.deep.include({ kind: 'status', node: 'n2', whole: true });
      stop();
      await world.until(() => fake.nodes.every(({ subscribers }) => subscribers.size === 0));
    });

    it('tells a listener that comes later what is known, and of nodes that were never up', async () => {
      fake.node('n3').kill();
      const started = await start();
      started.observe(() => {});
      await world.until(() => fake.node('n2').subscribers.size === 1);
      fake.node('n2').publish({ leads: 1, groups: { s0: { role: 'follower' } } });
      fake.node('n2').publish({ groups: { c: { role: 'leader' } } });
      await world.pass(100);
      const news: Observation[] = [];
      started.observe((one) => news.push(one));
      await world.until(() => news.length >= 5);
      expect(news).to.deep.include({
        kind: 'status',
        node: 'n2',
        whole: true,
        state: { node: 'n2', leads: 1, groups: { s0: { role: 'follower' }, c: { role: 'leader' } } } as never,
      });
      expect(news.find(({ kind }) => kind === 'down')).to.include({ node: 'n3' });
    });
  });

  describe('close', () => {
    it('ends the session, the calls under way, and the connections', async () => {
      const started = await startAll();
      await world.result(started.queue().enqueue(0));
      fake.node('n1').mute = true;
      const sent = failure(started.queue().enqueue(1));
      await world.until(() => fake.groups.s0.enqueued.length === 2);
      fake.node('n1').mute = false;
      const read = failure(started.queue().size());
      const closed = started.close();
      const late = failure(started.queue().enqueue(2));
      expect(await sent).to.include({ code: 'CLOSED', definite: false });
      expect(await read).to.include({ code: 'CLOSED' });
      expect(await late).to.include({ code: 'CLOSED', definite: true });
      await world.result(closed);
      expect(fake.groups.c.sessions.size).to.equal(0);
      await world.until(() => fake.nodes.every(({ connections }) => connections.size === 0));
      expect(started.close()).to.equal(closed);
    });

    it('does not wait long for a cluster that is gone', async () => {
      const started = await startAll();
      await world.result(started.queue().enqueue(0));
      fake.stuck = true;
      const before = world.scheduler.now();
      const call = failure(started.queue().enqueue(1)).then(() => world.scheduler.now());
      const closed = started.close();
      expect(await call, 'the calls do not wait').to.equal(before);
      await world.result(closed);
      expect(world.scheduler.now() - before).to.be.within(0, 1010);
    });

    it('leaves no timer behind', async () => {
      const started = await startAll();
      started.observe(() => {});
      await world.result(started.queue().enqueue(0));
      await world.result(started.close());
      const received = fake.nodes.map(({ received }) => received.length);
      await world.pass(60_000);
      expect(fake.nodes.map(({ received }) => received.length)).to.deep.equal(received);
    });
  });
});
