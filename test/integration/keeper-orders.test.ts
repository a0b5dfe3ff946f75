/** The keeper's orders, with real processes: what it does to a node when told, and what it refuses to do. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { eachWithCluster, kernelState, type LocalCluster, nodeOf, reached, refusal, until } from './local-cluster.js';

describe('the keeper', function () {
  this.timeout(60_000);
  let cluster: LocalCluster;
  eachWithCluster((made) => {
    cluster = made;
  });

  describe('and its orders', () => {
    it('stops, kills, pauses and resumes a node, and says how it is', async () => {
      const keeper = await cluster.up();
      expect(await keeper.order('stop', 'n1')).to.include({ state: 'stopped', pid: null, reason: '' });
      expect(await keeper.order('kill', 'n2')).to.include({ state: 'killed', pid: null, reason: '' });
      const paused = await keeper.order('pause', 'n3');
      expect(paused.state).to.equal('paused');
      await until('the kernel has stopped it', () => kernelState(paused.pid ?? 0) === 'T');
      expect(await keeper.order('resume', 'n3')).to.include({ state: 'running', pid: paused.pid });
      await until('the kernel runs it', () => kernelState(paused.pid ?? 0) !== 'T');
      expect(await keeper.order('start', 'n1')).to.include({ state: 'running' });
      expect(await keeper.order('restart', 'n2')).to.include({ state: 'running' });
      expect(cluster.nodes).to.have.length(3);
    });

    it('stops and restarts a paused node', async () => {
      const keeper = await cluster.up();
      const { pid } = await keeper.order('pause', 'n1');
      const again = await keeper.order('restart', 'n1');
      expect(again.state).to.equal('running');
      expect(again.pid).to.not.equal(pid);
      await keeper.order('pause', 'n1');
      expect(await keeper.order('stop', 'n1')).to.include({ state: 'stopped', reason: '' });
    });

    it('kills a node that does not stop in time, and says so', async () => {
      cluster.configure(['n1', 'n2', 'n3'], 200);
      cluster.conduct('n1', 'stubborn');
      const keeper = await cluster.up();
      const stopped = await keeper.order('stop', 'n1');
      expect(stopped).to.include({ state: 'killed', pid: null });
      expect(stopped.reason).to.contain('200 ms');
    });

    it('kills a node that is being stopped or started', async () => {
      cluster.conduct('n1', 'stubborn');
      cluster.conduct('n2', 'silent');
      const keeper = await cluster.attach();
      await reached(keeper, { n1: 'running', n3: 'running' });
      const stopping = keeper.order('stop', 'n1');
      await reached(keeper, { n1: 'stopping' });
      expect(await keeper.order('kill', 'n1')).to.include({ state: 'killed' });
      expect(await stopping).to.include({ state: 'killed' });
      expect(nodeOf(keeper, 'n2').state).to.equal('starting');
      expect(await keeper.order('kill', 'n2')).to.include({ state: 'killed' });
    });

    it('refuses what makes no sense', async () => {
      const keeper = await cluster.up();
      await refusal(keeper.order('start', 'n1'), 'ALREADY');
      await refusal(keeper.order('resume', 'n1'), 'ALREADY');
      await keeper.order('pause', 'n1');
      await refusal(keeper.order('pause', 'n1'), 'ALREADY');
      await keeper.order('kill', 'n2');
      for (const verb of ['stop', 'kill', 'pause', 'resume'] as const)
        await refusal(keeper.order(verb, 'n2'), 'NOT_RUNNING');
      const unknown = await refusal(keeper.order('start', 'n9'), 'UNKNOWN_NODE');
      expect(unknown.message).to.contain('n1, n2, n3');
    });

    it('shows a node that ends by itself as failed, with its last error, and does not start it again', async () => {
      const keeper = await cluster.up();
      process.kill(nodeOf(keeper, 'n1').pid ?? 0, 'SIGKILL');
      await reached(keeper, { n1: 'failed' });
      expect(nodeOf(keeper, 'n1')).to.include({ pid: null, reason: 'was ended by SIGKILL' });

      cluster.conduct('n1', 'throws');
      const thrown = await refusal(keeper.order('start', 'n1'), 'START_FAILED');
      expect(thrown.message).to.contain('RangeError: a broken stub');
      expect(nodeOf(keeper, 'n1').reason).to.contain('RangeError: a broken stub');

      cluster.conduct('n1', 'refuses');
      const refused = await refusal(keeper.order('start', 'n1'), 'NO_SPACE');
      expect(refused.message).to.contain('the disk is full');
      expect(cluster.nodes).to.have.length(2);
    });
  });

  describe('and what it must not do', () => {
    const taken: Server[] = [];

    afterEach(() => {
      for (const server of taken.splice(0)) server.close();
    });

    async function takePort(index: number): Promise<void> {
      const [host, port] = cluster.addresses[index]?.split(':') ?? [];
      const server = createServer();
      taken.push(server);
      await new Promise<void>((resolve) => server.listen({ host, port: Number(port) }, resolve));
    }

    it('starts nothing when a port is taken, and names who has it', async () => {
      await takePort(1);
      const error = await refusal(cluster.attach(), 'PORT_TAKEN');
      expect(error.message).to.contain(`(pid ${process.pid})`).and.contain('mocha');
      expect(error.details).to.include({ node: 'n2', pid: process.pid, address: cluster.addresses[1] });
      await cluster.gone();
    });

    it('does not start a node whose port was taken while it was down', async () => {
      const keeper = await cluster.up();
      await keeper.order('stop', 'n3');
      await takePort(2);
      const error = await refusal(keeper.order('start', 'n3'), 'PORT_TAKEN');
      expect(error.details).to.include({ pid: process.pid });
      expect(nodeOf(keeper, 'n3')).to.include({ state: 'failed', reason: error.message });
    });

    it('does not start a node whose data is gone, and starts the others', async () => {
      const first = await cluster.up();
      await first.order('stop', 'n2');
      rmSync(join(cluster.data, 'n2'), { recursive: true });
      const refused = await refusal(first.order('start', 'n2'), 'START_FAILED');
      expect(refused.message).to.contain(join(cluster.data, 'n2'));
      expect(existsSync(join(cluster.data, 'n2'))).to.equal(false);
      mkdirSync(join(cluster.data, 'n2'));
      writeFileSync(join(cluster.data, 'n2', 'node.log'), 'all that is left\n');
      await refusal(first.order('start', 'n2'), 'START_FAILED');
      await first.leave();

      const second = await cluster.attach();
      await reached(second, { n1: 'running', n2: 'failed', n3: 'running' });
      expect(nodeOf(second, 'n2').reason).to.equal(refused.message);
    });

    it('does not start other nodes, or another cluster, in a folder where a cluster was born', async () => {
      const keeper = await cluster.up();
      await keeper.leave();
      cluster.configure(['n1', 'n2']);
      const fewer = await refusal(cluster.attach(), 'BAD_CONFIG');
      expect(fewer.message).to.contain('n1, n2, n3');
      cluster.configure(['n1', 'n2', 'n3'], 5000, 'other');
      await refusal(cluster.attach(), 'BAD_CONFIG');
    });

    it('does not start from a configuration with a mistake, and says where it is', async () => {
      cluster.configure(['n1', 'n1']);
      const error = await refusal(cluster.attach(), 'BAD_CONFIG');
      expect(error.message).to.contain(`${cluster.config}, line 6`);
      await cluster.gone();
    });

    it('writes no more than a bounded log for a node', async () => {
      cluster.conduct('n1', '');
      const log = join(cluster.data, 'n1', 'stderr.log');
      writeFileSync(log, Buffer.alloc((1 << 20) + 1, 'x'));
      await cluster.up();
      expect(readFileSync(log).length).to.be.lessThan(1024);
    });
  });
});
