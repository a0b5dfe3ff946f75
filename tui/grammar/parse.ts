/** A line into a command: word, arguments, flags, node. */

import { usage } from './help.js';
import { isBlank, type Lexed, lex, type Token } from './lex.js';
import { LINE_BYTES_MAX } from './limits.js';
import { readLocks } from './locks.js';
import { nearest } from './nearest.js';
import { readSides } from './sides.js';
import { unknownWord, usageError } from './usage.js';
import { readValue } from './value.js';
import { type Effect, isRest, type Word } from './word.js';
import { flagsOf, GLOBAL_FLAGS, type ParsedCommand, spellings, wordName, wordOf } from './words.js';

/**
 * The command that `line` asks for.
 * @throws ConcordError UNKNOWN_WORD, or USAGE; `details.position` is the character that is wrong, `details.suggestion` what was
 * perhaps meant, `details.usage` how the word is used
 */
export function parse(line: string): ParsedCommand {
  if (line.length > LINE_BYTES_MAX || Buffer.byteLength(line) > LINE_BYTES_MAX)
    throw usageError(`a line holds at most ${LINE_BYTES_MAX} bytes`, 0);
  const lexed = lex(line);
  if (isBlank(line) || lexed.word === null) throw lexed.problem ?? usageError('nothing was asked', 0);
  const name = wordName(lexed.word.text);
  if (name === undefined) throw unknownWord(lexed.word.text, lexed.word.start, nearest(lexed.word.text, spellings()));
  if (lexed.problem !== null) throw lexed.problem;
  const word = wordOf(name);
  const parts = divide(lexed, word, usage(name));
  const args = readArguments(parts, word, usage(name), line.length);
  const command = {
    word: name,
    line,
    arguments: args,
    flags: parts.flags,
    node: parts.node,
    effect: worst(word, args),
  };
  // The table's types say what the kinds in it read: readValue keeps that promise.
  return command as unknown as ParsedCommand;
}

/** A shell's arguments as one line: each stays one token. */
export function lineOf(words: readonly string[]): string {
  return words.map((word, i) => (i === 0 || isShellToken(word) ? word : JSON.stringify(word))).join(' ');
}

/** True when `word` is one token by itself, so that it can stand in a line as it is. */
function isShellToken(word: string): boolean {
  const { inside, problem } = lex(`- ${word}`);
  return problem === null && inside.length === 1 && inside[0]?.text === word;
}

/** The tokens of a command by their part in it. */
interface Parts {
  readonly values: readonly Token[];
  readonly flags: Readonly<Record<string, unknown>>;
  readonly node: string | null;
}

/** Tells values, flags and the node apart. */
function divide(lexed: Lexed, word: Word, use: string): Parts {
  const misplaced = lexed.call ? lexed.inside.find(isFlag) : undefined;
  if (misplaced !== undefined) throw usageError('flags stand after the parentheses', misplaced.start, { usage: use });
  const tokens = lexed.call ? lexed.after : lexed.inside;
  const dashes = lexed.call ? -1 : tokens.findIndex((token) => token.form === 'bare' && token.text === '--');
  const open = dashes === -1 ? tokens : tokens.slice(0, dashes);
  const values: Token[] = [];
  const flags: Record<string, unknown> = {};
  let node: string | null = null;
  for (let i = 0; i < open.length; i++) {
    const token = open[i] as Token;
    if (isFlag(token)) {
      i += readFlag(token, open[i + 1], word, flags);
    } else if (i === tokens.length - 1 && token.form === 'bare' && NODE.test(token.text)) {
      node = token.text.slice(1);
    } else if (lexed.call) {
      throw usageError('only flags and @node stand after the parentheses', token.start, { usage: use });
    } else {
      values.push(token);
    }
  }
  if (lexed.call) return { values: lexed.inside, flags, node };
  return { values: dashes === -1 ? values : values.concat(tokens.slice(dashes + 1)), flags, node };
}

/** How the last token names a node. */
const NODE = /^@[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

function isFlag(token: Token): boolean {
  return token.form === 'bare' && token.text.startsWith('--');
}

/** Reads the flag at `token` into `flags` and returns how many tokens its value took. */
function readFlag(token: Token, next: Token | undefined, word: Word, flags: Record<string, unknown>): number {
  const known = flagsOf(word);
  const [name = '', ...rest] = token.text.slice(2).split('=');
  const flag = known.find((one) => one.name === name);
  if (flag === undefined) {
    if (GLOBAL_FLAGS.some((one) => one.name === name))
      throw usageError(`no group serves this word: --${name} cannot guard it`, token.start);
    const suggestion = nearest(
      name,
      known.map((one) => one.name),
    );
    throw usageError(`there is no flag --${name} here`, token.start, {
      suggestion: suggestion === undefined ? undefined : `--${suggestion}`,
    });
  }
  if (Object.hasOwn(flags, name)) throw usageError(`--${name} is given twice`, token.start);
  if (flag.kind === 'switch') {
    if (rest.length > 0) throw usageError(`--${name} takes no value`, token.start);
    flags[name] = true;
    return 0;
  }
  const inline = rest.length > 0;
  const value = inline ? tail(token, name.length + 3) : next;
  if (value === undefined || (!inline && isFlag(value))) throw usageError(`--${name} needs a value`, token.end);
  flags[name] = readValue(value, flag);
  return inline ? 0 : 1;
}

/** The part of a bare token from its character `from`. */
function tail(token: Token, from: number): Token {
  return { text: token.text.slice(from), start: token.start + from, end: token.end, form: 'bare' };
}

function readArguments(parts: Parts, word: Word, use: string, end: number): Record<string, unknown> {
  const { values, flags } = parts;
  const out: Record<string, unknown> = {};
  let used = 0;
  for (const argument of word.arguments) {
    if (argument.insteadFlag !== undefined && Object.hasOwn(flags, argument.insteadFlag)) continue;
    const token = values[used++];
    if (token !== undefined && isRest(argument.kind)) {
      const rest = values.slice(used - 1);
      out[argument.name] = argument.kind === 'sides' ? readSides(rest, end) : readLocks(rest);
      used = values.length;
    } else if (token !== undefined) out[argument.name] = readValue(token, argument);
    else if (argument.default !== undefined) out[argument.name] = argument.default;
    else if (argument.optional !== true) throw usageError(`${argument.name} is missing: ${use}`, end, { usage: use });
  }
  const extra = values[used];
  if (extra !== undefined) throw usageError(word.tooMany ?? `too much: ${use}`, extra.start, { usage: use });
  return out;
}

const EFFECTS: readonly Effect[] = ['none', 'reads', 'changes', 'destroys'];

/** The worst effect of the word and the choices made. */
function worst(word: Word, args: Readonly<Record<string, unknown>>): Effect {
  const chosen = word.arguments.map((one) => one.choices?.[String(args[one.name])]?.effect ?? 'none');
  return chosen.reduce((a, b) => (EFFECTS.indexOf(b) > EFFECTS.indexOf(a) ? b : a), word.effect);
}
