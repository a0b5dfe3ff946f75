/** Rows of the screen as data: pieces of text with a tone, fitted to a width and painted into terminal codes. */
import { cellsOf, cutTo, widthOf } from '../terminal/cells.js';
import { sanitize } from '../terminal/sanitize.js';
import { type Look, TONE_CODES, type Tone } from './look.js';

/** A piece of a row. */
export interface Span {
  readonly text: string;
  readonly tone?: Tone;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly inverse?: boolean;
}

/** A row, from left to right. */
export type Row = readonly Span[];

/** How a piece looks. */
export type Style = Omit<Span, 'text'>;

/** A piece of text; whatever it holds is made safe here, so that nothing can reach the screen another way. */
export function span(text: string, style: Style = {}): Span {
  return { text: sanitize(text), ...style };
}

/** A piece in the background: labels, hints, what is out of date. */
export function dim(text: string): Span {
  return span(text, { dim: true });
}

/** The cells that a row takes. */
export function rowWidth(row: Row): number {
  return row.reduce((sum, piece) => sum + widthOf(piece.text), 0);
}

/** The row in exactly `width` cells: cut with a mark, or filled with blanks. */
export function fitRow(row: Row, width: number, look: Look): Row {
  const fitted: Span[] = [];
  let room = width;
  for (const piece of row) {
    const size = widthOf(piece.text);
    if (size <= room) {
      fitted.push(piece);
      room -= size;
      continue;
    }
    const text = cutTo(piece.text, room, look.glyphs.more);
    // Not even the mark fits: it takes the place of the last cell.
    if (text === '' && room === 0) return markLast(fitted, look);
    fitted.push({ ...piece, text });
    room -= widthOf(text);
    break;
  }
  if (room > 0) fitted.push({ text: ' '.repeat(room) });
  return fitted;
}

function markLast(row: readonly Span[], look: Look): Row {
  const last = row.at(-1);
  if (!last) return row;
  const cells = cellsOf(last.text);
  const end = cells.at(-1);
  if (!end) return row;
  const head = cells.slice(0, -1).map((cell) => cell.text);
  const mark = look.glyphs.more + ' '.repeat(end.width - 1);
  return [...row.slice(0, -1), { ...last, text: head.join('') + mark }];
}

/** Left and right part of a row, the right one at the right edge. Where both do not fit the right one goes. */
export function spread(left: Row, right: Row, width: number): Row {
  const gap = width - rowWidth(left) - rowWidth(right);
  if (gap < 1 || right.length === 0) return left;
  return [...left, { text: ' '.repeat(gap) }, ...right];
}

/** The whole row in the background, its colours gone: for values that are out of date. */
export function faded(row: Row): Row {
  return row.map(({ text }) => ({ text, dim: true }));
}

/** The row as a line of terminal codes. */
export function paintRow(row: Row, look: Look): string {
  return row.map((piece) => paintSpan(piece, look)).join('');
}

/** The row as plain text, without blanks at its end. */
export function rowText(row: Row, look: Look): string {
  const text = row.map((piece) => piece.text).join('');
  return (look.ascii ? asciiOf(text) : text).trimEnd();
}

function paintSpan(piece: Span, look: Look): string {
  const text = look.ascii ? asciiOf(piece.text) : piece.text;
  const colour = look.colour ? TONE_CODES[piece.tone ?? 'plain'] : null;
  const codes = [piece.bold ? 1 : null, piece.dim ? 2 : null, piece.inverse ? 7 : null, colour].filter(
    (code) => code !== null,
  );
  return codes.length === 0 || text === '' ? text : `\u001b[${codes.join(';')}m${text}\u001b[0m`;
}

const NOT_ASCII = /[^\x20-\x7e]/;

function asciiOf(text: string): string {
  if (!NOT_ASCII.test(text)) return text;
  return cellsOf(text)
    .map((cell) => (NOT_ASCII.test(cell.text) ? '?'.repeat(cell.width) : cell.text))
    .join('');
}
