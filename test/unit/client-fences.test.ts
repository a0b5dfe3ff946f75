/** Promises about fenced calls: the fence goes along however often a call is sent, with reads too, and is never silently left out. */
import { expect } from 'chai';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Cluster, type ConcordError, connect } from '../../protocol/client/index.js';
import { FakeCluster } from './fake-cluster.js';
import { FakeWorld } from './fake-world.js';

describe('client: fenced calls', () => {
  let world: FakeWorld;
  let fake: FakeCluster;
  let cluster: Cluster;

  beforeEach(async () => {
    world = new FakeWorld(5);
    fake = new FakeCluster(world);
    cluster = await world.result(connect({ nodes: fake.addresses, env: world }));
    await world.until(() => cluster.members.every((member) => member.connected));
  });

  afterEach(async () => {
    await world.result(cluster.close());
  });

  const failure = (promise: Promise<unknown>) => world.failure<ConcordError>(promise);
  const queue = () => cluster.queue();
  const readsReceived = () => fake.nodes.flatMap(({ received }) => received).filter(({ kind }) => kind === 'read');

  it('carry their fence, and others none', async () => {
    await world.result(queue().enqueue(1, { fence: 'deploy:5' }));
    await world.result(queue().enqueue(2));
    await world.result(queue().dequeue({ fence: 'a:b:6' }));
    await world.result(cluster.command('queue.dequeue', [0], { fence: 'deploy:7' }));
    expect(fake.groups.s0.fences).to.deep.equal(['deploy:5', '', 'a:b:6', 'deploy:7']);
  });

  it('end in FENCED, definite, once a newer token was seen', async () => {
    await world.result(queue().enqueue(1, { fence: 'deploy:9' }));
    expect(await failure(queue().enqueue(2, { fence: 'deploy:5' }))).to.include({ code: 'FENCED', definite: true });
    expect(fake.groups.s0.enqueued).to.deep.equal([1]);
  });

  it('that read go through the log as commands, and their tokens are seen', async () => {
    await world.result(queue().enqueue(1));
    expect(await world.result(queue().size({ fence: 'deploy:9' }))).to.equal(1);
    const receipt = await world.result(cluster.read('queue.size', [], { fence: 'deploy:9', node: 'n3' }));
    expect(receipt).to.include({ value: 1, node: 'n1', group: 's0', index: 3 });
    expect(readsReceived()).to.have.length(0);
    expect(fake.groups.s0.ran.map(([name]) => name)).to.deep.equal(['queue.enqueue', 'queue.size', 'queue.size']);
    expect(await failure(queue().size({ fence: 'deploy:5' }))).to.include({ code: 'FENCED' });
    expect(await world.result(queue().size()), 'unfenced it is a read').to.equal(1);
    expect(readsReceived()).to.have.length(1);
  });

  it('keep their order with the commands around them', async () => {
    const options = { fence: 'deploy:5' };
    const sizes = await world.result(
      Promise.all([
        queue().size(options),
        queue().enqueue('x', options),
        queue().size(options),
        queue().dequeue(options),
        queue().size(options),
      ]),
    );
    expect([sizes[0], sizes[2], sizes[4]]).to.deep.equal([0, 1, 0]);
  });

  it('keep their fence when they are sent again', async () => {
    await world.result(queue().enqueue('first'));
    fake.node('n1').mute = true;
    const calls = Promise.all([queue().enqueue('x', { fence: 'deploy:5' }), queue().size({ fence: 'deploy:5' })]);
    await world.until(() => fake.groups.s0.ran.length === 3);
    fake.fate = 'lose';
    fake.node('n1').cut();
    fake.elect('s0', 'n2');
    fake.node('n1').mute = false;
    expect(await world.result(calls)).to.deep.equal([2, 2]);
    const sent = fake.nodes.flatMap(({ received }) => received).filter(({ kind }) => kind === 'command');
    expect(sent.length, 'sent again').to.be.above(5);
    expect(fake.groups.s0.fences).to.deep.equal(['', 'deploy:5', 'deploy:5']);
  });

  it('keep their fence when what was lost never ran', async () => {
    await world.result(queue().enqueue('first'));
    fake.stuck = true;
    fake.fate = 'lose';
    const call = queue().size({ fence: 'deploy:5' });
    await world.until(() => fake.proposals.length === 1);
    fake.elect('s0', 'n2');
    fake.stuck = false;
    expect(await world.result(call)).to.equal(1);
    expect(fake.groups.s0.fences).to.deep.equal(['', 'deploy:5']);
  });

  it('that are given up close their number without it', async () => {
    await world.result(queue().enqueue('first', { fence: 'deploy:9' }));
    fake.stuck = true;
    fake.fate = 'lose';
    const call = failure(queue().enqueue('late', { fence: 'deploy:9', timeout_ms: 300 }));
    expect(await call).to.include({ code: 'TIMEOUT' });
    // What was on its way is lost with its leader: the number is still to be closed.
    fake.elect('s0', 'n2');
    fake.stuck = false;
    await world.result(queue().enqueue('next'));
    expect(fake.groups.s0.ran.map(([name]) => name)).to.deep.equal(['queue.enqueue', 'lane.void', 'queue.enqueue']);
    expect(fake.groups.s0.fences).to.deep.equal(['deploy:9', '', '']);
  });

  it('are refused INVALID before anything is sent when the fence is none', async () => {
    await world.result(queue().enqueue('first'));
    const before = fake.nodes.map(({ received }) => received.length);
    for (const fence of ['', 'deploy', 'deploy:', ':5', 'deploy:x', 'deploy:0']) {
      for (const call of [
        () => queue().enqueue(1, { fence }),
        () => queue().dequeue({ fence }),
        () => queue().size({ fence }),
        () => cluster.read('session.list', [], { fence }),
        () => cluster.admin('status', null, { fence }),
      ])
        expect(await failure(call()), fence).to.include({ code: 'INVALID', definite: true });
    }
    expect(fake.nodes.map(({ received }) => received.length)).to.deep.equal(before);
  });

  it('of admin words are refused: they ask nodes, and no group checks anything', async () => {
    const error = await failure(cluster.admin('status', null, { fence: 'deploy:5' }));
    expect(error).to.include({ code: 'INVALID', definite: true });
    expect(error.message).to.include('status');
  });

  it('are of the form that their names say, fenced or not', async () => {
    const fenced = { fence: 'deploy:5' };
    expect(await failure(cluster.command('queue.size', [], fenced))).to.include({ code: 'INVALID' });
    expect(await failure(cluster.read('queue.dequeue', [0], fenced))).to.include({ code: 'INVALID' });
  });
});
