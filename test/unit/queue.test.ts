/** The queue: first in, first out; nothing lost, nothing doubled, with commands that wait, give up, run out of time or end. */
import { expect } from 'chai';
import fc from 'fast-check';
import { firstCommandEntry } from '../../node/services/entry.js';
import { shardMachine } from '../../node/services/group-machine.js';
import { type Effects, type Outcome, PENDING, type Position } from '../../node/services/machine.js';
import { QUEUE_LIMITS, Queue, type QueueLimits } from '../../node/services/queue.js';
import { Tables } from '../../node/services/tables.js';
import { readBytes, readInteger, writeInteger, writeMessage } from '../../node/services/values.js';
import { Waiters } from '../../node/services/waiters.js';
import { decode, encode } from '../../protocol/codec.js';
import { answer, anyValue, envelopeOf, Replica, valueBytes } from './replica.js';

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

  it('goes on where a queue over the same rows left off', () => {
    const { tables, enqueue, replica } = shard();
    enqueue(A, 'a');
    const again = new Replica(shardMachine('s0', tables));
    again.index = replica.index;
    expect(again.ask(B, 1, 'queue.enqueue', [valueBytes('b')])).to.equal(2);
    expect(again.ask(B, 2, 'queue.dequeue', [0])).to.deep.equal([1, valueBytes('a')]);
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

describe('the queue, whatever happens to it,', () => {
  type Step =
    | { do: 'enqueue'; bytes: number }
    | { do: 'dequeue'; session: number; wait_ms: number }
    | { do: 'abandon'; which: number }
    | { do: 'pass'; ms: number }
    | { do: 'end'; session: number }
    | { do: 'stuff' | 'free'; session: number };

  const session = fc.integer({ min: 1, max: 4 });
  const steps = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.nat(30).map((bytes): Step => ({ do: 'enqueue', bytes })) },
      {
        weight: 6,
        arbitrary: fc
          .tuple(session, fc.constantFrom(0, 0, 5, 10, 50))
          .map(([of, wait_ms]): Step => ({ do: 'dequeue', session: of, wait_ms })),
      },
      { weight: 2, arbitrary: fc.nat(20).map((which): Step => ({ do: 'abandon', which })) },
      { weight: 2, arbitrary: fc.nat(20).map((ms): Step => ({ do: 'pass', ms })) },
      { weight: 1, arbitrary: session.map((of): Step => ({ do: 'end', session: of })) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(session, fc.constantFrom('stuff' as const, 'free' as const))
          .map(([of, what]): Step => ({ do: what, session: of })),
      },
    ),
    { maxLength: 150, size: 'max' },
  );

  const limits: QueueLimits = { body_bytes_max: 28, messages_max: 6, bytes_max: 100, waiters_max: 5 };

  /** The plainest queue there can be: two lists. Its answers are those that the real one has to give. */
  class Model {
    next = 1;
    messages: { id: number; body: Buffer }[] = [];
    line: { session: number; lane: number; deadline: number }[] = [];

    enqueue(
      body: Buffer,
      hasRoom: (session: number) => boolean,
      settle: (lane: number, what: unknown) => void,
    ): unknown {
      if (body.length > limits.body_bytes_max) return 'TOO_BIG';
      if (this.messages.length >= limits.messages_max) return 'QUEUE_FULL';
      const bytes = this.messages.reduce((sum, one) => sum + one.body.length, 0);
      if (bytes + body.length > limits.bytes_max) return 'QUEUE_FULL';
      const id = this.next++;
      for (let first = this.line.shift(); first !== undefined; first = this.line.shift()) {
        if (hasRoom(first.session)) {
          settle(first.lane, [id, body]);
          return id;
        }
        settle(first.lane, 'WAIT_LIMIT');
      }
      this.messages.push({ id, body });
      return id;
    }

    dequeue(of: number, lane: number, wait_ms: number, time: number): unknown {
      const first = this.messages.shift();
      if (first !== undefined) return [first.id, first.body];
      if (wait_ms === 0) return null;
      if (this.line.length >= limits.waiters_max) return 'WAIT_LIMIT';
      this.line.push({ session: of, lane, deadline: time + wait_ms });
      return 'PENDING';
    }

    leave(goes: (one: { session: number; lane: number; deadline: number }) => boolean): { lane: number }[] {
      const gone = this.line.filter(goes);
      this.line = this.line.filter((one) => !goes(one));
      return gone.sort((a, b) => a.deadline - b.deadline);
    }
  }

  it('does what two lists would do, and loses and doubles nothing', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const queue = new Queue('default', new Tables(), limits);
        const model = new Model();
        const stuffed = new Set<number>();
        const hasRoom = (of: number): boolean => !stuffed.has(of);
        let real: unknown[] = [];
        let expected: unknown[] = [];
        const effects: Effects = {
          settle: (_session, lane, outcome) => real.push([lane, answer(outcome)]),
          end: () => expect.fail('a queue ends no session'),
          mayWait: () => true,
          hasRoom,
        };
        const delivered: number[] = [];
        const accepted: number[] = [];
        const note = (what: unknown): void => {
          if (Array.isArray(what)) delivered.push(what[0] as number);
        };
        let time = 0;
        list.forEach((step, i) => {
          const index = i + 1;
          const at: Position = { index, term: 1, time };
          real = [];
          expected = [];
          switch (step.do) {
            case 'enqueue': {
              const body = Buffer.alloc(step.bytes, i);
              const came = answer(queue.enqueue(body, effects));
              expect(came).to.equal(model.enqueue(body, hasRoom, (lane, what) => expected.push([lane, what])));
              if (typeof came === 'number') accepted.push(came);
              break;
            }
            case 'dequeue': {
              const came = answer(queue.dequeue(step.session, index, step.wait_ms, at, effects));
              expect(came).to.deep.equal(model.dequeue(step.session, index, step.wait_ms, time));
              note(came);
              break;
            }
            case 'abandon': {
              const one = model.line[step.which];
              if (one === undefined) {
                expect(queue.abandon(1, 100_000 + index)).to.equal(false);
              } else {
                model.leave(({ lane }) => lane === one.lane);
                expect(queue.abandon(one.session, one.lane)).to.equal(true);
                expect(queue.abandon(one.session, one.lane), 'twice').to.equal(false);
              }
              break;
            }
            case 'pass':
              time += step.ms;
              for (const { lane } of model.leave(({ deadline }) => deadline <= time)) expected.push([lane, null]);
              queue.expire(time, effects);
              break;
            case 'end':
              model.leave((one) => one.session === step.session);
              queue.endSession(step.session);
              break;
            case 'stuff':
              stuffed.add(step.session);
              break;
            case 'free':
              stuffed.delete(step.session);
              break;
          }
          expect(real).to.deep.equal(expected);
          for (const one of real) note((one as unknown[])[1]);
          expect(queue.size).to.equal(model.messages.length);
          expect(queue.deadline()).to.equal(
            Math.min(Number.POSITIVE_INFINITY, ...model.line.map((one) => one.deadline)),
          );
        });
        const left = model.messages.map(({ id }) => id);
        expect([...delivered, ...left], 'first in, first out; none lost, none twice').to.deep.equal(accepted);
      }),
      { numRuns: 150 },
    );
  });
});

describe('the line of waiting commands', () => {
  it('leaves no row behind, however they leave it', () => {
    const tables = new Tables();
    const line = new Waiters(tables, 'line');
    const empty = tables.fingerprint();
    for (let place = 1; place <= 6; place++)
      line.add(place, { session: (place % 3) + 1, lane: place, deadline: 100 + place });
    expect(line.shift()).to.deep.equal({ session: 2, lane: 1, deadline: 101 });
    expect(line.abandon(3, 2)).to.equal(true);
    expect(line.shiftExpired(102)).to.equal(undefined);
    expect(line.shiftExpired(103)).to.deep.equal({ session: 1, lane: 3, deadline: 103 });
    line.endSession(1);
    expect(line.size).to.equal(2);
    line.endSession(2);
    line.endSession(3);
    expect(line.size).to.equal(0);
    expect(tables.fingerprint()).to.equal(empty);
  });
});

describe('values written by hand', () => {
  const integer = fc.oneof(
    fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
    fc.maxSafeNat(),
    fc.nat(100_000),
  );
  const length = fc.oneof(fc.constantFrom(0, 254, 255, 256, 65_535, 65_536, 70_000), fc.nat(600));

  it('are the bytes of the codec', () => {
    fc.assert(
      fc.property(integer, length, (id, bytes) => {
        const body = Buffer.alloc(bytes, 3);
        expect(writeInteger(id).equals(encode(id))).to.equal(true);
        expect(writeMessage(id, body).equals(encode([id, body]))).to.equal(true);
      }),
    );
  });

  it('read back what the codec wrote', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), length, (wait_ms, bytes) => {
        const body = Buffer.alloc(bytes, 3);
        expect(readInteger(encode([wait_ms]))).to.equal(wait_ms);
        expect(readBytes(encode([body]))?.equals(body)).to.equal(true);
      }),
    );
  });

  it('are left to the codec when they are anything else', () => {
    const other = fc.oneof(
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from([0x91, ...bytes])),
      anyValue.map((value) => encode(value)),
    );
    fc.assert(
      fc.property(other, (bytes) => {
        const general = (): unknown => {
          try {
            const value = decode(bytes);
            return Array.isArray(value) && value.length === 1 ? value[0] : undefined;
          } catch {
            return undefined;
          }
        };
        const number = readInteger(bytes);
        if (number !== undefined) expect(number).to.equal(general());
        const body = readBytes(bytes);
        if (body !== undefined) expect(body.equals(general() as Buffer)).to.equal(true);
      }),
      { numRuns: 2000 },
    );
  });
});
