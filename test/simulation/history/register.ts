/** Model of a register: read, write, compare-and-set. */
import { deduced, isOk, type OkOperation, type Operation } from './history.js';
import type { Model, Settled } from './model.js';

/** What a register holds; null while nothing was written. */
export type RegisterValue = string | null;

export type RegisterInput =
  | { readonly op: 'read' }
  | { readonly op: 'write'; readonly value: string }
  /** Writes `value` if the register holds `expected`. */
  | { readonly op: 'cas'; readonly expected: RegisterValue; readonly value: string };

/** Value of a read, whether a compare-and-set wrote, null of a write. */
export type RegisterOutput = RegisterValue | boolean;

type RegisterModel = Model<RegisterValue, RegisterInput, RegisterOutput>;
type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

/** The model of a register that begins with null. */
export const register: RegisterModel = registerModel(() => true);

/** `noted`: a value that some operation compares with or was told. All others are as good as one. */
function registerModel(noted: (value: RegisterValue) => boolean): RegisterModel {
  const name = (value: RegisterValue) => JSON.stringify(noted(value) ? [value] : []);
  return {
    name: 'register',
    init: null,
    step,
    key: name,
    reads: ({ op }, output) => op === 'read' || (op === 'cas' && output === false),
    alike: (input) => {
      if (input.op === 'read') return 'read';
      return `${input.op === 'cas' ? JSON.stringify([input.expected]) : ''} ${name(input.value)}`;
    },
    describe,
    show: (value) => `the register holds ${value}`,
    settle,
  };
}

function step(
  value: RegisterValue,
  input: RegisterInput,
  output: RegisterOutput | undefined,
): RegisterValue | undefined {
  switch (input.op) {
    case 'read':
      return output === undefined || output === value ? value : undefined;
    case 'write':
      return output === undefined || output === null ? input.value : undefined;
    case 'cas':
      if (value === input.expected) return output === false ? undefined : input.value;
      return output === true ? undefined : value;
  }
}

// A value that only one operation ever writes, and that an answer shows, was written by it before that answer came.
function settle(history: readonly RegisterOperation[]): Settled<RegisterValue, RegisterInput, RegisterOutput> {
  const writers = new Map<RegisterValue, number>([[null, 1]]);
  const observers = new Map<RegisterValue, OkOperation<RegisterInput, RegisterOutput>>();
  const noted = new Set<RegisterValue>();
  for (const operation of history) {
    const { input, ending } = operation;
    if (input.op !== 'read' && ending !== 'refused') writers.set(input.value, (writers.get(input.value) ?? 0) + 1);
    if (input.op === 'cas') noted.add(input.expected);
    if (!isOk(operation)) continue;
    const seen = observed(operation);
    if (seen === undefined) continue;
    noted.add(seen);
    const first = observers.get(seen);
    if (first === undefined || operation.returned < first.returned) observers.set(seen, operation);
  }
  const operations = history.map((operation) => {
    const { input, ending } = operation;
    if (ending !== 'unknown' || input.op === 'read' || writers.get(input.value) !== 1) return operation;
    const observer = observers.get(input.value);
    return observer === undefined ? operation : deduced(operation, input.op === 'cas' ? true : null, observer);
  });
  return { model: registerModel((value) => noted.has(value)), operations, contradictions: [] };
}

// The value that the register certainly had when the operation took effect.
function observed({ input, output }: OkOperation<RegisterInput, RegisterOutput>): RegisterValue | undefined {
  if (input.op === 'read') return typeof output === 'boolean' ? undefined : output;
  return input.op === 'cas' && output === true ? input.expected : undefined;
}

function describe(input: RegisterInput, output: RegisterOutput | undefined): string {
  const answer = output === undefined ? '?' : output;
  switch (input.op) {
    case 'read':
      return `read -> ${answer}`;
    case 'write':
      return `write ${input.value}${output === undefined ? ' -> ?' : ''}`;
    case 'cas':
      return `cas ${input.expected} to ${input.value} -> ${answer}`;
  }
}
