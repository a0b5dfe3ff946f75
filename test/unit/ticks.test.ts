/** What time alone makes due: a wait runs out although nobody sends anything, and whatever its leader is about just then. */
import { expect } from 'chai';
import { proposalOf } from '../../node/replica.js';
import { firstCommandEntry } from '../../node/services/entry.js';
import { decode } from '../../protocol/codec.js';
import { GroupsWorld, Listener } from './groups-world.js';
import { envelopeOf } from './replica.js';

const WAIT_MS = 500;

describe('a wait in a queue', () => {
  let world: GroupsWorld;
  let client: Listener;

  beforeEach(() => {
    world = new GroupsWorld(['n1', 'n2', 'n3']);
    world.lead('n1', 's0');
    world.lead('n1', 'c');
    client = new Listener();
    const session = world.open('n1', 100_000);
    const envelope = envelopeOf('s0', session, 1, 'queue.dequeue', [WAIT_MS]);
    const waiter = world.waiter(client, 1, session);
    world.replica('n1', 's0').propose(proposalOf(firstCommandEntry(session, envelope)), waiter);
    world.turn();
    expect(client.said).to.deep.equal({ 1: 'pending' });
  });

  const outcomes = () =>
    client.pushes.flatMap((message) => (message.kind === 'outcome' ? [[message.lane, decode(message.result)]] : []));

  it('runs out by itself, and by one entry', () => {
    const { last } = world.replica('n1', 's0').raft.log;
    world.pass(WAIT_MS - 200);
    expect(outcomes()).to.deep.equal([]);
    world.pass(400);
    expect(outcomes()).to.deep.equal([[1, null]]);
    world.pass(2000);
    expect(world.replica('n1', 's0').raft.log.last).to.equal(last + 1);
  });

  it('is due at a time that the node can wait for', () => {
    const { replica, deadline } = {
      replica: world.replica('n1', 's0'),
      deadline: world.replica('n1', 's0').deadline(),
    };
    expect(deadline - world.now).to.be.within(WAIT_MS - 100, WAIT_MS);
    world.stalled.add('n2/s0').add('n3/s0');
    world.pass(WAIT_MS + 200);
    expect(replica.deadline(), 'nothing more to do: it is proposed').to.equal(Number.POSITIVE_INFINITY);
  });

  it('runs out although its leader was handing over when it was due, and took nothing', () => {
    world.deaf.add('n2/s0');
    const { raft } = world.replica('n1', 's0');
    world.pass(WAIT_MS - 200);
    expect(raft.transfer('n2', world.now)).to.equal(true);
    world.pass(600);
    expect(outcomes(), 'nothing is taken while it hands over').to.deep.equal([]);
    world.until(() => outcomes().length > 0, 2000);
    expect([outcomes(), raft.leads]).to.deep.equal([[[1, null]], true]);
  });
});
