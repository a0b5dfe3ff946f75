/** How the state of the screen changes: one pure function over all that can happen. */
import type { Observation, SessionInfo } from '../../protocol/client/types.js';
import type { LocalNode } from '../cluster/types.js';
import { type EditorCommand, reduceEditor } from '../editor/editor.js';
import { observed, processesChanged } from './cluster.js';
import { eventsBetween } from './events.js';
import { type OutputAction, reduceOutput } from './output.js';
import { focusGroup, highestCommit } from './selectors.js';
import { type OpenQuestion, SCREEN_LIMITS, type ScreenState } from './state.js';
import type { Stamp } from './store.js';

/** Everything that can happen to the screen. */
export type ScreenAction =
  | { readonly kind: 'observation'; readonly news: Observation }
  | { readonly kind: 'processes'; readonly nodes: readonly LocalNode[] }
  | { readonly kind: 'view'; readonly use: string; readonly focus: string }
  /** What this terminal is in the cluster: its session, and the locks it holds. */
  | { readonly kind: 'session'; readonly session: SessionInfo; readonly heldLocks: readonly string[] }
  | { readonly kind: 'tick' }
  | { readonly kind: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly kind: 'output'; readonly change: OutputAction }
  | { readonly kind: 'scroll'; readonly to: number }
  | { readonly kind: 'edit'; readonly command: EditorCommand }
  | { readonly kind: 'question'; readonly question: OpenQuestion | null }
  | { readonly kind: 'help'; readonly open: boolean };

/** The state after an action. Whatever happens also moves the moment that ages are counted to. */
export function reduceScreen(state: ScreenState, action: ScreenAction, stamp: Stamp): ScreenState {
  const next = { ...changed(state, action, stamp), now: stamp.at };
  if (next.nodes === state.nodes && action.kind !== 'tick') return next;
  const events = eventsBetween(state, next);
  if (events.length === 0) return next;
  const numbered = events.map((event, nth) => ({ ...event, id: next.nextId + nth, wall: stamp.wall }));
  const feed = [...next.feed, ...numbered].slice(-SCREEN_LIMITS.feed_events_max);
  return { ...next, feed, nextId: next.nextId + events.length };
}

function changed(state: ScreenState, action: ScreenAction, stamp: Stamp): ScreenState {
  switch (action.kind) {
    case 'observation':
      return { ...state, nodes: observed(state.nodes, action.news, stamp.at) };
    case 'processes':
      return { ...state, nodes: processesChanged(state.nodes, action.nodes, stamp.at) };
    case 'view':
      return { ...state, view: { use: action.use, focus: action.focus } };
    case 'session':
      return { ...state, session: action.session, heldLocks: action.heldLocks };
    case 'tick':
      return counted(state, stamp.at);
    case 'resize':
      return { ...state, size: { columns: action.columns, rows: action.rows }, scroll: 0 };
    case 'output':
      return reduceOutput(state, action.change, stamp.at);
    case 'scroll':
      return { ...state, scroll: Math.max(0, action.to) };
    case 'edit':
      return { ...state, editor: reduceEditor(state.editor, action.command) };
    case 'question':
      return { ...state, question: action.question };
    case 'help':
      return { ...state, help: action.open, scroll: 0 };
  }
}

/** Takes the next sample of the commit rate, once a second at most. */
function counted(state: ScreenState, at: number): ScreenState {
  const group = focusGroup(state);
  const commit = highestCommit(state, group);
  const last = state.counted;
  if (last === null || last.group !== group) {
    return { ...state, counted: { group, commit, at }, rates: [] };
  }
  const seconds = (at - last.at) / 1000;
  if (seconds < 0.9) return state;
  const rate = Math.max(0, (commit - last.commit) / seconds);
  const rates = [...state.rates, rate].slice(-SCREEN_LIMITS.rate_samples_max);
  return { ...state, counted: { group, commit, at }, rates };
}
