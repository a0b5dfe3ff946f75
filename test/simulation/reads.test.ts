/** Reads at any node are as if there was one: never older than what was acknowledged before, and answered whoever leads. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import type { SimulatedCluster } from './cluster.js';
import { Load, lead, leaderOf, led, running, SOON_MS } from './words.js';

describe('a simulated read', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let writer: Cluster;
  let reader: Cluster;

  beforeEach(async () => {
    cluster = await running();
    writer = await cluster.result(cluster.client('writer'));
    reader = await cluster.result(cluster.client('reader'));
    await cluster.result(reader.queue().size());
  });

  /** Reads at each of the nodes in turn, one at a time each, and checks each answer, until `stop`. */
  class Readers {
    answers = 0;
    readonly failures: ConcordError[] = [];
    stopped = false;
    readonly #load: Load;
    #running = 0;

    constructor(load: Load, nodes: readonly string[]) {
      this.#load = load;
      for (const node of nodes) void this.#read(node);
    }

    async stop(): Promise<void> {
      this.stopped = true;
      await cluster.until(() => this.#running === 0, SOON_MS);
    }

    async #read(node: string): Promise<void> {
      this.#running++;
      while (!this.stopped) {
        const acknowledged = this.#load.acknowledged.length;
        try {
          const size = await reader.queue().size(node === '' ? {} : { node, timeout_ms: 5000 });
          expect(size, `at ${node || 'any node'}: at least what was acknowledged`).to.be.at.least(acknowledged);
          expect(size, `at ${node || 'any node'}: at most what was sent`).to.be.at.most(this.#load.sent);
          this.answers++;
        } catch (error) {
          if (!(error instanceof ConcordError)) throw error;
          this.failures.push(error);
        }
        await new Promise<void>((resolve) => {
          cluster.time.add(3, resolve, cluster.tester);
        });
      }
      this.#running--;
    }
  }

  it('sees everything that was acknowledged before it, at followers and at the leader', async () => {
    const load = new Load(cluster, writer);
    const readers = new Readers(load, cluster.ids);
    await load.flows(200);
    await readers.stop();
    await load.stop();
    expect(readers.failures).to.deep.equal([]);
    expect(readers.answers).to.be.above(100);
  });

  it('sees it and is answered while leadership moves', async () => {
    const load = new Load(cluster, writer);
    const readers = new Readers(load, cluster.ids);
    for (const id of ['n2', 'n3', 'n1', 'n3', 'n2']) {
      await load.flows(40);
      await lead(cluster, id, 's0');
    }
    await load.flows(40);
    await readers.stop();
    await load.stop();
    expect(readers.failures).to.deep.equal([]);
    expect(load.failures).to.deep.equal([]);
    expect(readers.answers).to.be.above(100);
  });

  it('sees it and is answered while leaders are killed, by the nodes that live', async () => {
    const load = new Load(cluster, writer);
    const readers = new Readers(load, ['']);
    for (let round = 0; round < 3; round++) {
      await load.flows(20);
      const leader = await led(cluster);
      cluster.kill(leader);
      await led(cluster, 's0', leader);
      await load.flows(20);
      cluster.start(leader);
    }
    await readers.stop();
    await load.stop();
    expect(readers.failures).to.deep.equal([]);
    expect(readers.answers).to.be.above(20);
  });

  it('at a leader that was cut off, and does not know yet that another one leads, is not answered', async () => {
    const load = new Load(cluster, writer);
    await load.flows(20);
    cluster.isolate('n1');
    const raft = cluster.replica('n1', 's0')?.raft;
    const before = load.acknowledged.length;
    let answer: unknown;
    const read = reader.queue().size({ node: 'n1', timeout_ms: 20_000 });
    read.then((size) => {
      answer = size;
    });
    await led(cluster, 's0', 'n1');
    await load.flows(20);
    expect(load.acknowledged.length).to.be.above(before);
    expect(answer).to.equal(undefined);
    await cluster.until(() => raft?.leads === false, SOON_MS);
    cluster.heal();
    expect(await cluster.result(read)).to.be.at.least(before + 20);
    await load.stop();
  });

  it('is not answered by a new leader before the first entry of its own term', async () => {
    await lead(cluster, 'n2', 'c');
    // What the client is told of is committed, but the others have not heard so yet when the leader dies.
    const lags = (id: string) => {
      const raft = cluster.replica(id, 's0')?.raft;
      return raft !== undefined && raft.commit < raft.log.last;
    };
    let acknowledged = 0;
    for (; acknowledged === 0 || !(lags('n2') && lags('n3')); acknowledged++) {
      expect(acknowledged).to.be.below(50);
      await cluster.result(writer.queue().enqueue('acknowledged'));
    }
    cluster.kill('n1');
    await cluster.until(() => cluster.leaders('s0').length === 1, SOON_MS);
    const [leader = ''] = cluster.leaders('s0');
    for (const id of ['n2', 'n3']) cluster.disk(id).faults.slow({ operation: 'sync', ms: 300 });
    let answer: number | undefined;
    const read = reader.queue().size({ node: leader });
    read.then((size) => {
      answer = size;
    });
    await cluster.pass(250);
    const replica = cluster.replica(leader, 's0');
    expect([replica?.raft.leads, replica?.raft.settled, answer]).to.deep.equal([true, false, undefined]);
    expect(await cluster.result(read)).to.equal(acknowledged);
    expect(leaderOf(cluster)).to.equal(leader);
  });
});
