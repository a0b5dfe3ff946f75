/** Checkpoints: a start reads what is behind the last one only, and the log before it is given back. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import type { SimulatedCluster } from './cluster.js';
import { agreed, drained, Load, led, running, SMALL, SOON_MS } from './words.js';

/** Where the rows of messages stand among those of a group. */
const MESSAGES = 'messages\0';

describe('a simulated node with small budgets', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let client: Cluster;
  let load: Load;

  beforeEach(async () => {
    cluster = await running(SMALL);
    client = await cluster.result(cluster.client('a'));
    load = new Load(cluster, client, { pause_ms: 2 });
    await load.flows(50);
  });

  const segments = (id: string) => cluster.segments(id);
  const firstSegment = (id: string) => Number(/(\d+)\.log$/.exec(segments(id)[0] ?? '')?.[1]);
  const checkpoint = (id: string, group = 's0') => cluster.checkpoint(id, group)?.index ?? 0;

  async function kept(): Promise<void> {
    await load.stop();
    for (const group of ['c', 's0']) expect(await agreed(cluster, group), group).to.equal(true);
    const bodies = await drained(cluster, client.queue());
    expect(bodies).to.have.members(load.acknowledged);
    expect(load.failures).to.deep.equal([]);
  }

  it('applies at a start what is behind its checkpoint, and nothing else', async () => {
    await load.flows(600);
    await load.stop();
    expect(await agreed(cluster)).to.equal(true);
    cluster.kill('n3');
    const behind = (cluster.replica('n1', 's0')?.applied ?? 0) - checkpoint('n3');
    expect(checkpoint('n3')).to.be.above(300);
    cluster.start('n3');
    const applied = (id: string) => cluster.replica(id, 's0')?.applied;
    await cluster.until(() => applied('n3') === applied('n1'), SOON_MS);
    expect(cluster.replica('n3', 's0')?.counts.applied).to.be.at.least(behind);
    expect(cluster.replica('n3', 's0')?.counts.applied, 'at most some no-ops more').to.be.at.most(behind + 5);
    await kept();
  });

  it('keeps its log within its budget, whatever goes through it, though one of its groups does nothing', async () => {
    const idle = cluster.replica('n1', 'c')?.raft.log.last;
    const { segment_bytes, budgets } = SMALL;
    // Besides the budget: one that is being filled, and one that was made in advance.
    const most = budgets.log_budget / segment_bytes + 2;
    for (let round = 0; round < 20; round++) {
      await load.flows(60);
      for (const id of cluster.ids) expect(segments(id).length, id).to.be.at.most(most);
    }
    expect(cluster.replica('n1', 'c')?.raft.log.last, 'nothing came to c').to.equal(idle);
    for (const id of cluster.ids) expect(firstSegment(id), id).to.be.above(most);
    await kept();
  });

  it('keeps what was acknowledged when all lose their power, again and again', async () => {
    for (let round = 0; round < 4; round++) {
      await load.flows(150);
      for (const id of cluster.ids) cluster.cutPower(id);
      await cluster.pass(50);
      cluster.start(...cluster.ids);
      await led(cluster);
    }
    expect(checkpoint('n1')).to.be.above(300);
    await load.stop();
    const bodies = (await drained(cluster, client.queue())) as number[];
    expect(load.acknowledged.filter((number) => !bodies.includes(number))).to.deep.equal([]);
    expect(await agreed(cluster)).to.equal(true);
  });

  it('never writes down a message that came and went between two checkpoints', async () => {
    await load.stop();
    await drained(cluster, client.queue());
    const written = new Set<string>();
    let checkpoints = 0;
    cluster.flushed = (id, { group }, { spaces }) => {
      if (id !== 'n1' || group !== 's0') return;
      checkpoints++;
      for (const rows of spaces.values())
        for (const { key } of rows) if (key.toString('latin1').startsWith(MESSAGES)) written.add(key.toString('hex'));
    };
    for (let number = 0; number < 300; number++) {
      await cluster.result(client.queue().enqueue(number));
      expect((await cluster.result(client.queue().dequeue()))?.body).to.equal(number);
    }
    expect(checkpoints).to.be.above(3);
    expect(written.size, 'those that were just there').to.be.at.most(checkpoints);
  });

  it('ends when its base cannot be written, and goes on from the checkpoint before', async () => {
    cluster.mayEnd('n3', 'EIO');
    cluster.disk('n3').faults.fail({ operation: 'sync', code: 'EIO', path: 'data.mdb' });
    await cluster.until(() => cluster.endOf('n3') !== null, SOON_MS);
    const before = checkpoint('n3');
    await load.flows(50);
    cluster.start('n3');
    await cluster.until(() => checkpoint('n3') > before, SOON_MS);
    await kept();
  });

  it('waits with checkpoints while its disk is full, keeps its log, and goes on when there is room', async () => {
    cluster.disk('n3').faults.leave(0);
    await cluster.pass(500);
    const before = checkpoint('n3');
    await load.flows(40);
    expect(checkpoint('n3')).to.equal(before);
    cluster.disk('n3').faults.heal();
    await cluster.until(() => checkpoint('n3') > before, SOON_MS);
    await kept();
  });
});
