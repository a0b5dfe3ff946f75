/** Who may take part: first starts, lost and damaged data, strangers, and clean ends. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/index.js';
import { ConcordError, type ErrorCode } from '../../protocol/errors.js';
import { type TestCluster, useClusters } from './cluster.js';
import type { RealNode } from './real-node.js';
import { Traffic } from './traffic.js';
import { until } from './until.js';

const SECTOR_BYTES = 512;

/** The error that a call ends in. */
async function refusal(call: Promise<unknown>, ...codes: ErrorCode[]): Promise<ConcordError> {
  const outcome = await call.then(
    () => null,
    (error: unknown) => error,
  );
  expect(outcome).to.be.instanceOf(ConcordError);
  expect((outcome as ConcordError).code).to.be.oneOf(codes);
  return outcome as ConcordError;
}

/** The path of a node's first segment. */
function segment(node: RealNode): string {
  const folder = join(node.plan.data, 'log');
  const [first] = readdirSync(folder).filter((name) => name.endsWith('.log'));
  return join(folder, first ?? '');
}

describe('the birth of a cluster, and who belongs to it', function () {
  this.timeout(60_000);
  const make = useClusters();

  async function up(...options: Parameters<typeof make>): Promise<{ cluster: TestCluster; client: Cluster }> {
    const cluster = await make(...options);
    await cluster.start();
    const client = await cluster.client();
    await client.queue().enqueue('first');
    return { cluster, client };
  }

  /** Resolves when these nodes have everything that the leader has. */
  async function caughtUp(cluster: TestCluster, ...ids: string[]): Promise<void> {
    await until(`${ids} have caught up`, async () => {
      const leader = await cluster.replica('s0', await cluster.leader('s0'));
      return leader.commit === leader.last && ids.every((id) => leader.match[id] === leader.last);
    });
  }

  describe('at the first start', () => {
    it('waits for every member, and then works', async () => {
      const cluster = await make();
      await cluster.start('n1', 'n2');
      const impatient = await cluster.client({ follow: false });
      await refusal(impatient.queue().enqueue('too early'), 'NO_LEADER');
      const error = await refusal(impatient.queue().size(), 'NO_LEADER');
      expect(error.message).to.contain('waits to meet every first member');
      expect(error.definite).to.equal(true);
      const client = await cluster.client();
      const early = client.queue().enqueue('first');
      await cluster.start('n3');
      expect(await early).to.equal(1);
      expect(await client.queue().dequeue()).to.deep.equal({ id: 1, body: 'first' });
    });

    it('is born once, whenever its nodes are killed meanwhile', async () => {
      const cluster = await make();
      const births = () => new Set([...cluster.nodes.values()].flatMap((node) => names(node)));
      const names = (node: RealNode) =>
        node.log().flatMap(({ msg, cluster: name }) => (msg === 'member' ? [name] : []));
      for (const delay of [0, 1, 2, 4, 8, 16]) {
        await cluster.start();
        await new Promise((resolve) => setTimeout(resolve, delay));
        await cluster.kill();
      }
      await cluster.start();
      expect(await (await cluster.client()).queue().enqueue('first')).to.equal(1);
      for (const node of cluster.nodes.values()) await until(`${node.id} says so`, () => names(node).length > 0);
      expect(births().size).to.equal(1);
    });

    it('is a cluster of its own with one node', async () => {
      const { cluster, client } = await up({ nodes: 1 });
      await cluster.kill('n1');
      await cluster.start('n1');
      expect(await client.queue().dequeue()).to.deep.equal({ id: 1, body: 'first' });
    });
  });

  describe('when data is lost', () => {
    it('never starts a known node empty, goes on without it, and takes it back with its data', async () => {
      const { cluster, client } = await up();
      const node = cluster.node('n2');
      await node.kill();
      const { data } = node.plan;
      renameSync(data, `${data}.kept`);
      for (let tries = 0; tries < 2; tries++) {
        const { code, stderr } = await node.fail();
        expect(code).to.equal(1);
        expect(stderr).to.match(/^concord-node n2: .*data folder was lost or replaced\n$/);
        expect(await client.queue().enqueue('meanwhile')).to.equal(2 + tries);
      }
      rmSync(data, { recursive: true });
      renameSync(`${data}.kept`, data);
      await node.start();
      await caughtUp(cluster, 'n2');
      await cluster.kill('n1');
      expect(await client.queue().enqueue('after')).to.equal(4);
    });

    it('keeps a node without its data out of every vote until it can be told', async () => {
      const { cluster, client } = await up();
      await cluster.kill();
      rmSync(cluster.node('n2').plan.data, { recursive: true });
      await cluster.start('n2');
      await cluster.start('n1');
      expect((await cluster.node('n2').ended).stderr).to.contain('was lost or replaced');
      await cluster.start('n3');
      expect(await client.queue().dequeue()).to.deep.equal({ id: 1, body: 'first' });
    });

    it('does not make a majority of two empty nodes', async () => {
      const { cluster } = await up();
      await cluster.kill();
      for (const id of ['n1', 'n2']) rmSync(cluster.node(id).plan.data, { recursive: true });
      await cluster.start('n1', 'n2');
      const impatient = await cluster.client({ follow: false });
      await refusal(impatient.queue().dequeue(), 'NO_LEADER');
      await cluster.start('n3');
      for (const id of ['n1', 'n2']) expect((await cluster.node(id).ended).code).to.equal(1);
    });

    it('does not start a node that lost its log and has nobody to refill from, however often it is tried', async () => {
      const { cluster } = await up({ nodes: 1 });
      const node = cluster.node('n1');
      await node.kill();
      rmSync(join(node.plan.data, 'log'), { recursive: true });
      for (let tries = 0; tries < 2; tries++) {
        const { code, stderr } = await node.fail();
        expect(code).to.equal(1);
        expect(stderr).to.contain(join(node.plan.data, 'log')).and.contain('missing or empty');
      }
    });

    it('does not start a node that lost only its identity', async () => {
      const { cluster } = await up();
      const node = cluster.node('n2');
      await node.kill();
      rmSync(join(node.plan.data, 'identity.json'));
      const { code, stderr } = await node.fail();
      expect(code).to.equal(1);
      expect(stderr).to.contain('identity.json');
      expect(existsSync(join(node.plan.data, 'identity.json'))).to.equal(false);
    });
  });

  describe('when data is damaged', () => {
    it('refuses a log with rot in it where there is nobody to refill from, with file and place', async () => {
      const { cluster, client } = await up({ nodes: 1 });
      await client.queue().enqueue('x'.repeat(10_000));
      const node = cluster.node('n1');
      await node.kill();
      const path = segment(node);
      const bytes = readFileSync(path);
      const at = bytes.indexOf('xxxx') + 1000;
      bytes[at] = 0x79;
      writeFileSync(path, bytes);
      const { code, stderr } = await node.fail();
      expect(code).to.equal(1);
      const [, file, offset] = /^concord-node n1: (\S+), byte (\d+): /.exec(stderr) ?? [];
      expect(file).to.equal(path);
      expect(Number(offset)).to.be.within(at - 10_000, at);
    });

    it('accepts a log whose last batch was cut short, and fills it up from the others', async () => {
      const { cluster, client } = await up();
      await client.queue().enqueue('x'.repeat(10_000));
      // What is torn here was acknowledged, other than after a power cut: so the other two must have it.
      await caughtUp(cluster, 'n1', 'n2', 'n3');
      // All of them: a leader that goes on knows what n3 had made durable, and rightly ends a node that has not.
      await cluster.kill();
      const path = segment(cluster.node('n3'));
      const bytes = readFileSync(path);
      const last = bytes.lastIndexOf('xxxx');
      expect(last).to.be.above(0);
      bytes.fill(0, Math.floor(last / SECTOR_BYTES) * SECTOR_BYTES);
      writeFileSync(path, bytes);
      await cluster.start();
      await caughtUp(cluster, 'n3');
      await cluster.kill('n1');
      expect(await client.queue().dequeue()).to.deep.equal({ id: 1, body: 'first' });
      expect(await client.queue().dequeue()).to.deep.equal({ id: 2, body: 'x'.repeat(10_000) });
    });
  });

  describe('when strangers come', () => {
    it('refuses a client that wants another cluster', async () => {
      const { cluster } = await up();
      const error = await refusal(cluster.client({ cluster: 'other' }), 'WRONG_CLUSTER');
      expect(error.message).to.contain('test').and.contain('other');
      await cluster.client({ cluster: 'test' });
    });

    it('is not born together with a node of another cluster', async () => {
      const cluster = await make();
      await cluster.start('n1', 'n2');
      await cluster.node('n3').start({ cluster: 'other' });
      const impatient = await cluster.client({ follow: false, cluster: 'test' });
      await refusal(impatient.queue().enqueue('too early'), 'NO_LEADER');
      await cluster.kill('n3');
      rmSync(cluster.node('n3').plan.data, { recursive: true });
      await cluster.start('n3');
      expect(await (await cluster.client()).queue().enqueue('first')).to.equal(1);
    });

    it('lets no member of another cluster of the same name in', async () => {
      const { cluster, client } = await up();
      const { cluster: twin } = await up();
      await cluster.kill('n3');
      await twin.kill('n3');
      const { listen, peers } = cluster.node('n3').plan;
      await twin.node('n3').start({ listen, peers });
      const refusedN3 = (id: string) =>
        cluster
          .node(id)
          .log()
          .some(({ msg, peer }) => msg === 'peer refused' && peer === 'n3');
      for (const id of ['n1', 'n2']) await until(`${id} tells of the refusal`, () => refusedN3(id));
      await cluster.kill('n2');
      // With n3 there would be a majority.
      await refusal(client.queue().size({ timeout_ms: 1000 }), 'DEADLINE', 'NO_LEADER', 'TIMEOUT');
      await cluster.start('n2');
      expect(await client.queue().dequeue()).to.deep.equal({ id: 1, body: 'first' });
    });

    it('refuses a folder of another node, and of another cluster', async () => {
      const { cluster } = await up();
      await cluster.kill('n1', 'n2');
      const wrongNode = await cluster.node('n1').fail({ data: cluster.node('n2').plan.data });
      expect(wrongNode.code).to.equal(1);
      expect(wrongNode.stderr).to.contain('belongs to node n2, not n1');
      const wrongCluster = await cluster.node('n1').fail({ cluster: 'other' });
      expect(wrongCluster.code).to.equal(1);
      expect(wrongCluster.stderr).to.contain('belongs to cluster test, not other');
    });

    it('refuses a second process on the folder of one that runs', async () => {
      const { cluster, client } = await up();
      const { plan } = cluster.node('n1');
      const [second] = (await make({ nodes: 1 })).nodes.values();
      const { code, stderr } = (await second?.fail({ ...plan, listen: second.plan.listen })) ?? {};
      expect(code).to.equal(1);
      expect(stderr).to.contain(plan.data).and.contain('in use');
      expect(await client.queue().enqueue('goes on')).to.equal(2);
    });

    it('says so when its port is taken', async () => {
      const { cluster, client } = await up();
      const node = cluster.node('n1');
      await node.kill();
      // Whoever comes here meant the node.
      const server = createServer((socket) => socket.destroy());
      const [host, port] = node.plan.listen.split(':');
      await new Promise<void>((resolve) => server.listen(Number(port), host, resolve));
      try {
        const { code, stderr } = await node.fail();
        expect(code).to.equal(1);
        expect(stderr).to.contain(`${node.plan.listen} is in use by another program`);
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
      expect(await client.queue().enqueue('goes on')).to.equal(2);
    });

    it('listens on the loopback only, and says why', async () => {
      const cluster = await make({ nodes: 1 });
      for (const listen of ['0.0.0.0:20000', '192.168.1.1:20000', '[::]:20000', 'example.org:20000']) {
        const { code, stderr } = await cluster.node('n1').fail({ listen });
        expect(code).to.equal(2);
        expect(stderr).to.contain('listen').and.contain('loopback only until connections are authenticated');
      }
      expect(readdirSync(cluster.folder)).to.deep.equal([]);
    });
  });

  describe('at the end', () => {
    it('hands leadership over when told to stop, so that commands go on without an election', async () => {
      // An election for want of a leader would take longer than the whole test may.
      const { cluster, client } = await up({ election_ms: 60_000 });
      const traffic = new Traffic(client);
      for (let stops = 0; stops < 3; stops++) {
        await traffic.flows(200);
        const leader = await cluster.leader('s0');
        const { code, stderr } = await cluster.stop(leader);
        expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
        const said = cluster.node(leader).log();
        const end = said.slice(said.findLastIndex(({ msg }) => msg === 'stopping'));
        const handed = end.find(({ msg, group, role }) => msg === 'role' && group === 's0' && role === 'follower');
        expect(handed?.['reason']).to.match(/^a candidate of term/);
        expect(end.at(-1)).to.include({ msg: 'stopped' });
        await traffic.flows(200);
        await cluster.start(leader);
        await caughtUp(cluster, leader);
      }
      await traffic.stop();
      expect([...traffic.failed.values()]).to.deep.equal([]);
      await traffic.verify(client);
    });
  });
});
