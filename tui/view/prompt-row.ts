/** The prompt as a row: what is typed, the cursor in it, and the signature of the word at the right. */
import type { EditorState } from '../editor/editor.js';
import type { OpenQuestion } from '../session/state.js';
import { cellsOf, cutTo, widthOf } from '../terminal/cells.js';
import { sanitize } from '../terminal/sanitize.js';
import type { Look } from './look.js';
import { dim, fitRow, type Row, rowWidth, type Span, span, spread } from './row.js';

/** The row and the column of the cursor in it. */
export interface PromptRow {
  readonly row: Row;
  readonly cursor: number;
}

/** Cells kept free behind the cursor. */
const AHEAD = 2;

/** The prompt in `width` cells. `use` is the node that was chosen, or 'auto'. */
export function promptRow(editor: EditorState, use: string, hint: string, width: number, look: Look): PromptRow {
  const head = promptHead(editor, use, look);
  const { line } = editor;
  return typedRow(head, line.text.slice(0, line.cursor), line.text.slice(line.cursor), hint, width, look);
}

/** The prompt while a question waits for its answer. */
export function answerRow(question: OpenQuestion, width: number, look: Look): PromptRow {
  const wanted =
    question.answer === 'y' ? 'y for yes, Esc for no' : `type ${question.answer} to go on, Esc to leave it`;
  const head: Row = [span(`${wanted} ${look.glyphs.prompt} `, { tone: 'warn', bold: true })];
  return typedRow(head, question.typed, '', '', width, look);
}

function promptHead(editor: EditorState, use: string, look: Look): Row {
  const { search } = editor;
  if (search) {
    const style = search.failed ? ({ tone: 'bad' } as const) : ({ tone: 'info' } as const);
    return [span(`${search.failed ? 'not found' : 'search'} "${search.query}" `, style)];
  }
  const node: readonly Span[] = use === 'auto' || use === '' ? [] : [span(use, { tone: 'info' })];
  return [...node, span(`${look.glyphs.prompt} `, { tone: 'good', bold: true })];
}

/** A window on the line that keeps the cursor in sight. */
function typedRow(head: Row, before: string, after: string, hint: string, width: number, look: Look): PromptRow {
  const shownHead = rowWidth(head) > width / 2 ? fitRow(head, Math.floor(width / 2), look) : head;
  const left = rowWidth(shownHead);
  const room = Math.max(1, width - left - AHEAD);
  const start = lastCells(sanitize(before), room, look);
  const cursor = left + widthOf(start);
  const rest = cutTo(sanitize(after), Math.max(0, width - cursor), look.glyphs.more);
  const typed: Row = [...shownHead, { text: start }, { text: rest }];
  const ghost: Row = hint === '' ? [] : [dim(hint)];
  return { row: spread(typed, ghost, width), cursor: Math.min(cursor, width - 1) };
}

/** The end of a text in at most `width` cells, with a mark where it was cut. */
function lastCells(text: string, width: number, look: Look): string {
  if (widthOf(text) <= width) return text;
  let taken = 1;
  let kept = '';
  for (const cell of cellsOf(text).reverse()) {
    if (taken + cell.width > width) break;
    kept = cell.text + kept;
    taken += cell.width;
  }
  return look.glyphs.more + kept;
}
