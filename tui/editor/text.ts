/** Where graphemes and words begin and end in a line. Positions are UTF-16 indexes on grapheme boundaries. */

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const WORD = /[\p{L}\p{N}\p{M}_]/u;

/** The boundary before `at`. */
export function graphemeBefore(text: string, at: number): number {
  if (at <= 0) return 0;
  return graphemes.segment(text).containing(at - 1)?.index ?? 0;
}

/** The boundary after `at`. */
export function graphemeAfter(text: string, at: number): number {
  const segment = graphemes.segment(text).containing(at);
  return segment ? segment.index + segment.segment.length : text.length;
}

/** The beginning of the word before `at`. */
export function wordBefore(text: string, at: number): number {
  let place = at;
  while (place > 0 && !isWord(text, graphemeBefore(text, place))) place = graphemeBefore(text, place);
  while (place > 0 && isWord(text, graphemeBefore(text, place))) place = graphemeBefore(text, place);
  return place;
}

/** The end of the word after `at`. */
export function wordAfter(text: string, at: number): number {
  let place = at;
  while (place < text.length && !isWord(text, place)) place = graphemeAfter(text, place);
  while (place < text.length && isWord(text, place)) place = graphemeAfter(text, place);
  return place;
}

/** The beginning of what stands between blanks before `at`: what ^W takes. */
export function chunkBefore(text: string, at: number): number {
  let place = at;
  while (place > 0 && text[place - 1] === ' ') place--;
  while (place > 0 && text[place - 1] !== ' ') place--;
  return place;
}

function isWord(text: string, at: number): boolean {
  return WORD.test(String.fromCodePoint(text.codePointAt(at) ?? 0x20));
}
