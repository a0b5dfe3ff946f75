/** Nothing acknowledged is lost, nothing comes twice, everything keeps its order: real nodes, real kills, a client that never pauses. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type TestCluster, useClusters } from './cluster.js';
import { Traffic } from './traffic.js';

/** Acknowledgements that have to come before and after each fault: a run with less traffic says nothing. */
const FLOW = 300;

describe('exactly once', function () {
  this.timeout(120_000);
  const make = useClusters();

  async function up(...options: Parameters<typeof make>): Promise<TestCluster> {
    const cluster = await make(...options);
    await cluster.start();
    await cluster.leader('s0');
    return cluster;
  }

  /** Ends the traffic and holds what comes out of the queue against what was answered. */
  async function judge(cluster: TestCluster, traffic: Traffic): Promise<void> {
    await traffic.stop();
    const count = await traffic.verify(await cluster.client());
    expect(count).to.be.at.least(traffic.acknowledged.size);
  }

  it('holds while the leader is killed with -9 ten times', async () => {
    const cluster = await up();
    const traffic = new Traffic(await cluster.client());
    for (let kills = 0; kills < 10; kills++) {
      await traffic.flows(FLOW);
      const leader = await cluster.leader('s0');
      await cluster.kill(leader);
      await traffic.flows(FLOW);
      await cluster.start(leader);
    }
    await judge(cluster, traffic);
    expect([...traffic.failed.values()]).to.deep.equal([]);
  });

  it('holds while the leader stands still for 3 s, with the default timing', async () => {
    const cluster = await up({ election_ms: null });
    const traffic = new Traffic(await cluster.client());
    for (let pauses = 0; pauses < 2; pauses++) {
      await traffic.flows(FLOW);
      const leader = await cluster.leader('s0');
      cluster.pause(leader);
      await Promise.all([sleep(3000), cluster.leader('s0')]);
      await traffic.flows(FLOW);
      cluster.resume(leader);
    }
    await traffic.flows(FLOW);
    await judge(cluster, traffic);
    expect([...traffic.failed.values()]).to.deep.equal([]);
  });

  it('holds when all nodes are killed with -9 at once', async () => {
    const cluster = await up();
    const traffic = new Traffic(await cluster.client());
    for (let kills = 0; kills < 3; kills++) {
      await traffic.flows(FLOW);
      await cluster.kill();
      await cluster.start();
    }
    await traffic.flows(FLOW);
    await judge(cluster, traffic);
    expect([...traffic.failed.values()]).to.deep.equal([]);
  });

  for (const mode of ['silent', 'closed'] as const)
    it(`holds while the links of the leader are cut (${mode})`, async () => {
      const cluster = await up({ cables: true });
      const traffic = new Traffic(await cluster.client());
      for (let cuts = 0; cuts < 3; cuts++) {
        await traffic.flows(FLOW);
        const leader = await cluster.leader('s0');
        cluster.cut(leader, mode);
        await cluster.leader('s0');
        await traffic.flows(FLOW);
        cluster.heal(leader);
      }
      await traffic.flows(FLOW);
      await judge(cluster, traffic);
      expect([...traffic.failed.values()]).to.deep.equal([]);
    });

  it('keeps what was refused out, for a client that gives up too early', async () => {
    const cluster = await up();
    // Most commands have time enough, those that meet an election do not.
    const traffic = new Traffic(await cluster.client(), { timeout_ms: 100, window: 256 });
    for (let kills = 0; kills < 4; kills++) {
      await traffic.flows(FLOW);
      const leader = await cluster.leader('s0');
      await cluster.kill(leader);
      await traffic.flows(FLOW);
      await cluster.start(leader);
    }
    await judge(cluster, traffic);
    expect(traffic.failed.size).to.be.above(0);
  });
});
