/** How many cells of a terminal a text takes, and cutting it to a number of cells. For sanitised text only. */

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** Letters of one cell each that never join: ASCII, Latin, punctuation, box drawing, blocks. */
const PLAIN = /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u2010-\u2027\u2030-\u205e\u2500-\u25fc]*$/;
const EMOJI = /^\p{Emoji_Presentation}$/u;
const NO_CELL = /^[\p{Mn}\p{Me}]$/u;

/** First and last code points of what takes two cells, emoji aside. Gaps that are not assigned are run over. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2630, 0x2637],
  [0x268a, 0x268f],
  [0x2e80, 0x303e],
  [0x3041, 0x3247],
  [0x3250, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6b],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2fb],
  [0x1d300, 0x1d356],
  [0x1d360, 0x1d376],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];

/** One grapheme and the cells it takes. */
export interface Cell {
  readonly text: string;
  readonly width: number;
}

/** The graphemes of a text with their widths. */
export function cellsOf(text: string): Cell[] {
  if (PLAIN.test(text)) return Array.from(text, (letter) => ({ text: letter, width: 1 }));
  return Array.from(segmenter.segment(text), ({ segment }) => ({ text: segment, width: graphemeWidth(segment) }));
}

/** The cells that a text takes. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  return cellsOf(text).reduce((sum, cell) => sum + cell.width, 0);
}

/** The text in at most `width` cells: as it is, or its beginning and `mark`. */
export function cutTo(text: string, width: number, mark = '…'): string {
  if (width <= 0) return '';
  if (widthOf(text) <= width) return text;
  const room = width - widthOf(mark);
  if (room < 0) return '';
  let taken = 0;
  let kept = '';
  for (const cell of cellsOf(text)) {
    if (taken + cell.width > room) break;
    kept += cell.text;
    taken += cell.width;
  }
  return kept + mark;
}

/** The text in exactly `width` cells: cut, or padded behind (or before, for numbers). */
export function fitTo(text: string, width: number, align: 'left' | 'right' = 'left', mark = '…'): string {
  const cut = cutTo(text, width, mark);
  const blank = ' '.repeat(Math.max(0, width - widthOf(cut)));
  return align === 'left' ? cut + blank : blank + cut;
}

/** The text in lines of at most `width` cells, broken at spaces where there are some. At most `lines_max` lines. */
export function wrapTo(text: string, width: number, lines_max: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (widthOf(rest) > width && lines.length < lines_max - 1) {
    const head = headOf(rest, Math.max(1, width));
    const space = head.lastIndexOf(' ');
    const end = space > head.length / 2 ? space : head.length;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  lines.push(cutTo(rest, width));
  return lines;
}

/** As many graphemes as fit, at least one. */
function headOf(text: string, width: number): string {
  let taken = 0;
  let head = '';
  for (const cell of cellsOf(text)) {
    if (taken + cell.width > width && head !== '') break;
    head += cell.text;
    taken += cell.width;
  }
  return head;
}

function graphemeWidth(grapheme: string): number {
  let width = 0;
  for (const character of grapheme) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (NO_CELL.test(character)) return 0;
  if (EMOJI.test(character)) return 2;
  return isWide(code) ? 2 : 1;
}

function isWide(code: number): boolean {
  return WIDE.some(([first, last]) => code >= first && code <= last);
}
