/** Tokens into values by the kind that is wanted. */
import { FENCE_RULE, type Fence, readFence } from '../../protocol/fence.js';
import { LIMITS } from '../../protocol/limits.js';
import { readLiteral, readNumber } from './json.js';
import type { Token } from './lex.js';
import { COUNT_MAX, DURATION_MS_MAX, PERMITS_MAX } from './limits.js';
import { readLocks, readMode, readModes } from './locks.js';
import { nearest } from './nearest.js';
import { readSides } from './sides.js';
import { quoteShort, usageError } from './usage.js';
import type { Argument, Flag, Kinds } from './word.js';

/** The value of `token` as the argument or flag `wanted`. @throws ConcordError USAGE at the token */
export function readValue(token: Token, wanted: Argument | Flag): unknown {
  if ('also' in wanted && wanted.also?.includes(token.text)) return token.text;
  switch (wanted.kind) {
    case 'value':
      return readAny(token);
    case 'word':
    case 'path':
      return readText(token, wanted.name);
    case 'node':
      return within(readText(token, wanted.name), LIMITS.id_length_max, token);
    case 'group':
    case 'queue':
    case 'metric':
    case 'lock':
    case 'semaphore':
    case 'glob':
      return within(readText(token, wanted.name), LIMITS.name_length_max, token);
    case 'locks':
      return readLocks([token]);
    case 'mode':
      return readMode(token);
    case 'modes':
      return readModes(token);
    case 'fence':
      return readFenceToken(token, wanted.name);
    case 'text':
      return within(readText(token, wanted.name), LIMITS.note_length_max, token);
    case 'count':
      return readInteger(token, wanted.name, 1, COUNT_MAX);
    case 'permits':
      return readInteger(token, wanted.name, 0, PERMITS_MAX);
    case 'index':
    case 'session':
      return readInteger(token, wanted.name, 1, Number.MAX_SAFE_INTEGER);
    case 'duration':
      return readDuration(token, wanted.name);
    case 'percent':
      return readPercent(token, wanted.name);
    case 'sides':
      return readSides([token], token.end);
    case 'choice':
      return readChoice(token, 'choices' in wanted ? (wanted.choices ?? {}) : {});
    case 'switch':
      return true satisfies Kinds['switch'];
  }
}

/** A token that is JSON is that value, `hex:` are bytes, any other is itself as a string. */
function readAny(token: Token): unknown {
  if (token.form !== 'bare') return token.value;
  const { text, start } = token;
  if (text.startsWith('hex:')) return readHex(text.slice(4), start);
  const number = readNumber(text, start);
  if (number !== undefined) return number;
  const literal = readLiteral(text);
  return literal === undefined ? text : literal;
}

function readHex(digits: string, start: number): Buffer {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) throw usageError('hex: takes pairs of the digits 0-9 and a-f', start);
  return Buffer.from(digits, 'hex');
}

function readText(token: Token, name: string): string {
  if (token.form === 'brackets') throw usageError(`${name} is a name here: put it in quotes`, token.start);
  const text = token.form === 'string' ? String(token.value) : token.text;
  if (text === '') throw usageError(`${name} is empty`, token.start);
  return text;
}

function within(text: string, max: number, token: Token): string {
  if (text.length > max) throw usageError(`a name has at most ${max} characters`, token.start);
  return text;
}

function readFenceToken(token: Token, name: string): Fence {
  const fence = readFence(readText(token, name));
  if (fence === undefined) throw usageError(`${FENCE_RULE}, not ${quoteShort(token.text)}`, token.start);
  return fence;
}

function readInteger(token: Token, name: string, min: number, max: number): number {
  const number = token.form === 'bare' ? readNumber(token.text, token.start) : undefined;
  if (number === undefined || !Number.isInteger(number) || number < min || number > max)
    throw usageError(`${name} is a whole number of ${min} to ${max}, not ${quoteShort(token.text)}`, token.start);
  return number;
}

const UNITS = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

function readDuration(token: Token, name: string): number {
  const duration_ms = token.form === 'bare' ? durationOf(token.text) : undefined;
  if (duration_ms === undefined)
    throw usageError(`${name} is a time like 200ms, 5s, 2m or 1h, not ${quoteShort(token.text)}`, token.start);
  if (duration_ms > DURATION_MS_MAX) throw usageError(`${name} is at most ${DURATION_MS_MAX} ms`, token.start);
  return duration_ms;
}

/** The milliseconds of a duration as it is typed, or undefined. */
export function durationOf(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? [];
  const factor = UNITS.get(unit ?? '');
  if (factor === undefined) return text === '0' ? 0 : undefined;
  return Number(digits) * factor;
}

function readPercent(token: Token, name: string): number {
  const percent = token.form === 'bare' && /^\d+(?:\.\d+)?%$/.test(token.text) ? Number(token.text.slice(0, -1)) : -1;
  if (percent < 0 || percent > 100)
    throw usageError(`${name} is a part of 0% to 100%, not ${quoteShort(token.text)}`, token.start);
  return percent;
}

function readChoice(token: Token, choices: object): string {
  const names = Object.keys(choices);
  if (token.form === 'bare' && names.includes(token.text)) return token.text;
  throw usageError(`${names.join(' or ')} is expected here, not ${quoteShort(token.text)}`, token.start, {
    suggestion: nearest(token.text, names),
  });
}
