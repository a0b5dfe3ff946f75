/** The queue: first in, first out; nothing lost, nothing doubled, with commands that wait, give up, run out of time or end. */
import { expect } from 'chai';
import { prefixOf } from '../../node/services/cut.js';
import { firstCommandEntry } from '../../node/services/entry.js';
import { shardMachine } from '../../node/services/group-machine.js';
import { type Outcome, PENDING } from '../../node/services/machine.js';
import { MESSAGES_TABLE, Messages } from '../../node/services/messages/messages.js';
import { QUEUE_LIMITS, type QueueLimits } from '../../node/services/queue.js';
import { Tables } from '../../node/services/tables.js';
import { decode, encode } from '../../protocol/codec.js';
import { answer, envelopeOf, Replica, valueBytes } from './replica.js';
import { type BaseRows, feedRows, StrictTables } from './strict-tables.js';

const A = 11;
const B = 12;

/** A shard with two sessions that number their commands by themselves. */
function shard(limits: Partial<QueueLimits> = {}) {
  const tables = new Tables();
  const replica = new Replica(shardMachine('s0', tables, { queue: { ...QUEUE_LIMITS, ...limits } }));
  const lanes = new Map<number, number>();
  const next = (session: number): number => {
    const lane = (lanes.get(session) ?? 0) + 1;
    lanes.set(session, lane);
    return lane;
  };
  return {
    tables,
    replica,
    enqueue: (session: number, value: unknown) => replica.run(session, next(session), 'queue.enqueue', [encode(value)]),
    dequeue: (session: number, wait_ms = 0) => replica.run(session, next(session), 'queue.dequeue', [wait_ms]),
    confirm: (session: number, lanes: number[]) => replica.run(session, next(session), 'lane.confirm', [lanes]),
    size: () => replica.look('queue.size', []),
  };
}

/** A dequeue's answer with its body decoded: [id, value], or null. */
function message(outcome: Outcome | undefined): unknown {
  const value = answer(outcome);
  return Array.isArray(value) ? [value[0], decode(value[1] as Buffer)] : value;
}

/** What was settled, readable: [session, lane, answer]. */
function settled(applied: { settled: readonly { session: number; lane: number; outcome: Outcome }[] }): unknown[] {
  return applied.settled.map(({ session, lane, outcome }) => [session, lane, message(outcome)]);
}

describe('the queue', () => {
  it('gives messages in the order in which they came, each with its own id', () => {
    const { enqueue, dequeue } = shard();
    expect(['a', 'b', 'c'].map((value) => answer(enqueue(A, value).outcome))).to.deep.equal([1, 2, 3]);
    expect(message(dequeue(B).outcome)).to.deep.equal([1, 'a']);
    expect(answer(enqueue(B, 'd').outcome)).to.equal(4);
    expect([1, 2, 3].map(() => message(dequeue(A).outcome))).to.deep.equal([
      [2, 'b'],
      [3, 'c'],
      [4, 'd'],
    ]);
  });

  it('is empty with null, and never gives an id twice', () => {
    const { enqueue, dequeue, size } = shard();
    expect(message(dequeue(A).outcome)).to.equal(null);
    enqueue(A, 'a');
    expect(size()).to.equal(1);
    dequeue(A);
    expect(size()).to.equal(0);
    expect(message(dequeue(A).outcome)).to.equal(null);
    expect(answer(enqueue(A, 'b').outcome)).to.equal(2);
  });

  it('keeps the bytes of a body as they are, and not the memory they came in', () => {
    const { replica } = shard();
    for (const [i, length] of [0, 1, 255, 5000, 5001].entries()) {
      const value = valueBytes('x'.repeat(length));
      const entry = firstCommandEntry(0, envelopeOf('s0', A, i + 1, 'queue.enqueue', [value]));
      expect(answer(replica.apply(entry).outcome)).to.equal(i + 1);
      entry.fill(0);
      expect(replica.ask(B, i + 1, 'queue.dequeue', [0])).to.deep.equal([i + 1, value]);
    }
  });

  it('goes on where a queue with the same rows left off', () => {
    const { tables, enqueue, replica } = shard();
    enqueue(A, 'a');
    const copies = new Tables();
    const again = new Replica(shardMachine('s0', copies));
    for (const [key, value] of tables.rows()) copies.feed(key, value);
    again.machine.restored(replica.time);
    again.index = replica.index;
    expect(again.ask(B, 1, 'queue.enqueue', [valueBytes('b')])).to.equal(2);
    expect(again.ask(B, 2, 'queue.dequeue', [0])).to.deep.equal([1, valueBytes('a')]);
  });

  it('gives the same messages when the base alone has their bodies, and after a restart from there', () => {
    const open = (base: () => BaseRows, tables: StrictTables) => {
      const read = (key: Buffer): Buffer | undefined => {
        const value = base().get(Buffer.concat([prefixOf(MESSAGES_TABLE), key]).toString('hex'));
        return value === undefined ? undefined : Buffer.from(value, 'hex');
      };
      const messages = new Messages({ read, load_bytes_max: 0 });
      return { messages, replica: new Replica(shardMachine('s0', tables, {}, messages)) };
    };
    const body = (i: number) => valueBytes(`${i}:${'x'.repeat(i)}`);
    const tables = new StrictTables();
    const { messages, replica } = open(() => tables.base, tables);
    for (let i = 1; i <= 400; i++) replica.run(A, i, 'queue.enqueue', [body(i)], { confirmed: i - 1 });
    const cut = replica.machine.cut();
    while (cut.next(1000) !== null);
    cut.flushed();
    messages.shrink(0);
    expect(messages.resident).to.equal(0);
    const copies = new StrictTables();
    const again = open(() => tables.base, copies);
    feedRows(tables.base, again.replica.machine);
    again.replica.machine.restored(replica.time);
    again.replica.index = replica.index;
    expect(again.messages.resident).to.equal(0);
    expect(again.replica.machine.fingerprint()).to.equal(replica.machine.fingerprint());
    for (const one of [replica, again.replica]) {
      for (let i = 1; i <= 400; i++) {
        expect(one.ask(B, i, 'queue.dequeue', [0], { confirmed: i - 1 })).to.deep.equal([i, body(i)]);
        if (i % 50 === 0) for (const store of [messages, again.messages]) store.prefetch(5000);
      }
      expect(one.ask(B, 401, 'queue.dequeue', [0], { confirmed: 400 })).to.equal(null);
    }
    expect(again.replica.machine.fingerprint()).to.equal(replica.machine.fingerprint());
  });

  it('hands a message to the command that has waited longest, past the queue', () => {
    const { enqueue, dequeue, size } = shard();
    expect(dequeue(B, 1000).outcome).to.equal(PENDING);
    expect(dequeue(A, 500).outcome).to.equal(PENDING);
    const first = enqueue(A, 'a');
    expect(answer(first.outcome)).to.equal(1);
    expect(settled(first)).to.deep.equal([[B, 1, [1, 'a']]]);
    expect(size()).to.equal(0);
    expect(settled(enqueue(A, 'b'))).to.deep.equal([[A, 1, [2, 'b']]]);
    expect(settled(enqueue(A, 'c'))).to.deep.equal([]);
    expect(size()).to.equal(1);
  });

  it('does not make a dequeue wait that finds a message', () => {
    const { enqueue, dequeue } = shard();
    enqueue(A, 'a');
    expect(message(dequeue(A, 1000).outcome)).to.deep.equal([1, 'a']);
  });

  it('answers null to waits whose time is up, the earliest deadline first, and not before', () => {
    const { replica, dequeue, enqueue } = shard();
    replica.time = 10_000;
    dequeue(A, 300);
    dequeue(B, 100);
    dequeue(A, 100);
    expect(replica.machine.deadline()).to.equal(10_100);
    expect(settled(replica.wait(99))).to.deep.equal([]);
    expect(settled(replica.wait(1))).to.deep.equal([
      [B, 1, null],
      [A, 2, null],
    ]);
    expect(replica.machine.deadline()).to.equal(10_300);
    replica.time += 1000;
    const late = enqueue(B, 'a');
    expect(settled(late), 'time passes before the command').to.deep.equal([[A, 1, null]]);
    expect(replica.machine.deadline()).to.equal(Number.POSITIVE_INFINITY);
    expect(message(dequeue(A).outcome), 'the message stays').to.deep.equal([1, 'a']);
  });

  it('keeps what a wait came to until it is confirmed', () => {
    const { replica, dequeue, enqueue, confirm } = shard();
    dequeue(B, 1000);
    enqueue(A, 'a');
    const repeat = () => message(replica.run(B, 1, 'queue.dequeue', [1000]).outcome);
    expect(repeat()).to.deep.equal([1, 'a']);
    expect(message(replica.machine.outcome(B, 1))).to.deep.equal([1, 'a']);
    expect(answer(confirm(B, [1]).outcome)).to.equal(null);
    expect(repeat()).to.equal('LANE_FORGOTTEN');
  });

  it('lets a wait go on when its command is sent again', () => {
    const { replica, dequeue, enqueue } = shard();
    dequeue(B, 1000);
    expect(replica.ask(B, 1, 'queue.dequeue', [1000])).to.equal('PENDING');
    expect(settled(enqueue(A, 'a'))).to.deep.equal([[B, 1, [1, 'a']]]);
  });

  it('gives up a wait that is voided: the next message goes to the next in line', () => {
    const { replica, dequeue, enqueue } = shard();
    dequeue(A, 1000);
    dequeue(B, 1000);
    const voided = replica.run(A, 1, 'lane.void', []);
    expect(answer(voided.outcome)).to.equal('VOID');
    expect(settled(voided), 'the answer says it').to.deep.equal([]);
    expect(settled(enqueue(A, 'a'))).to.deep.equal([[B, 1, [1, 'a']]]);
    expect(answer(replica.run(A, 1, 'lane.void', []).outcome), 'repeated').to.equal('VOID');
    expect(answer(replica.run(A, 1, 'queue.dequeue', [1000]).outcome), 'a late copy').to.equal('VOID');
  });

  it('answers a void that comes too late with the message', () => {
    const { replica, dequeue, enqueue } = shard();
    dequeue(B, 1000);
    enqueue(A, 'a');
    expect(message(replica.run(B, 1, 'lane.void', []).outcome)).to.deep.equal([1, 'a']);
  });

  it('refuses messages above its number, its bytes and the size of one, with nothing changed', () => {
    const { enqueue, dequeue, size } = shard({ messages_max: 3, bytes_max: 100, body_bytes_max: 60 });
    expect(answer(enqueue(A, 'x'.repeat(59)).outcome)).to.equal('TOO_BIG');
    expect(answer(enqueue(A, 'x'.repeat(50)).outcome)).to.equal(1);
    expect(answer(enqueue(A, 'x'.repeat(50)).outcome)).to.equal('QUEUE_FULL');
    expect(answer(enqueue(A, 1).outcome)).to.equal(2);
    expect(answer(enqueue(A, 2).outcome)).to.equal(3);
    expect(answer(enqueue(A, 3).outcome)).to.equal('QUEUE_FULL');
    expect(size()).to.equal(3);
    dequeue(A);
    expect(answer(enqueue(A, 'x'.repeat(50)).outcome)).to.equal(4);
  });

  it('refuses waits above their number', () => {
    const { dequeue, size } = shard({ waiters_max: 2 });
    expect(answer(dequeue(A, 1000).outcome)).to.equal('PENDING');
    expect(answer(dequeue(A, 1000).outcome)).to.equal('PENDING');
    expect(answer(dequeue(B, 1000).outcome)).to.equal('WAIT_LIMIT');
    expect(size()).to.equal(0);
  });

  it('goes by the names of the default queue, so far', () => {
    const { replica } = shard();
    expect(replica.ask(A, 1, 'queue.enqueue', [valueBytes(1)], { name: 'default' })).to.equal(1);
    expect(replica.ask(A, 2, 'queue.enqueue', [valueBytes(1)], { name: 'jobs' })).to.equal('INVALID');
    expect(replica.look('queue.size', [], 'default')).to.equal(1);
    expect(replica.look('queue.size', [], 'jobs')).to.equal('INVALID');
  });

  it('takes space by enqueue only', () => {
    const { machine } = shard().replica;
    expect([16, 17, 18, 3, 4].map((operation) => machine.growing(operation))).to.deep.equal([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
