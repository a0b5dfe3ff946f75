/** Values as people read them: JSON with the quotes only where they are needed, in one row of coloured pieces. */

import { count } from '../spelling.js';
import type { Style } from './row.js';
import { type Row, type Span, span } from './row.js';

/** Letters of a value in one row; the rest is cut. */
const VALUE_LENGTH_MAX = 2000;
/** Bytes shown of a binary value. */
const BYTES_SHOWN_MAX = 32;
/** Nesting shown; deeper parts are only hinted at. */
const DEPTH_MAX = 6;

const STYLES = {
  text: { tone: 'good' },
  number: { tone: 'info' },
  word: { tone: 'vote' },
  key: {},
  mark: { dim: true },
} as const satisfies Record<string, Style>;

/** A value in one row, as it can be typed. */
export function valueRow(value: unknown): Row {
  const pieces: Span[] = [];
  write(value, pieces, { left: VALUE_LENGTH_MAX }, 0);
  return pieces;
}

/** A record in one row: its keys and values without braces around them. */
export function recordRow(record: Readonly<Record<string, unknown>>): Row {
  const pieces: Span[] = [];
  writeEntries(record, pieces, { left: VALUE_LENGTH_MAX }, 0, '  ');
  return pieces;
}

/** A value as plain text in one line: a cell of a table. Text stands without quotes. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return numberText(value);
  if (value === null || value === undefined) return '';
  if (Array.isArray(value) && value.every((each) => typeof each === 'string' || typeof each === 'number')) {
    return value.map(valueText).join(' ');
  }
  return valueRow(value)
    .map((piece) => piece.text)
    .join('');
}

/** True for `{...}` and for nothing else. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

interface Budget {
  left: number;
}

function put(pieces: Span[], budget: Budget, text: string, style: Style): void {
  if (budget.left <= 0) return;
  const shown = text.length > budget.left ? `${text.slice(0, budget.left)}…` : text;
  budget.left -= text.length;
  pieces.push(span(shown, style));
}

function write(value: unknown, pieces: Span[], budget: Budget, depth: number): void {
  if (budget.left <= 0) return;
  if (typeof value === 'string') put(pieces, budget, JSON.stringify(value.slice(0, VALUE_LENGTH_MAX)), STYLES.text);
  else if (typeof value === 'number') put(pieces, budget, numberText(value), STYLES.number);
  else if (value instanceof Uint8Array) put(pieces, budget, bytesText(value), STYLES.word);
  else if (Array.isArray(value)) writeList(value, pieces, budget, depth);
  else if (isPlainObject(value)) {
    put(pieces, budget, '{', STYLES.mark);
    if (depth >= DEPTH_MAX) put(pieces, budget, '…', STYLES.mark);
    else writeEntries(value, pieces, budget, depth, ', ');
    put(pieces, budget, '}', STYLES.mark);
  } else put(pieces, budget, String(value), STYLES.word);
}

function writeList(list: readonly unknown[], pieces: Span[], budget: Budget, depth: number): void {
  put(pieces, budget, '[', STYLES.mark);
  if (depth >= DEPTH_MAX && list.length > 0) put(pieces, budget, '…', STYLES.mark);
  else {
    for (const [nth, each] of list.entries()) {
      if (budget.left <= 0) break;
      if (nth > 0) put(pieces, budget, ', ', STYLES.mark);
      write(each, pieces, budget, depth + 1);
    }
  }
  put(pieces, budget, ']', STYLES.mark);
}

function writeEntries(
  value: Readonly<Record<string, unknown>>,
  pieces: Span[],
  budget: Budget,
  depth: number,
  between: string,
): void {
  for (const [nth, [key, each]] of Object.entries(value).entries()) {
    if (budget.left <= 0) break;
    if (nth > 0) put(pieces, budget, between, STYLES.mark);
    put(pieces, budget, `${/^[\w.-]+$/.test(key) ? key : JSON.stringify(key)}: `, STYLES.mark);
    write(each, pieces, budget, depth + 1);
  }
}

/** Exact, whatever the size: what is shown can be typed again. */
function numberText(number: number): string {
  return Object.is(number, -0) ? '0' : String(number);
}

function bytesText(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, BYTES_SHOWN_MAX)).toString('hex');
  return bytes.length > BYTES_SHOWN_MAX ? `hex:${head}… (${count(bytes.length)} bytes)` : `hex:${head}`;
}
