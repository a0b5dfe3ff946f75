/** Sessions in a whole cluster: over means over, everywhere and for good; and nobody's is over because the cluster had trouble. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import { decode, encode } from '../../protocol/codec.js';
import { encodeEnvelope } from '../../protocol/envelope.js';
import type { Message } from '../../protocol/messages.js';
import { OPERATIONS } from '../../protocol/operations.js';
import type { SimulatedCluster } from './cluster.js';
import { failure, lead, led, running, SOON_MS, Stranger } from './words.js';

const TTL_MS = 2000;

describe('a simulated session', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let client: Cluster;

  beforeEach(async () => {
    cluster = await running();
    client = await cluster.result(cluster.client('a', { ttl_ms: TTL_MS }));
    await cluster.result(client.queue().enqueue('first'));
  });

  const shard = (id: string) => cluster.replica(id, 's0')?.machine;
  const lanes = (id: string) => [...(shard(id)?.sessions() ?? [])];

  /** The client stands still until its session is over and swept. Returns the session. */
  async function outlived(): Promise<number> {
    const { id } = client.session;
    cluster.processOf('a').pause();
    await cluster.until(() => cluster.ids.every((node) => !lanes(node).includes(id)), 3 * TTL_MS);
    return id;
  }

  /** What the leader of s0 answers to a command of that session, sent by hand. */
  async function retry(session: number, lane: number): Promise<unknown> {
    const place = { group: 's0', session, lane, confirmed: 0, name: '', fence: '', principal: '' };
    const { number } = OPERATIONS['queue.enqueue'];
    const body = encode([encode('first')]);
    const envelope = encodeEnvelope({ ...place, deadline_ms: 5000, operation: number, body });
    const stranger = await new Stranger(cluster, await led(cluster)).connected();
    return code(await stranger.ask({ kind: 'command', correlation: 1, envelope }));
  }

  function code(answer: Message): unknown {
    if (answer.kind === 'failure') return answer.code;
    if (answer.kind === 'reply') return answer.ok ? decode(answer.result) : (decode(answer.result) as [string])[0];
    return answer.kind;
  }

  it('that is silent for its TTL ends, and its lanes go from every shard', async () => {
    const session = await outlived();
    for (const id of cluster.ids) {
      expect(cluster.node(id).groups.sessions.alive(session), id).to.equal(false);
      expect(shard(id)?.horizon, id).to.be.above(session);
    }
  });

  it('that has ended is never made again by a late retry, whether it ran then or not', async () => {
    const session = await outlived();
    for (const lane of [1, 2]) expect(await retry(session, lane), `lane ${lane}`).to.equal('SESSION_EXPIRED');
    await cluster.pass(500);
    for (const id of cluster.ids) expect(lanes(id), id).to.deep.equal([]);
    const other = await cluster.result(cluster.client('b'));
    expect(await cluster.result(other.queue().size()), 'nothing ran again').to.equal(1);
  });

  it('that has ended is refused by the next leaders too, who hold nothing of it but the horizon', async () => {
    const session = await outlived();
    await lead(cluster, 'n2', 's0');
    expect(await retry(session, 1)).to.equal('SESSION_EXPIRED');
    cluster.kill('n2');
    cluster.start('n2');
    await led(cluster);
    expect(await retry(session, 2)).to.equal('SESSION_EXPIRED');
  });

  it('that ended while its shard had no leader is swept by the next one, which reads its whole log first', async () => {
    const { id } = client.session;
    cluster.processOf('a').pause();
    // It ends in c; s0 hears of that from the log alone, when all of them start again.
    for (const node of cluster.ids) cluster.replica(node, 's0')?.raft.resign('for the test', cluster.time.now());
    const deaf = cluster.ids.map((node) => cluster.replica(node, 's0')?.raft);
    for (const raft of deaf) Object.assign(raft ?? {}, { receive() {}, heartbeat: () => null });
    await cluster.until(() => cluster.ids.every((node) => !cluster.node(node).groups.sessions.alive(id)), 3 * TTL_MS);
    for (const node of cluster.ids) cluster.kill(node);
    cluster.start(...cluster.ids);
    await cluster.until(() => cluster.ids.every((node) => (shard(node)?.horizon ?? 0) > id), SOON_MS);
    expect(lanes('n1')).to.deep.equal([]);
  });

  it('that has ended is told to its client, whose next command opens another one', async () => {
    const session = await outlived();
    cluster.processOf('a').resume();
    const late = await failure(cluster, client.queue().enqueue('late'));
    expect(late).to.deep.include({ code: 'SESSION_EXPIRED', definite: true });
    expect(await cluster.result(client.queue().enqueue('second'))).to.equal(2);
    expect(client.session.id).to.be.above(session);
  });

  it('survives the loss of the leader of c, however often', async () => {
    const { id } = client.session;
    for (let round = 0; round < 3; round++) {
      const leader = await led(cluster, 'c');
      cluster.kill(leader);
      await led(cluster, 'c', leader);
      await cluster.pass(TTL_MS);
      cluster.start(leader);
      await cluster.result(client.queue().enqueue(round));
    }
    expect(client.session).to.deep.equal({ id, state: 'open' });
    expect(cluster.node('n1').groups.sessions.alive(id)).to.equal(true);
  });

  it('survives that its cluster stood still for longer than its TTL, and knows meanwhile that it is in danger', async () => {
    const { id } = client.session;
    for (const node of cluster.ids) cluster.pause(node);
    await cluster.pass(5 * TTL_MS);
    expect(client.session).to.deep.equal({ id, state: 'suspended' });
    for (const node of cluster.ids) cluster.resume(node);
    await cluster.until(() => client.session.state === 'open', SOON_MS);
    expect(await cluster.result(client.queue().enqueue('after'))).to.equal(2);
    expect(client.session.id).to.equal(id);
  });

  it('goes on in the shards while c has no leader for longer than its TTL', async () => {
    const { id } = client.session;
    await lead(cluster, 'n2', 's0');
    // Nobody can lead c: what concerns it is heard by nobody.
    for (const node of cluster.ids)
      cluster.node(node).groups.coordination.raft.resign('for the test', cluster.time.now());
    const deaf = new Set(cluster.ids.map((node) => cluster.node(node).groups.coordination.raft));
    for (const raft of deaf) Object.assign(raft, { receive() {}, heartbeat: () => null });
    await cluster.pass(3 * TTL_MS);
    expect(cluster.leaders('c')).to.deep.equal([]);
    expect(await cluster.result(client.queue().enqueue('goes on'))).to.equal(2);
    expect(client.session).to.deep.equal({ id, state: 'suspended' });
  });
});
