/** The line editor as one pure reducer: the line, the history behind it, the search in it and the completions before it. */
import type { Completion } from '../grammar/index.js';
import { addToHistory, cleanHistory, type History, searchBack, stepBack, stepForward, type Walk } from './history.js';
import { EMPTY_LINE, LINE_EDITS, type Line, type LineEdit, replaceBefore, showText, typeText } from './line.js';

/** Candidates kept of a completion. */
export const CANDIDATES_MAX = 200;

/** The reverse search. */
export interface Search {
  readonly query: string;
  /** Index of the line found, or history.length when nothing was looked for yet. */
  readonly at: number;
  /** Nothing older holds the query. */
  readonly failed: boolean;
  /** The line before the search. */
  readonly draft: string;
}

/** The list of completions that is open. */
export interface OpenCompletion extends Completion {
  /** Index of the candidate that the line shows, or -1: none yet. */
  readonly selected: number;
  /** What the candidates replace: the line up to the cursor as it was typed. */
  readonly typed: string;
}

/** All of the editor. */
export interface EditorState {
  readonly line: Line;
  readonly history: History;
  readonly walk: Walk | null;
  readonly search: Search | null;
  readonly completion: OpenCompletion | null;
}

/** An editor with an empty line. */
export function emptyEditor(history: readonly string[] = []): EditorState {
  return { line: EMPTY_LINE, history: cleanHistory(history), walk: null, search: null, completion: null };
}

/** What can be done to the editor without saying more. */
export type PlainEdit =
  | LineEdit
  | 'history.back'
  | 'history.forward'
  | 'search.start'
  | 'search.older'
  | 'search.accept'
  | 'search.cancel'
  | 'search.shorten'
  | 'complete.next'
  | 'complete.previous'
  | 'complete.close';

/** What can be done to the editor. */
export type EditorCommand =
  | { readonly do: PlainEdit }
  | { readonly do: 'type'; readonly text: string }
  /** The line was run: it goes into the history and makes room. */
  | { readonly do: 'submitted' }
  | { readonly do: 'load'; readonly history: readonly string[] }
  /** What the grammar offers here; `refresh` filters an open list and never inserts. */
  | { readonly do: 'complete'; readonly completion: Completion; readonly refresh?: boolean };

/** The editor after a command. */
export function reduceEditor(state: EditorState, command: EditorCommand): EditorState {
  switch (command.do) {
    case 'type':
      if (state.search) return searched(state, state.search.query + command.text, state.history.length);
      return { ...state, line: typeText(state.line, command.text), walk: null };
    case 'submitted':
      return { ...emptyEditor(), history: addToHistory(state.history, state.line.text), line: keepKill(state.line) };
    case 'load':
      return { ...state, history: cleanHistory([...command.history, ...state.history]) };
    case 'history.back':
      return walked(state, stepBack(state.history, state.walk, state.line.text));
    case 'history.forward':
      return forward(state);
    case 'search.start':
    case 'search.older':
      return state.search ? searched(state, state.search.query, state.search.at) : startSearch(state);
    case 'search.shorten':
      return state.search ? searched(state, shorten(state.search.query), state.history.length) : state;
    case 'search.accept':
      return { ...state, search: null };
    case 'search.cancel':
      return state.search ? { ...state, line: showText(state.line, state.search.draft), search: null } : state;
    case 'complete':
      return complete(state, command.completion, command.refresh === true);
    case 'complete.next':
      return select(state, 1);
    case 'complete.previous':
      return select(state, -1);
    case 'complete.close':
      return { ...state, completion: null };
    default:
      return { ...state, line: LINE_EDITS[command.do](state.line), walk: null, search: null };
  }
}

/** What was killed outlives the line it was killed in. */
function keepKill(line: Line): Line {
  return { ...EMPTY_LINE, killed: line.killed };
}

function walked(state: EditorState, walk: Walk | null): EditorState {
  if (walk === null) return state;
  return { ...state, walk, completion: null, line: showText(state.line, state.history[walk.at] ?? '') };
}

function forward(state: EditorState): EditorState {
  if (state.walk === null) return state;
  const walk = stepForward(state.history, state.walk);
  const text = walk ? (state.history[walk.at] ?? '') : state.walk.draft;
  return { ...state, walk, completion: null, line: showText(state.line, text) };
}

function startSearch(state: EditorState): EditorState {
  const search = { query: '', at: state.history.length, failed: false, draft: state.line.text };
  return { ...state, search, walk: null, completion: null };
}

function searched(state: EditorState, query: string, before: number): EditorState {
  if (!state.search) return state;
  if (query === '') {
    const search = { ...state.search, query, at: state.history.length, failed: false };
    return { ...state, search, line: showText(state.line, state.search.draft) };
  }
  const at = searchBack(state.history, query, before);
  if (at === -1) return { ...state, search: { ...state.search, query, failed: true } };
  const line = showText(state.line, state.history[at] ?? '');
  return { ...state, line, search: { ...state.search, query, at, failed: false } };
}

function shorten(query: string): string {
  return Array.from(query).slice(0, -1).join('');
}

/** Inserts what all candidates have in common; opens the list when there is more than one way to go on. */
function complete(state: EditorState, completion: Completion, refresh: boolean): EditorState {
  const candidates = completion.candidates.slice(0, CANDIDATES_MAX);
  const [first, second] = candidates;
  if (!first) return { ...state, completion: null };
  if (!refresh && !second) {
    const text = first.text + blankAfter(state.line, first.text);
    return { ...state, line: replaceBefore(state.line, completion.from, text), completion: null, walk: null };
  }
  const typed = state.line.text.slice(completion.from, state.line.cursor);
  if (refresh && !second && first.text === typed) return { ...state, completion: null };
  const common = refresh ? typed : commonStart(candidates.map((candidate) => candidate.text));
  const grows = common.length > typed.length;
  const line = grows ? replaceBefore(state.line, completion.from, common) : state.line;
  const list = { from: completion.from, candidates, selected: -1, typed: line.text.slice(0, line.cursor) };
  return { ...state, line, completion: list, walk: null };
}

/** A word that is complete makes room for the next; not inside a line, nor inside parentheses. */
function blankAfter(line: Line, text: string): string {
  const isInside = line.cursor < line.text.length || line.text.includes('(');
  return isInside || /[\s(=:]$/.test(text) ? '' : ' ';
}

function commonStart(texts: readonly string[]): string {
  let common = texts[0] ?? '';
  for (const text of texts) {
    while (!text.startsWith(common)) common = common.slice(0, -1);
  }
  return common;
}

/** Shows the next or previous candidate in the line; -1 is what was typed. */
function select(state: EditorState, step: 1 | -1): EditorState {
  const { completion } = state;
  if (!completion) return state;
  const count = completion.candidates.length + 1;
  const selected = ((completion.selected + 1 + step + count) % count) - 1;
  const candidate = completion.candidates[selected];
  const text = candidate ? candidate.text : completion.typed.slice(completion.from);
  return { ...state, line: replaceBefore(state.line, completion.from, text), completion: { ...completion, selected } };
}
