/** A disk that fills up: what takes space is refused in time, what frees it goes on, and everything comes back when there is room. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import type { ConcordError } from '../../protocol/errors.js';
import type { SimulatedCluster } from './cluster.js';
import { agreed, drained, failure, led, running, SOON_MS } from './words.js';

/** The smallest segment: a quarter of it is the second reserve. */
const SEGMENT_BYTES = 64 << 10;
const BODY = 'x'.repeat(1000);

describe('a simulated disk that is full', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let client: Cluster;
  let acknowledged: number;

  beforeEach(async () => {
    cluster = await running({ segment_bytes: SEGMENT_BYTES });
    client = await cluster.result(cluster.client('a'));
    acknowledged = 0;
  });

  const enqueue = () => client.queue().enqueue(`${acknowledged} ${BODY}`);
  const fill = (...ids: readonly string[]) => {
    for (const id of ids) cluster.disk(id).faults.leave(0);
  };
  const mend = () => {
    for (const id of cluster.ids) cluster.disk(id).faults.heal();
  };
  const space = async (id: string) => {
    const { value } = await cluster.result(client.admin('status', {}, { node: id }));
    return (value as { space: string }).space;
  };

  /** Enqueues until it is refused. */
  async function refused(): Promise<ConcordError> {
    for (;;) {
      const outcome = await cluster.result(
        enqueue().then(
          () => null,
          (error: ConcordError) => error,
        ),
      );
      if (outcome !== null) return outcome;
      acknowledged++;
      expect(acknowledged, 'it is never refused').to.be.below(1000);
    }
  }

  it('refuses what takes space with NO_SPACE, definite, and loses nothing', async () => {
    fill('n1');
    expect(await refused()).to.include({ code: 'NO_SPACE', definite: true });
    expect(acknowledged).to.be.above(20);
    expect(await space('n1')).to.equal('low');
    expect(await cluster.result(client.queue().size())).to.equal(acknowledged);
  });

  it('goes on with what frees space, in order, between refusals', async () => {
    fill('n1');
    await refused();
    for (let n = 0; n < 10; n++) {
      const [message, error] = await Promise.all([
        cluster.result(client.queue().dequeue()),
        failure(cluster, enqueue()),
      ]);
      expect(String(message?.body)).to.match(new RegExp(`^${n} `));
      expect(error).to.include({ code: 'NO_SPACE' });
    }
    expect(await cluster.result(client.queue().size())).to.equal(acknowledged - 10);
  });

  it('takes new messages again by itself when there is room', async () => {
    fill('n1');
    await refused();
    mend();
    await cluster.pass(2000);
    expect(await space('n1')).to.equal('ok');
    await cluster.result(enqueue());
    expect(cluster.leaders('s0')).to.deep.equal(['n1']);
  });

  /** Uses up the first reserve of n1 by what is still allowed. Returns the longest time that one of these commands took, ms. */
  async function exhaust(): Promise<number> {
    await refused();
    let longest = 0;
    for (let n = 0; cluster.leaders('s0').includes('n1'); n++) {
      const before = cluster.time.now();
      await cluster.result(client.queue().dequeue());
      longest = Math.max(longest, cluster.time.now() - before);
      expect(n, 'it leads for ever').to.be.below(5000);
    }
    return longest;
  }

  it('leads no more when even what frees space might not fit, and no command fails by that', async () => {
    fill('n1');
    const { term } = cluster.replica('n1', 's0')?.raft ?? { term: 0 };
    await exhaust();
    expect(await space('n1')).to.equal('full');
    const leader = await led(cluster, 's0', 'n1');
    expect(leader).to.not.equal('n1');
    expect(cluster.replica(leader, 's0')?.raft.term).to.be.at.most(term + 2);
    // The others have room.
    await cluster.result(enqueue());
    await led(cluster, 'c', 'n1');
  });

  it('hands over at once: nobody has to wait for silence', async () => {
    fill('n1');
    expect(await exhaust(), 'less than an election timeout').to.be.below(500);
  });

  it('follows on when there is room, and has everything then', async () => {
    fill('n1');
    await exhaust();
    await led(cluster, 's0', 'n1');
    for (let n = 0; n < 50; n++) await cluster.result(client.queue().enqueue(n));
    expect(cluster.replica('n1', 's0')?.applied).to.be.below(cluster.replica('n2', 's0')?.applied ?? 0);
    mend();
    for (const group of ['c', 's0']) expect(await agreed(cluster, group), group).to.equal(true);
    expect(await space('n1')).to.equal('ok');
  });

  it('does not vote while it is full, and does not stand for election: two of three that are full wait for room', async () => {
    fill('n1', 'n2');
    const told = await exhaust().catch((error: ConcordError) => error);
    // Without a majority nothing can be done, which the one who asked last is told.
    expect(told).to.have.property('code').that.is.oneOf(['NO_LEADER', 'DEADLINE', 'TIMEOUT']);
    expect([await space('n1'), await space('n2')]).to.deep.equal(['full', 'full']);
    const terms = () => cluster.ids.map((id) => cluster.replica(id, 's0')?.raft.term);
    const before = terms();
    await cluster.pass(20_000);
    expect(terms(), 'elections would use up what room is left').to.deep.equal(before);
    expect(cluster.leaders('s0')).to.deep.equal([]);
    mend();
    await cluster.result(client.queue().enqueue('room', { timeout_ms: 20_000 }));
  });

  it('starts while it is full, takes no part, and catches up when there is room', async () => {
    fill('n1');
    await exhaust();
    await led(cluster, 's0', 'n1');
    for (let round = 0; round < 2; round++) {
      cluster.kill('n1');
      await cluster.result(client.queue().enqueue(round));
      cluster.start('n1');
      await cluster.pass(3000);
      expect(cluster.isUp('n1')).to.equal(true);
    }
    const leader = await led(cluster, 's0', 'n1');
    const { term } = cluster.replica(leader, 's0')?.raft ?? { term: 0 };
    await cluster.pass(5000);
    expect(cluster.replica(leader, 's0')?.raft.term, 'it disturbs nobody').to.equal(term);
    mend();
    for (const group of ['c', 's0']) expect(await agreed(cluster, group), group).to.equal(true);
  });

  it('stops the whole cluster without losing anything when all disks are full, and it goes on by itself', async () => {
    fill(...cluster.ids);
    await refused();
    const bodies: unknown[] = [];
    // Taking out goes on until not even that fits.
    for (let over = false; !over; ) {
      const call = client.queue().dequeue({ timeout_ms: 3000 });
      await cluster.result(
        call.then(
          (message) => {
            if (message === undefined) over = true;
            else bodies.push(message.body);
          },
          () => {
            over = true;
          },
        ),
      );
    }
    expect(bodies.length).to.be.above(10);
    await cluster.pass(10_000);
    mend();
    await cluster.until(() => cluster.leaders('s0').length === 1, SOON_MS);
    const rest = await drained(cluster, client.queue());
    const numbers = [...bodies, ...rest].map((body) => Number(String(body).split(' ')[0]));
    // One that was taken out when the caller's time was up may be gone with its answer.
    expect(acknowledged - numbers.length).to.be.within(0, 1);
    expect([...numbers].sort((a, b) => a - b)).to.deep.equal(numbers);
    for (const group of ['c', 's0']) expect(await agreed(cluster, group), group).to.equal(true);
  });
});
