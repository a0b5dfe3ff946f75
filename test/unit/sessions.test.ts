/** Sessions: opened and ended by entries, the same on every replica; what one had in group `c` goes with it. */
import { expect } from 'chai';
import { commandEntry, expireEntry, sweepEntry } from '../../node/services/entry.js';
import { coordinationMachine } from '../../node/services/group-machine.js';
import { SESSION_LIMITS } from '../../node/services/sessions.js';
import { Tables } from '../../node/services/tables.js';
import { answer, envelopeOf, Replica } from './replica.js';

function coordination(limits: { sessions_max?: number } = {}) {
  const tables = new Tables();
  const { machine, sessions } = coordinationMachine(tables, limits);
  const c = new Replica(machine);
  const open = (client = 'cli-1', ttl_ms = 10_000) => c.ask(0, 0, 'session.open', [client, ttl_ms]);
  return { tables, machine, sessions, c, open, opened: (client?: string, ttl?: number) => open(client, ttl) as number };
}

describe('sessions', () => {
  it('are named by the index of the entry that opened them', () => {
    const { c, sessions, open } = coordination();
    c.index = 41;
    c.time = 5000;
    expect(open('cli-1', 10_000)).to.equal(42);
    expect(sessions.find(42)).to.deep.equal({ id: 42, client: 'cli-1', ttl_ms: 10_000, opened: 5000 });
    expect(sessions.alive(42)).to.equal(true);
    expect(sessions.alive(41)).to.equal(false);
  });

  it('are listed in the order of their ids', () => {
    const { c, sessions, opened } = coordination();
    const ids = [opened('a', 1000), opened('b', 3_600_000), opened('a', 2000)];
    expect(c.look('session.list', [])).to.deep.equal([
      [ids[0], 'a', 1000, ids[0]],
      [ids[1], 'b', 3_600_000, ids[1]],
      [ids[2], 'a', 2000, ids[2]],
    ]);
    expect([...sessions.all()].map(({ id, ttl_ms }) => [id, ttl_ms])).to.deep.equal([
      [ids[0], 1000],
      [ids[1], 3_600_000],
      [ids[2], 2000],
    ]);
  });

  it('list no more than what fits a frame', () => {
    const { c, opened } = coordination();
    for (let i = 0; i <= SESSION_LIMITS.listed_max; i++) opened('é'.repeat(255));
    expect(c.look('session.list', [])).to.have.length(SESSION_LIMITS.listed_max);
  });

  for (const ttl of [0, 999, 3_600_001, 4_294_967_295]) {
    it(`are refused with a TTL of ${ttl} ms`, () => {
      const { open, sessions } = coordination();
      expect(open('cli-1', ttl)).to.equal('INVALID');
      expect(sessions.size).to.equal(0);
    });
  }

  it('are refused under a name that cannot be shown', () => {
    const { open, sessions } = coordination();
    for (const name of ['', 'a\u001b[2J', 'a\nb', 'a\u202eb', 'a\u0085b', 'a\u200bb']) {
      expect(open(name), JSON.stringify(name)).to.equal('INVALID');
    }
    expect(sessions.size).to.equal(0);
    expect(open('x'.repeat(255))).to.be.a('number');
    expect(open('Ünïcödé 🚀')).to.be.a('number');
  });

  it('are refused above their number, and welcome again when others have ended', () => {
    const { open, opened, c } = coordination({ sessions_max: 2 });
    const first = opened();
    opened();
    expect(open()).to.equal('OVERLOADED');
    c.apply(expireEntry([first]));
    expect(open()).to.be.a('number');
  });

  it('close themselves, once: the repeat finds no session', () => {
    const { c, sessions, opened } = coordination();
    const id = opened();
    const applied = c.run(id, 1, 'session.close', [id]);
    expect(answer(applied.outcome)).to.equal(true);
    expect(applied.ended).to.deep.equal([id]);
    expect(sessions.alive(id)).to.equal(false);
    expect(c.machine.hasLane(id)).to.equal(false);
    expect([...c.machine.sessions()]).to.deep.equal([]);
    expect(c.ask(id, 1, 'session.close', [id])).to.equal('SESSION_EXPIRED');
  });

  it('close one another, and a repeat of the order closes nothing more', () => {
    const { c, sessions, opened } = coordination();
    const [mine, other] = [opened(), opened()];
    expect(c.run(mine, 1, 'session.close', [other])).to.deep.include({ ended: [other] });
    expect(sessions.alive(other)).to.equal(false);
    const repeat = c.run(mine, 1, 'session.close', [other]);
    expect(answer(repeat.outcome)).to.equal(true);
    expect(repeat.ended).to.deep.equal([]);
    expect(c.ask(mine, 2, 'session.close', [other]), 'there is none any more').to.equal(false);
    expect(c.ask(other, 1, 'session.close', [mine])).to.equal('SESSION_EXPIRED');
  });

  it('expire by an entry, those that are still open', () => {
    const { c, opened, sessions } = coordination();
    const [closed, expired, alive] = [opened(), opened(), opened()];
    c.run(closed, 1, 'session.close', [closed]);
    const applied = c.apply(expireEntry([closed, expired, 999, expired]));
    expect(applied.ended).to.deep.equal([expired]);
    expect(applied.outcome).to.equal(undefined);
    expect([...sessions.all()].map(({ id }) => id)).to.deep.equal([alive]);
  });

  it('never come back', () => {
    const { c, opened } = coordination();
    const id = opened();
    c.ask(id, 1, 'session.close', [999]);
    c.apply(expireEntry([id]));
    for (const lane of [1, 2, 3]) expect(c.ask(id, lane, 'session.close', [id])).to.equal('SESSION_EXPIRED');
    expect(c.machine.outcome(id, 1)).to.equal(undefined);
  });

  it('leave no row behind', () => {
    const { c, opened, tables } = coordination();
    const empty = tables.fingerprint();
    const id = opened();
    c.ask(id, 1, 'session.close', [999]);
    c.ask(id, 2, 'session.close', [id]);
    expect(tables.fingerprint()).to.equal(empty);
  });

  it('run commands of `c` exactly once, as in any group', () => {
    const { c, opened } = coordination();
    const [mine, other] = [opened(), opened()];
    expect(c.machine.hasLane(mine), 'without a command so far').to.equal(true);
    expect(c.ask(mine, 2, 'session.close', [other])).to.equal('LANE_GAP');
    expect(c.ask(mine, 1, 'lane.void', [])).to.equal('VOID');
    expect(c.ask(mine, 1, 'session.close', [other])).to.equal('VOID');
    expect(c.ask(mine, 2, 'session.close', [other])).to.equal(true);
  });

  it('are opened outside of any session and lane', () => {
    const { c, opened } = coordination();
    const id = opened();
    expect(c.ask(id, 1, 'session.open', ['cli-2', 10_000])).to.equal('INVALID');
    expect(c.ask(0, 1, 'session.open', ['cli-2', 10_000])).to.equal('INVALID');
    expect(c.ask(0, 0, 'session.close', [id])).to.equal('INVALID');
  });

  it('are no matter of a sweep', () => {
    const { c, opened, sessions } = coordination();
    const id = opened();
    expect(c.apply(sweepEntry(1000, [id])).ended).to.deep.equal([]);
    expect(sessions.alive(id)).to.equal(true);
    expect(c.machine.ignored).to.equal(1);
  });

  it('go on from the rows that are there', () => {
    const { c, opened, tables } = coordination();
    const id = opened();
    c.ask(id, 1, 'session.close', [999]);
    const { machine, sessions } = coordinationMachine(tables);
    expect(sessions.alive(id)).to.equal(true);
    expect(answer(machine.outcome(id, 1))).to.equal(false);
  });

  it('take no argument for another', () => {
    const { c, opened } = coordination();
    const id = opened();
    const wrong = envelopeOf('c', id, 1, 'session.list', []);
    expect(answer(c.apply(commandEntry(wrong)).outcome), 'a read').to.equal('INVALID');
    expect(c.ask(id, 2, 'session.close', [] as never)).to.equal('INVALID');
    expect(c.look('session.close', [id])).to.equal('INVALID');
    expect(c.look('session.list', [1] as never)).to.equal('INVALID');
  });

  it('take space when they are opened, not when they close', () => {
    const { machine } = coordination();
    expect([1, 2, 3, 4].map((operation) => machine.growing(operation))).to.deep.equal([true, false, false, false]);
  });
});
