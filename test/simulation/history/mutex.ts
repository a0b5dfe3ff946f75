/**
 * Models of a mutex, after those with which Hazelcast's CP subsystem is tested: who owns it, how often it may acquire it again, and what is
 * said of fencing tokens. Modes are not looked at: they are for histories in which everybody asks for mode x.
 */
import { describeHold, type HoldInput, type HoldOutput, isIdle, seen, tokensOf } from './holds.js';
import type { Model } from './model.js';

interface MutexState {
  /** How many of the tokens that answers tell have been told. */
  readonly named: number;
  /** '' while it is free. */
  readonly owner: string;
  /** Times that the owner has acquired it and not released. */
  readonly count: number;
  /** The last token, or the smallest that it can have been; 0 where tokens are not looked at. */
  readonly token: number;
  /** The last token is known: an answer told it. */
  readonly told: boolean;
}

type MutexModel = Model<MutexState, HoldInput, HoldOutput>;

interface Rules {
  readonly name: string;
  /** Times that one owner may have it. */
  readonly limit: number;
  readonly fenced: boolean;
}

/** One owner at a time, which acquires it once and releases what it has. */
export const ownerAwareMutex: MutexModel = mutex({ name: 'owner-aware mutex', limit: 1, fenced: false });

/** The owner may acquire it again, up to `limit` times, and has it until it has released it as often. */
export function reentrantMutex(limit: number): MutexModel {
  return mutex({ name: 'reentrant mutex', limit, fenced: false });
}

/** As `ownerAwareMutex`, and the token of each acquire is greater than all before. */
export const fencedMutex: MutexModel = mutex({ name: 'fenced mutex', limit: 1, fenced: true });

/** As `reentrantMutex`; the token of a first acquire is greater than all before, and who acquires it again is told the same one. */
export function reentrantFencedMutex(limit: number): MutexModel {
  return mutex({ name: 'reentrant fenced mutex', limit, fenced: true });
}

/** `tokens`: those that answers tell, ascending; null where they are not looked at. */
function mutex(rules: Rules, tokens: readonly number[] | null = null): MutexModel {
  return {
    name: rules.name,
    init: { named: 0, owner: '', count: 0, token: 0, told: true },
    step: (state, input, output) => {
      const tells = output !== undefined && input.op === 'acquire';
      if (tells && tokens !== null && tokens[state.named] !== output) return undefined;
      const after = step(rules, state, input, output);
      return tells && after !== undefined ? { ...after, named: state.named + 1 } : after;
    },
    key: ({ owner, count, token, told }) => `${owner} ${count} ${token} ${told}`,
    reads: isIdle,
    alike: ({ op, owner }) => `${op} ${owner}`,
    describe: describeHold,
    show,
    settle: (operations) => {
      const model = mutex(rules, rules.fenced ? tokensOf(operations) : null);
      return { model, operations: seen(operations), contradictions: [] };
    },
  };
}

function step(
  rules: Rules,
  state: MutexState,
  { op, owner }: HoldInput,
  output: HoldOutput | undefined,
): MutexState | undefined {
  switch (op) {
    case 'acquire': {
      const known = output !== undefined;
      if (state.owner !== '' && (state.owner !== owner || state.count >= rules.limit)) return known ? undefined : state;
      return state.owner === '' ? first(rules, state, owner, output) : again(rules, state, output);
    }
    case 'release':
      if (state.owner !== owner) return output === true ? undefined : state;
      if (output === false) return undefined;
      return state.count === 1 ? { ...state, owner: '', count: 0 } : { ...state, count: state.count - 1 };
    case 'end':
      return state.owner === owner ? { ...state, owner: '', count: 0 } : state;
    case 'convert':
      return state;
  }
}

function first(
  { fenced }: Rules,
  state: MutexState,
  owner: string,
  output: HoldOutput | undefined,
): MutexState | undefined {
  const held = { ...state, owner, count: 1 };
  if (!fenced) return held;
  if (output === undefined) return { ...held, token: state.token + 1, told: false };
  return Number(output) > state.token ? { ...held, token: Number(output), told: true } : undefined;
}

function again({ fenced }: Rules, state: MutexState, output: HoldOutput | undefined): MutexState | undefined {
  const held = { ...state, count: state.count + 1 };
  if (!fenced || output === undefined) return held;
  const same = state.told ? output === state.token : Number(output) >= state.token;
  return same ? { ...held, token: Number(output), told: true } : undefined;
}

function show({ owner, count, token, told }: MutexState): string {
  const tokens = told ? `the last token is ${token}` : `the last token is ${token} or greater`;
  return owner === '' ? `nobody has it and ${tokens}` : `${owner} has it ${count} times and ${tokens}`;
}
