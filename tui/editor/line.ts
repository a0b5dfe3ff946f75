/** One line under edit: text, cursor, kill buffer and undo. A pure reducer; every edit is a function from line to line. */
import { chunkBefore, graphemeAfter, graphemeBefore, wordAfter, wordBefore } from './text.js';

/** Longest line, UTF-16 units. Longer things are given with `--file`. */
export const LINE_LENGTH_MAX = 16_384;
/** Steps that can be undone. */
const UNDO_MAX = 200;

/** A text and a place in it. */
export interface Spot {
  readonly text: string;
  /** UTF-16 index on a grapheme boundary, 0 to text.length. */
  readonly cursor: number;
}

/** The line under edit. */
export interface Line extends Spot {
  /** What ^K, ^U, ^W and Alt-D took last: what ^Y puts back. */
  readonly killed: string;
  /** Earlier states, oldest first. */
  readonly undo: readonly Spot[];
  /** What the last edit was: kills in a row add up, letters in a row are one step of undo. */
  readonly last: 'typing' | 'kill' | 'other';
}

/** An empty line. */
export const EMPTY_LINE: Line = { text: '', cursor: 0, killed: '', undo: [], last: 'other' };

type Edit = (line: Line) => Line;

/** All edits that need no more than the line. */
export const LINE_EDITS = {
  'cursor.left': (line) => moved(line, graphemeBefore(line.text, line.cursor)),
  'cursor.right': (line) => moved(line, graphemeAfter(line.text, line.cursor)),
  'cursor.word-left': (line) => moved(line, wordBefore(line.text, line.cursor)),
  'cursor.word-right': (line) => moved(line, wordAfter(line.text, line.cursor)),
  'cursor.home': (line) => moved(line, 0),
  'cursor.end': (line) => moved(line, line.text.length),
  'delete.left': (line) => cut(line, graphemeBefore(line.text, line.cursor), line.cursor),
  'delete.right': (line) => cut(line, line.cursor, graphemeAfter(line.text, line.cursor)),
  'kill.to-end': (line) => kill(line, line.cursor, line.text.length),
  'kill.to-start': (line) => kill(line, 0, line.cursor),
  'kill.chunk-left': (line) => kill(line, chunkBefore(line.text, line.cursor), line.cursor),
  'kill.word-left': (line) => kill(line, wordBefore(line.text, line.cursor), line.cursor),
  'kill.word-right': (line) => kill(line, line.cursor, wordAfter(line.text, line.cursor)),
  yank: (line) => insert(line, line.killed),
  transpose,
  undo,
  clear: (line) => (line.text === '' ? line : { ...remember(line), text: '', cursor: 0, last: 'other' }),
} as const satisfies Record<string, Edit>;

/** The name of an edit. */
export type LineEdit = keyof typeof LINE_EDITS;

/** The line with `text` typed at the cursor; as much of it as the line may hold. */
export function typeText(line: Line, text: string): Line {
  const next = insert(line, text);
  if (next === line || line.last !== 'typing' || text === ' ') return { ...next, last: 'typing' };
  // Letters in a row are undone together: the step before the first of them stays the newest.
  return { ...next, undo: line.undo, last: 'typing' };
}

/** The line with the part from `from` to the cursor replaced. */
export function replaceBefore(line: Line, from: number, text: string): Line {
  const head = line.text.slice(0, from) + text;
  const whole = head + line.text.slice(line.cursor);
  if (whole.length > LINE_LENGTH_MAX) return line;
  return { ...remember(line), text: whole, cursor: head.length, last: 'other' };
}

/** The line with all of it replaced, cursor at the end. Walking the history is no step of undo. */
export function showText(line: Line, text: string): Line {
  return { ...line, text, cursor: text.length, last: 'other' };
}

function insert(line: Line, text: string): Line {
  const room = LINE_LENGTH_MAX - line.text.length;
  const piece = text.length <= room ? text : text.slice(0, graphemeBefore(text, room + 1));
  if (piece === '') return line;
  const { cursor } = line;
  const whole = line.text.slice(0, cursor) + piece + line.text.slice(cursor);
  // A combining mark joins the letter before it: the cursor goes behind both.
  const place = cursor + piece.length;
  const boundary = place === whole.length ? place : graphemeAfter(whole, place - 1);
  return { ...remember(line), text: whole, cursor: boundary, last: 'other' };
}

function moved(line: Line, cursor: number): Line {
  return { ...line, cursor, last: 'other' };
}

function cut(line: Line, from: number, to: number): Line {
  if (from === to) return line;
  const text = line.text.slice(0, from) + line.text.slice(to);
  return { ...remember(line), text, cursor: from, last: 'other' };
}

function kill(line: Line, from: number, to: number): Line {
  if (from === to) return line;
  const piece = line.text.slice(from, to);
  const isForward = from === line.cursor;
  const before = line.last === 'kill' ? line.killed : '';
  return { ...cut(line, from, to), killed: isForward ? before + piece : piece + before, last: 'kill' };
}

/** Swaps the graphemes around the cursor; at the end the last two. */
function transpose(line: Line): Line {
  const { text } = line;
  const middle = line.cursor === text.length ? graphemeBefore(text, line.cursor) : line.cursor;
  const from = graphemeBefore(text, middle);
  const to = graphemeAfter(text, middle);
  if (from === middle || middle === to) return line;
  const swapped = text.slice(0, from) + text.slice(middle, to) + text.slice(from, middle) + text.slice(to);
  return { ...remember(line), text: swapped, cursor: to, last: 'other' };
}

function undo(line: Line): Line {
  const before = line.undo.at(-1);
  if (!before) return line;
  return { ...line, text: before.text, cursor: before.cursor, undo: line.undo.slice(0, -1), last: 'other' };
}

function remember(line: Line): Line {
  const undo = line.undo.length < UNDO_MAX ? line.undo : line.undo.slice(1);
  return { ...line, undo: [...undo, { text: line.text, cursor: line.cursor }] };
}
