/** The table of words: everything that parsing, completion, help and the shell know about a word stands in its row. */
import type { Flag, ParsedArguments, ParsedFlags, Word } from './word.js';
import { CLUSTER_WORDS } from './words-cluster.js';
import { LOCK_WORDS } from './words-locks.js';
import { NODE_WORDS } from './words-nodes.js';
import { QUEUE_WORDS } from './words-queue.js';
import { TERMINAL_WORDS } from './words-terminal.js';

/** Flags that every word takes, `fence` only those that a group serves. */
export const GLOBAL_FLAGS = [
  { name: 'json', kind: 'switch', help: 'answer with one JSON object' },
  { name: 'timeout', kind: 'duration', help: 'time allowed for the answer, 5s when not said' },
  { name: 'fence', kind: 'fence', help: 'only while no newer token of that lock was seen' },
  { name: 'yes', kind: 'switch', help: 'yes, destroy it' },
] as const satisfies readonly Flag[];

/** Every word, in the order of `help`. */
export const WORDS = {
  ...QUEUE_WORDS,
  ...LOCK_WORDS,
  ...CLUSTER_WORDS,
  ...NODE_WORDS,
  ...TERMINAL_WORDS,
} as const satisfies Record<string, Word>;

/** The name of a word: of `exit`, `quit` and `-1` it is `exit`. */
export type WordName = keyof typeof WORDS;

/** A parsed command of the word `W`. */
export interface CommandOf<W extends WordName> {
  readonly word: W;
  /** The line as typed. */
  readonly line: string;
  readonly arguments: ParsedArguments<(typeof WORDS)[W]['arguments']>;
  readonly flags: ParsedFlags<(typeof WORDS)[W]['flags']> & ParsedFlags<typeof GLOBAL_FLAGS>;
  /** The node named by a last token @id, else null. */
  readonly node: string | null;
  /** What running it does. */
  readonly effect: Word['effect'];
}

/** A parsed command of any word. */
export type ParsedCommand = { [W in WordName]: CommandOf<W> }[WordName];

const NAMES = new Map<string, WordName>();
for (const [name, word] of entries()) {
  NAMES.set(name, name);
  for (const alias of word.aliases ?? []) NAMES.set(alias, name);
}

/** Every word with its row, in the order of `help`. */
export function entries(): [WordName, Word][] {
  return Object.entries(WORDS) as [WordName, Word][];
}

/** The row of a word. */
export function wordOf(name: WordName): Word {
  return WORDS[name];
}

/** The flags that a word takes. */
export function flagsOf(word: Word): readonly Flag[] {
  return [...word.flags, ...GLOBAL_FLAGS.filter(({ name }) => name !== 'fence' || word.fenced === true)];
}

/** The name of the word that `text` spells, or undefined. */
export function wordName(text: string): WordName | undefined {
  return NAMES.get(text);
}

/** Every spelling of every word. */
export function spellings(): string[] {
  return [...NAMES.keys()];
}
