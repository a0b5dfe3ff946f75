/** What a step expects of its reply, and what is different where the reply is not like that. */
import { isDeepStrictEqual } from 'node:util';
import type { ErrorCode } from '../../protocol/errors.js';
import { write } from '../grammar/write.js';
import type { Reply } from '../session/reply.js';
import { fieldOf, resultOf } from './fields.js';
import { fillText, type Lookup, template, typedValue } from './template.js';

/** Conditions on one reply: all that are given have to hold. Without `error` the command has to succeed. */
export interface Expectation {
  /** It fails with this code, or one of these. */
  readonly error?: ErrorCode | readonly ErrorCode[] | undefined;
  /** true: what was asked for is not there (an empty queue). false: it is. */
  readonly empty?: boolean | undefined;
  /** What the conditions below look at; else `result`. */
  readonly field?: string | undefined;
  readonly equals?: unknown;
  readonly not?: unknown;
  /** A pattern `/.../`, for texts; any other value is matched as it is written. */
  readonly match?: string | undefined;
  readonly in?: readonly unknown[] | undefined;
  readonly above?: number | string | undefined;
  readonly below?: number | string | undefined;
  /** Each of these, too. */
  readonly all?: readonly Expectation[] | undefined;
}

/** How a reply differs: two values to be compared. `field` is what they are the values of. */
export interface Difference {
  readonly field: string;
  readonly expected: unknown;
  readonly got: unknown;
}

/** A condition in words, where there is no single value to expect. */
export class Phrase {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The expectation with its variables filled in. @throws NoValue */
export function fillExpectation(expectation: Expectation, lookup: Lookup): Expectation {
  const fill = (value: unknown) => fillValue(value, lookup);
  const filled = Object.entries(expectation).map(([name, value]) => {
    if (name === 'all') return [name, (value as Expectation[]).map((one) => fillExpectation(one, lookup))];
    if (name === 'match') return [name, String(fillText(template(String(value)), lookup, escapePattern))];
    return [name, fill(value)];
  });
  return Object.fromEntries(filled) as Expectation;
}

/** The first difference between what is expected (null: success) and the reply, or null. */
export function differenceOf(expectation: Expectation | null, reply: Reply): Difference | null {
  const { error } = expectation ?? {};
  if (error !== undefined) {
    const codes: readonly string[] = typeof error === 'string' ? [error] : error;
    const expected = new Phrase(codes.map((code) => `error ${code}`).join(' or '));
    if (reply.error === null) return { field: '', expected, got: new Phrase(`success: ${write(reply.result)}`) };
    if (!codes.includes(reply.error.code)) return { field: '', expected, got: failure(reply) };
  } else if (reply.error !== null) {
    return { field: '', expected: inWords(expectation), got: failure(reply) };
  }
  return expectation === null ? unhealthy(reply) : conditions(expectation, reply);
}

/** The pattern that a text `/.../flags` is. @throws SyntaxError */
export function patternOf(text: string): RegExp {
  const [, source, flags] = PATTERN.exec(text) ?? [];
  if (source === undefined) throw new SyntaxError('a pattern stands between slashes: /^job-/');
  return new RegExp(source, flags);
}

/** True for a text that is written as a pattern. */
export function isPattern(text: string): boolean {
  return PATTERN.test(text);
}

const PATTERN = /^\/(.+)\/([imsu]*)$/s;

/** `health` answers, and its answer may be that nothing is well: from the shell that is a failure, so here, too. */
function unhealthy(reply: Reply): Difference | null {
  const { result } = reply;
  if (!(result instanceof Object && 'healthy' in result && result.healthy === false)) return null;
  return { field: 'result', expected: { healthy: true, problems: [] }, got: result };
}

function conditions(expectation: Expectation, reply: Reply): Difference | null {
  const { empty, field = 'result', all = [] } = expectation;
  if (empty !== undefined && empty !== (reply.found === false))
    return { field: 'result', expected: new Phrase(empty ? 'nothing' : 'something'), got: foundIn(reply) };
  const got = field === 'result' ? resultOf(reply) : fieldOf(reply, field);
  for (const name of OPERATORS) {
    if (!Object.hasOwn(expectation, name)) continue;
    const wanted = expectation[name];
    if (HOLDS[name](got, wanted)) continue;
    const expected = name === 'equals' ? wanted : new Phrase(phrase(name, wanted));
    return { field, expected, got: got === undefined ? new Phrase('(no such field)') : got };
  }
  for (const one of all) {
    const difference = differenceOf({ ...one, error: one.error ?? expectation.error }, reply);
    if (difference !== null) return difference;
  }
  return null;
}

const OPERATORS = ['equals', 'not', 'match', 'in', 'above', 'below'] as const;

const HOLDS: { readonly [O in (typeof OPERATORS)[number]]: (got: unknown, wanted: unknown) => boolean } = {
  equals: (got, wanted) => isDeepStrictEqual(got, wanted),
  not: (got, wanted) => got !== undefined && !isDeepStrictEqual(got, wanted),
  match: (got, wanted) =>
    got !== undefined && patternOf(String(wanted)).test(typeof got === 'string' ? got : write(got)),
  in: (got, wanted) => (wanted as readonly unknown[]).some((one) => isDeepStrictEqual(got, one)),
  above: (got, wanted) => typeof got === 'number' && typeof wanted === 'number' && got > wanted,
  below: (got, wanted) => typeof got === 'number' && typeof wanted === 'number' && got < wanted,
};

function phrase(name: (typeof OPERATORS)[number], wanted: unknown): string {
  if (name === 'match') return `match ${wanted}`;
  if (name === 'in') return `one of ${(wanted as readonly unknown[]).map(write).join(', ')}`;
  return `${name} ${write(wanted)}`;
}

/** What is expected, for a reply that failed. */
function inWords(expectation: Expectation | null): unknown {
  if (expectation === null) return new Phrase('success');
  if (Object.hasOwn(expectation, 'equals') && expectation.field === undefined) return expectation.equals;
  const parts = OPERATORS.filter((name) => Object.hasOwn(expectation, name)).map((name) =>
    phrase(name, expectation[name]),
  );
  if (parts.length === 0) return new Phrase('success');
  return new Phrase(`${expectation.field ?? 'result'} ${parts.join(', ')}`);
}

function failure({ error }: Reply): Phrase {
  return new Phrase(`error ${error?.code}: ${error?.message.replace(/\.$/, '')}. ${error?.hint}`);
}

function foundIn(reply: Reply): unknown {
  return reply.found === false ? new Phrase('nothing') : resultOf(reply);
}

/** Variables filled in wherever texts stand in a value; bytes typed as `hex:` as the JSON of replies has them. */
function fillValue(value: unknown, lookup: Lookup): unknown {
  if (typeof value === 'string') {
    const filled = fillText(template(value), lookup);
    return typeof filled === 'string' ? bytesOrText(filled) : filled;
  }
  if (Array.isArray(value)) return value.map((one) => fillValue(one, lookup));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, fillValue(inside, lookup)]));
}

function bytesOrText(text: string): unknown {
  if (!/^hex:(?:[0-9a-fA-F]{2})*$/.test(text)) return text;
  const bytes = typedValue(text);
  return Buffer.isBuffer(bytes) ? { $bytes: bytes.toString('base64') } : text;
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
