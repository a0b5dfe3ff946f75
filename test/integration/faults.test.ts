/** The fault doors of real nodes: what is broken on order is broken, everybody can see it, and it heals. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Cluster, Fault, NodeState } from '../../protocol/client/index.js';
import { ConcordError } from '../../protocol/errors.js';
import { execute } from '../../tui/session/execute.js';
import { Terminal } from '../../tui/session/terminal.js';
import { type TestCluster, useClusters } from './cluster.js';
import { Traffic } from './traffic.js';
import { until } from './until.js';

/** Acknowledgements that have to come during each fault. */
const FLOW = 200;

describe('fault doors', function () {
  this.timeout(120_000);
  const make = useClusters();
  let cluster: TestCluster;
  let client: Cluster;

  async function up(options: Parameters<typeof make>[0] = {}): Promise<void> {
    cluster = await make({ flags: ['--faults'], ...options });
    await cluster.start();
    await cluster.leader('s0');
    client = await cluster.client();
  }

  /** Gives a node an order; what is in force there then. */
  async function order(node: string, word: string, argument: object = {}): Promise<readonly Fault[]> {
    const { value } = await client.admin(word, argument, { node });
    return (value as { faults: readonly Fault[] }).faults;
  }

  async function orderAll(word: string, argument: object = {}): Promise<void> {
    await Promise.all([...cluster.nodes.keys()].map((id) => order(id, word, argument)));
  }

  async function state(node: string): Promise<NodeState> {
    return (await client.admin('status', {}, { node })).value as NodeState;
  }

  /** Resolves when all replicas of `s0` follow one leader and hold the same. */
  async function converged(): Promise<void> {
    await until('all replicas are alike', async () => {
      const states = await Promise.all([...cluster.nodes.keys()].map((id) => cluster.replica('s0', id)));
      const alike = new Set(states.map(({ term, leader, applied, last }) => [term, leader, applied, last].join()));
      return alike.size === 1 && states[0]?.leader !== '';
    });
  }

  async function judge(traffic: Traffic): Promise<void> {
    await traffic.stop();
    await converged();
    await traffic.verify(await cluster.client());
    expect([...traffic.failed.values()]).to.deep.equal([]);
  }

  it('are shut unless a node was started with them', async () => {
    await up({ flags: [] });
    for (const word of ['partition', 'slow', 'lose', 'fill', 'heal', 'faults', 'flip']) {
      const error = await order('n1', word, { peers: ['n2'], way: 'both' }).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(ConcordError).and.include({ code: 'FAULTS_OFF', definite: true });
    }
    expect(await state('n1')).to.not.have.property('faults');
  });

  it('stand open in a cluster that a terminal makes for itself, and every word reaches them', async () => {
    const own = { connect: [], cluster: '', clientId: '', temp: true } as const;
    const terminal = new Terminal({ ...own, follow: true, readonly: false, timeout_ms: 30_000 });
    const run = async (line: string) => {
      const { ok, error, result } = await execute(line, terminal.context, new AbortController().signal);
      expect(ok, `${line}: ${error?.message}`).to.equal(true);
      return (result as { faults: readonly { node: string; fault: string }[] }).faults;
    };
    try {
      await execute('enqueue 1', terminal.context, new AbortController().signal);
      const lines = ['partition n1 | n2', 'slow n1 5ms', 'slow n2 1ms --disk', 'lose n3 1%', 'fill n3'];
      for (const line of lines) await run(line);
      const gist = (await run('faults')).map(({ node, fault }) => `${node} ${fault}`);
      const expected = ['n1 partition', 'n1 slow', 'n2 partition', 'n2 slow', 'n3 fill', 'n3 lose'];
      expect([...new Set(gist)].sort()).to.deep.equal(expected);
      expect(await run('heal')).to.deep.equal([]);
    } finally {
      await terminal.leave();
    }
  });

  it('show what is on in the state that everybody is pushed, and end with the process', async () => {
    await up();
    const seen = new Map<string, readonly Fault[]>();
    client.observe((news) => {
      if (news.kind === 'status' && news.state.faults !== undefined) seen.set(news.node, news.state.faults);
    });
    await until('n2 tells that nothing is on', () => seen.get('n2')?.length === 0);
    await order('n2', 'lose', { percent: 5, peers: ['n3'] });
    await until('n2 tells that it loses messages', () => seen.get('n2')?.[0]?.percent === 5);
    expect((await state('n2')).faults).to.have.length(1);
    await order('n2', 'heal', { peers: null });
    await until('n2 tells that it is healed', () => seen.get('n2')?.length === 0);
    await order('n2', 'fill');
    await cluster.kill('n2');
    await cluster.start('n2');
    await until('n2 is back', () => client.members.some(({ id, connected }) => id === 'n2' && connected));
    expect(await order('n2', 'faults')).to.deep.equal([]);
  });

  it('cut the leader off: the others go on under a new one, the old one steps down, and healed it follows', async () => {
    await up();
    const traffic = new Traffic(await cluster.client());
    await traffic.flows(FLOW);
    const old = await cluster.leader('s0');
    await order(old, 'partition', { peers: null, way: 'both' });
    await until('another node leads', async () => (await cluster.leader('s0')) !== old);
    await traffic.flows(FLOW);
    await until(`${old} has stepped down`, async () => (await cluster.replica('s0', old)).role !== 'leader');
    // As a cut cable, it closed nothing.
    expect((await state(old)).members.map(({ connected }) => connected)).to.deep.equal([true, true, true]);
    const behind = await cluster.replica('s0', old);
    await traffic.flows(FLOW);
    expect((await cluster.replica('s0', old)).commit).to.equal(behind.commit);
    expect(await order(old, 'heal', { peers: null })).to.deep.equal([]);
    await judge(traffic);
  });

  for (const way of ['out', 'in'] as const)
    it(`cut one way only (${way}): the leader is replaced, and nothing is lost`, async () => {
      await up();
      const traffic = new Traffic(await cluster.client());
      await traffic.flows(FLOW);
      const old = await cluster.leader('s0');
      await order(old, 'partition', { peers: null, way });
      await until('another node leads', async () => (await cluster.leader('s0')) !== old);
      await traffic.flows(FLOW);
      await order(old, 'heal', { peers: null });
      await judge(traffic);
    });

  it('let no new connection through a cut, and one soon after it', async () => {
    await up();
    const connected = async (id: string, peer: string) =>
      (await state(id)).members.find((member) => member.id === peer)?.connected === true;
    // Who dials does not, and who is dialled refuses: n1 dials n2, n2 dials n3.
    await order('n2', 'partition', { peers: null, way: 'both' });
    await cluster.kill('n1', 'n3');
    await cluster.start('n1', 'n3');
    await until('n1 and n3 have met', () => connected('n1', 'n3'));
    await until('n1 is told why not n2', () =>
      cluster
        .node('n1')
        .log()
        .some(({ msg, message }) => msg === 'peer refused' && /cuts n2 off from n1/.test(`${message}`)),
    );
    expect([await connected('n2', 'n1'), await connected('n2', 'n3')]).to.deep.equal([false, false]);
    await order('n2', 'heal', { peers: ['n3'] });
    await until('n2 and n3 have met', () => connected('n2', 'n3'));
    expect(await connected('n2', 'n1')).to.equal(false);
    await order('n2', 'heal', { peers: null });
    await until('n1 and n2 have met', () => connected('n1', 'n2'));
    await converged();
  });

  it('let a cluster be born when the cut is healed, not before', async () => {
    cluster = await make({ flags: ['--faults'] });
    await cluster.start('n1', 'n2');
    client = await cluster.client();
    await until('n1 and n2 have met', async () => (await state('n1')).members[1]?.connected === true);
    await order('n1', 'partition', { peers: null, way: 'both' });
    await cluster.start('n3');
    const impatient = await cluster.client({ follow: false });
    await until('n2 and n3 have met', async () => (await state('n3')).members[1]?.connected === true);
    await until('n1 says that it waits', () =>
      impatient
        .queue()
        .size({ node: 'n1' })
        .then(
          () => expect.fail('it was born'),
          (error: Error) => error.message.includes('n1 waits to meet every first member'),
        ),
    );
    expect((await state('n1')).members[2]?.connected).to.equal(false);
    await order('n1', 'heal', { peers: null });
    await converged();
    expect(await client.queue().size({ node: 'n1' })).to.equal(0);
  });

  it('turn over a bit of the log: it is noticed, and the node puts the log aside and refills', async () => {
    await up();
    const follower = (await cluster.leader('s0')) === 'n1' ? 'n2' : 'n1';
    for (let n = 0; n < 20; n++) await client.queue().enqueue(n);
    const file = 'log/0000000001.log';
    const { value } = await client.admin('flip', { file, offset: 600, bit: 3 }, { node: follower });
    const { before, after } = value as { before: number; after: number };
    expect(before ^ after).to.equal(8);
    await cluster.kill(follower);
    await cluster.start(follower);
    const said = () => cluster.node(follower).log();
    await until('it is whole again', () => said().some(({ msg }) => msg === 'repaired'));
    const damaged = said().find(({ msg }) => msg === 'damaged');
    expect(damaged?.['error']).to.match(/0000000001\.log, byte \d+: .*damaged/);
    expect(damaged?.['aside']).to.match(/log\.damaged-1$/);
    expect(await client.queue().size()).to.equal(20);
  });

  it('lose 30 % of everything: it goes on', async () => {
    await up();
    const traffic = new Traffic(await cluster.client());
    await orderAll('lose', { percent: 30, peers: null });
    await traffic.flows(FLOW);
    await orderAll('heal', { peers: null });
    await judge(traffic);
  });

  it('slow every link by 200 ms: it goes on without an election', async () => {
    await up({ election_ms: null });
    const before = await cluster.replica('s0', 'n1');
    const traffic = new Traffic(await cluster.client());
    await orderAll('slow', { ms: 200, disk: false, peers: null });
    await traffic.flows(FLOW);
    await orderAll('slow', { ms: 10, disk: true, peers: null });
    await traffic.flows(FLOW);
    await orderAll('heal', { peers: null });
    await judge(traffic);
    const { term, leader } = await cluster.replica('s0', 'n1');
    expect({ term, leader }).to.deep.equal({ term: before.term, leader: before.leader });
  });

  it('fill the disks: what takes room is refused, and taken again when they are healed', async () => {
    await up();
    await orderAll('fill');
    const queue = client.queue();
    let refused: unknown = null;
    let put = 0;
    await until('there is no room', async () => {
      await queue.enqueue(Buffer.alloc(100_000)).then(
        () => put++,
        (error: unknown) => {
          refused = error;
        },
      );
      return refused !== null;
    });
    expect(refused).to.be.instanceOf(ConcordError).and.include({ code: 'NO_SPACE', definite: true });
    expect((await state(await cluster.leader('s0'))).space).to.not.equal('ok');
    expect(await queue.dequeue()).to.not.equal(undefined);
    await orderAll('heal', { peers: null });
    await until('there is room', () =>
      queue.enqueue('more').then(
        () => true,
        () => false,
      ),
    );
    expect(await queue.size()).to.equal(put);
  });

  it('hold every write back: all nodes lose their power under load, and nothing acknowledged is lost', async () => {
    // Segments so small that the power also goes while one is being made or named.
    await up({ flags: ['--faults-hold-writes', '--segment-bytes', '65536'] });
    const traffic = new Traffic(await cluster.client());
    for (let cuts = 0; cuts < 3; cuts++) {
      await traffic.flows(5 * FLOW);
      await cluster.kill();
      await cluster.start();
    }
    await traffic.flows(FLOW);
    await judge(traffic);
    for (const { plan } of cluster.nodes.values()) {
      expect(readdirSync(plan.data)).to.include('.unnamed');
      expect(readdirSync(join(plan.data, 'log')).length).to.be.above(3);
    }
  });
});
