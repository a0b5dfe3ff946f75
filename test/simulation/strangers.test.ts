/** Whoever connects to a node, with whatever it sends: the members and their clients go on as if nobody had come. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import type { Socket } from '../../protocol/env.js';
import { LIMITS } from '../../protocol/limits.js';
import type { SimulatedCluster } from './cluster.js';
import { type AtWork, atWork, SOON_MS, Stranger } from './words.js';

describe('a stranger at a simulated node', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let client: Cluster;
  let load: AtWork['load'];
  let term: number | undefined;

  beforeEach(async () => {
    ({ cluster, client, load, term } = await atWork());
  });

  afterEach(async () => {
    await load.flows(20);
    await load.stop();
    expect(load.failures, 'no command failed').to.deep.equal([]);
    expect(cluster.replica('n1', 's0')?.raft.term, 'nobody was elected').to.equal(term);
    for (const id of cluster.ids) expect(cluster.isUp(id), id).to.equal(true);
  });

  /** Sends bytes to every node; returns the connections, and how many of them are closed. */
  function send(bytes: Buffer): { sockets: Socket[]; closed: () => number } {
    let closed = 0;
    const sockets = cluster.ids.map((id) => {
      const process = cluster.time.process('stranger');
      const socket = cluster.network.of(process).connect(cluster.address(id), {
        open: () => void socket.write(bytes),
        data() {},
        drain() {},
        close: () => {
          closed++;
        },
      });
      return socket;
    });
    return { sockets, closed: () => closed };
  }

  it('with garbage is turned away', async () => {
    for (let round = 0; round < 50; round++) {
      const bytes = Buffer.from(Array.from({ length: 1 + cluster.pick(300) }, () => cluster.pick(256)));
      const { closed } = send(bytes);
      await cluster.until(() => closed() === 3, LIMITS.hello_ms_max + LIMITS.linger_ms_max + SOON_MS);
    }
  });

  it('with half a hello is turned away when the time for it is over', async () => {
    const { closed } = send(Buffer.from([0, 0, 0, 27, 0x9b, 1]));
    await cluster.pass(LIMITS.hello_ms_max - 100);
    expect(closed()).to.equal(0);
    await cluster.pass(LIMITS.linger_ms_max + 200);
    expect(closed()).to.equal(3);
  });

  it('that claims a giant frame is turned away at once', async () => {
    const { closed } = send(Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 2, 3]));
    await cluster.until(() => closed() === 3, LIMITS.linger_ms_max + 100);
  });

  it('that comes a thousand times and says nothing keeps neither members nor clients out', async () => {
    const all = Array.from({ length: 1500 }, () => send(Buffer.alloc(0)));
    await cluster.pass(100);
    const closed = all.reduce((sum, one) => sum + one.closed(), 0);
    expect(3 * 1500 - closed, 'those who are still there').to.be.at.most(3 * 256);
    cluster.network.reset('n2', 'n3');
    const late = cluster.result(cluster.client('late'));
    const began = cluster.time.now();
    expect(await cluster.result((await late).queue().size())).to.be.above(0);
    await linked('n2', 'n3');
    expect(cluster.time.now() - began, 'nobody had to wait until the silent ones were gone').to.be.below(1000);
  });

  it('that comes as a client as often as is allowed keeps no member out', async () => {
    const many = (count: number) => Array.from({ length: count }, () => new Stranger(cluster, 'n3'));
    // Not all at once: who has not said hello for long makes room for others.
    const strangers: Stranger[] = [];
    while (!strangers.some(({ closed }) => closed === 'TOO_MANY_CONNECTIONS')) {
      strangers.push(...many(100));
      await cluster.pass(10);
      expect(strangers.length).to.be.below(2 * LIMITS.connections_max);
    }
    // A link that is lost now has to come back, although others wait for every place that is free.
    cluster.network.reset('n3', 'n2');
    many(20);
    await cluster.pass(5);
    expect(await isLinked('n2', 'n3')).to.equal(false);
    await linked('n2', 'n3');
  });

  async function isLinked(from: string, to: string): Promise<boolean> {
    const { value } = await cluster.result(client.admin('status', null, { node: from }));
    const { members } = value as { members: { id: string; connected: boolean }[] };
    return members.find(({ id }) => id === to)?.connected === true;
  }

  /** Waits until the two have a link. */
  async function linked(from: string, to: string): Promise<void> {
    for (const until = cluster.time.now() + 1000; !(await isLinked(from, to)); await cluster.pass(10))
      expect(cluster.time.now(), `${from} and ${to}`).to.be.below(until);
  }

  it('that says it is a member but is another one is refused, and the member stays', async () => {
    const impostor = new Stranger(cluster, 'n1', { role: 'peer', id: 'n2', cluster: 'sim', incarnation: 'other' });
    await cluster.until(() => impostor.closed !== '', SOON_MS);
    expect(impostor.closed).to.equal('UNKNOWN_MEMBER');
    const unknown = new Stranger(cluster, 'n1', { role: 'peer', id: 'n9', cluster: 'sim', incarnation: 'x' });
    await cluster.until(() => unknown.closed !== '', SOON_MS);
    expect(unknown.closed).to.equal('UNKNOWN_MEMBER');
    const elsewhere = new Stranger(cluster, 'n1', { role: 'peer', id: 'n2', cluster: 'else', incarnation: 'x' });
    await cluster.until(() => elsewhere.closed !== '', SOON_MS);
    expect(elsewhere.closed).to.equal('WRONG_CLUSTER');
    expect(await isLinked('n1', 'n2')).to.equal(true);
  });

  it('that is taken for a member and sends what makes no sense is cut off, and the member comes back', async () => {
    const identity = (id: string) => JSON.parse(cluster.disk(id).contents(`/${id}/identity.json`).toString());
    const { cluster: name, incarnation } = identity('n2');
    const recorded = identity('n1').incarnation;
    const hello = { role: 'peer', id: 'n2', cluster: name, incarnation, born: true, recorded };
    const impostor = await new Stranger(cluster, 'n1', hello).connected();
    const place = { group: 's0', term: (term ?? 0) + 1, previousIndex: 0, previousTerm: 0, commit: 0 };
    impostor.send({ kind: 'append', ...place, runs: [Buffer.from('this is no run')] });
    await cluster.until(() => impostor.closed !== '', SOON_MS);
    expect(impostor.closed).to.equal('BAD_MESSAGE');
    await linked('n1', 'n2');
  });

  it('that is a client and sends messages of members is cut off, and they have no effect', async () => {
    const stranger = await new Stranger(cluster, 'n1').connected();
    stranger.send({ kind: 'timeout_now', group: 's0', term: term ?? 0 });
    await cluster.until(() => stranger.closed !== '', SOON_MS);
    expect(stranger.closed).to.equal('NOT_ALLOWED');
  });

  it('that asks twenty thousand things at once is answered, and costs the others nothing', async () => {
    const stranger = await new Stranger(cluster, 'n1').connected();
    for (let correlation = 1; correlation <= 20_000; correlation++)
      stranger.send({ kind: 'keepalive', correlation, session: 1 });
    await load.flows(50);
    await cluster.until(() => stranger.received.length >= 20_000, SOON_MS);
  });
});
