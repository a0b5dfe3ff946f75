/** The keeper's promises, with real processes: who runs when, who stops whom, and what a killed process leaves behind. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ConcordError } from '../../protocol/errors.js';
import { ALL_RUN, eachWithCluster, type LocalCluster, nodeOf, reached, refusal, until } from './local-cluster.js';

/** Says something to a local socket. Resolves with the lines of the answer when the other side has closed. */
function converse(path: string, said: string): Promise<string[]> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect(path, () => socket.write(said));
    socket.on('data', (chunk) => {
      heard += chunk;
    });
    // The keeper may close before it has read all of what was said.
    socket.on('error', () => {});
    socket.on('close', () => resolve(heard.split('\n').filter((line) => line !== '')));
  });
}

describe('the keeper', function () {
  this.timeout(60_000);
  let cluster: LocalCluster;
  eachWithCluster((made) => {
    cluster = made;
  });

  describe('and its terminals', () => {
    it('names all nodes with their addresses at once, and then tells when each serves', async () => {
      const keeper = await cluster.attach();
      expect(keeper.cluster).to.equal('test');
      expect(keeper.nodes.map((node) => node.id)).to.deep.equal(['n1', 'n2', 'n3']);
      expect(keeper.nodes.map((node) => node.address)).to.deep.equal(cluster.addresses);
      await reached(keeper, ALL_RUN);
      expect(keeper.nodes.map((node) => node.pid)).to.have.members(cluster.nodes.map((node) => node.pid));
    });

    it('starts a node with what it has to know', async () => {
      await cluster.up();
      const [n1 = '', n2 = '', n3 = ''] = cluster.addresses;
      const told = JSON.parse(readFileSync(join(cluster.data, 'n2', 'arguments.json'), 'utf8'));
      expect(told).to.deep.equal({
        id: 'n2',
        listen: n2,
        data: join(cluster.data, 'n2'),
        cluster: 'test',
        peers: `n1=${n1},n2=${n2},n3=${n3}`,
        'keeper-fd': '3',
        threads: '8',
      });
    });

    for (const [faults, flags] of [
      ['on', { faults: true }],
      ['hold-writes', { 'faults-hold-writes': true }],
    ] as const)
      it(`opens the fault doors of its nodes: ${faults}`, async () => {
        await cluster.up({ faults });
        const told = JSON.parse(readFileSync(join(cluster.data, 'n2', 'arguments.json'), 'utf8'));
        expect(told).to.include({ id: 'n2', ...flags });
      });

    it('lets a second terminal attach to the same nodes, and tells both of every change', async () => {
      const first = await cluster.up();
      const second = await cluster.attach();
      expect(second.nodes).to.deep.equal(first.nodes);
      expect(cluster.keepers).to.have.length(1);
      await second.order('kill', 'n2');
      await reached(first, { n2: 'killed' });
      await reached(second, { n2: 'killed' });
    });

    it('runs on while one terminal is attached, and stops everything when the last has left', async () => {
      const first = await cluster.up();
      const second = await cluster.attach();
      await first.leave();
      expect(cluster.nodes).to.have.length(3);
      expect(await second.order('restart', 'n1')).to.include({ state: 'running' });
      await second.leave();
      expect(cluster.nodes).to.have.length(0);
      await cluster.gone();
    });

    it('takes the kill -9 of the last terminal as its leave', async () => {
      const { process: terminal } = await cluster.terminal();
      await until('the nodes run', () => cluster.nodes.length === 3);
      terminal.kill('SIGKILL');
      await cluster.gone();
    });

    it('is not touched by what the terminal that started it is sent: it has a session of its own', async () => {
      await cluster.terminal();
      await until('the nodes run', () => cluster.nodes.length === 3);
      for (const { pid } of cluster.running) {
        const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
        expect(fields[3], 'session').to.equal(String(pid));
        expect(fields[4], 'controlling terminal').to.equal('0');
      }
    });

    it('exists once when two terminals start at the same time', async () => {
      const options = Array.from({ length: 4 }, () => cluster.terminal());
      const terminals = await Promise.all(options);
      expect(cluster.keepers).to.have.length(1);
      await until('three nodes run', () => cluster.nodes.length === 3);
      const late = await cluster.attach();
      for (const terminal of terminals) terminal.process.kill('SIGKILL');
      await late.order('restart', 'n1');
      expect(cluster.nodes).to.have.length(3);
    });

    it('starts nothing any more once it stops, not even the second half of a restart', async () => {
      cluster.configure(['n1', 'n2', 'n3'], 500);
      cluster.conduct('n2', 'stubborn');
      const keeper = await cluster.up();
      const restart = keeper.order('restart', 'n1').catch((error: ConcordError) => error.code);
      await keeper.leave();
      expect(cluster.nodes).to.have.length(0);
      // On a slow machine the second half may have begun before the word to leave came: then it was stopped in the midst of it.
      expect(await restart).to.be.oneOf(['STOPPING', 'START_FAILED']);
    });

    it('serves a terminal that comes while it stops: a new keeper follows', async () => {
      cluster.configure(['n1', 'n2', 'n3'], 300);
      cluster.conduct('n1', 'stubborn');
      const first = await cluster.up();
      const leaving = first.leave();
      const second = await cluster.attach();
      await leaving;
      await reached(second, ALL_RUN);
      expect(cluster.nodes).to.have.length(3);
    });

    it('stays without terminals when told to, until it is taken down', async () => {
      const keeper = await cluster.up({ stay: true });
      await keeper.leave();
      expect(cluster.nodes).to.have.length(3);
      const again = await cluster.attach();
      await again.leave();
      expect(cluster.nodes).to.have.length(3);
      expect(await cluster.down()).to.equal(true);
      expect(cluster.running).to.have.length(0);
      expect(await cluster.down()).to.equal(false);
    });

    it('stays when a later terminal asks for it', async () => {
      const first = await cluster.up();
      const second = await cluster.attach({ stay: true });
      await Promise.all([first.leave(), second.leave()]);
      expect(cluster.nodes).to.have.length(3);
      await cluster.down();
    });

    it('can have a data folder whose path is too long for a socket', async () => {
      const data = join(cluster.home, 'x'.repeat(120));
      const first = await cluster.up({ data });
      const second = await cluster.attach({ data });
      expect(second.nodes).to.deep.equal(first.nodes);
      expect(cluster.keepers).to.have.length(1);
    });

    it('is told nothing by, and not harmed by, what is no terminal of its version', async () => {
      const keeper = await cluster.up();
      const path = join(cluster.data, 'keeper.sock');
      const hello = { type: 'hello', version: 1, stay: false };
      for (const [said, code] of [
        [JSON.stringify({ ...hello, version: 2 }), 'VERSION'],
        [JSON.stringify({ type: 'order', id: 1, verb: 'kill', node: 'n1' }), 'HELLO_EXPECTED'],
        [JSON.stringify({ ...hello, stay: 1 }), 'BAD_MESSAGE'],
        ['{"type":"dance"}', 'BAD_MESSAGE'],
        ['null', 'BAD_MESSAGE'],
        ['no JSON', 'BAD_MESSAGE'],
        ['x'.repeat(200_000), 'BAD_MESSAGE'],
      ] as const) {
        const [answer, ...more] = (await converse(path, `${said}\n`)).map((line) => JSON.parse(line));
        expect(answer).to.include({ type: 'refused' });
        expect(answer.error).to.include({ code });
        expect(more).to.deep.equal([]);
      }
      const [version] = await converse(path, `${JSON.stringify({ ...hello, version: 2 })}\n`);
      expect(version).to.contain('concord down');
      expect(keeper.nodes.map((node) => node.state)).to.deep.equal(['running', 'running', 'running']);
    });

    it('tells its terminals when it is taken down under them', async () => {
      const keeper = await cluster.up();
      await cluster.down();
      await reached(keeper, { n1: 'stopped', n2: 'stopped', n3: 'stopped' });
      await refusal(keeper.order('start', 'n1'), 'NO_KEEPER');
    });
  });

  describe('killed with -9', () => {
    it('leaves no nodes', async () => {
      const keeper = await cluster.up();
      const [process_] = cluster.keepers;
      process.kill(process_?.pid ?? 0, 'SIGKILL');
      await cluster.gone();
      await reached(keeper, { n1: 'stopped', n2: 'stopped', n3: 'stopped' });
    });

    it('leaves a paused node to the next keeper, which ends it before it starts its own', async () => {
      const keeper = await cluster.up();
      const { pid: paused } = await keeper.order('pause', 'n2');
      const [process_] = cluster.keepers;
      process.kill(process_?.pid ?? 0, 'SIGKILL');
      await until('only the paused node is left', () => cluster.running.length === 1);
      expect(cluster.running[0]?.pid).to.equal(paused);

      const next = await cluster.up();
      expect(cluster.nodes).to.have.length(3);
      expect(nodeOf(next, 'n2').pid).to.not.equal(paused);
    });

    it('leaves a pid file that does not harm who has that pid by now', async () => {
      const keeper = await cluster.up();
      await keeper.leave();
      await cluster.gone();
      const bystander = await cluster.terminal({ temp: true, config: null });
      writeFileSync(join(cluster.data, 'n1', 'node.pid'), `${bystander.process.pid}\n`);
      await cluster.up();
      expect(bystander.process.exitCode).to.equal(null);
      expect(bystander.process.signalCode).to.equal(null);
    });

    it('leaves its lock and its socket to be taken over, by one only', async () => {
      await cluster.up();
      const [process_] = cluster.keepers;
      process.kill(process_?.pid ?? 0, 'SIGKILL');
      await cluster.gone();
      expect(readdirSync(cluster.data)).to.include('keeper.sock');
      await Promise.all([cluster.attach(), cluster.terminal(), cluster.attach()]);
      await until('the others have given way', () => cluster.keepers.length === 1);
    });
  });

  describe('of a temporary cluster', () => {
    it('has free ports and a folder that is gone when its terminal has left', async () => {
      const keeper = await cluster.up({ temp: true, config: null });
      const folder = join(nodeOf(keeper, 'n1').data, '..');
      expect(existsSync(folder)).to.equal(true);
      expect(new Set(keeper.nodes.map((node) => node.address)).size).to.equal(3);
      await keeper.leave();
      expect(existsSync(folder)).to.equal(false);
      await cluster.gone();
    });

    it('is gone after kill -9 of its terminal', async () => {
      const { process: terminal, nodes } = await cluster.terminal({ temp: true, config: null });
      const folder = join(nodes[0]?.data ?? '', '..');
      terminal.kill('SIGKILL');
      await cluster.gone();
      expect(existsSync(folder)).to.equal(false);
    });

    it('has the nodes of its configuration, and is another one each time', async () => {
      cluster.configure(['a', 'b']);
      const first = await cluster.attach({ temp: true });
      const second = await cluster.attach({ temp: true });
      expect(first.nodes.map((node) => node.id)).to.deep.equal(['a', 'b']);
      expect(first.cluster).to.not.equal(second.cluster);
      expect(cluster.keepers).to.have.length(2);
    });

    it('killed with -9 leaves its folder and paused node to the next one', async () => {
      const first = await cluster.up({ temp: true, config: null });
      const folder = join(nodeOf(first, 'n1').data, '..');
      const { pid } = await first.order('pause', 'n1');
      process.kill(cluster.keepers[0]?.pid ?? 0, 'SIGKILL');
      await until('only the paused node is left', () => cluster.running.length === 1);
      await cluster.up({ temp: true, config: null });
      await until('the folder is gone', () => !existsSync(folder));
      expect(cluster.nodes.map((node) => node.pid)).to.not.include(pid);
    });

    it('cannot stay', async () => {
      await refusal(cluster.attach({ temp: true, stay: true }), 'USAGE');
    });
  });
});
