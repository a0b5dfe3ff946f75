/**
 * A line into tokens, in both its forms: `word a b --flag v @n2` and `word(a, b) --flag v @n2`. Never throws: a line that breaks
 * off or goes wrong gives the tokens up to there and its problem, which is what completion needs.
 */
import { ConcordError } from '../../protocol/errors.js';
import { readJson, readString } from './json.js';
import { usageError } from './usage.js';

/** One token. */
export interface Token {
  /** The characters as typed. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** `bare` text, a quoted `string`, or `brackets`: an object or array. */
  readonly form: 'bare' | 'string' | 'brackets';
  /** What a string or brackets hold. */
  readonly value?: unknown;
}

/** A line as far as it could be read. */
export interface Lexed {
  /** The first token, or null on an empty line. */
  readonly word: Token | null;
  /** True for `word(...)`. */
  readonly call: boolean;
  /** What stands inside the parentheses; in the plain form everything after the word. */
  readonly inside: readonly Token[];
  /** What stands after the parentheses. */
  readonly after: readonly Token[];
  /** Where in a call the line stands: `closed` after its parenthesis; always `closed` in the plain form. */
  readonly state: 'closed' | 'item' | 'comma';
  /** What is wrong, or null. */
  readonly problem: ConcordError | null;
}

/** True for a line that asks for nothing: empty, or a comment, which starts with `#`. */
export function isBlank(line: string): boolean {
  return /^\s*(?:#|$)/.test(line);
}

/** Reads a line into tokens. */
export function lex(line: string): Lexed {
  const out: Draft = { word: null, call: false, inside: [], after: [], state: 'closed', problem: null };
  try {
    fill(line, out);
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    out.problem = error;
  }
  return out;
}

/** A `Lexed` while it is being filled. */
interface Draft {
  word: Token | null;
  call: boolean;
  inside: Token[];
  after: Token[];
  state: Lexed['state'];
  problem: ConcordError | null;
}

const SPACE = /\s*/y;
const WORD = /[^\s(]+/y;
const PLAIN = /\S+/y;
const IN_CALL = /[^\s,()]+/y;

function fill(line: string, out: Draft): void {
  let at = skipSpace(line, 0);
  if (at === line.length) return;
  out.word = bare(WORD, line, at);
  if (out.word === null) throw usageError('a word is expected here', at);
  at = out.word.end;
  if (line[at] === '(') {
    out.call = true;
    at = fillCall(line, at, out);
    if (at < line.length && !/\s/.test(line[at] ?? '')) throw usageError('a space is expected here', at);
  }
  const rest = out.call ? out.after : out.inside;
  for (at = skipSpace(line, at); at < line.length; at = skipSpace(line, at)) {
    const token = readToken(line, at, PLAIN);
    if (token === null) throw usageError('a value is expected here', at);
    rest.push(token);
    at = token.end;
  }
}

/** Reads from the opening parenthesis and returns the position after the closing one. */
function fillCall(line: string, open: number, out: Draft): number {
  out.state = 'item';
  let at = skipSpace(line, open + 1);
  if (line[at] === ')') {
    out.state = 'closed';
    return at + 1;
  }
  for (;;) {
    if (at >= line.length) throw usageError('this parenthesis is not closed', open);
    const token = readToken(line, at, IN_CALL);
    if (token === null) throw usageError('a value is expected here', at);
    out.inside.push(token);
    out.state = 'comma';
    at = skipSpace(line, token.end);
    if (at >= line.length) throw usageError('this parenthesis is not closed', open);
    if (line[at] === ')') {
      out.state = 'closed';
      return at + 1;
    }
    if (line[at] !== ',')
      throw usageError('"," or ")" is expected here; text with spaces or parentheses needs quotes', at);
    out.state = 'item';
    at = skipSpace(line, at + 1);
  }
}

/** The token at `at`; null when there is none. */
function readToken(line: string, at: number, pattern: RegExp): Token | null {
  const first = line[at];
  if (first !== '"' && first !== '{' && first !== '[') return bare(pattern, line, at);
  const { value, end } = first === '"' ? readString(line, at) : readJson(line, at);
  if (bare(pattern, line, end) !== null)
    throw usageError('a space is expected after the closing quote or bracket', end);
  return { text: line.slice(at, end), start: at, end, form: first === '"' ? 'string' : 'brackets', value };
}

function bare(pattern: RegExp, line: string, at: number): Token | null {
  pattern.lastIndex = at;
  const text = pattern.exec(line)?.[0];
  return text === undefined ? null : { text, start: at, end: at + text.length, form: 'bare' };
}

function skipSpace(line: string, at: number): number {
  SPACE.lastIndex = at;
  return at + (SPACE.exec(line)?.[0].length ?? 0);
}
