/** The queue against the plainest one there can be, whatever is done to both. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Effects, Position } from '../../node/services/machine.js';
import { Queue, type QueueLimits } from '../../node/services/queue.js';
import { Tables } from '../../node/services/tables.js';
import { answer } from './replica.js';

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
