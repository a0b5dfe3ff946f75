/** What a node does whose data was damaged while it was down: it puts that aside, has no vote, refills from the others, and votes again. */
import { closeSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Cluster, Damage, NodeState } from '../../protocol/client/index.js';
import { type TestCluster, useClusters } from './cluster.js';
import type { RealNode } from './real-node.js';
import { until } from './until.js';

/** Checkpoints after every 128 KiB, and no more than half a MiB of log. */
const SMALL = ['--segment-bytes', '262144', '--log-budget', '1048576', '--memory-budget', '1048576'];
const BODY = 'x'.repeat(10_000);
/** More than the log keeps. */
const BODIES = 200;

interface LogRow {
  readonly index: number;
  readonly kind: string;
  readonly command: string;
}

describe('a node whose data was damaged', function () {
  this.timeout(60_000);
  const make = useClusters();
  let cluster: TestCluster;
  let client: Cluster;

  beforeEach(async () => {
    cluster = await make({ flags: SMALL });
    await cluster.start();
    client = await cluster.client();
    await fill();
  });

  async function fill(): Promise<void> {
    const queue = client.queue();
    for (let i = 0; i < BODIES; i += 20)
      await Promise.all(Array.from({ length: 20 }, (_, nth) => queue.enqueue(`${i + nth} ${BODY}`)));
  }

  async function state(id: string): Promise<NodeState> {
    return (await client.admin('status', {}, { node: id })).value as NodeState;
  }

  /** What the node says it has put aside, since its folder was made. */
  const aside = (id: string) =>
    readdirSync(cluster.node(id).plan.data)
      .filter((name) => name.includes('.damaged-'))
      .sort();

  async function written(id: string): Promise<void> {
    await until(`${id} has written a checkpoint`, async () => ((await state(id)).groups['s0']?.checkpoint ?? 0) > 0);
  }

  /** It refills, and is one like all others: with it, the cluster does without any of the others. */
  async function recovers(id: string): Promise<void> {
    await until(`${id} is whole again`, async () => {
      const { repair, groups } = await state(id);
      return repair === null && Object.values(groups).every(({ repairing }) => !repairing);
    });
    const other = cluster.node(await cluster.leader('s0')).id;
    await cluster.kill(other === id ? 'n1' : other);
    expect(await client.queue().enqueue('the last')).to.equal(BODIES + 1);
    expect(await client.queue().size()).to.equal(BODIES + 1);
    const first = await client.queue().dequeue();
    expect(first?.body).to.match(/^\d+ x/);
  }

  /** The node is down. It is started, and told that n2 is not there: it cannot begin before n2 is. */
  async function waitsAndSaysSo(id: string, ...damaged: readonly Damage[]): Promise<void> {
    await cluster.kill('n2');
    await cluster.node(id).start();
    await until(`${id} waits for n2`, async () => (await state(id)).repair?.unheard.join() === 'n2');
    const { repair, groups } = await state(id);
    expect(repair?.damaged).to.deep.equal(damaged);
    for (const group of Object.values(groups))
      expect(group).to.deep.include({ repairing: true, role: 'follower', leader: '' });
    await cluster.start('n2');
  }

  it('comes back when a bit in the middle of its log has changed', async () => {
    await cluster.kill('n3');
    const [first] = segments(cluster.node('n3'));
    flip(first ?? '', 0.5);
    await waitsAndSaysSo('n3', { part: 'log', aside: 'log.damaged-1' });
    await recovers('n3');
  });

  it('comes back when its log is gone, and again when that happens once more', async () => {
    for (let times = 0; times < 2; times++) {
      await cluster.kill('n3');
      rmSync(join(cluster.node('n3').plan.data, 'log'), { recursive: true });
      await waitsAndSaysSo('n3', { part: 'log', aside: '' });
      await until('n3 is whole again', async () => (await state('n3')).repair === null);
    }
    await recovers('n3');
  });

  it('comes back when a row of its base has rotted: in the same process, without anybody', async () => {
    await written('n3');
    await cluster.kill('n3');
    const node = cluster.node('n3');
    // Inside a body, so that the row is whole but not what was written.
    expect(rot(join(node.plan.data, 'base', 'data.mdb'), Buffer.from('xxxxxxxx'))).to.be.above(0);
    // The log reaches no farther back than to the checkpoint, which is gone: it is of no use without it.
    await waitsAndSaysSo('n3', { part: 'base', aside: 'base.damaged-1' }, { part: 'log', aside: 'log.damaged-1' });
    const said = node.log().map(({ msg }) => msg);
    expect(said.slice(said.lastIndexOf('starting'))).to.include.members(['damaged', 'beginning anew']);
    await recovers('n3');
  });

  it('comes back when its base is full of changed bits, after a few tries at most', async () => {
    await written('n3');
    await cluster.kill('n3');
    const node = cluster.node('n3');
    const path = join(node.plan.data, 'base', 'data.mdb');
    for (let at = 0.02; at < 1; at += 0.02) flip(path, at);
    let starts = 0;
    while (node.pid === 0 && starts++ < 10) await node.start().catch(() => {});
    expect(aside('n3')).to.include('base.damaged-1');
    await recovers('n3');
  });

  it('is not alone in getting a snapshot: one that was away too long gets one, and says so', async () => {
    await cluster.kill('n3');
    await fill();
    await until('the log begins later', async () => ((await state('n1')).groups['s0']?.first ?? 0) > BODIES);
    const rows = (await client.admin('log', { group: 's0', count: 5, from: 1 }, { node: 'n1' })).value as LogRow[];
    expect(rows[0]).to.include({ kind: 'released', index: (rows[1]?.index ?? 0) - 1 });
    expect(rows[0]?.command).to.match(/^entries up to \d+ were given back; the checkpoint at \d+ stands in for them$/);
    await cluster.start('n3');
    await until('n3 has a snapshot', async () => (await state('n3')).groups['s0']?.installed != null);
    const { installed, installing } = (await state('n3')).groups['s0'] ?? {};
    expect(installing).to.equal(false);
    expect(installed?.bytes).to.be.above(BODIES * BODY.length);
    expect(installed?.index).to.be.above(BODIES);
    const sent = () =>
      [...cluster.nodes.values()]
        .flatMap((node) => node.log())
        .find(({ msg, group }) => msg === 'snapshot sent' && group === 's0');
    await until('its sender says so too', () => sent() !== undefined);
    expect(sent()).to.include({ group: 's0', to: 'n3', bytes: installed?.bytes });
    expect((await state('n3')).repair).to.equal(null);
  });

  it('comes back when log and base are gone', async () => {
    await written('n3');
    await cluster.kill('n3');
    const { data } = cluster.node('n3').plan;
    for (const part of ['log', 'base']) rmSync(join(data, part), { recursive: true });
    await cluster.node('n3').start();
    const { groups } = await state('n3');
    expect(Object.keys(groups)).to.have.members(['c', 's0']);
    await recovers('n3');
  });
});

describe('a node whose data was damaged and who is alone', function () {
  this.timeout(60_000);
  const make = useClusters();

  it('ends soon, says where the damage is, and puts nothing aside', async () => {
    const cluster = await make({ nodes: 1, flags: SMALL });
    await cluster.start();
    const client = await cluster.client();
    const enqueued = Array.from({ length: 50 }, () => client.queue().enqueue(BODY));
    await Promise.all(enqueued);
    const replica = async () => cluster.replica('s0', 'n1');
    await until('there is a checkpoint', async () => (await replica()).checkpoint > 0);
    const node = cluster.node('n1');
    await node.kill();
    const { data } = node.plan;
    rot(join(data, 'base', 'data.mdb'), Buffer.from('xxxxxxxx'));
    const { code, stderr } = await node.fail();
    expect(code).to.equal(1);
    expect(stderr)
      .to.contain(join(data, 'base', 'data.mdb'))
      .and.contain('is not what was written');
    expect(readdirSync(data)).to.include.members(['base', 'log']).and.not.include('base.damaged-1');
    const lives = node.log().filter(({ msg }) => msg === 'beginning anew');
    expect(lives).to.have.length.of.at.most(3);
  });
});

/** The segments of a node that hold something, oldest first. */
function segments({ plan }: RealNode): string[] {
  const folder = join(plan.data, 'log');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => join(folder, name));
}

/** Turns over a bit at a share of a file. */
function flip(path: string, share: number): void {
  change(path, Math.floor(statSync(path).size * share), (byte) => byte ^ 4);
}

/** Turns over a bit in every place where these bytes stand first in a page; tells how many. */
function rot(path: string, wanted: Buffer): number {
  const page = 4096;
  const fd = openSync(path, 'r+');
  const bytes = Buffer.alloc(page);
  let found = 0;
  for (let offset = 0; readSync(fd, bytes, 0, page, offset) > 0; offset += page) {
    const at = bytes.indexOf(wanted);
    if (at < 0) continue;
    found++;
    writeSync(fd, Buffer.from([(bytes[at + 3] ?? 0) ^ 1]), 0, 1, offset + at + 3);
  }
  closeSync(fd);
  return found;
}

function change(path: string, offset: number, to: (byte: number) => number): void {
  const fd = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, offset);
  writeSync(fd, Buffer.from([to(byte[0] ?? 0)]), 0, 1, offset);
  closeSync(fd);
}
