/** The queue against the plainest one there can be, whatever is done to both. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Command, Effects, Position } from '../../node/services/machine.js';
import { Messages } from '../../node/services/messages/messages.js';
import type { QueueLimits } from '../../node/services/queue.js';
import { Queues } from '../../node/services/queues.js';
import { Tables } from '../../node/services/tables.js';
import { type ArgumentOf, OPERATIONS } from '../../protocol/operations.js';
import { answer, bodyOf } from './replica.js';

describe('the queue, whatever happens to it,', () => {
  type Step =
    | { do: 'enqueue'; bytes: number }
    | { do: 'dequeue'; session: number; wait_ms: number }
    | { do: 'abandon'; which: number }
    | { do: 'pass'; ms: number }
    | { do: 'end'; session: number }
    | { do: 'restart' }
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
      { weight: 1, arbitrary: fc.constant<Step>({ do: 'restart' }) },
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

  /** The queues of a shard; the lane number of a command is the index of its entry. */
  class Shard {
    private readonly tables = new Tables();
    readonly service = new Queues(this.tables, new Messages(), limits);

    run<N extends 'queue.enqueue' | 'queue.dequeue'>(
      name: N,
      argument: ArgumentOf<N>,
      session: number,
      at: Position,
      effects: Effects,
    ): unknown {
      const { number: operation } = OPERATIONS[name];
      const command: Command = { session, lane: at.index, operation, name: '', body: bodyOf(name, argument) };
      return answer(this.service.apply(command, at, effects));
    }

    /** One that was put together from its rows. */
    restarted(): Shard {
      const other = new Shard();
      for (const [key, value] of this.tables.rows()) other.tables.feed(key, value);
      other.service.restored();
      return other;
    }
  }

  it('does what two lists would do, and loses and doubles nothing', () => {
    fc.assert(
      fc.property(steps, (list) => {
        let shard = new Shard();
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
              const came = shard.run('queue.enqueue', [body], 1, at, effects);
              expect(came).to.equal(model.enqueue(body, hasRoom, (lane, what) => expected.push([lane, what])));
              if (typeof came === 'number') accepted.push(came);
              break;
            }
            case 'dequeue': {
              const came = shard.run('queue.dequeue', [step.wait_ms], step.session, at, effects);
              expect(came).to.deep.equal(model.dequeue(step.session, index, step.wait_ms, time));
              note(came);
              break;
            }
            case 'abandon': {
              const one = model.line[step.which];
              if (one === undefined) {
                shard.service.abandon([{ session: 1, lane: 100_000 + index }]);
              } else {
                model.leave(({ lane }) => lane === one.lane);
                for (const _ of [1, 2]) shard.service.abandon([one]);
              }
              break;
            }
            case 'pass':
              time += step.ms;
              for (const { lane } of model.leave(({ deadline }) => deadline <= time)) expected.push([lane, null]);
              shard.service.advance({ ...at, time }, effects);
              break;
            case 'end':
              model.leave((one) => one.session === step.session);
              shard.service.sessionsEnded([step.session]);
              break;
            case 'restart':
              shard = shard.restarted();
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
          const { queue_messages, queue_bytes, queue_waiters } = shard.service.holdings();
          expect(queue_messages?.held).to.equal(model.messages.length);
          expect(queue_bytes?.held).to.equal(model.messages.reduce((sum, { body }) => sum + body.length, 0));
          expect(queue_waiters?.held).to.equal(model.line.length);
          expect(shard.service.deadline()).to.equal(
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
