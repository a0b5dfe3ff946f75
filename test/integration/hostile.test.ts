/** What strangers can do to a node: not end it, not fill it, not keep it from serving those who behave. */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/index.js';
import { encode } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import { type TestCluster, useClusters } from './cluster.js';
import { ask, BOMBS, bomb, frame, framed, hello, say } from './raw-client.js';

const LOAD = fileURLToPath(new URL('./hostile-load.js', import.meta.url));
const WELCOME = 2;
const REFUSED = 3;
const FAILURE = 22;

/** Phases with the crowd, each after one without: what else happens on the machine meets both alike. */
const PHASES = 6;
const PHASE_MS = 1000;
/** Memory that a crowd may cost a node, bytes: 64 connections with a frame each are 64 MiB at worst. */
const MEMORY_BYTES_MAX = 200e6;

describe('hostile bytes', function () {
  this.timeout(60_000);
  const make = useClusters();

  async function up(
    ...options: Parameters<typeof make>
  ): Promise<{ cluster: TestCluster; client: Cluster; leader: string; address: string }> {
    const cluster = await make(...options);
    await cluster.start();
    const client = await cluster.client();
    await client.queue().enqueue('first');
    const leader = await cluster.leader('s0');
    return { cluster, client, leader, address: cluster.node(leader).plan.listen };
  }

  /** The very process that was there before still serves. */
  async function unharmed(cluster: TestCluster, client: Cluster, pids: readonly number[]): Promise<void> {
    expect([...cluster.nodes.values()].map(({ pid }) => pid)).to.deep.equal(pids);
    const id = await client.queue().enqueue('still there');
    expect(id).to.be.above(1);
  }

  it('are refused wherever a bomb of 256 KiB lies', async () => {
    const { cluster, client, address } = await up();
    const pids = [...cluster.nodes.values()].map(({ pid }) => pid);
    for (const kind of BOMBS) {
      const charge = bomb(kind);
      const command = framed({ kind: 'command', correlation: 7, envelope: charge });
      const inEnvelope = encode([1, 's0', 2, 1, 0, 5000, '', '', '', 16, charge]);
      const inBody = framed({ kind: 'command', correlation: 7, envelope: inEnvelope });
      const read = { kind: 'read', correlation: 7, deadline_ms: 1000, group: 's0', name: '', fence: '' } as const;
      const inRead = framed({ ...read, operation: 18, body: charge });

      const first = await say(address, frame(charge));
      expect(first.map(([kind, code]) => [kind, code])).to.deep.equal([[REFUSED, 'BAD_FRAME']]);
      const later = await say(address, hello(), frame(charge));
      expect(later[0]?.[0]).to.equal(WELCOME);
      expect(later.at(-1)?.slice(0, 2)).to.deep.equal([REFUSED, 'BAD_MESSAGE']);
      for (const bytes of [command, inBody, inRead]) {
        const answer = await ask(address, [hello(), bytes], ([kind]) => kind === FAILURE || kind === 21);
        expect(answer[1]).to.equal(7);
      }
    }
    await unharmed(cluster, client, pids);
  });

  it('in a message harm neither the nodes nor whoever takes it out', async () => {
    const { cluster, client } = await up();
    const pids = [...cluster.nodes.values()].map(({ pid }) => pid);
    expect(await client.queue().dequeue()).to.deep.equal({ id: 1, body: 'first' });
    const { value: id } = await client.command('queue.enqueue', [bomb()]);
    const error = await client
      .queue()
      .dequeue()
      .catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ConcordError);
    expect(id).to.equal(2);
    await client.admin('log', { group: 's0', count: 20, from: null });
    await unharmed(cluster, client, pids);
  });

  it('of any other kind are answered or end the connection', async () => {
    const { cluster, client, address } = await up();
    const pids = [...cluster.nodes.values()].map(({ pid }) => pid);
    for (let size = 1; size <= 1 << 16; size *= 4) {
      await say(address, randomBytes(size), Buffer.from([0xff, 0xff, 0xff, 0xff]));
      const answers = await say(address, hello(), frame(randomBytes(size)));
      expect(answers.at(-1)?.[0]).to.equal(REFUSED);
    }
    const peer = await say(address, hello(), framed({ kind: 'timeout_now', group: 's0', term: 1 }));
    expect(peer.at(-1)?.slice(0, 2)).to.deep.equal([REFUSED, 'NOT_ALLOWED']);
    expect(await say(address, Buffer.from('GET / HTTP/1.1\r\n\r\n'))).to.have.length(1);
    await unharmed(cluster, client, pids);
  });

  it('from 64 connections leave the median latency of others within 3 times, and the memory bounded', async () => {
    const { cluster, client, leader, address } = await up({ election_ms: null });
    const before = await cluster.replica('s0', leader);
    const pids = [...cluster.nodes.values()].map(({ pid }) => pid);
    const crowd = fork(LOAD, [address], { stdio: 'inherit' });
    try {
      const quiet: number[] = [];
      const loud: number[] = [];
      let came = 0;
      let memory_bytes = 0;
      // What a cold process does first is not compared.
      await latencies(client);
      const before_bytes = cluster.node(leader).memory_bytes;
      for (let phase = 0; phase < PHASES; phase++) {
        quiet.push(...(await latencies(client)));
        crowd.send('on');
        loud.push(...(await latencies(client)));
        memory_bytes = Math.max(memory_bytes, cluster.node(leader).memory_bytes);
        came += await off(crowd);
      }
      expect(quiet.length, 'too little traffic').to.be.above(20 * PHASES);
      expect(loud.length, 'too little traffic').to.be.above(20 * PHASES);
      // 64 every 100 ms; less than half of it would say that the crowd itself was held up.
      expect(came, 'too small a crowd').to.be.above(PHASES * 320);
      expect(median(loud) / median(quiet), 'median latency').to.be.below(3);
      expect(memory_bytes - before_bytes).to.be.below(MEMORY_BYTES_MAX);
      expect(await cluster.leader('s0')).to.equal(leader);
      expect((await cluster.replica('s0', leader)).term, 'no election').to.equal(before.term);
      await unharmed(cluster, client, pids);
    } finally {
      crowd.kill('SIGKILL');
    }
  });
});

/** Latencies of commands, one after the other, over a phase, ms. */
async function latencies(client: Cluster): Promise<number[]> {
  const found: number[] = [];
  for (const end = performance.now() + PHASE_MS; performance.now() < end; ) {
    const { ms } = await client.command('queue.enqueue', [Buffer.from('x')]);
    found.push(ms);
  }
  return found;
}

/** Sends the crowd away; resolves with how often it came. */
async function off(crowd: ChildProcess): Promise<number> {
  crowd.send('off');
  const [came] = (await once(crowd, 'message')) as [number];
  // What it has left behind is closed by the node.
  await sleep(100);
  return came;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
