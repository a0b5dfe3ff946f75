/**
 * Makes any text safe and measurable: nothing that came from outside can move the cursor, recolour, reorder or widen the
 * screen. What terminals disagree about (joined emoji, variation selectors, flags) is taken apart into what they agree about.
 */

/** Longer texts are cut before they are looked at. UTF-16 units. */
const TEXT_LENGTH_MAX = 65_536;
/** Marks kept on one base letter; the rest of a tower goes. */
const MARKS_MAX = 4;

const ESC = '\u001b';
const BEL = '\u0007';
const ST = '\u009c';

const PLAIN = /^[\x20-\x7e]*$/;
/** OSC, DCS, SOS, PM and APC with all they carry; CSI sequences; any other escape. Both their 7-bit and their 8-bit forms. */
const SEQUENCE = new RegExp(
  [
    `(?:${ESC}[\\]PX^_]|[\u0090\u0098\u009d-\u009f])[^${ESC}${BEL}${ST}]*(?:${BEL}|${ST}|${ESC}\\\\)?`,
    `(?:${ESC}\\[|\u009b)[0-?]*[ -/]*[@-~]?`,
    `${ESC}[ -/]*[0-~]?`,
  ].join('|'),
  'g',
);
const BLANK = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;
/** Controls, formats (bidi overrides among them), selectors, fillers, enclosing marks, skin tones. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Me}\p{Emoji_Modifier}]/gu;
/** Lone surrogates, private use, not assigned, jamo that did not compose, letters that join what follows them. */
const UNKNOWN =
  /[\p{Cs}\p{Co}\p{Cn}\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb\u0d4e\u{111c2}\u{111c3}\u{1193f}\u{11941}\u{11a3a}\u{11a84}-\u{11a89}\u{11d46}\u{11f02}]/gu;
const FLAG_LETTER = /[\u{1f1e6}-\u{1f1ff}]/gu;
const MARKS = new RegExp(`(\\p{M}{${MARKS_MAX}})\\p{M}+`, 'gu');
const STRAY_MARK = /^\p{Mn}+/u;

/** The text without anything that acts on a terminal, on one line, every grapheme of a known width. */
export function sanitize(text: string): string {
  if (PLAIN.test(text)) return text;
  return text
    .slice(0, TEXT_LENGTH_MAX)
    .replace(SEQUENCE, '')
    .replace(BLANK, ' ')
    .replace(UNSEEN, '')
    .normalize('NFC')
    .replace(UNKNOWN, '\ufffd')
    .replace(FLAG_LETTER, (flag) => String.fromCharCode((flag.codePointAt(0) ?? 0) - 0x1f1e6 + 65))
    .replace(MARKS, '$1')
    .replace(STRAY_MARK, '');
}
