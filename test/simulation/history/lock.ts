/** Model of an exclusive lock with fencing tokens, and of what the tokens guard. */
import { isOk, type Operation } from './history.js';
import type { Model, Settled } from './model.js';

export type LockInput =
  | { readonly op: 'acquire' }
  | { readonly op: 'release'; readonly token: number }
  /** A fenced command: it is done only if no greater token was seen before, and its own is seen by it. */
  | { readonly op: 'check'; readonly token: number };

/** Token of an acquire or null when another held the lock; of a release and a check whether it was done. */
export type LockOutput = number | boolean | null;

/** What the sessions of the holders can do. */
export interface LockOptions {
  /** A grant may end at any time without a word of its holder, as when its session expires. */
  readonly may_expire: boolean;
}

export interface LockState {
  /** How many of the tokens that answers name were given. */
  readonly named: number;
  /** The last token, or the smallest that it can have been: the next is greater. */
  readonly granted: number;
  /** Token of the holder, FREE or UNNAMED. */
  readonly holder: number;
  /** Greatest token seen by a check. */
  readonly seen: number;
}

/** Nobody holds the lock; tokens are positive. */
const FREE = 0;
/** One that was never told its token holds the lock. */
const UNNAMED = -1;

type LockModel = Model<LockState, LockInput, LockOutput>;

/**
 * The model of a lock that begins free. Tokens are whole numbers and increase from grant to grant, by one or more.
 * Nobody may guess a token: of a release with one that no answer gave, it could not be said whose lock it ends.
 */
export function lock(options: LockOptions): LockModel {
  return lockModel(options, []);
}

/** `tokens`: those that answers name, in the order in which they must have been given. */
function lockModel(options: LockOptions, tokens: readonly number[]): LockModel {
  return {
    name: 'lock',
    init: { named: 0, granted: 0, holder: FREE, seen: 0 },
    step: (state, input, output) => step(options, tokens, state, input, output),
    key: ({ granted, holder, seen }) => `${granted},${holder},${seen}`,
    // A release that came too late may have been the first to notice that the grant had ended.
    reads: ({ op }, output) => {
      if (op === 'acquire') return output === null;
      return output === false && (op === 'check' || !options.may_expire);
    },
    alike: (input) => (input.op === 'acquire' ? input.op : `${input.op} ${input.token}`),
    describe,
    show,
    settle: (history) => settle(options, history),
  };
}

function step(
  { may_expire }: LockOptions,
  tokens: readonly number[],
  state: LockState,
  input: LockInput,
  output: LockOutput | undefined,
): LockState | undefined {
  const { named, granted, holder, seen } = state;
  // Tokens increase, so nothing may be given at or above this one before it.
  const due = tokens[named] ?? Number.POSITIVE_INFINITY;
  switch (input.op) {
    case 'acquire':
      if (output === null) return holder === FREE ? undefined : state;
      if (holder !== FREE && !may_expire) return output === undefined ? state : undefined;
      if (output !== undefined)
        return output === due && due > granted ? { named: named + 1, granted: due, holder: due, seen } : undefined;
      // An unknown grant is given the smallest token that it can have had: that leaves most room to those after it.
      return granted + 1 < due ? { named, granted: granted + 1, holder: UNNAMED, seen } : state;
    case 'release':
      if (holder !== input.token) return output === true ? undefined : state;
      if (output === false && !may_expire) return undefined;
      return { ...state, holder: FREE };
    case 'check':
      if (input.token < seen) return output === true ? undefined : state;
      if (output === false) return undefined;
      return input.token === seen ? state : { ...state, seen: input.token };
  }
}

function settle(
  options: LockOptions,
  operations: readonly Operation<LockInput, LockOutput>[],
): Settled<LockState, LockInput, LockOutput> {
  const tokens = new Set<number>();
  const contradictions: string[] = [];
  for (const { client, output } of operations.filter(isOk)) {
    if (typeof output !== 'number') continue;
    if (tokens.has(output)) contradictions.push(`token ${output} was given twice, the second time to ${client}`);
    tokens.add(output);
  }
  for (const { input } of operations)
    if (input.op === 'release' && !tokens.has(input.token))
      throw new RangeError(`token ${input.token} is released, but no answer gave it`);
  const model = lockModel(
    options,
    [...tokens].sort((a, b) => a - b),
  );
  return { model, operations, contradictions };
}

function describe(input: LockInput, output: LockOutput | undefined): string {
  const asked = input.op === 'acquire' ? input.op : `${input.op} ${input.token}`;
  return `${asked} -> ${output === undefined ? '?' : output}`;
}

function show({ granted, holder, seen }: LockState): string {
  const held = holder === FREE ? 'free' : holder === UNNAMED ? 'held by an unknown grant' : `held with token ${holder}`;
  return `the lock is ${held}, tokens up to ${granted} were given and up to ${seen} seen`;
}
