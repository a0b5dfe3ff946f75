/** What may come next on a line that is being typed. */
import { METRICS } from '../../protocol/metrics.js';
import { type Lexed, lex, type Token } from './lex.js';
import { MODES } from './locks.js';
import { type Argument, type Flag, isRest, type Word } from './word.js';
import { entries, flagsOf, wordName, wordOf } from './words.js';

/** The names that a line may mention: those that there are at the moment. */
export interface Names {
  readonly nodes: readonly string[];
  readonly groups: readonly string[];
  /** The locks that this terminal holds, by their names. */
  readonly locks: readonly string[];
}

/** Nothing is known of. */
export const NO_NAMES: Names = { nodes: [], groups: [], locks: [] };

/** One way to go on. */
export interface Candidate {
  /** Stands in place of the line from `from` to the cursor. */
  readonly text: string;
  /** A few words about it. */
  readonly help: string;
}

/** All ways to go on. */
export interface Completion {
  /** Where the text that is being completed begins: a UTF-16 index into the line, at most the cursor. */
  readonly from: number;
  readonly candidates: readonly Candidate[];
}

/** The ways to go on at `cursor`, best first; none inside a quoted text or brackets. */
export function complete(line: string, cursor: number, names: Names): Completion {
  const typed = line.slice(0, cursor);
  const lexed = lex(typed);
  const tokens = [...lexed.inside, ...lexed.after];
  const last = tokens.at(-1) ?? lexed.word;
  const current = last !== null && last.end === typed.length && last.form === 'bare' ? last : null;
  const from = current?.start ?? typed.length;
  const prefix = current?.text ?? '';
  if (lexed.word === null || current === lexed.word)
    return { from, candidates: startingWith(prefix, allWords(prefix !== '')) };
  const name = wordName(lexed.word.text);
  if (name === undefined || isInside(lexed, typed)) return { from, candidates: [] };
  const before = current === null ? tokens : tokens.slice(0, -1);
  return { from, candidates: startingWith(prefix, possible(lexed, wordOf(name), before, prefix, names)) };
}

/** True where nothing of ours can come: in an unfinished text or brackets, or right behind a finished one. */
function isInside(lexed: Lexed, typed: string): boolean {
  const last = [...lexed.inside, ...lexed.after].at(-1);
  if (last !== undefined && last.form !== 'bare' && last.end === typed.length) return true;
  if (lexed.problem === null) return false;
  return lexed.state === 'closed' || /["{[]/.test(typed.slice(last?.end ?? lexed.word?.end ?? 0));
}

function possible(
  lexed: Lexed,
  word: Word,
  before: readonly Token[],
  prefix: string,
  names: Names,
): readonly Candidate[] {
  const inCall = lexed.call && lexed.state !== 'closed';
  if (inCall) {
    const waiting = lexed.state === 'item' || prefix !== '';
    return waiting ? ofPosition(word, before.length, before, names) : [];
  }
  if (before.some((token) => token.form === 'bare' && token.text === '--')) return [];
  const used = before
    .filter((token) => token.form === 'bare' && token.text.startsWith('--'))
    .map((token) => token.text);
  const flags = flagsOf(word);
  const open = flags.find((flag) => before.at(-1)?.text === `--${flag.name}` && flag.kind !== 'switch');
  if (open !== undefined) return ofKind(open.kind, names);
  if (prefix.startsWith('@')) return names.nodes.map((id) => ({ text: `@${id}`, help: 'ask this node' }));
  const left = flags.filter((flag) => !used.includes(`--${flag.name}`)).map(flagCandidate);
  if (prefix.startsWith('-')) return left;
  const position = positionals(before, flags);
  const argument = lexed.call ? undefined : word.arguments[position];
  const own = lexed.call ? [] : ofPosition(word, position, before, names);
  const mayEnd = prefix === '' && own.length === 0 && (argument === undefined || argument.optional === true);
  return mayEnd ? left.filter((one) => word.flags.some((flag) => one.text === `--${flag.name}`)) : own;
}

/** How many arguments stand in `before`. */
function positionals(before: readonly Token[], flags: readonly Flag[]): number {
  let count = 0;
  for (let i = 0; i < before.length; i++) {
    const token = before[i];
    const flag = token?.form === 'bare' ? flags.find((one) => token.text === `--${one.name}`) : undefined;
    if (flag === undefined) count++;
    else if (flag.kind !== 'switch') i++;
  }
  return count;
}

/** What may stand as the argument of that position; one that takes the rest goes on to the end, and names nothing twice. */
function ofPosition(word: Word, position: number, before: readonly Token[], names: Names): readonly Candidate[] {
  const last = word.arguments.at(-1);
  if (last === undefined || !isRest(last.kind) || position < word.arguments.length - 1)
    return ofArgument(word.arguments[position], names);
  return ofArgument(last, names).filter(({ text }) => !before.some((token) => token.text === text));
}

function ofArgument(argument: Argument | undefined, names: Names): readonly Candidate[] {
  if (argument === undefined) return [];
  const choices = Object.entries(argument.choices ?? {}).map(([text, choice]) => ({ text, help: choice.help }));
  const also = (argument.also ?? []).map((text) => ({ text, help: '' }));
  return [...choices, ...ofKind(argument.kind, names), ...also];
}

function ofKind(kind: Argument['kind'], names: Names): readonly Candidate[] {
  switch (kind) {
    case 'word':
      return allWords(false);
    case 'node':
      return names.nodes.map((text) => ({ text, help: 'a node' }));
    case 'group':
      return names.groups.map((text) => ({ text, help: 'a group' }));
    case 'lock':
      return names.locks.map((text) => ({ text, help: 'held by this terminal' }));
    case 'mode':
    case 'modes':
      return Object.entries(MODES).map(([text, help]) => ({ text, help }));
    case 'queue':
      return [{ text: 'default', help: 'the queue of enqueue and dequeue' }];
    case 'metric':
      return Object.entries(METRICS).map(([text, { help }]) => ({ text, help }));
    case 'sides':
      return [...names.nodes.map((text) => ({ text, help: 'a node' })), { text: '|', help: 'and on the other side' }];
    case 'percent':
      return ['1%', '10%', '30%'].map((text) => ({ text, help: 'a part of all' }));
    case 'duration':
      return ['200ms', '5s', '2m', '1h'].map((text) => ({ text, help: 'a time' }));
    default:
      return [];
  }
}

function allWords(aliasesToo: boolean): Candidate[] {
  return entries().flatMap(([name, word]) => [
    { text: name, help: word.help },
    ...(aliasesToo ? (word.aliases ?? []) : []).map((text) => ({ text, help: `${word.help}, as ${name}` })),
  ]);
}

function flagCandidate(flag: Flag): Candidate {
  return { text: `--${flag.name}`, help: flag.help };
}

function startingWith(prefix: string, candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter((one) => one.text.startsWith(prefix));
}
