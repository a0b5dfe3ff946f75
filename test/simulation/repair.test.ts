/** Repair: a node whose disk lost part of what it had refills from the others. Until it has, it has no vote, and says so. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import type { SimulatedCluster } from './cluster.js';
import { agreed, drained, Load, lead, running, SMALL, SOON_MS } from './words.js';

/** Bytes of the header of a segment. */
const HEADER_BYTES = 512;

describe('a simulated node whose disk was damaged', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let client: Cluster;
  let load: Load;

  beforeEach(async () => {
    cluster = await running(SMALL);
    client = await cluster.result(cluster.client('a'));
    load = new Load(cluster, client, { pause_ms: 5 });
    await load.flows(400);
  });

  const used = (path: string) =>
    cluster
      .disk('n3')
      .contents(path)
      .findLastIndex((byte) => byte !== 0);
  const full = () => cluster.segments('n3').filter((path) => used(path) > HEADER_BYTES);
  const flip = (path: string, byte: number) => cluster.disk('n3').flip(path, 8 * byte);
  const count = (what: string) => cluster.faults.get(what) ?? 0;
  const repairing = () => ['c', 's0'].filter((group) => cluster.replica('n3', group)?.raft.repairing);

  /** What can be wrong, and whether the node finds it only when it runs. */
  const DAMAGES: Record<string, () => void> = {
    'a bad record in the middle of its log': () => flip(full()[0] ?? '', 4000),
    'a rotten last batch': () => flip(full().at(-1) ?? '', used(full().at(-1) ?? '')),
    'a row of its base that rotted': () => expect(cluster.rotRow('n3')).to.equal(true),
    'a segment that is missing': () => cluster.lose('n3', full()[1] ?? ''),
    'no log': () => cluster.lose('n3', '/n3/log'),
    'no base': () => cluster.lose('n3', '/n3/base'),
    'neither log nor base': () => {
      cluster.lose('n3', '/n3/log');
      cluster.lose('n3', '/n3/base');
    },
  };

  function damage(what: string): void {
    cluster.kill('n3');
    cluster.damaged('n3');
    DAMAGES[what]?.();
  }

  /** It is started, and again should it end when it finds what is wrong. */
  function start(): void {
    cluster.died = (id) => {
      if (id === 'n3') cluster.time.add(100, () => cluster.start(id), null);
    };
    cluster.start('n3');
  }

  async function kept(): Promise<void> {
    await load.stop();
    for (const group of ['c', 's0']) expect(await agreed(cluster, group), group).to.equal(true);
    const bodies = await drained(cluster, client.queue());
    expect(bodies).to.include.members(load.acknowledged);
    expect(new Set(bodies).size, 'nothing twice').to.equal(bodies.length);
  }

  for (const what of Object.keys(DAMAGES))
    it(`with ${what} has no vote, says so, refills and is a full member again`, async () => {
      damage(what);
      start();
      await cluster.until(() => repairing().length === 2, SOON_MS);
      const { value } = await cluster.result(client.admin('status', {}, { node: 'n3' }));
      expect((value as { groups: Record<string, object> }).groups['s0']).to.include({ repairing: true });
      await load.flows(20);
      await cluster.until(() => count('repaired') === 1 && repairing().length === 0, SOON_MS);
      expect(load.failures).to.deep.equal([]);
      await load.flows(20);
      await kept();
      await lead(cluster, 'n3', 's0');
      cluster.kill('n2');
      await cluster.result(client.queue().enqueue('served'));
    });

  it('needs no repair where a checkpoint stands in for what is missing', async () => {
    cluster.kill('n3');
    cluster.lose('n3', full()[0] ?? '');
    cluster.start('n3');
    await load.flows(20);
    await kept();
    expect(count('damaged')).to.equal(0);
  });

  it('waits while another member is away as well, answers nothing wrong, and returns with it', async () => {
    damage('neither log nor base');
    cluster.kill('n2');
    start();
    await cluster.pass(5000);
    expect(repairing()).to.deep.equal(['c', 's0']);
    for (const group of ['c', 's0']) expect(cluster.leaders(group), 'there is no majority').to.deep.equal([]);
    const before = load.acknowledged.length;
    await cluster.pass(2000);
    expect(load.acknowledged.length).to.equal(before);
    cluster.start('n2');
    await cluster.until(() => count('repaired') === 1, SOON_MS);
    await load.flows(20);
    await kept();
  });

  it('goes on with its repair after power cuts in the middle of it', async () => {
    damage('neither log nor base');
    for (let ms = 20; ms < 400; ms += 40) {
      cluster.start('n3');
      await cluster.pass(ms);
      cluster.cutPower('n3');
    }
    start();
    await cluster.until(() => count('repaired') > 0 && repairing().length === 0, SOON_MS);
    await kept();
  });

  it('is repaired again when it is damaged again', async () => {
    for (const what of ['no log', 'no base', 'a bad record in the middle of its log']) {
      const before = count('repaired');
      damage(what);
      start();
      await cluster.until(() => count('repaired') > before && repairing().length === 0, SOON_MS);
      await load.flows(200);
    }
    await kept();
  });

  it('does not forget what only it and one other had acknowledged', async () => {
    // n2 hears nothing: what is acknowledged is on n1 and n3.
    cluster.isolate('n2');
    await load.flows(50);
    cluster.kill('n1');
    damage('neither log nor base');
    start();
    cluster.heal();
    await cluster.pass(5000);
    expect(cluster.leaders('s0'), 'n2 must not lead with the vote of n3').to.deep.equal([]);
    cluster.start('n1');
    await cluster.until(() => count('repaired') === 1, SOON_MS);
    await kept();
  });
});
