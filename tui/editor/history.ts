/** The lines typed before: a bounded list, walking through it, searching it. Pure functions; the caller keeps the file. */

/** Lines remembered. */
export const HISTORY_MAX = 1000;

/** Oldest first. */
export type History = readonly string[];

/** The list with a line added at its end. Blank lines and repeats of the newest are not added. */
export function addToHistory(history: History, line: string): History {
  if (line.trim() === '' || line === history.at(-1)) return history;
  return [...history, line].slice(-HISTORY_MAX);
}

/** A list as loaded from a file, made to keep the rules of `addToHistory`. */
export function cleanHistory(lines: readonly string[]): History {
  return lines.slice(-HISTORY_MAX).reduce<History>((list, line) => addToHistory(list, line), []);
}

/** A walk through the history. The draft is what was typed before it began. */
export interface Walk {
  /** Index of the line shown. */
  readonly at: number;
  readonly draft: string;
}

/** One step to an older line that begins as the draft does, or null when there is none. */
export function stepBack(history: History, walk: Walk | null, draft: string): Walk | null {
  const start = walk ? walk.draft : draft;
  for (let at = (walk ? walk.at : history.length) - 1; at >= 0; at--) {
    if (isOther(history, at, walk) && history[at]?.startsWith(start)) return { at, draft: start };
  }
  return null;
}

/** One step to a newer line; null is the draft again. */
export function stepForward(history: History, walk: Walk): Walk | null {
  for (let at = walk.at + 1; at < history.length; at++) {
    if (isOther(history, at, walk) && history[at]?.startsWith(walk.draft)) return { at, draft: walk.draft };
  }
  return null;
}

/** Repeats of the line that is shown are passed over. */
function isOther(history: History, at: number, walk: Walk | null): boolean {
  return walk === null || history[at] !== history[walk.at];
}

/** The index of the newest line before `before` that holds `query`, or -1. Letters match whatever their case. */
export function searchBack(history: History, query: string, before: number): number {
  const wanted = query.toLowerCase();
  for (let at = Math.min(before, history.length) - 1; at >= 0; at--) {
    if (history[at]?.toLowerCase().includes(wanted)) return at;
  }
  return -1;
}
