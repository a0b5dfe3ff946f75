/** One table of keys: what each does where, and the words of the help that is made from it. */
import type { PlainEdit } from './editor/editor.js';

/** What a key can ask of the screen. */
export type ScreenDeed =
  | 'run'
  | 'complete'
  | 'complete.accept'
  | 'help'
  | 'help.close'
  | 'output.up'
  | 'output.down'
  | 'output.end'
  | 'repaint'
  | 'cancel'
  | 'leave'
  | 'suspend'
  | 'question.accept'
  | 'question.cancel'
  | 'question.shorten';

/** What a key can ask for. */
export type KeyAction = PlainEdit | ScreenDeed;

/** Where a key has a meaning: the innermost that knows it wins. */
export type KeyPlace = 'line' | 'list' | 'search' | 'question' | 'help';

/** One row of the table. */
export interface KeyRow {
  readonly keys: readonly string[];
  readonly action: KeyAction;
  readonly place: KeyPlace;
  /** Words for the help; '' for second names that need none. */
  readonly help: string;
}

const row = (place: KeyPlace, action: KeyAction, keys: string, help: string): KeyRow => ({
  place,
  action,
  keys: keys.split(' '),
  help,
});

/** All keys. */
export const KEYS: readonly KeyRow[] = [
  row('line', 'run', 'enter', 'run the line'),
  row('line', 'complete', 'tab', 'complete; again to choose'),
  row('line', 'history.back', 'up ctrl+p', 'older line that begins so'),
  row('line', 'history.forward', 'down ctrl+n', 'newer line, then the draft'),
  row('line', 'search.start', 'ctrl+r', 'search the lines typed before'),
  row('line', 'cancel', 'ctrl+c', 'give the command up, or clear'),
  row('line', 'leave', 'ctrl+d', 'leave (or delete under the cursor)'),
  row('line', 'output.up', 'pageup', 'older output'),
  row('line', 'output.down', 'pagedown', 'newer output'),
  row('line', 'help', 'f1 ?', 'this help (? on an empty line)'),
  row('line', 'repaint', 'ctrl+l', 'paint the screen again'),
  row('line', 'suspend', 'ctrl+z', 'stop; `fg` comes back'),
  row('line', 'cursor.home', 'ctrl+a home', 'to the start'),
  row('line', 'cursor.end', 'ctrl+e end', 'to the end'),
  row('line', 'cursor.left', 'left ctrl+b', ''),
  row('line', 'cursor.right', 'right ctrl+f', ''),
  row('line', 'cursor.word-left', 'alt+b ctrl+left alt+left', 'a word back'),
  row('line', 'cursor.word-right', 'alt+f ctrl+right alt+right', 'a word on'),
  row('line', 'delete.left', 'backspace shift+backspace', ''),
  row('line', 'delete.right', 'delete', ''),
  row('line', 'kill.to-end', 'ctrl+k', 'cut to the end'),
  row('line', 'kill.to-start', 'ctrl+u', 'cut to the start'),
  row('line', 'kill.chunk-left', 'ctrl+w', 'cut back to a blank'),
  row('line', 'kill.word-left', 'alt+backspace', 'cut a word back'),
  row('line', 'kill.word-left', 'ctrl+alt+h ctrl+backspace', ''),
  row('line', 'kill.word-right', 'alt+d', 'cut a word on'),
  row('line', 'kill.word-right', 'ctrl+delete', ''),
  row('line', 'yank', 'ctrl+y', 'put back what was cut'),
  row('line', 'transpose', 'ctrl+t', 'swap two letters'),
  row('line', 'undo', 'ctrl+_ ctrl+x', 'undo'),
  row('line', 'output.end', 'escape', 'back to the newest output'),

  row('list', 'complete.next', 'tab down', ''),
  row('list', 'complete.previous', 'shift+tab up', ''),
  row('list', 'complete.accept', 'enter', ''),
  row('list', 'complete.close', 'escape ctrl+c ctrl+g', ''),

  row('search', 'search.older', 'ctrl+r up', ''),
  row('search', 'search.accept', 'escape tab right left end home ctrl+e ctrl+a', ''),
  row('search', 'search.cancel', 'ctrl+c ctrl+g', ''),
  row('search', 'search.shorten', 'backspace', ''),

  row('question', 'question.accept', 'enter', ''),
  row('question', 'question.cancel', 'escape ctrl+c ctrl+g ctrl+d', ''),
  row('question', 'question.shorten', 'backspace', ''),

  row('help', 'help.close', 'escape f1 ? q enter ctrl+c ctrl+d', ''),
  row('help', 'output.up', 'pageup up', ''),
  row('help', 'output.down', 'pagedown down', ''),
  row('help', 'repaint', 'ctrl+l', ''),
];

const BY_PLACE = new Map<string, KeyAction>(
  KEYS.flatMap((entry) => entry.keys.map((name) => [`${entry.place} ${name}`, entry.action] as const)),
);

/** What a key asks for in the innermost of these places that knows it, or undefined. */
export function actionOf(name: string, places: readonly KeyPlace[]): KeyAction | undefined {
  for (const place of places) {
    const action = BY_PLACE.get(`${place} ${name}`);
    if (action !== undefined) return action;
  }
  return undefined;
}

/** A key as help shows it: `^R`, `Alt-B`, `PgUp`. */
export function keyLabel(name: string): string {
  const parts = name.split('+');
  const last = parts.at(-1) ?? '';
  const label = LABELS[last] ?? (last.length === 1 ? last.toUpperCase() : last[0]?.toUpperCase() + last.slice(1));
  const isCaret = parts[0] === 'ctrl' && parts.length === 2 && last.length === 1;
  if (isCaret) return `^${label}`;
  return [...parts.slice(0, -1).map((part) => part[0]?.toUpperCase() + part.slice(1)), label].join('-');
}

const LABELS: Readonly<Record<string, string>> = {
  pageup: 'PgUp',
  pagedown: 'PgDn',
  escape: 'Esc',
  backspace: 'Backspace',
};
