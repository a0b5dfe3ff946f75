/** JSON as it is typed: the values of JSON, with object keys that need no quotes. */
import { LIMITS } from '../../protocol/limits.js';
import { quoteShort, usageError } from './usage.js';

/** A value and the position after it. */
export interface Read {
  readonly value: unknown;
  readonly end: number;
}

const SPACE = /\s*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const NAME = /[^\s"',:{}[\]]+/y;
const LITERALS = new Map<string, unknown>([
  ['null', null],
  ['true', true],
  ['false', false],
]);

/** Reads the value that starts at `at`: an object, array, string, number, true, false or null. @throws ConcordError USAGE */
export function readJson(line: string, at: number, depth = 0): Read {
  switch (line[at]) {
    case '"':
      return readString(line, at);
    case '{':
      return readObject(line, at, deeper(depth, at));
    case '[':
      return readArray(line, at, deeper(depth, at));
    default:
      return readPlain(line, at);
  }
}

/** Reads the string whose opening quote is at `at`. @throws ConcordError USAGE */
export function readString(line: string, at: number): Read {
  let end = at + 1;
  while (line[end] !== '"') {
    if (end >= line.length) throw usageError('this quote is not closed', at);
    end += line[end] === '\\' ? 2 : 1;
  }
  end++;
  try {
    return { value: JSON.parse(line.slice(at, end)), end };
  } catch {
    throw usageError('this text has a character or an escape that JSON does not allow', at);
  }
}

/** The number that `text` is in JSON, or undefined. @throws ConcordError USAGE for one that would be rounded or is infinite */
export function readNumber(text: string, at: number): number | undefined {
  NUMBER.lastIndex = 0;
  if (NUMBER.exec(text)?.[0].length !== text.length) return undefined;
  const number = Number(text);
  if (!Number.isFinite(number)) throw usageError('this number is too large', at);
  if (Number.isInteger(number) && !Number.isSafeInteger(number))
    throw usageError('integers beyond 2^53-1 would be rounded: put it in quotes', at);
  return number;
}

/** The value of null, true or false in its JSON spelling, or undefined. */
export function readLiteral(text: string): unknown {
  return LITERALS.get(text);
}

function readObject(line: string, at: number, depth: number): Read {
  const value: Record<string, unknown> = {};
  const end = readItems(line, at, '}', (start) => {
    const key = readKey(line, start);
    const colon = skipSpace(line, key.end);
    if (line[colon] !== ':') throw unexpected(line, colon, at, '":"');
    const inside = readJson(line, skipSpace(line, colon + 1), depth);
    value[key.name] = inside.value;
    return inside.end;
  });
  return { value, end };
}

function readArray(line: string, at: number, depth: number): Read {
  const value: unknown[] = [];
  const end = readItems(line, at, ']', (start) => {
    const inside = readJson(line, start, depth);
    value.push(inside.value);
    return inside.end;
  });
  return { value, end };
}

/** Reads items between commas up to `close`, each by `item`, which returns where it ended. Returns the position after `close`. */
function readItems(line: string, open: number, close: string, item: (start: number) => number): number {
  let at = skipSpace(line, open + 1);
  if (line[at] === close) return at + 1;
  for (;;) {
    at = skipSpace(line, item(at));
    if (line[at] === close) return at + 1;
    if (line[at] !== ',') throw unexpected(line, at, open, `"," or "${close}"`);
    at = skipSpace(line, at + 1);
  }
}

function readKey(line: string, at: number): { name: string; end: number } {
  let name: string;
  let end: number;
  if (line[at] === '"') {
    const quoted = readString(line, at);
    name = String(quoted.value);
    end = quoted.end;
  } else {
    name = match(NAME, line, at);
    end = at + name.length;
    if (name === '') throw usageError('a key is expected here', at);
  }
  if (name === '__proto__') throw usageError('the key __proto__ cannot be carried', at);
  return { name, end };
}

/** A number, true, false or null inside brackets. */
function readPlain(line: string, at: number): Read {
  const text = match(NAME, line, at);
  const end = at + text.length;
  const number = readNumber(text, at);
  if (number !== undefined) return { value: number, end };
  const value = readLiteral(text);
  if (value !== undefined) return { value, end };
  if (text === '')
    throw usageError(at >= line.length ? 'the line ends inside brackets' : 'a value is expected here', at);
  throw usageError(`inside brackets ${quoteShort(text)} needs quotes`, at);
}

function unexpected(line: string, at: number, open: number, wanted: string): Error {
  if (at >= line.length) return usageError('this bracket is not closed', open);
  return usageError(`${wanted} is expected here`, at);
}

function deeper(depth: number, at: number): number {
  if (depth === LIMITS.depth_max) throw usageError(`brackets nest deeper than ${LIMITS.depth_max}`, at);
  return depth + 1;
}

function skipSpace(line: string, at: number): number {
  return at + match(SPACE, line, at).length;
}

function match(pattern: RegExp, line: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(line)?.[0] ?? '';
}
