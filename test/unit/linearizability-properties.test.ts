/** The checker against chance: what an atomic object did is right, and on small histories trying everything agrees. */
import { expect } from 'chai';
import fc from 'fast-check';
import { checkLinearizable } from '../simulation/history/check.js';
import { isOk, type OkOperation, type Operation, Recorder } from '../simulation/history/history.js';
import { type LockInput, type LockOutput, lock } from '../simulation/history/lock.js';
import type { Model } from '../simulation/history/model.js';
import { queue } from '../simulation/history/queue.js';
import type { QueueInput, QueueOutput } from '../simulation/history/queue-facts.js';
import { type RegisterInput, type RegisterOutput, register } from '../simulation/history/register.js';
import { type SetInput, type SetOutput, set } from '../simulation/history/set.js';
import {
  type Atomic,
  atomicLock,
  atomicQueue,
  atomicRegister,
  atomicSet,
  explainable,
  replays,
} from './atomic-objects.js';
import { moves, played } from './played-history.js';

/** A model, the object it is a model of, and what clients ask that for and may be told. */
interface Kind<S, A, I, O> {
  readonly name: string;
  model(): Model<S, I, O>;
  readonly atomic: Atomic<A, I, O>;
  readonly input: fc.Arbitrary<I>;
  /** The input of the n-th call; `answers` came before. */
  inputOf(input: I, n: number, answers: readonly O[]): I;
  /** An answer, right or wrong. */
  output(input: I): fc.Arbitrary<O>;
  /** False when the model does not check such histories. */
  fits?(operations: readonly Operation<I, O>[]): boolean;
}

function keepsItsPromises<S, A, I, O>(kind: Kind<S, A, I, O>): void {
  const { name, model, atomic, input } = kind;
  it(`finds an order for whatever a ${name} did`, () => {
    const play = moves(input, { clients: 6, moves_min: 0, moves_max: 300, trouble: 20 });
    fc.assert(
      fc.property(play, (moves) => {
        const found = checkLinearizable(model(), played(atomic, moves, 6, kind.inputOf));
        expect(found.verdict, found.explanation).to.equal('ok');
        expect(replays(atomic, found.longest), 'the order found is one').to.equal(true);
      }),
      { numRuns: 200 },
    );
  });

  it(`agrees with trying everything on small histories of a ${name}, right and wrong`, () => {
    const play = moves(input, { clients: 3, moves_min: 4, moves_max: 16, trouble: 30 });
    const history = play.map((moves) => played(atomic, moves, 3, kind.inputOf));
    const tampered = history.chain((operations) => {
      const answers = operations.map((operation) =>
        isOk(operation) ? fc.option(kind.output(operation.input), { freq: 2 }) : fc.constant(null),
      );
      const changed = fc.tuple(...answers).map((outputs) => operations.map((one, i) => retold(one, outputs[i])));
      return fc.oneof(fc.constant(operations), changed);
    });
    const seen = { ok: 0, violation: 0, undecided: 0 };
    fc.assert(
      fc.property(tampered, (operations) => {
        fc.pre(kind.fits?.(operations) ?? true);
        const found = checkLinearizable(model(), operations);
        expect(found.verdict).to.equal(explainable(atomic, operations) ? 'ok' : 'violation');
        seen[found.verdict]++;
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(seen.ok, seen.violation), 'both occur').to.be.above(20);
  });
}

function retold<I, O>(operation: Operation<I, O>, output: O | null | undefined): Operation<I, O> {
  return isOk(operation) && output !== null && output !== undefined ? { ...operation, output } : operation;
}

const value = fc.constantFrom('x', 'y', 'z');
const token = fc.integer({ min: 1, max: 4 });

const enqueues: Pick<Kind<unknown, unknown, QueueInput, QueueOutput>, 'input' | 'inputOf'> = {
  input: fc.constantFrom<QueueInput>(
    { op: 'enqueue', body: '' },
    { op: 'enqueue', body: '' },
    { op: 'dequeue' },
    { op: 'dequeue', wait_ms: 5 },
    { op: 'size' },
  ),
  inputOf: (input, n) => (input.op === 'enqueue' ? { op: 'enqueue', body: `b${n}` } : input),
};

describe('The checker', () => {
  keepsItsPromises({
    ...enqueues,
    name: 'queue',
    model: () => queue,
    atomic: atomicQueue,
    output: ({ op }): fc.Arbitrary<QueueOutput> => {
      const id = fc.integer({ min: 1, max: 4 });
      if (op === 'enqueue') return id;
      return op === 'size'
        ? fc.nat(3)
        : fc.record({ id, body: fc.nat(5).map((n) => `b${n}`) }, { noNullPrototype: true });
    },
  });

  keepsItsPromises({
    name: 'register',
    model: () => register,
    atomic: atomicRegister,
    input: fc.oneof(
      fc.constant<RegisterInput>({ op: 'read' }),
      fc.record({ op: fc.constant<'write'>('write'), value }),
      fc.record({ op: fc.constant<'cas'>('cas'), expected: fc.option(value, { freq: 2 }), value }),
    ),
    inputOf: (input) => input,
    output: ({ op }): fc.Arbitrary<RegisterOutput> => (op === 'cas' ? fc.boolean() : value),
  });

  for (const may_expire of [false, true]) {
    keepsItsPromises({
      name: may_expire ? 'lock that may expire' : 'lock',
      model: () => lock({ may_expire }),
      atomic: atomicLock(may_expire),
      input: fc.oneof(
        fc.constant<LockInput>({ op: 'acquire' }),
        fc.record({ op: fc.constantFrom('release', 'check'), token }),
      ),
      inputOf: (input, _, answers) => (input.op === 'release' ? release(input.token, answers) : input),
      output: ({ op }): fc.Arbitrary<LockOutput> => (op === 'acquire' ? token : fc.boolean()),
      fits: (operations) => {
        const given = operations.filter(isOk).map(({ output }) => output);
        return operations.every(({ input }) => input.op !== 'release' || given.includes(input.token));
      },
    });
  }

  keepsItsPromises({
    name: 'set',
    model: set,
    atomic: atomicSet,
    input: fc.oneof(
      fc.constant<SetInput>({ op: 'members' }),
      fc.record({ op: fc.constantFrom('add', 'remove', 'contains'), member: value }),
    ),
    inputOf: (input) => input,
    output: ({ op }): fc.Arbitrary<SetOutput> => (op === 'members' ? fc.subarray(['x', 'y', 'z']) : fc.boolean()),
  });

  it('catches two answers of a queue in the wrong places, wherever they are', () => {
    const play = moves(enqueues.input, { clients: 6, moves_min: 100, moves_max: 600, trouble: 20 });
    fc.assert(
      fc.property(play, fc.nat(), fc.nat(), (moves, i, j) => {
        const history = played(atomicQueue, moves, 6, enqueues.inputOf);
        const messages = history.filter(isOk).filter(({ output }) => typeof output === 'object' && output !== null);
        const first = messages[i % Math.max(1, messages.length)];
        const later = messages.filter(({ called }) => first !== undefined && called > first.returned);
        const second = later[j % Math.max(1, later.length)];
        fc.pre(first !== undefined && second !== undefined);
        expect(checkLinearizable(queue, swapped(history, first, second)).verdict).to.equal('violation');
      }),
      { numRuns: 200 },
    );
  });

  it('walks through thousands of operations almost without a step aside', () => {
    const options = { clients: 16, moves_min: 15_000, moves_max: 15_000, trouble: 10 };
    const [play = []] = fc.sample(moves(enqueues.input, options), { seed: 1, numRuns: 1 });
    const history = played(atomicQueue, play, options.clients, enqueues.inputOf);
    expect(history).to.have.length.above(4500);
    const { verdict, steps } = checkLinearizable(queue, history);
    expect(verdict).to.equal('ok');
    expect(steps).to.be.below(options.clients * history.length);
  });

  it('is not slowed down by hundreds of operations of which nothing was heard', () => {
    const recorder = new Recorder<QueueInput, QueueOutput>();
    for (let i = 0; i < 300; i++) {
      recorder.call('w', 'it', { op: 'enqueue', body: `lost ${i}` }, 0);
      recorder.call('r', 'it', { op: 'dequeue' }, 0);
    }
    const answers: [QueueInput, QueueOutput][] = [
      [{ op: 'enqueue', body: 'a' }, 151],
      [{ op: 'enqueue', body: 'b' }, 152],
      [{ op: 'dequeue' }, { id: 152, body: 'b' }],
      [{ op: 'dequeue' }, null],
      [{ op: 'size' }, 40],
    ];
    for (const [input, output] of answers) recorder.ok(recorder.call('c', 'it', input, 1), output, 1);
    const right = checkLinearizable(queue, recorder.history());
    expect(right.verdict).to.equal('ok');
    expect(right.steps).to.be.below(300 * 300);
    recorder.ok(recorder.call('c', 'it', { op: 'size' }, 1), 151, 1);
    expect(checkLinearizable(queue, recorder.history()).verdict).to.equal('violation');
  });
});

// Nobody releases a lock with a token that nobody was given.
function release(pick: number, answers: readonly LockOutput[]): LockInput {
  const given = answers.filter((answer) => typeof answer === 'number');
  const token = given[pick % Math.max(1, given.length)];
  return token === undefined ? { op: 'acquire' } : { op: 'release', token };
}

function swapped<I, O>(
  history: readonly Operation<I, O>[],
  first: OkOperation<I, O>,
  second: OkOperation<I, O>,
): readonly Operation<I, O>[] {
  return history.map((operation) => {
    if (operation === first) return { ...first, output: second.output };
    return operation === second ? { ...second, output: first.output } : operation;
  });
}
