/** The output of the screen: the lines that were run, wait to be run, and what they came to. */
import type { Reply } from './reply.js';
import { type OutputEntry, SCREEN_LIMITS, type ScreenState } from './state.js';
import { weigh } from './weigh.js';

/** What can happen to the output. */
export type OutputAction =
  | { readonly do: 'queued'; readonly id: number; readonly line: string }
  | { readonly do: 'asked'; readonly id: number }
  | { readonly do: 'started'; readonly id: number }
  /** The person gave the command up; its reply is still to come. */
  | { readonly do: 'given-up'; readonly id: number }
  | { readonly do: 'replied'; readonly id: number; readonly reply: Reply }
  | { readonly do: 'dropped'; readonly ids: readonly number[] }
  | { readonly do: 'note'; readonly text: string; readonly tone: 'plain' | 'good' | 'warn' };

/** The state after a change of its output. What is new is shown: scrolling goes back to the end. */
export function reduceOutput(state: ScreenState, change: OutputAction, at: number): ScreenState {
  switch (change.do) {
    case 'queued':
      return added(state, { form: 'queued', id: change.id, line: change.line, asked: false });
    case 'note':
      return added(state, { form: 'note', id: state.nextId, text: change.text, tone: change.tone });
    case 'asked':
      return mapped(state, change.id, (entry) => (entry.form === 'queued' ? { ...entry, asked: true } : entry));
    case 'started':
      return mapped(state, change.id, (entry) =>
        entry.form === 'queued'
          ? { form: 'running', id: entry.id, line: entry.line, since: at, givenUp: false }
          : entry,
      );
    case 'given-up':
      return mapped(state, change.id, (entry) => (entry.form === 'running' ? { ...entry, givenUp: true } : entry));
    case 'replied':
      return replied(state, change.id, change.reply);
    case 'dropped':
      return { ...state, output: state.output.filter((entry) => !change.ids.includes(entry.id)) };
  }
}

function added(state: ScreenState, entry: OutputEntry): ScreenState {
  const output = [...state.output, entry].slice(-SCREEN_LIMITS.output_entries_max);
  return { ...state, output, scroll: 0, nextId: Math.max(state.nextId, entry.id) + 1 };
}

function replied(state: ScreenState, id: number, reply: Reply): ScreenState {
  const weight = weigh(reply.result);
  const next = mapped(state, id, (entry) =>
    'line' in entry ? { form: 'done', id: entry.id, line: entry.line, reply, weight } : entry,
  );
  const latency_ms = reply.ok ? (reply.ms ?? state.latency_ms) : state.latency_ms;
  return { ...next, output: lightened(next.output), latency_ms };
}

/** The newest entries whose results together are not too heavy. */
function lightened(output: readonly OutputEntry[]): readonly OutputEntry[] {
  let weight = 0;
  const heavy = output.findLastIndex((entry) => {
    weight += entry.form === 'done' ? entry.weight : 0;
    return weight > SCREEN_LIMITS.output_bytes_max;
  });
  const newest = output.findLastIndex((entry) => entry.form === 'done');
  return heavy === -1 ? output : output.slice(Math.min(heavy + 1, newest));
}

function mapped(state: ScreenState, id: number, change: (entry: OutputEntry) => OutputEntry): ScreenState {
  return { ...state, output: state.output.map((entry) => (entry.id === id ? change(entry) : entry)) };
}
