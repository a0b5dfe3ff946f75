/** A follower that was away gets what it missed, also what the leader no longer holds in memory, while everything else goes on. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import type { SimulatedCluster } from './cluster.js';
import { agreed, drained, Load, lead, running, SOON_MS } from './words.js';

/** So little that most of the log is on disk only. */
const SETTINGS = { log_cache_bytes_max: 4096, append_bytes_in_flight_max: 16_384, append_bytes_max: 8192 };

/** What was appended and what was read back, each with one run more than it may be. The log is three times that. */
const MEMORY_MAX = SETTINGS.log_cache_bytes_max + 9 * SETTINGS.append_bytes_max;

describe('a simulated follower that was away', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let client: Cluster;
  let load: Load;

  beforeEach(async () => {
    cluster = await running({ raft: SETTINGS, segment_bytes: 64 << 10 });
    client = await cluster.result(cluster.client('a'));
    load = new Load(cluster, client, { depth: 16, pause_ms: 0 });
    await load.flows(10);
  });

  const log = (id: string) => cluster.replica(id, 's0')?.raft.log;
  const applied = (id: string) => cluster.replica(id, 's0')?.applied ?? 0;
  /** Entries of s0 that a node has on disk only. */
  function dropped(id: string): number {
    let entries = 0;
    for (let index = 1; index <= (log(id)?.last ?? 0); index++) if (log(id)?.runAt(index)?.bytes === null) entries++;
    return entries;
  }

  it('catches up from the disk of the leader, which holds little in memory meanwhile and afterwards', async () => {
    cluster.kill('n3');
    await load.flows(2000);
    expect(dropped('n1')).to.be.above(1500);
    cluster.start('n3');
    await cluster.until(() => applied('n1') - applied('n3') < 50, SOON_MS);
    await load.stop();
    expect(await agreed(cluster)).to.equal(true);
    for (const id of ['n1', 'n3']) expect(log(id)?.cached, `${id} holds little of it`).to.be.at.most(MEMORY_MAX);
    expect(load.failures).to.deep.equal([]);
  });

  it('is a full member again: it can lead, and serve what it never saw happen', async () => {
    cluster.kill('n3');
    await load.flows(500);
    await load.stop();
    cluster.start('n3');
    expect(await agreed(cluster)).to.equal(true);
    await lead(cluster, 'n3', 's0');
    cluster.kill('n1');
    const bodies = await drained(cluster, client.queue());
    expect(new Set(bodies).size).to.equal(bodies.length);
    expect([...bodies].sort()).to.deep.equal([...load.acknowledged].sort());
  });

  it('starts again from its own disk with little memory, and agrees with the others', async () => {
    await load.flows(1000);
    await load.stop();
    for (const id of cluster.ids) cluster.cutPower(id);
    cluster.start(...cluster.ids);
    await cluster.until(() => cluster.leaders('s0').length === 1, SOON_MS);
    expect(await agreed(cluster)).to.equal(true);
    expect(await cluster.result(client.queue().size())).to.equal(load.acknowledged.length);
  });

  it('can be replaced as leader in the midst of it', async () => {
    cluster.kill('n3');
    await load.flows(1000);
    cluster.start('n3');
    await cluster.until(() => (log('n3')?.last ?? 0) > 100, SOON_MS);
    await lead(cluster, 'n2', 's0');
    await load.flows(50);
    await load.stop();
    expect(await agreed(cluster)).to.equal(true);
    expect(load.failures).to.deep.equal([]);
  });
});
