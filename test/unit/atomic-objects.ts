/** Objects that do one thing after the other, written as plainly as can be, to hold the checker's models against. */
import { isDeepStrictEqual } from 'node:util';
import { isOk, type Operation } from '../simulation/history/history.js';
import type { LockInput, LockOutput } from '../simulation/history/lock.js';
import type { QueueInput, QueueMessage, QueueOutput } from '../simulation/history/queue-facts.js';
import type { RegisterInput, RegisterOutput, RegisterValue } from '../simulation/history/register.js';
import type { SetInput, SetOutput } from '../simulation/history/set.js';

/** An object: what it may become and answer when it is asked for something. */
export interface Atomic<S, I, O> {
  readonly init: S;
  /** With `told`, what is asked is whether it may answer that: other answers may be left out. */
  run(state: S, input: I, told?: O): readonly (readonly [state: S, output: O])[];
}

interface AtomicQueue {
  readonly messages: readonly QueueMessage[];
  readonly next: number;
}

export const atomicQueue: Atomic<AtomicQueue, QueueInput, QueueOutput> = {
  init: { messages: [], next: 1 },
  run({ messages, next }, input) {
    const [first, ...others] = messages;
    switch (input.op) {
      case 'enqueue':
        return [[{ messages: [...messages, { id: next, body: input.body }], next: next + 1 }, next]];
      case 'dequeue':
        return [[{ messages: others, next }, first ?? null]];
      case 'size':
        return [[{ messages, next }, messages.length]];
    }
  },
};

export const atomicRegister: Atomic<RegisterValue, RegisterInput, RegisterOutput> = {
  init: null,
  run(value, input) {
    if (input.op === 'read') return [[value, value]];
    if (input.op === 'write') return [[input.value, null]];
    return value === input.expected ? [[input.value, true]] : [[value, false]];
  },
};

interface AtomicLock {
  readonly token: number;
  readonly held: boolean;
  readonly seen: number;
}

/** A grant ends on its own only when `may_expire`. */
export function atomicLock(may_expire: boolean): Atomic<AtomicLock, LockInput, LockOutput> {
  const run = (state: AtomicLock, input: LockInput, told?: LockOutput): [AtomicLock, LockOutput][] => {
    const { token, held, seen } = state;
    switch (input.op) {
      case 'acquire':
        if (held) return [[state, null]];
        return (typeof told === 'number' && told > token ? [told] : [token + 1, token + 2, token + 3]).map((next) => [
          { token: next, held: true, seen },
          next,
        ]);
      case 'release':
        return held && token === input.token ? [[{ token, held: false, seen }, true]] : [[state, false]];
      case 'check':
        return input.token >= seen ? [[{ token, held, seen: input.token }, true]] : [[state, false]];
    }
  };
  return {
    init: { token: 0, held: false, seen: 0 },
    run: (state, input, told) => [
      ...run(state, input, told),
      ...(may_expire ? run({ ...state, held: false }, input, told) : []),
    ],
  };
}

export const atomicSet: Atomic<readonly string[], SetInput, SetOutput> = {
  init: [],
  run(members, input) {
    if (input.op === 'members') return [[members, members]];
    const has = members.includes(input.member);
    if (input.op === 'add') return [[has ? members : [...members, input.member].sort(), !has]];
    if (input.op === 'remove') return [[members.filter((member) => member !== input.member), has]];
    return [[members, has]];
  },
};

/** Can the history be explained? Tries every order, and every choice of the unknown operations that ran. */
export function explainable<S, I, O>(object: Atomic<S, I, O>, history: readonly Operation<I, O>[]): boolean {
  const from = (state: S, left: readonly Operation<I, O>[]): boolean =>
    !left.some(isOk) ||
    left.some((operation) => {
      const others = left.filter((other) => other !== operation);
      if (others.some(({ returned }) => returned < operation.called)) return false;
      return object
        .run(state, operation.input, isOk(operation) ? operation.output : undefined)
        .filter(([, output]) => !isOk(operation) || isDeepStrictEqual(output, operation.output))
        .some(([after]) => from(after, others));
    });
  return from(
    object.init,
    history.filter(({ ending }) => ending !== 'refused'),
  );
}

/** Replays an order that the checker found: true when the object answers so. */
export function replays<S, I, O>(object: Atomic<S, I, O>, order: readonly Operation<I, O>[]): boolean {
  let states: readonly S[] = [object.init];
  for (const operation of order) {
    const outcomes = states
      .flatMap((state) => object.run(state, operation.input, isOk(operation) ? operation.output : undefined))
      .filter(([, output]) => !isOk(operation) || isDeepStrictEqual(output, operation.output));
    states = [...new Map(outcomes.map(([state]) => [JSON.stringify(state), state])).values()];
  }
  return states.length > 0;
}
