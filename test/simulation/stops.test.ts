/** Nodes that are told to stop, one after the other, under load: nobody outside may notice. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import type { SimulatedCluster } from './cluster.js';
import { agreed, drained, failure, Load, lead, leaderOf, led, running, SOON_MS, Stranger } from './words.js';

describe('a simulated node that is told to stop', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let client: Cluster;

  async function begin(options: Parameters<typeof running>[0] = {}): Promise<void> {
    cluster = await running(options);
    client = await cluster.result(cluster.client('a'));
    await cluster.result(client.queue().enqueue('first'));
  }

  async function stopped(id: string): Promise<void> {
    cluster.stop(id);
    await cluster.until(() => !cluster.isUp(id), SOON_MS);
  }

  it('hands its leaderships over before it ends, without anybody waiting for silence', async () => {
    // An election for want of a leader would take longer than a test may.
    await begin();
    const quiet = await running({ raft: { election_ms: 60_000, heartbeat_ms: 100 } });
    cluster = quiet;
    client = await cluster.result(cluster.client('b'));
    await cluster.result(client.queue().enqueue('first'));
    for (const id of ['n1', 'n2', 'n3', 'n1']) {
      await lead(cluster, id, 'c', 's0');
      const began = cluster.time.now();
      await stopped(id);
      expect(cluster.time.now() - began).to.be.below(200);
      expect([leaderOf(cluster, 'c'), leaderOf(cluster, 's0')], 'both have been handed over').to.not.include('');
      await cluster.result(client.queue().enqueue(id));
      cluster.start(id);
      await cluster.until(() => cluster.converged('s0') !== null, SOON_MS);
    }
  });

  it('answers what it has taken, and refuses what comes later as what it is', async () => {
    await begin();
    const impatient = await cluster.result(cluster.client('impatient', { follow: false }));
    await cluster.until(() => impatient.members.every(({ connected }) => connected), SOON_MS);
    await cluster.result(impatient.queue().enqueue('second'));
    const calls = Array.from({ length: 50 }, (_, i) => client.queue().enqueue(i));
    await cluster.pass(0.3);
    cluster.stop('n1');
    const late = await failure(cluster, impatient.queue().enqueue('late', { node: 'n1' }));
    expect(late.code).to.be.oneOf(['STOPPING', 'UNREACHABLE', 'NO_LEADER', 'NOT_LEADER']);
    expect(late.definite).to.equal(true);
    await cluster.result(Promise.all(calls));
    expect(await cluster.result(client.queue().size())).to.equal(52);
  });

  it('says that it is stopping to whoever asks it meanwhile', async () => {
    await begin();
    const stranger = await new Stranger(cluster, 'n1').connected();
    cluster.stop('n1');
    const body = Buffer.from([0x90]);
    const read = { deadline_ms: 1000, group: 's0', name: '', fence: '', operation: 18, body };
    expect(await stranger.ask({ kind: 'read', correlation: 1, ...read })).to.include({ code: 'STOPPING' });
    expect(await stranger.ask({ kind: 'command', correlation: 2, envelope: body })).to.include({ code: 'STOPPING' });
  });

  it('ends in time when there is nobody to hand over to', async () => {
    await begin();
    cluster.kill('n2');
    cluster.kill('n3');
    const began = cluster.time.now();
    await stopped('n1');
    expect(cluster.time.now() - began).to.be.below(100);
  });

  it('ends in time when its heir does not answer', async () => {
    await begin();
    // With n3 there is a majority, and n2 is as good an heir as n3.
    cluster.pause('n2');
    const began = cluster.time.now();
    await stopped('n1');
    expect(cluster.time.now() - began).to.be.below(3000);
    cluster.resume('n2');
    await led(cluster, 's0', 'n1');
    await cluster.result(client.queue().enqueue('second'));
  });

  it('ends at once when it was never a member', async () => {
    await begin();
    const alone = await running({ ids: ['n1'] });
    alone.stop('n1');
    await alone.until(() => !alone.isUp('n1'), SOON_MS);
  });

  it('is not missed when all three are restarted one after the other under load', async () => {
    await begin();
    const load = new Load(cluster, client, { depth: 8, pause_ms: 5 });
    const { id: session } = client.session;
    for (let round = 0; round < 2; round++)
      for (const id of cluster.ids) {
        await load.flows(50);
        await stopped(id);
        await load.flows(50);
        cluster.start(id);
        await cluster.until(() => cluster.replica(id, 's0')?.raft.leader !== '' && cluster.isUp(id), SOON_MS);
      }
    await load.flows(50);
    await load.stop();
    expect(load.failures).to.deep.equal([]);
    expect(client.session).to.deep.equal({ id: session, state: 'open' });
    const bodies = await drained(cluster, client.queue());
    expect(bodies.slice(1)).to.have.members(load.acknowledged);
    for (const group of ['c', 's0']) expect(await agreed(cluster, group), group).to.equal(true);
  });
});
