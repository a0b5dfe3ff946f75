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
      world.replica(id, 's0').propose(proposalOf(entry), { client: new Listener(), correlation: 1, session });
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
    expect(shard().horizon).to.equal(0);
    world.pass(TTL_MS + 500);
    const ended = world.replica('n1', 'c').applied;
    expect(shard().horizon).to.be.within(session + 1, ended);
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
    world.pass(3000);
    expect(world.node('n3').sessions.alive(session), 'n3 has not read of it').to.equal(false);
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
    world.until(() => lanes().length === 0);
  });
});
