/** The state machine of a group: commands run once whatever is sent again, dead sessions stay dead, replicas stay alike. */
import { expect } from 'chai';
import {
  commandEntry,
  ENTRY_KINDS,
  expireEntry,
  firstCommandEntry,
  sweepEntry,
  tickEntry,
} from '../../node/services/entry.js';
import { GroupMachine, shardMachine } from '../../node/services/group-machine.js';
import { LANE_LIMITS } from '../../node/services/lanes.js';
import { PENDING, type Service } from '../../node/services/machine.js';
import { Tables } from '../../node/services/tables.js';
import { answer, envelopeOf, Replica, valueBytes } from './replica.js';
import { feedRows, rowsOf } from './strict-tables.js';

const A = 11;
const B = 12;

const shard = () => new Replica(shardMachine('s0'));

describe('a group machine', () => {
  it('runs a command once, however often its entry is in the log', () => {
    const s0 = shard();
    for (let i = 0; i < 3; i++) expect(s0.ask(A, 1, 'queue.enqueue', [valueBytes('x')])).to.equal(1);
    expect(s0.look('queue.size', [])).to.equal(1);
    for (let i = 0; i < 3; i++) expect(s0.ask(B, 1, 'queue.dequeue', [0])).to.deep.equal([1, valueBytes('x')]);
    expect(s0.ask(B, 2, 'queue.dequeue', [0])).to.equal(null);
  });

  it('tells whose command it was', () => {
    expect(shard().run(A, 1, 'queue.enqueue', [valueBytes('x')])).to.deep.include({
      session: A,
      lane: 1,
      settled: [],
      ended: [],
    });
  });

  it('keeps a refusal by a service as the reply of its number', () => {
    const s0 = shard();
    expect(s0.ask(A, 1, 'queue.enqueue', [valueBytes('x')], { name: 'no-such-queue' })).to.equal('INVALID');
    expect(s0.ask(A, 1, 'queue.enqueue', [valueBytes('x')])).to.equal('INVALID');
    expect(s0.ask(A, 2, 'queue.enqueue', [valueBytes('x')])).to.equal(1);
  });

  it('does not know what is served elsewhere', () => {
    const s0 = shard();
    expect(s0.ask(A, 1, 'session.close', [A])).to.equal('UNKNOWN_COMMAND');
    expect(s0.look('session.list', [])).to.equal('UNKNOWN_COMMAND');
    expect(s0.ask(A, 2, 'queue.size', []), 'a read').to.equal('INVALID');
    expect(s0.look('queue.dequeue', [0])).to.equal('INVALID');
    expect(s0.ask(0, 0, 'session.open', ['cli-1', 10_000])).to.equal('INVALID');
  });

  it('does not run a command of another group, nor touch its lane', () => {
    const s0 = shard();
    expect(s0.ask(A, 1, 'queue.enqueue', [valueBytes('x')], { group: 's1' })).to.equal('INVALID');
    expect(s0.machine.hasLane(A)).to.equal(false);
  });

  it('has no lane number 0', () => {
    const s0 = shard();
    expect(s0.ask(A, 0, 'queue.enqueue', [valueBytes('x')])).to.equal('INVALID');
    expect(s0.machine.outcome(A, 0)).to.equal(undefined);
  });

  it('closes the number of a command that never came, and answers one that ran', () => {
    const s0 = shard();
    expect(s0.ask(A, 1, 'lane.void', [])).to.equal('VOID');
    expect(s0.ask(A, 1, 'queue.enqueue', [valueBytes('late')]), 'a late copy').to.equal('VOID');
    expect(s0.ask(A, 2, 'queue.enqueue', [valueBytes('x')])).to.equal(1);
    expect(s0.ask(A, 2, 'lane.void', [])).to.equal(1);
    expect(s0.ask(A, 4, 'lane.void', [])).to.equal('LANE_GAP');
    expect(s0.look('queue.size', [])).to.equal(1);
  });

  it('confirms and voids even when the session is over its limit of bytes', () => {
    const tables = new Tables();
    const s0 = new Replica(shardMachine('s0', tables, { lanes: { ...LANE_LIMITS, session_bytes_max: 100 } }));
    expect(s0.ask(A, 1, 'queue.dequeue', [1000])).to.equal('PENDING');
    s0.run(B, 1, 'queue.enqueue', [valueBytes('x'.repeat(200))]);
    expect(s0.ask(A, 2, 'queue.dequeue', [0])).to.equal('WINDOW_FULL');
    expect(s0.ask(A, 2, 'lane.void', [])).to.equal('VOID');
    expect(s0.ask(A, 3, 'lane.confirm', [[1]])).to.equal(null);
    expect(s0.ask(A, 4, 'queue.dequeue', [0])).to.equal(null);
  });

  it('refuses the wait of a session that cannot take a message, and keeps the message', () => {
    const s0 = new Replica(shardMachine('s0', new Tables(), { lanes: { ...LANE_LIMITS, session_bytes_max: 100 } }));
    s0.run(A, 1, 'queue.dequeue', [1000]);
    s0.run(A, 2, 'queue.dequeue', [1000]);
    s0.run(B, 1, 'queue.enqueue', [valueBytes('x'.repeat(200))]);
    const { settled } = s0.run(B, 2, 'queue.enqueue', [valueBytes('y')]);
    expect(settled.map(({ lane, outcome }) => [lane, answer(outcome)])).to.deep.equal([[2, 'WAIT_LIMIT']]);
    expect(s0.look('queue.size', [])).to.equal(1);
  });

  it('lets a session wait for so many things at once', () => {
    const s0 = shard();
    for (let lane = 1; lane <= 1024; lane++) s0.run(A, lane, 'queue.dequeue', [1000], { confirmed: lane - 1 });
    expect(s0.ask(A, 1025, 'queue.dequeue', [1000], { confirmed: 1024 })).to.equal('WAIT_LIMIT');
    expect(s0.ask(A, 1026, 'queue.dequeue', [0], { confirmed: 1025 })).to.equal(null);
    s0.wait(1000);
    expect(s0.ask(A, 1027, 'lane.confirm', [[7]], { confirmed: 1026 })).to.equal(null);
    expect(s0.ask(A, 1028, 'queue.dequeue', [1000], { confirmed: 1027 })).to.equal('PENDING');
  });

  it('counts what it ignores, and lets time pass all the same', () => {
    const s0 = shard();
    const bad = [
      Buffer.alloc(0),
      Buffer.from([255]),
      Buffer.from([ENTRY_KINDS.command]),
      Buffer.from([ENTRY_KINDS.tick, 1]),
    ];
    for (const entry of bad) {
      expect(s0.apply(entry)).to.deep.equal({ session: 0, lane: 0, outcome: undefined, settled: [], ended: [] });
    }
    expect(s0.machine.ignored).to.equal(4);
    s0.apply(tickEntry());
    s0.run(A, 1, 'queue.dequeue', [10]);
    expect(s0.machine.ignored).to.equal(4);
    s0.time += 10;
    expect(s0.apply(Buffer.from([255])).settled).to.have.length(1);
  });

  it('reports as settled only what was pending', () => {
    const stray: Service = {
      restored: () => {},
      serves: () => true,
      growing: () => false,
      apply: (command, _at, effects) => {
        effects.settle(command.session, command.lane + 1, PENDING);
        return PENDING;
      },
      read: () => PENDING,
      abandon: () => false,
      sessionsEnded: () => {},
      advance: () => {},
      deadline: () => Number.POSITIVE_INFINITY,
      holdings: () => ({}),
    };
    const s0 = new Replica(new GroupMachine('s0', new Tables(), [stray], undefined));
    expect(s0.run(A, 1, 'queue.dequeue', [0])).to.deep.include({ outcome: PENDING, settled: [] });
  });

  it('goes on from its rows', () => {
    const tables = new Tables();
    const before = new Replica(shardMachine('s0', tables));
    before.run(A, 1, 'queue.enqueue', [valueBytes('x')]);
    before.run(A, 2, 'queue.dequeue', [0]);
    before.run(A, 3, 'queue.dequeue', [1000]);
    before.apply(sweepEntry(5, []));
    const afterTables = new Tables();
    const after = new Replica(shardMachine('s0', afterTables));
    after.index = before.index;
    feedRows(rowsOf(tables), after.machine);
    after.machine.restored(before.time);
    expect(after.machine.fingerprint()).to.equal(before.machine.fingerprint());
    expect(after.machine.horizon).to.equal(5);
    expect(after.ask(A, 2, 'queue.dequeue', [0])).to.deep.equal([1, valueBytes('x')]);
    expect(after.run(B, 1, 'queue.enqueue', [valueBytes('y')]).settled).to.have.length(1);
    expect(after.ask(B, 2, 'queue.enqueue', [valueBytes('z')])).to.equal(3);
    const later = new Replica(shardMachine('s0'));
    feedRows(rowsOf(afterTables), later.machine);
    later.machine.restored(after.time);
    expect(later.ask(B, 3, 'queue.enqueue', [valueBytes('z')])).to.equal(4);
  });
});

describe('a shard', () => {
  const enqueue = (lane: number) => envelopeOf('s0', A, lane, 'queue.enqueue', [valueBytes(lane)]);

  it('takes a session for dead that has no lane, unless it was seen alive', () => {
    const s0 = shard();
    expect(answer(s0.apply(commandEntry(enqueue(1))).outcome)).to.equal('SESSION_EXPIRED');
    expect(answer(s0.apply(firstCommandEntry(20, enqueue(1))).outcome)).to.equal(1);
    expect(answer(s0.apply(commandEntry(enqueue(2))).outcome)).to.equal(2);
  });

  it('begins a lane with its first number only', () => {
    const s0 = shard();
    expect(answer(s0.apply(firstCommandEntry(20, enqueue(2))).outcome)).to.equal('LANE_GAP');
    expect(s0.machine.hasLane(A)).to.equal(false);
  });

  it('asks to look again when the session was seen before the latest sweep', () => {
    const s0 = shard();
    s0.apply(sweepEntry(50, []));
    expect(answer(s0.apply(firstCommandEntry(49, enqueue(1))).outcome)).to.equal('RETRY');
    expect(s0.machine.hasLane(A)).to.equal(false);
    expect(answer(s0.apply(firstCommandEntry(50, enqueue(1))).outcome)).to.equal(1);
  });

  it('does not look at the horizon where there is a lane', () => {
    const s0 = shard();
    s0.apply(firstCommandEntry(20, enqueue(1)));
    s0.apply(sweepEntry(50, []));
    expect(answer(s0.apply(firstCommandEntry(20, enqueue(2))).outcome)).to.equal(2);
    expect(answer(s0.apply(commandEntry(enqueue(3))).outcome)).to.equal(3);
  });

  it('never brings a swept lane back, whatever copies of its commands come late', () => {
    const s0 = shard();
    const late = [1, 2, 3].flatMap((lane) => [commandEntry(enqueue(lane)), firstCommandEntry(20, enqueue(lane))]);
    s0.apply(firstCommandEntry(20, enqueue(1)));
    s0.apply(commandEntry(enqueue(2)));
    expect(s0.apply(sweepEntry(50, [A])).ended).to.deep.equal([A]);
    for (const entry of late) expect(answer(s0.apply(entry).outcome)).to.be.oneOf(['SESSION_EXPIRED', 'RETRY']);
    expect(s0.look('queue.size', [])).to.equal(2);
    expect([...s0.machine.sessions()]).to.deep.equal([]);
  });

  it('hands no message to a session that was swept', () => {
    const s0 = shard();
    s0.run(A, 1, 'queue.dequeue', [1000]);
    s0.run(B, 1, 'queue.dequeue', [1000]);
    s0.apply(sweepEntry(50, [A]));
    const { settled } = s0.run(B, 2, 'queue.enqueue', [valueBytes('x')]);
    expect(settled.map(({ session, lane }) => [session, lane])).to.deep.equal([[B, 1]]);
    expect(s0.machine.deadline()).to.equal(Number.POSITIVE_INFINITY);
  });

  it('sweeps whom it has, once, and nobody opened since', () => {
    const s0 = shard();
    s0.run(A, 1, 'queue.dequeue', [0]);
    s0.run(50, 1, 'queue.dequeue', [0]);
    expect(s0.apply(sweepEntry(50, [A, A, B, 50])).ended).to.deep.equal([A]);
    expect([...s0.machine.sessions()]).to.deep.equal([50]);
    expect(s0.apply(sweepEntry(49, [])).ended).to.deep.equal([]);
    expect(s0.machine.horizon, 'never falls').to.equal(50);
  });

  it('puts off new sessions while it has as many lanes as it may', () => {
    const s0 = new Replica(shardMachine('s0', new Tables(), { lanes: { ...LANE_LIMITS, lanes_max: 1 } }));
    s0.run(A, 1, 'queue.dequeue', [0]);
    expect(s0.ask(B, 1, 'queue.dequeue', [0])).to.equal('RETRY');
    expect(s0.ask(A, 2, 'queue.dequeue', [0])).to.equal(null);
    s0.apply(sweepEntry(50, [A]));
    expect(s0.ask(B, 1, 'queue.dequeue', [0])).to.equal(null);
  });

  it('has no sessions to expire', () => {
    const s0 = shard();
    s0.run(A, 1, 'queue.dequeue', [0]);
    expect(s0.apply(expireEntry([A])).ended).to.deep.equal([]);
    expect(s0.machine.ignored).to.equal(1);
    expect(s0.machine.hasLane(A)).to.equal(true);
  });
});
