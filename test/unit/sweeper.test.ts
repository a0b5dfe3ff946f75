/** Shards hear which sessions have ended: their lanes go, those of others stay, and what is only unknown is not taken for over. */
import { expect } from 'chai';
import { proposalOf } from '../../node/replica.js';
import { firstCommandEntry } from '../../node/services/entry.js';
import { GroupsWorld, Listener } from './groups-world.js';
import { envelopeOf } from './replica.js';

const TTL_MS = 2000;
const LONG_MS = 100_000;

describe('the sweeper', () => {
  let world: GroupsWorld;

  function begin(ids: readonly string[]): void {
    world = new GroupsWorld(ids);
    world.lead('n1', 's0');
    world.lead(ids[1] ?? 'n1', 'c');
  }

  beforeEach(() => begin(['n1', 'n2', 'n3']));

  const shard = (id = 'n1') => world.replica(id, 's0').machine;
  const lanes = (id = 'n1') => [...shard(id).sessions()];

  /** Runs a first command of each of these sessions in s0, led by `id`. */
  function use(sessions: readonly number[], id = 'n1'): void {
    const alive = Math.max(...sessions);
    for (const session of sessions) {
      const entry = firstCommandEntry(alive, envelopeOf('s0', session, 1, 'queue.dequeue', [0]));
      world.replica(id, 's0').propose(proposalOf(entry), world.waiter(new Listener(), 1, session));
    }
    world.turn();
  }

  it('removes the lanes of sessions that have ended, on every node, and no others', () => {
    const [short, long] = [world.open('n2', TTL_MS), world.open('n2', LONG_MS)];
    use([short, long]);
    expect(lanes()).to.deep.equal([short, long]);
    world.pass(TTL_MS + 500);
    for (const id of ['n1', 'n2', 'n3']) expect(lanes(id), id).to.deep.equal([long]);
  });

  it('raises the horizon to where it has read of the end', () => {
    const session = world.open('n2', TTL_MS);
    use([session]);
    for (let i = 0; i < 10; i++) world.open('n2', LONG_MS);
    expect(shard().horizon).to.equal(0);
    world.until(() => !world.node('n1').sessions.alive(session));
    const end = world.replica('n1', 'c').applied;
    world.pass(500);
    // Whoever looked before the end, and so saw it alive, looked too early.
    expect(shard().horizon).to.be.within(end, world.replica('n1', 'c').applied);
    expect(shard('n3').horizon).to.equal(shard().horizon);
  });

  it('proposes nothing while nothing has ended', () => {
    use([world.open('n2', LONG_MS)]);
    const { last } = world.replica('n1', 's0').raft.log;
    world.pass(10_000);
    expect(world.replica('n1', 's0').raft.log.last).to.equal(last);
    expect(shard().horizon).to.equal(0);
  });

  it('knows no more than its own replica of c, and catches up with it', () => {
    const session = world.open('n2', TTL_MS);
    world.pass(100);
    use([session]);
    world.deaf.add('n1/c');
    world.pass(TTL_MS + 500);
    expect(world.node('n2').sessions.alive(session)).to.equal(false);
    expect(lanes()).to.deep.equal([session]);
    world.deaf.clear();
    world.until(() => lanes().length === 0);
  });

  it('does not take a session for over of which it has not read yet', () => {
    world.deaf.add('n3/c');
    const session = world.open('n2', LONG_MS);
    world.pass(100);
    use([session]);
    world.lead('n3', 's0');
    const { last } = world.replica('n3', 's0').raft.log;
    world.pass(3000);
    expect(world.node('n3').sessions.alive(session), 'n3 has not read of it').to.equal(false);
    expect(world.replica('n3', 's0').raft.log.last, 'nothing to propose').to.equal(last);
    expect(lanes('n3')).to.deep.equal([session]);
    expect(shard('n3').horizon).to.equal(0);
  });

  it('looks at everything anew when it begins to lead', () => {
    const session = world.open('n2', TTL_MS);
    use([session]);
    // As leader n1 would sweep, but nothing of it becomes durable.
    world.deaf.add('n1/c');
    world.pass(TTL_MS + 500);
    expect(lanes('n3')).to.deep.equal([session]);
    world.lead('n3', 's0');
    world.pass(100);
    expect(lanes('n3')).to.deep.equal([]);
  });

  it('applies what earlier leaders committed before it looks', () => {
    const session = world.open('n2', TTL_MS);
    world.pass(TTL_MS + 1000);
    // A late command that another leader took; n3 has it in its log and does not know yet that it is committed.
    use([session]);
    expect([lanes('n1'), lanes('n3')]).to.deep.equal([[session], []]);
    world.lead('n3', 's0');
    world.pass(300);
    expect(lanes('n3')).to.deep.equal([]);
    expect(shard('n3').horizon).to.be.above(session);
  });

  it('finds what another leader let in, who did not know of the end yet', () => {
    const session = world.open('n2', TTL_MS);
    world.pass(100);
    world.deaf.add('n3/c');
    world.until(() => !world.node('n1').sessions.alive(session));
    world.pass(500);
    world.lead('n3', 's0');
    use([session], 'n3');
    world.pass(200);
    expect(lanes()).to.deep.equal([session]);
    world.lead('n1', 's0');
    world.pass(100);
    expect(lanes()).to.deep.equal([]);
  });

  it('proposes again what was not taken', () => {
    const session = world.open('n2', TTL_MS);
    use([session]);
    world.pass(TTL_MS - 200);
    // While it hands over, a leader takes nothing; its heir never hears of it.
    world.deaf.add('n3/s0');
    expect(world.replica('n1', 's0').raft.transfer('n3', world.now)).to.equal(true);
    world.until(() => !world.node('n1').sessions.alive(session));
    world.pass(1000);
    expect(lanes(), 'refused').to.deep.equal([session]);
    world.deaf.clear();
    world.until(() => lanes().length === 0, 4000);
  });

  it('sweeps more sessions than fit one entry', () => {
    begin(['n1']);
    const sessions = world.openMany('n1', 10_001, TTL_MS);
    use(sessions);
    expect(lanes()).to.have.length(10_001);
    // When the shard has a leader again, all of them are over.
    world.stalled.add('n1/s0');
    world.replica('n1', 's0').raft.resign('for the test', world.now);
    world.until(() => world.node('n1').sessions.size === 0);
    world.stalled.clear();
    world.until(() => lanes().length === 0);
  });
});
