/** Disks that fail, lose what was not synced, are slow, or are gone: a node never goes on with less than it promised. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import { SimulatedCluster } from './cluster.js';
import { agreed, drained, Load, led, running, SOON_MS } from './words.js';

describe('a simulated node', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let client: Cluster;
  let load: Load;

  beforeEach(async () => {
    cluster = await running();
    client = await cluster.result(cluster.client('a'));
    load = new Load(cluster, client, { pause_ms: 20 });
    await load.flows(50);
  });

  const faults = (id: string) => cluster.disk(id).faults;

  /** Nothing that was acknowledged is lost or there twice, and all replicas agree. */
  async function kept(): Promise<void> {
    await load.stop();
    const bodies = (await drained(cluster, client.queue())) as number[];
    expect(new Set(bodies).size, 'nothing twice').to.equal(bodies.length);
    const there = new Set(bodies);
    expect(
      load.acknowledged.filter((number) => !there.has(number)),
      'lost',
    ).to.deep.equal([]);
    for (const group of ['c', 's0']) expect(await agreed(cluster, group), group).to.equal(true);
  }

  describe('whose disk fails', () => {
    it('ends when a sync fails, and the others go on without a failed command', async () => {
      cluster.mayEnd('n1');
      faults('n1').fail({ operation: 'sync', code: 'EIO', path: '/log/' });
      await cluster.until(() => !cluster.isUp('n1'), SOON_MS);
      expect(cluster.endOf('n1')).to.have.property('code', 'EIO');
      expect(await led(cluster, 's0', 'n1')).to.not.equal('n1');
      await load.flows(50);
      expect(load.failures).to.deep.equal([]);
      cluster.start('n1');
      await load.flows(50);
      await kept();
    });

    it('ends when a write fails, and keeps what it promised when it comes back', async () => {
      cluster.mayEnd('n1');
      faults('n1').fail({ operation: 'write', code: 'EIO', path: '/log/' });
      await cluster.until(() => !cluster.isUp('n1'), SOON_MS);
      cluster.disk('n1').crash({ random: cluster.random });
      await load.flows(50);
      cluster.start('n1');
      await kept();
    });

    it('ends when it cannot keep who it is', async () => {
      const fresh = new SimulatedCluster(1);
      fresh.mayEnd('n2');
      fresh.disk('n2').faults.fail({ operation: 'sync', code: 'EIO', path: 'identity', skip: 1 });
      fresh.start(...fresh.ids);
      await fresh.until(() => fresh.endOf('n2') !== null, SOON_MS);
      expect(fresh.endOf('n2')).to.have.property('code', 'EIO');
      fresh.start('n2');
      await led(fresh);
    });
  });

  describe('whose disk is slow', () => {
    for (const ids of [['n1'], ['n2'], ['n1', 'n2', 'n3']])
      it(`keeps its leader when syncs of ${ids.join(' and ')} take 300 ms`, async () => {
        const term = cluster.replica('n1', 's0')?.raft.term;
        for (const id of ids) faults(id).slow({ operation: 'sync', ms: 300 });
        await cluster.pass(10_000);
        for (const group of ['c', 's0']) expect(cluster.leaders(group), group).to.deep.equal(['n1']);
        expect(cluster.replica('n1', 's0')?.raft.term).to.equal(term);
        expect(load.failures).to.deep.equal([]);
        for (const id of ids) faults(id).heal();
        await kept();
      });

    it('hands over when its syncs hang, and commands go on', async () => {
      faults('n1').slow({ operation: 'sync', ms: 5000 });
      const began = cluster.time.now();
      await led(cluster, 's0', 'n1');
      expect(cluster.time.now() - began, 'an election timeout and a bit').to.be.below(2500);
      await load.flows(50);
      faults('n1').heal();
      await cluster.pass(5000);
      await kept();
      expect(load.failures).to.deep.equal([]);
    });

    it('is no hindrance as a follower whose syncs hang', async () => {
      faults('n3').slow({ operation: 'sync', ms: 5000 });
      await load.flows(300);
      expect(cluster.leaders('s0')).to.deep.equal(['n1']);
      faults('n3').heal();
      await cluster.pass(5000);
      await kept();
      expect(load.failures).to.deep.equal([]);
    });
  });

  describe('that is stopped without warning', () => {
    for (const [how, end] of [
      ['killed', (id: string) => cluster.kill(id)],
      ['without power', (id: string) => cluster.cutPower(id)],
    ] as const) {
      it(`keeps what was acknowledged when it is ${how}`, async () => {
        for (let round = 0; round < 3; round++) {
          const leader = await led(cluster);
          end(leader);
          await load.flows(30);
          cluster.start(leader);
          await load.flows(30);
        }
        await kept();
      });

      it(`keeps it when all of them are ${how} at once`, async () => {
        for (const id of cluster.ids) end(id);
        await cluster.pass(200);
        cluster.start(...cluster.ids);
        await load.flows(30);
        await kept();
      });
    }

    it('keeps it when each of them loses whatever was not synced', async () => {
      for (const id of cluster.ids) {
        cluster.kill(id);
        cluster.disk(id).crash({ random: cluster.random, fate: 'lost' });
      }
      cluster.start(...cluster.ids);
      await load.flows(30);
      await kept();
    });
  });

  describe('whose data is not what it wrote', () => {
    for (const id of ['n1', 'n3'])
      it(`is refused without its data folder, as long as another member is there to tell, and never counts: ${id}`, async () => {
        cluster.kill(id);
        cluster.loseDisk(id);
        cluster.mayEnd(id);
        for (let tries = 0; tries < 2; tries++) {
          cluster.start(id);
          await cluster.until(() => cluster.endOf(id) !== null, SOON_MS);
          expect(cluster.endOf(id)?.message).to.match(new RegExp(`${id} is known as incarnation .*lost or replaced`));
        }
        await load.flows(50);
        // With it there would be a majority.
        cluster.kill('n2');
        cluster.start(id);
        await cluster.pass(5000);
        expect(cluster.leaders('s0')).to.deep.equal([]);
        cluster.start('n2');
        await load.flows(50);
        await kept();
      });

    it('is refused without its identity, however often it is tried', async () => {
      cluster.mayEnd('n3');
      cluster.kill('n3');
      const rename = (from: string, to: string) =>
        cluster
          .disk('n3')
          .mount()
          .rename(from, to, () => {});
      rename('/n3/identity.json', '/identity.json');
      for (let tries = 0; tries < 2; tries++) {
        cluster.start('n3');
        await cluster.until(() => cluster.endOf('n3') !== null, SOON_MS);
        expect(cluster.endOf('n3')?.message).to.match(/n3 has a log and no identity\.json/);
      }
      rename('/identity.json', '/n3/identity.json');
      cluster.start('n3');
      await load.flows(50);
      await kept();
    });

    it('does not make a majority with others that lost theirs', async () => {
      for (const id of cluster.ids) cluster.kill(id);
      for (const id of ['n2', 'n3']) {
        cluster.loseDisk(id);
        cluster.mayEnd(id);
      }
      cluster.start('n2', 'n3');
      await cluster.pass(5000);
      expect(cluster.leaders('s0')).to.deep.equal([]);
      cluster.start('n1');
      await cluster.until(() => ['n2', 'n3'].every((id) => !cluster.isUp(id)), SOON_MS);
      await cluster.pass(5000);
      expect(cluster.leaders('s0')).to.deep.equal([]);
    });
  });
});
