/** The TTLs of sessions: never over too early, kept alive only by a leader that is sure of itself, and over in the end. */
import { expect } from 'chai';
import { GroupsWorld, Listener } from './groups-world.js';

const TTL_MS = 10_000;
/** Cluster time may run late by this much, and ends are looked for in intervals. */
const SLACK_MS = 300;

describe('the watch over sessions', () => {
  let world: GroupsWorld;
  let client: Listener;
  let correlation: number;

  function begin(ids: readonly string[], uncommitted_bytes_max?: number): void {
    world = new GroupsWorld(ids, uncommitted_bytes_max === undefined ? {} : { uncommitted_bytes_max });
    world.lead('n1', 'c');
    client = new Listener();
    correlation = 0;
  }

  beforeEach(() => begin(['n1', 'n2', 'n3']));

  const alive = (session: number, id = 'n1') => world.node(id).sessions.alive(session);

  /** Asks a node to keep a session alive; what it answers is in `client.said` under the number returned. */
  function ask(session: number, id = 'n1'): number {
    world.node(id).keepalive(client, { kind: 'keepalive', correlation: ++correlation, session });
    world.turn();
    return correlation;
  }

  /** Keeps a session alive, successfully. */
  function keepAlive(session: number, id = 'n1'): void {
    const asked = ask(session, id);
    world.until(() => client.said[asked] !== undefined);
    expect(client.said[asked]).to.equal(true);
  }

  it('ends a session that is silent for its TTL, not before', () => {
    const session = world.open('n1', TTL_MS);
    world.pass(TTL_MS - SLACK_MS);
    expect(alive(session)).to.equal(true);
    world.pass(2 * SLACK_MS);
    expect(alive(session)).to.equal(false);
  });

  it('counts from the last sign of life', () => {
    const [kept, silent] = [world.open('n1', TTL_MS), world.open('n1', TTL_MS)];
    for (let i = 0; i < 5; i++) {
      world.pass(TTL_MS - SLACK_MS);
      keepAlive(kept);
    }
    expect([alive(kept), alive(silent)]).to.deep.equal([true, false]);
    expect(world.node('n1').watch.silence(kept)).to.be.at.most(SLACK_MS);
    world.pass(TTL_MS + SLACK_MS);
    expect(alive(kept)).to.equal(false);
  });

  it('counts no part of a millisecond too much', () => {
    const session = world.open('n1', TTL_MS);
    world.pass(100);
    world.now += 0.9;
    const arrived = world.now;
    keepAlive(session);
    world.pass(TTL_MS - 200);
    world.standStill(arrived + TTL_MS - 0.5 - world.now);
    world.turn();
    expect(alive(session)).to.equal(true);
    world.pass(SLACK_MS);
    expect(alive(session)).to.equal(false);
  });

  it('counts the TTL of each session by itself', () => {
    const [short, long] = [world.open('n1', 1000), world.open('n1', 30_000)];
    world.pass(1000 + SLACK_MS);
    expect([alive(short), alive(long)]).to.deep.equal([false, true]);
    world.pass(29_000);
    expect(alive(long)).to.equal(false);
  });

  it('counts as time goes while nothing else happens, however long the election timeout', () => {
    world = new GroupsWorld(['n1'], { election_ms: 60_000 });
    world.until(() => world.replica('n1', 'c').raft.settled, 200_000);
    const [kept, silent] = [world.open('n1', TTL_MS), world.open('n1', TTL_MS)];
    world.pass(TTL_MS / 2);
    keepAlive(kept);
    world.pass(TTL_MS / 2 + SLACK_MS);
    expect([alive(kept), alive(silent)]).to.deep.equal([true, false]);
    world.pass(TTL_MS / 2 - 2 * SLACK_MS);
    expect(alive(kept), 'not before').to.equal(true);
    world.pass(2 * SLACK_MS);
    expect(alive(kept)).to.equal(false);
  });

  it('counts in cluster time: nobody ends because the cluster stood still', () => {
    // Alone a node goes on leading when it wakes up.
    begin(['n1']);
    const session = world.open('n1', 1000);
    for (let i = 0; i < 3; i++) {
      world.standStill(60_000);
      expect(alive(session)).to.equal(true);
      keepAlive(session);
    }
  });

  it('looks through many sessions in turn, and ends all of them', () => {
    begin(['n1']);
    const sessions = world.openMany('n1', 10_001, 1000);
    world.until(() => !sessions.some((session) => alive(session)));
  });

  it('answers SESSION_EXPIRED when there is no such session, and nothing but the leader from others', () => {
    const asked = ask(12345);
    world.until(() => client.said[asked] !== undefined);
    const elsewhere = ask(12345, 'n2');
    expect(client.said).to.deep.equal({ [asked]: 'SESSION_EXPIRED', [elsewhere]: 'NOT_LEADER' });
  });

  it('acknowledges nothing while the end of that session is on its way', () => {
    const session = world.open('n1', TTL_MS);
    world.pass(TTL_MS - SLACK_MS);
    for (const id of ['n2', 'n3']) world.stalled.add(`${id}/c`);
    world.pass(2 * SLACK_MS);
    expect(alive(session), 'it is proposed and not committed').to.equal(true);
    const asked = ask(session);
    world.until(() => client.said[asked] !== undefined);
    expect(client.said[asked], 'neither that it lives nor that it ended').to.equal('RETRY');
    expect(alive(session)).to.equal(true);
    world.stalled.clear();
    world.turn();
    expect(alive(session)).to.equal(false);
    const again = ask(session);
    world.until(() => client.said[again] !== undefined);
    expect(client.said[again]).to.equal('SESSION_EXPIRED');
  });

  it('acknowledges nothing that no majority has confirmed', () => {
    const session = world.open('n1', TTL_MS);
    for (const id of ['n2', 'n3']) world.deaf.add(`${id}/c`);
    const asked = ask(session);
    world.pass(500);
    expect(client.said[asked]).to.equal(undefined);
    world.until(() => client.said[asked] !== undefined);
    expect(client.said[asked]).to.be.oneOf(['NO_LEADER', 'NOT_LEADER']);
  });

  it('acknowledges nothing before the first entry of its term is committed', () => {
    const session = world.open('n1', TTL_MS);
    const { raft } = world.replica('n2', 'c');
    // From its election on nothing becomes durable anywhere.
    world.onTurn = () => {
      if (raft.leads) for (const id of ['n1', 'n2', 'n3']) world.stalled.add(`${id}/c`);
    };
    world.replica('n1', 'c').raft.transfer('n2', world.now);
    world.until(() => raft.leads);
    const asked = ask(session, 'n2');
    world.pass(300);
    expect([raft.leads, raft.settled, client.said[asked]]).to.deep.equal([true, false, undefined]);
    world.onTurn = () => {};
    world.stalled.clear();
    world.until(() => client.said[asked] !== undefined);
    expect(client.said[asked]).to.equal(true);
  });

  it('counts anew under a new leader', () => {
    const session = world.open('n1', TTL_MS);
    world.pass(TTL_MS - SLACK_MS);
    world.lead('n2', 'c');
    world.pass(TTL_MS - SLACK_MS);
    expect(alive(session)).to.equal(true);
    world.pass(2 * SLACK_MS);
    expect(['n1', 'n2', 'n3'].map((id) => alive(session, id))).to.deep.equal([false, false, false]);
  });

  it('knows nothing of who was alive once it leads no more', () => {
    const session = world.open('n1', TTL_MS);
    world.pass(100);
    expect(world.node('n1').watch.silence(session)).to.be.a('number');
    world.lead('n2', 'c');
    expect(world.node('n1').watch.silence(session)).to.equal(undefined);
    expect(world.node('n1').watch.dueIn()).to.equal(Number.POSITIVE_INFINITY);
  });

  it('proposes an end again that was not taken', () => {
    begin(['n1', 'n2', 'n3'], 0);
    const session = world.open('n1', TTL_MS);
    world.pass(TTL_MS - SLACK_MS);
    // One entry is under way, and no second one is taken.
    for (const id of ['n2', 'n3']) world.stalled.add(`${id}/c`);
    world.open('n1', TTL_MS);
    world.pass(2 * SLACK_MS);
    world.stalled.clear();
    world.pass(SLACK_MS);
    expect(alive(session), 'the proposal was refused').to.equal(true);
    world.pass(2500);
    expect(alive(session)).to.equal(false);
  });
});
