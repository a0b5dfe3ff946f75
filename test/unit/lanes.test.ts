/** Lanes: each number runs once and in order, its reply is kept until it is confirmed, and what is kept has a limit. */
import { serialize } from 'node:v8';
import { expect } from 'chai';
import fc from 'fast-check';
import { LANE_LIMITS, type Lane, type LaneLimits, Lanes } from '../../node/services/lanes.js';
import { type Outcome, PENDING, refusal, result } from '../../node/services/machine.js';
import { Replies } from '../../node/services/replies.js';
import { Tables } from '../../node/services/tables.js';
import { decode, encode } from '../../protocol/codec.js';
import { CODES } from '../../protocol/errors.js';
import { FieldError } from '../../protocol/fields.js';
import { LIMITS } from '../../protocol/limits.js';
import { answer, valueBytes } from './replica.js';
import { feedRows, rowsOf } from './strict-tables.js';

const SESSION = 7;

/** Lanes with one session, whose commands all come to the value that the test names. */
function oneLane(limits: Partial<LaneLimits> = {}) {
  const tables = new Tables();
  const lanes = new Lanes(tables, { ...LANE_LIMITS, ...limits });
  const laneOf = (session: number): Lane => lanes.find(session) ?? lanes.start(session);
  return {
    tables,
    lanes,
    /** Sends number n; what it comes to if it runs is given. */
    send(n: number, outcome: Outcome, { confirmed = 0, frees = false, session = SESSION } = {}): unknown {
      const lane = laneOf(session);
      const known = lanes.admit(lane, n, confirmed, frees);
      if (known !== undefined) return answer(known);
      lanes.record(lane, outcome);
      return answer(outcome);
    },
    confirm: (...numbers: number[]) => lanes.confirm(laneOf(SESSION), numbers),
  };
}

const value = (of: unknown): Outcome => result(valueBytes(of));

describe('lanes', () => {
  it('run a number only when the one before it ran', () => {
    const { send } = oneLane();
    expect(send(2, value('second'))).to.equal('LANE_GAP');
    expect(send(1, value('first'))).to.equal('first');
    expect(send(3, value('third'))).to.equal('LANE_GAP');
    expect(send(2, value('second'))).to.equal('second');
  });

  it('leave no trace of a command in front of a gap', () => {
    const { send, tables } = oneLane();
    send(1, value('first'));
    const before = tables.fingerprint();
    send(3, value('third'));
    expect(tables.fingerprint()).to.equal(before);
  });

  it('say which number they expect', () => {
    const { lanes } = oneLane();
    expect(lanes.admit(lanes.start(SESSION), 5, 0, false)).to.deep.include({
      code: 'LANE_GAP',
      details: { expected: 1 },
    });
  });

  it('answer a repeat from the record, whatever the repeat holds', () => {
    const { send, lanes } = oneLane();
    send(1, value([1, { two: Buffer.from('three') }]));
    send(2, refusal('QUEUE_FULL', 'no more of that', { queue: 'default' }));
    expect(send(1, value('another'))).to.deep.equal([1, { two: Buffer.from('three') }]);
    expect(lanes.outcome(SESSION, 2)).to.deep.equal(refusal('QUEUE_FULL', 'no more of that', { queue: 'default' }));
  });

  it('tell what has not run from what has', () => {
    const { send, lanes } = oneLane();
    expect(lanes.outcome(SESSION, 1)).to.equal(undefined);
    send(1, value('first'));
    expect(answer(lanes.outcome(SESSION, 1))).to.equal('first');
    expect(lanes.outcome(SESSION, 2)).to.equal(undefined);
  });

  it('forget what is confirmed and call its repeat indefinite', () => {
    const { send } = oneLane();
    send(1, value('first'));
    send(2, value('second'));
    send(3, value('third'), { confirmed: 1 });
    expect(send(1, value('again'))).to.equal('LANE_FORGOTTEN');
    expect(send(2, value('again'))).to.equal('second');
    expect(CODES.LANE_FORGOTTEN.definite).to.equal(false);
  });

  it('take a watermark for no more than what has run', () => {
    const { send } = oneLane();
    send(1, value('first'));
    expect(send(2, value('second'), { confirmed: 1_000_000 })).to.equal('second');
    expect(send(3, value('third'))).to.equal('third');
    expect(send(2, value('again'))).to.equal('second');
  });

  it('hold up a session that confirms nothing at the window, and let it go on with a newer watermark', () => {
    const { send, tables } = oneLane();
    for (let n = 1; n <= LIMITS.window_max; n++) expect(send(n, value(n))).to.equal(n);
    const before = tables.fingerprint();
    const next = LIMITS.window_max + 1;
    expect(send(next, value(next))).to.equal('WINDOW_FULL');
    expect(send(next + 1, value(next + 1)), 'behind it').to.equal('LANE_GAP');
    expect(tables.fingerprint(), 'nothing happened').to.equal(before);
    expect(send(1, value('again')), 'all is remembered').to.equal(1);
    expect(send(next, value(next), { confirmed: 1 })).to.equal(next);
    expect(send(next + 1, value(next + 1), { confirmed: 2 })).to.equal(next + 1);
  });

  it('hold up a session whose replies take too many bytes, without taking the number', () => {
    const { send } = oneLane({ session_bytes_max: 1000 });
    const large = value(Buffer.alloc(600));
    send(1, large);
    send(2, large);
    expect(send(3, large)).to.equal('WINDOW_FULL');
    expect(send(4, large)).to.equal('LANE_GAP');
    expect(send(3, value('third'), { confirmed: 1 })).to.equal('third');
    expect(send(4, value('fourth'))).to.equal('fourth');
  });

  it('count the bytes of outcomes as those of replies, and never hold up what makes room', () => {
    const { send, lanes, confirm } = oneLane({ session_bytes_max: 1000 });
    send(1, PENDING);
    send(2, value('second'), { confirmed: 1 });
    expect(lanes.hasRoom(SESSION)).to.equal(true);
    lanes.settle(SESSION, 1, value(Buffer.alloc(2000)));
    expect(lanes.hasRoom(SESSION)).to.equal(false);
    expect(send(3, value('third'))).to.equal('WINDOW_FULL');
    expect(send(3, value('third'), { frees: true })).to.equal('third');
    confirm(1);
    expect(lanes.hasRoom(SESSION)).to.equal(true);
    expect(send(4, value('fourth'))).to.equal('fourth');
  });

  it('hold up all sessions of a group whose replies take too many bytes, until some are confirmed or gone', () => {
    const { send, lanes } = oneLane({ group_bytes_max: 1000 });
    send(1, value(Buffer.alloc(2000)), { session: 1 });
    expect(send(1, value('mine'), { session: 2 })).to.equal('WINDOW_FULL');
    lanes.drop(1);
    expect(send(1, value('mine'), { session: 2 })).to.equal('mine');
  });

  it('answer a repeat of a pending command with pending, then with its outcome, past every watermark', () => {
    const { send, lanes, confirm } = oneLane();
    expect(send(1, PENDING)).to.equal('PENDING');
    expect(send(1, PENDING)).to.equal('PENDING');
    send(2, value('second'), { confirmed: 1 });
    expect(send(1, PENDING), 'confirmed by the watermark').to.equal('PENDING');
    expect(lanes.settle(SESSION, 1, value('at last'))).to.equal(true);
    expect(send(1, PENDING)).to.equal('at last');
    expect(send(1, PENDING), 'again').to.equal('at last');
    confirm(1);
    expect(send(1, PENDING)).to.equal('LANE_FORGOTTEN');
  });

  it('forget an outcome that is confirmed before the watermark passes its command', () => {
    const { send, lanes, confirm } = oneLane();
    send(1, PENDING);
    lanes.settle(SESSION, 1, value('at last'));
    confirm(1);
    expect(send(1, PENDING)).to.equal('LANE_FORGOTTEN');
  });

  it('settle a command once', () => {
    const { send, lanes } = oneLane();
    send(1, PENDING);
    expect(lanes.settle(SESSION, 1, value('one'))).to.equal(true);
    expect(lanes.settle(SESSION, 1, value('two'))).to.equal(false);
    expect(answer(lanes.outcome(SESSION, 1))).to.equal('one');
    expect(lanes.settle(SESSION, 2, value('never sent'))).to.equal(false);
    expect(lanes.settle(SESSION + 1, 1, value('of another'))).to.equal(false);
  });

  it('do not forget a wait that has no outcome yet when it is confirmed', () => {
    const { send, lanes, confirm } = oneLane();
    send(1, PENDING);
    confirm(1, 1, 2, 99);
    lanes.settle(SESSION, 1, value('at last'));
    expect(answer(lanes.outcome(SESSION, 1))).to.equal('at last');
  });

  it('let a session have only so many commands pending', () => {
    const { send, lanes, confirm } = oneLane();
    for (let n = 1; n <= LIMITS.window_max; n++) {
      expect(lanes.mayWait(SESSION)).to.equal(true);
      send(n, PENDING, { confirmed: n - 1 });
    }
    expect(lanes.mayWait(SESSION)).to.equal(false);
    lanes.settle(SESSION, 5, value(null));
    expect(lanes.mayWait(SESSION), 'an outcome nobody confirmed').to.equal(false);
    confirm(5);
    expect(lanes.mayWait(SESSION)).to.equal(true);
  });

  it('remember nothing of a session that was dropped', () => {
    const { send, lanes, tables } = oneLane();
    const empty = tables.fingerprint();
    send(1, value('first'));
    send(2, PENDING);
    send(3, PENDING);
    lanes.settle(SESSION, 3, value('third'));
    send(1, value('of another'), { session: SESSION + 1 });
    expect([...lanes.sessions()]).to.deep.equal([SESSION, SESSION + 1]);
    expect(lanes.drop(SESSION)).to.equal(true);
    expect(lanes.drop(SESSION)).to.equal(false);
    expect(lanes.find(SESSION)).to.equal(undefined);
    expect(answer(lanes.outcome(SESSION + 1, 1))).to.equal('of another');
    lanes.drop(SESSION + 1);
    expect(tables.fingerprint()).to.equal(empty);
  });

  it('are full at their limit', () => {
    const { send, lanes } = oneLane({ lanes_max: 2 });
    send(1, value(1), { session: 1 });
    expect(lanes.full).to.equal(false);
    send(1, value(1), { session: 2 });
    expect(lanes.full).to.equal(true);
  });

  it('count the same bytes when they are read back from their rows', () => {
    const { send, lanes, tables } = oneLane({ group_bytes_max: 1000 });
    send(1, PENDING);
    send(2, value(Buffer.alloc(500)));
    lanes.settle(SESSION, 1, value(Buffer.alloc(600)));
    const copy = new Tables();
    const again = new Lanes(copy, { ...LANE_LIMITS, group_bytes_max: 1000 });
    feedRows(rowsOf(tables), copy);
    again.restored();
    expect(again.hasRoom(SESSION)).to.equal(false);
    again.confirm(again.find(SESSION) as Lane, [1]);
    expect(again.hasRoom(SESSION)).to.equal(true);
  });
});

describe('the ring of replies', () => {
  type Step = { append: number } | { forget: number } | { restart: true };
  const size = fc.oneof({ weight: 8, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.nat(6000) });
  const steps = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: size.map((append): Step => ({ append })) },
      { weight: 1, arbitrary: fc.oneof(fc.nat(4), fc.nat(100)).map((forget): Step => ({ forget })) },
      { weight: 1, arbitrary: fc.constant<Step>({ restart: true }) },
    ),
    { maxLength: 300, size: 'max' },
  );
  /** Lane numbers begin where 32 bits end, too. */
  const first = fc.constantFrom(0, 5, 2 ** 31 - 3, 2 ** 32 - 3, 2 ** 40);

  it('holds what a list of all records would, but for the forgotten, even if it is packed and unpacked meanwhile', () => {
    fc.assert(
      fc.property(first, steps, (base, list) => {
        let replies = new Replies();
        replies.last = base;
        replies.confirmed = base;
        const records: { kind: number; bytes: Buffer }[] = [];
        let forgotten = 0;
        for (const step of list) {
          if ('append' in step) {
            const record = { kind: records.length % 3, bytes: Buffer.alloc(step.append, records.length % 251) };
            records.push(record);
            replies.append(record.kind, record.bytes);
          } else if ('restart' in step) {
            replies = Replies.unpack(decode(encode(replies.pack())));
          } else {
            forgotten = Math.min(records.length, forgotten + step.forget);
            replies.forget(base + forgotten);
          }
        }
        expect(replies.last).to.equal(base + records.length);
        expect(replies.confirmed).to.equal(base + forgotten);
        expect(replies.bytes).to.equal(records.slice(forgotten).reduce((sum, { bytes }) => sum + 1 + bytes.length, 0));
        records.forEach(({ kind, bytes }, i) => {
          const n = base + i + 1;
          expect(replies.has(n)).to.equal(i >= forgotten);
          if (i < forgotten) return;
          expect(replies.kindOf(n)).to.equal(kind);
          expect(replies.bytesOf(n).equals(bytes)).to.equal(true);
        });
      }),
    );
  });

  it('is not unpacked from what is none', () => {
    const bytes = Buffer.from([1, 2, 3]);
    expect(Replies.unpack([7, 5, [1, 2], bytes]).size).to.equal(2);
    for (const wrong of [
      null,
      [7, 5, [1, 2]],
      [7, 5, [3], bytes],
      [7, 5, [1, 1], bytes],
      [7, 5, [0, 3], bytes],
      [5, 7, [], bytes],
    ])
      expect(() => Replies.unpack(wrong)).to.throw(FieldError);
  });

  it('forgets no more than it holds, and nothing twice', () => {
    const replies = new Replies();
    replies.append(1, Buffer.from('one'));
    replies.append(1, Buffer.from('two'));
    replies.forget(1);
    replies.forget(0);
    expect(replies.has(2)).to.equal(true);
    replies.forget(1000);
    expect(replies.confirmed).to.equal(2);
    replies.append(1, Buffer.from('three'));
    expect(replies.bytesOf(3).toString()).to.equal('three');
  });

  it('hands out bytes that later records do not write over', () => {
    const replies = new Replies();
    replies.append(0, Buffer.from('first'));
    const bytes = replies.bytesOf(1);
    replies.forget(1);
    for (let i = 0; i < 100; i++) replies.append(0, Buffer.from('later'));
    expect(bytes.toString()).to.equal('first');
  });

  it('does not keep the memory of the largest it has held', () => {
    const replies = new Replies();
    for (let i = 0; i < 1024; i++) replies.append(0, Buffer.alloc(1000));
    replies.forget(1024);
    expect(serialize(replies).length).to.be.below(2000);
  });
});
