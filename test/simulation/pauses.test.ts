/** Nodes that stand still, as a stopped process or a machine asleep does, and find everything that came meanwhile when they go on. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import type { SimulatedCluster } from './cluster.js';
import { type AtWork, agreed, atWork, drained, leaderOf, led, SOON_MS } from './words.js';

describe('a simulated node that stood still', function () {
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
    const bodies = (await drained(cluster, client.queue())) as number[];
    expect(new Set(bodies).size, 'nothing twice').to.equal(bodies.length);
    expect(bodies, 'nothing lost').to.include.members(load.acknowledged);
    for (const group of ['c', 's0']) expect(await agreed(cluster, group), group).to.equal(true);
  });

  it('as a follower disturbs nobody when it goes on: its timers ran out, but a heartbeat waits', async () => {
    for (const ms of [300, 1500, 5000]) {
      cluster.pause('n3');
      await cluster.pass(ms);
      const mark = cluster.trace.length;
      cluster.resume('n3');
      await cluster.pass(500);
      expect(cluster.trace.slice(mark + 1).filter((line) => line.includes('candidate'))).to.deep.equal([]);
    }
    expect(cluster.replica('n3', 's0')?.raft.term).to.equal(term);
    expect(load.failures).to.deep.equal([]);
  });

  it('as a leader is replaced, and follows when it goes on', async () => {
    cluster.pause('n1');
    const other = await led(cluster, 's0', 'n1');
    await load.flows(20);
    cluster.resume('n1');
    await cluster.until(() => cluster.replica('n1', 's0')?.raft.leader === other, SOON_MS);
    expect(leaderOf(cluster)).to.equal(other);
    expect(load.failures).to.deep.equal([]);
  });

  it('as a leader for less than it takes to notice is still the leader', async () => {
    cluster.pause('n1');
    await cluster.pass(700);
    cluster.resume('n1');
    await cluster.pass(3000);
    expect(leaderOf(cluster)).to.equal('n1');
    expect(cluster.replica('n1', 's0')?.raft.term).to.equal(term);
  });

  it('together with all others goes on with them', async () => {
    for (const id of cluster.ids) cluster.pause(id);
    await cluster.pass(3000);
    for (const id of cluster.ids) cluster.resume(id);
    await load.flows(20);
    expect(load.failures).to.deep.equal([]);
  });

  it('one after the other, again and again, leaves something to work with', async () => {
    for (let round = 0; round < 6; round++) {
      const id = cluster.ids[round % 3] ?? 'n1';
      cluster.pause(id);
      await cluster.pass(2500);
      cluster.resume(id);
      await load.flows(10);
    }
    expect(load.failures).to.deep.equal([]);
  });
});
