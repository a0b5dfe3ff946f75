/** A dequeue that waits: its place in the line outlives leaders and crashes, its outcome comes exactly once, and it can be given up. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import type { SimulatedCluster } from './cluster.js';
import { agreed, failure, lead, led, running, SOON_MS } from './words.js';

const WAIT_MS = 60_000;

describe('a simulated dequeue that waits', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let consumer: Cluster;
  let producer: Cluster;

  beforeEach(async () => {
    cluster = await running();
    consumer = await cluster.result(cluster.client('consumer'));
    producer = await cluster.result(cluster.client('producer'));
    await cluster.result(producer.queue().size());
  });

  const waiters = () => {
    const leader = cluster.leaders('s0')[0];
    // A wait is the only thing in these tests that time makes due.
    return leader !== undefined && Number.isFinite(cluster.replica(leader, 's0')?.machine.deadline() ?? Infinity);
  };

  /** A dequeue that has taken its place. */
  async function pending(
    options: { wait_ms?: number; signal?: AbortSignal } = {},
  ): Promise<{ call: Promise<unknown> }> {
    const call = consumer
      .queue()
      .dequeue({ wait_ms: WAIT_MS, ...options })
      .then((message) => message?.body);
    call.catch(() => {});
    await cluster.until(waiters, SOON_MS);
    return { call };
  }

  const enqueue = (body: unknown) => cluster.result(producer.queue().enqueue(body));
  const size = () => cluster.result(producer.queue().size());

  it('gets the message that comes, before anybody who asks later', async () => {
    const { call } = await pending();
    await enqueue('first');
    expect(await cluster.result(call)).to.equal('first');
    expect(await size()).to.equal(0);
  });

  it('keeps its place when leadership moves', async () => {
    const { call } = await pending();
    await lead(cluster, 'n2', 's0');
    await enqueue('after');
    expect(await cluster.result(call)).to.equal('after');
    expect(await size()).to.equal(0);
  });

  it('keeps its place when the leader is killed', async () => {
    const { call } = await pending();
    cluster.kill('n1');
    await led(cluster, 's0', 'n1');
    await enqueue('after');
    expect(await cluster.result(call)).to.equal('after');
  });

  it('keeps its place when all nodes lose their power', async () => {
    const { call } = await pending();
    for (const id of cluster.ids) cluster.cutPower(id);
    await cluster.pass(1000);
    cluster.start(...cluster.ids);
    await enqueue('after');
    expect(await cluster.result(call)).to.equal('after');
    expect(await size()).to.equal(0);
  });

  it('hears its outcome although the word of it was lost, and exactly once', async () => {
    const { call } = await pending();
    cluster.network.block('n1', 'consumer');
    await enqueue('once');
    await cluster.pass(200);
    // What is on its way to the consumer is lost with the connection.
    cluster.network.reset('n1', 'consumer');
    cluster.heal();
    expect(await cluster.result(call)).to.equal('once');
    expect(await size()).to.equal(0);
  });

  it('hears its outcome from the next leader when the one that settled it died with it', async () => {
    const { call } = await pending();
    cluster.network.block('n1', 'consumer');
    await enqueue('once');
    cluster.kill('n1');
    cluster.heal();
    expect(await cluster.result(call)).to.equal('once');
    expect(await size()).to.equal(0);
  });

  it('is remembered until its outcome is confirmed, and no longer', async () => {
    const { call } = await pending();
    const { id } = consumer.session;
    const outcome = (node: string) => cluster.replica(node, 's0')?.machine.outcome(id, 1)?.form;
    cluster.network.block('n1', 'consumer');
    await enqueue('once');
    await cluster.pass(3000);
    expect(outcome('n1'), 'kept for whoever asks again').to.equal('result');
    cluster.heal();
    expect(await cluster.result(call)).to.equal('once');
    const forgotten = () => cluster.ids.every((node) => outcome(node) === 'refusal');
    await cluster.until(forgotten, SOON_MS);
  });

  it('ends with nothing when its time is up, also under another leader, and not before', async () => {
    const { call } = await pending({ wait_ms: 3000 });
    const began = cluster.time.now();
    await cluster.pass(1000);
    cluster.kill('n1');
    expect(await cluster.result(call)).to.equal(undefined);
    expect(cluster.time.now() - began).to.be.within(2900, 8000);
    await enqueue('kept');
    expect(await size()).to.equal(1);
  });

  it('leaves the line when it is given up: what comes later is for others', async () => {
    const stop = new AbortController();
    const { call } = await pending({ signal: stop.signal });
    stop.abort();
    expect(await failure(cluster, call)).to.include({ code: 'CANCELLED', definite: false });
    await cluster.until(() => !waiters(), SOON_MS);
    await enqueue('kept');
    expect(await size()).to.equal(1);
    expect((await cluster.result(consumer.queue().dequeue()))?.body).to.equal('kept');
  });

  it('leaves the line when it is given up while there is no leader to tell', async () => {
    const stop = new AbortController();
    const { call } = await pending({ signal: stop.signal });
    cluster.kill('n1');
    cluster.kill('n2');
    await cluster.pass(100);
    stop.abort();
    expect(await failure(cluster, call)).to.include({ code: 'CANCELLED', definite: false });
    cluster.start('n1', 'n2');
    await led(cluster);
    await cluster.until(() => !waiters(), SOON_MS);
    await enqueue('kept');
    expect(await size()).to.equal(1);
  });

  it('leaves the line with its session', async () => {
    await cluster.result(consumer.close());
    consumer = await cluster.result(cluster.client('brief', { ttl_ms: 1000 }));
    const { call } = await pending();
    cluster.processOf('brief').pause();
    await cluster.until(() => !waiters(), SOON_MS);
    await enqueue('kept');
    expect(await size()).to.equal(1);
    cluster.processOf('brief').resume();
    expect(await failure(cluster, call)).to.include({ code: 'SESSION_EXPIRED' });
    expect(await agreed(cluster)).to.equal(true);
  });
});
