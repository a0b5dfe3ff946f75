/** Snapshots: a member that was away for so long that the log it needs is gone gets the state instead, whatever happens on the way. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import type { MessageOf } from '../../protocol/messages.js';
import { decodeMessage } from '../../protocol/wire.js';
import type { SimulatedCluster } from './cluster.js';
import { agreed, drained, Load, lead, led, outrun, running, SMALL, SOON_MS } from './words.js';

/** Bodies that make a state of several chunks. */
const BODY = 'x'.repeat(4000);
const BODIES = 150;
/** So few bytes a millisecond get through a link that a snapshot takes seconds. */
const SLOW = 200;

describe('a simulated follower that was away too long', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let client: Cluster;
  let load: Load;
  let rows: (MessageOf<'snapshot_rows'> & { readonly from: string })[];

  beforeEach(async () => {
    cluster = await running(SMALL);
    client = await cluster.result(cluster.client('a'));
    for (let n = 0; n < BODIES; n++) await cluster.result(client.queue().enqueue(`${n} ${BODY}`));
    rows = [];
    const { tap } = cluster.network;
    cluster.network.tap = (from, to, body) => {
      tap?.(from, to, body);
      const message = decodeMessage(body);
      if (message.kind === 'snapshot_rows' && to === 'n3') rows.push({ ...message, from });
    };
    load = new Load(cluster, client, { pause_ms: 2 });
  });

  const installed = () => cluster.faults.get('snapshot installed') ?? 0;
  const last = (id: string) => cluster.replica(id, 's0')?.raft.log.last ?? 0;
  const under = (id: string) => cluster.replica(id, 's0')?.raft.log.start.index ?? 0;
  /** Rows of how many transfers were sent, by whom. */
  const transfers = () => [...new Set(rows.map(({ from, transfer }) => `${from} ${transfer}`))];
  /** How often what was sent came after something behind it. */
  const again = () => rows.filter(({ sequence }, i) => i > 0 && sequence <= (rows[i - 1]?.sequence ?? 0)).length;

  async function away(): Promise<void> {
    const had = last('n3');
    cluster.kill('n3');
    await outrun(cluster, load, 'n3', had);
  }

  async function kept(): Promise<void> {
    await load.stop();
    for (const group of ['c', 's0']) expect(await agreed(cluster, group), group).to.equal(true);
    expect(load.failures).to.deep.equal([]);
  }

  it('gets a snapshot, and is a full member: it leads, and serves what it never saw happen', async () => {
    await away();
    cluster.start('n3');
    await cluster.until(() => installed() === 1, SOON_MS);
    await kept();
    expect(transfers()).to.have.length(1);
    expect(rows.length, 'in chunks').to.be.above(4);
    expect(again()).to.equal(0);
    await lead(cluster, 'n3', 's0');
    cluster.kill('n1');
    const bodies = await drained(cluster, client.queue());
    expect(bodies.slice(BODIES)).to.have.members(load.acknowledged);
  });

  it('goes on where it was when the link is lost in the middle', async () => {
    await away();
    cluster.onSnapshot((from, to) => cluster.network.cut(from, to));
    cluster.start('n3');
    await cluster.until(() => installed() === 1, SOON_MS);
    await kept();
    expect(transfers()).to.have.length(1);
    expect(again(), 'what the link took along was sent again').to.equal(1);
  });

  it('starts over when it ends itself in the middle', async () => {
    await away();
    cluster.onSnapshot(() => {
      cluster.cutPower('n3');
      cluster.time.add(300, () => cluster.start('n3'), null);
    });
    cluster.start('n3');
    await cluster.until(() => installed() === 1, SOON_MS);
    await kept();
    expect(rows.filter(({ sequence }) => sequence === 1)).to.have.length(2);
  });

  it('starts over with the next leader', async () => {
    await away();
    cluster.network.clog('n1', 'n3', SLOW);
    cluster.start('n3');
    await cluster.until(() => rows.length > 0, SOON_MS);
    await lead(cluster, 'n2', 's0');
    await cluster.until(() => installed() === 1, SOON_MS);
    cluster.heal();
    await kept();
    expect(transfers().map((one) => one.split(' ')[0])).to.deep.equal(['n1', 'n2']);
  });

  it('starts over when the leader dies in the middle, and is missed by nobody meanwhile', async () => {
    await away();
    cluster.network.clog('n1', 'n3', SLOW);
    cluster.start('n3');
    await cluster.until(() => rows.length > 0, SOON_MS);
    cluster.kill('n1');
    cluster.heal();
    // Without n3 there is no majority: it votes while it waits for what it lacks.
    await led(cluster, 's0', 'n1');
    await cluster.until(() => installed() === 1, SOON_MS);
    cluster.start('n1');
    await load.flows(20);
    await load.stop();
    expect(await agreed(cluster)).to.equal(true);
  });

  it('is not waited for with more than twice the log that there may be when it dies in the middle', async () => {
    await away();
    cluster.network.clog('n1', 'n3', SLOW);
    cluster.start('n3');
    await cluster.until(() => rows.length > 0, SOON_MS);
    cluster.kill('n3');
    const { segment_bytes, budgets } = SMALL;
    for (let round = 0; round < 30; round++) {
      await load.flows(60);
      expect(cluster.segments('n1').length).to.be.at.most((2 * budgets.log_budget) / segment_bytes + 2);
    }
    cluster.heal();
    cluster.start('n3');
    await cluster.until(() => installed() > 0, SOON_MS);
    await kept();
  });

  it('takes two in a row', async () => {
    for (const round of [1, 2]) {
      await away();
      cluster.start('n3');
      await cluster.until(() => installed() === round, SOON_MS);
      await cluster.until(() => last('n3') > under('n3'), SOON_MS);
    }
    await kept();
    for (const id of cluster.ids) cluster.cutPower(id);
    cluster.start(...cluster.ids);
    await led(cluster);
    expect(await agreed(cluster)).to.equal(true);
  });

  it('stands still in that group only, and the others of the group do not', async () => {
    await lead(cluster, 'n2', 'c');
    await away();
    cluster.network.clog('n1', 'n3', SLOW);
    cluster.start('n3');
    await cluster.until(() => rows.length > 0, SOON_MS);
    const before = { c: cluster.replica('n3', 'c')?.applied ?? 0, s0: cluster.replica('n3', 's0')?.applied ?? 0 };
    const lock = await cluster.result(client.lock('a').acquire());
    await cluster.result(lock.release());
    await load.flows(50);
    await cluster.until(() => (cluster.replica('n3', 'c')?.applied ?? 0) > before.c, SOON_MS);
    expect(installed()).to.equal(0);
    expect(cluster.replica('n3', 's0')?.applied).to.equal(before.s0);
    cluster.heal();
    await cluster.until(() => installed() === 1, SOON_MS);
    await kept();
  });
});
