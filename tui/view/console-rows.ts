/** The lower part of the screen put together: output, what is open above the prompt, the prompt, and where the cursor is. */
import type { ScreenState } from '../session/state.js';
import type { Place } from '../terminal/frame-out.js';
import { type Layout, layoutOf } from './layout.js';
import type { Look } from './look.js';
import { outputRows } from './output-rows.js';
import { completionRows, questionRows } from './popup.js';
import { answerRow, type PromptRow, promptRow } from './prompt-row.js';
import { dim, type Row } from './row.js';

/** The rows of the console, before they are framed. */
export interface ConsoleRows {
  readonly output: readonly Row[];
  readonly popup: readonly Row[];
  readonly prompt: PromptRow;
  /** Rows of output above and below those shown. */
  readonly above: number;
  readonly below: number;
}

/** All of the console at a layout. `hint` is the signature of the word being typed. */
export function consoleRows(state: ScreenState, layout: Layout, hint: string, look: Look): ConsoleRows {
  const { width } = layout;
  const popup = popupRows(state, layout, look);
  const room = Math.max(0, layout.output - popup.length);
  const all = outputRows(state.output, width, look, state.now);
  const below = Math.min(state.scroll, Math.max(0, all.length - room));
  const end = all.length - below;
  const start = Math.max(0, end - room);
  const shown = all.length === 0 ? welcome(room) : all.slice(start, end);
  const blank: Row[] = Array.from({ length: Math.max(0, room - shown.length) }, () => []);
  const prompt = state.question
    ? answerRow(state.question, width, look)
    : promptRow(state.editor, state.view.use, hint, width, look);
  return { output: [...shown, ...blank], popup, prompt, above: start, below };
}

function popupRows(state: ScreenState, layout: Layout, look: Look): Row[] {
  const rows = Math.max(1, layout.output - 1);
  if (state.question) return questionRows(state.question, layout.width, look).slice(0, rows);
  const { completion } = state.editor;
  return completion ? completionRows(completion, rows, look) : [];
}

function welcome(room: number): Row[] {
  return room < 2
    ? []
    : [[dim('Type a command: Tab shows the words, ? the keys.')], [dim('enqueue(41)   dequeue   log   nodes')]];
}

/** How far the output can be scrolled, and by how much a page is. */
export function scrollRange(state: ScreenState, look: Look): { readonly page: number; readonly most: number } {
  const layout = layoutOf(state);
  const room = Math.max(1, layout.output - popupRows(state, layout, look).length);
  const all = outputRows(state.output, layout.width, look, state.now).length;
  return { page: Math.max(1, room - 1), most: Math.max(0, all - room) };
}

/** Where the cursor stands; null where there is no prompt. */
export function cursorPlace(state: ScreenState, hint: string, look: Look): Place | null {
  const layout = layoutOf(state);
  if (layout.form === 'tiny' || state.help) return null;
  const { cursor } = consoleRows(state, layout, hint, look).prompt;
  return layout.form === 'bare'
    ? { row: layout.rows - 1, column: cursor }
    : { row: layout.rows - 2, column: cursor + 2 };
}
