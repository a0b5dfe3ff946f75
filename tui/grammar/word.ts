/** What a word of the terminal is, as data: its arguments and flags with their kinds, and the types that follow from these. */

import type { LockMode } from '../../protocol/client/types.js';
import type { Fence } from '../../protocol/fence.js';
import type { Sides } from './sides.js';

/** What an argument or the value of a flag may be, and what a parsed one is in TypeScript. */
export interface Kinds {
  /** Any value: JSON, an object with unquoted keys, `hex:00ff`, or else the text itself. */
  value: unknown;
  /** A word of this table. */
  word: string;
  /** The id of a node. */
  node: string;
  /** `c`, `s0`, ... or a name that lives in one of them. */
  group: string;
  /** The name of a queue. */
  queue: string;
  /** The name of a lock. */
  lock: string;
  /** All tokens that are left, each the name of a lock. */
  locks: readonly string[];
  /** The name of a semaphore. */
  semaphore: string;
  /** A pattern for names, with * and ?. */
  glob: string;
  /** The mode of a lock. */
  mode: LockMode;
  /** Modes of locks, typed with commas between them. */
  modes: readonly LockMode[];
  /** lock:token */
  fence: Fence;
  /** How many permits of a semaphore: 0 to 2^32 - 1. */
  permits: number;
  /** The id of a session. */
  session: number;
  /** Part of a metric's name, or a pattern for it. */
  metric: string;
  /** How many: 1 to 500. */
  count: number;
  /** An index of the log. */
  index: number;
  /** Milliseconds, typed as 200ms, 5s, 2m, 1h or 0. */
  duration: number;
  /** A part of a whole, typed as 10%: 0 to 100. */
  percent: number;
  /** Two sides of a cut: all tokens that are left, ids of nodes and a | between them. */
  sides: Sides;
  /** A remark in a few words. */
  text: string;
  /** A file of this machine. */
  path: string;
  /** One of the argument's choices. */
  choice: string;
  /** A flag without a value. */
  switch: true;
}
export type Kind = keyof Kinds;

/** True for what takes all tokens that are left. */
export function isRest(kind: Kind): boolean {
  return kind === 'sides' || kind === 'locks';
}

/** What running a command does: the worst of its word and of the choices made in it. */
export type Effect = 'none' | 'reads' | 'changes' | 'destroys';

/** One of the things an argument may be told to do. */
export interface Choice {
  readonly help: string;
  readonly effect: Effect;
}

/** An argument by its position. */
export interface Argument {
  readonly name: string;
  readonly kind: Kind;
  readonly help: string;
  /** It may be left out. With a default it is never void. */
  readonly optional?: true;
  readonly default?: number;
  /** This flag stands in for the argument. */
  readonly insteadFlag?: string;
  /** How the usage shows it, when not by its name. */
  readonly shown?: string;
  /** Texts accepted besides what the kind accepts. */
  readonly also?: readonly string[];
  /** For the kind `choice`. */
  readonly choices?: Readonly<Record<string, Choice>>;
}

/** A flag: `--name`, with a value unless its kind is `switch`. */
export interface Flag {
  readonly name: string;
  readonly kind: Kind;
  readonly help: string;
}

/** The parts of `help`. */
export const SECTIONS = ['queue', 'locks', 'cluster', 'nodes', 'terminal'] as const;

/** A row of the table of words. */
export interface Word {
  readonly section: (typeof SECTIONS)[number];
  /** Other spellings of the same word. */
  readonly aliases?: readonly string[];
  readonly arguments: readonly Argument[];
  readonly flags: readonly Flag[];
  /** A group of the cluster serves it: `--fence` can guard it. */
  readonly fenced?: true;
  readonly effect: Effect;
  /** The shape of the result. */
  readonly returns: string;
  /** One line for lists. */
  readonly help: string;
  /** What else there is to know. */
  readonly text: string;
  readonly examples: readonly string[];
  /** Said when more arguments come than the word takes. */
  readonly tooMany?: string;
}

/** The type of an argument once parsed: undefined where it may be void. */
type ParsedArgument<A extends Argument> =
  | Kinds[A['kind']]
  | (A extends { readonly default: number }
      ? never
      : A extends { readonly optional: true } | { readonly insteadFlag: string }
        ? undefined
        : never);

export type ParsedArguments<A extends readonly Argument[]> = {
  readonly [One in A[number] as One['name']]: ParsedArgument<One>;
};

export type ParsedFlags<F extends readonly Flag[]> = {
  readonly [One in F[number] as One['name']]?: Kinds[One['kind']];
};
