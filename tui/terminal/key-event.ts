/** Key events, and which key each control sequence is. */

/** What a person did. */
export type KeyEvent =
  /** Printable text, one or more characters. */
  | { readonly kind: 'text'; readonly text: string }
  /** A key by its name: `enter`, `ctrl+a`, `alt+backspace`, `ctrl+left`, `f1`. */
  | { readonly kind: 'key'; readonly name: string }
  /** A bracketed paste as one, line ends as `\n`. `cut` when it was longer than allowed and its end is missing. */
  | { readonly kind: 'paste'; readonly text: string; readonly cut: boolean };

const LETTERS: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  E: 'begin',
  F: 'end',
  H: 'home',
  P: 'f1',
  Q: 'f2',
  R: 'f3',
  S: 'f4',
};

const NUMBERS: Readonly<Record<number, string>> = {
  1: 'home',
  2: 'insert',
  3: 'delete',
  4: 'end',
  5: 'pageup',
  6: 'pagedown',
  7: 'home',
  8: 'end',
  11: 'f1',
  12: 'f2',
  13: 'f3',
  14: 'f4',
  15: 'f5',
  17: 'f6',
  18: 'f7',
  19: 'f8',
  20: 'f9',
  21: 'f10',
  23: 'f11',
  24: 'f12',
};

/** The Linux console's first five function keys, ESC [ [ letter. */
const CONSOLE: Readonly<Record<string, string>> = { A: 'f1', B: 'f2', C: 'f3', D: 'f4', E: 'f5' };

/** Keys that the CSI-u form gives by their code points. */
const CODES: Readonly<Record<number, string>> = { 9: 'tab', 13: 'enter', 27: 'escape', 32: 'space', 127: 'backspace' };

const PASTE_BEGIN = 200;

/**
 * The event of a control sequence, given without its escape: `[1;5C` is `ctrl+right`. null for what is no key: mouse and
 * focus reports, answers of the terminal. A paste event stands for the beginning of a paste and is empty.
 */
export function sequenceEvent(sequence: string): KeyEvent | null {
  const final = sequence.at(-1) ?? '';
  if (sequence.startsWith('O')) return key(final === 'M' ? 'enter' : LETTERS[final], 0);
  if (sequence.startsWith('[[')) return key(CONSOLE[final], 0);
  const body = sequence.slice(1, -1);
  if (!/^[\d;:]*$/.test(body)) return null;
  const [first = 0, second = 1] = body.split(';').map((part) => Number.parseInt(part, 10) || 0);
  const modifiers = Math.max(0, second - 1);
  if (final === 'Z') return key('tab', SHIFT);
  if (final === 'u') return codeEvent(first, modifiers);
  if (final !== '~') return final === 'R' && body !== '' ? null : key(LETTERS[final], modifiers);
  if (first === PASTE_BEGIN) return { kind: 'paste', text: '', cut: false };
  return key(NUMBERS[first], modifiers);
}

const SHIFT = 1;
const ALT = 2;
const CTRL = 4;

function key(name: string | undefined, modifiers: number): KeyEvent | null {
  if (name === undefined) return null;
  const prefix = `${modifiers & CTRL ? 'ctrl+' : ''}${modifiers & ALT ? 'alt+' : ''}${modifiers & SHIFT ? 'shift+' : ''}`;
  return { kind: 'key', name: prefix + name };
}

/** The CSI-u form: a code point and modifiers. */
function codeEvent(code: number, modifiers: number): KeyEvent | null {
  const named = CODES[code];
  if (named !== undefined && (named !== 'space' || modifiers > SHIFT)) return key(named, modifiers);
  if (code < 0x20 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return null;
  const letter = String.fromCodePoint(code);
  if (modifiers > SHIFT) return key(letter, modifiers);
  return { kind: 'text', text: modifiers === SHIFT ? letter.toUpperCase() : letter };
}
