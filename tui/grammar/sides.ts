/** The two sides of a cut: `n1 | n2 n3`. */
import { LIMITS } from '../../protocol/limits.js';
import type { Token } from './lex.js';
import { usageError } from './usage.js';

/** The ids of the nodes on either side: at least one each, none twice. */
export interface Sides {
  readonly left: readonly string[];
  readonly right: readonly string[];
}

/** Reads all of `tokens`, which end at `end`. @throws ConcordError USAGE at what is wrong */
export function readSides(tokens: readonly Token[], end: number): Sides {
  const left: string[] = [];
  const right: string[] = [];
  let bar = false;
  for (const { text, start } of tokens.flatMap(pieces)) {
    if (text === '|') {
      if (bar) throw usageError('one | divides the two sides: this is the second', start);
      if (left.length === 0) throw usageError('a node is expected before the |', start);
      bar = true;
    } else {
      if (text.length > LIMITS.id_length_max)
        throw usageError(`a name has at most ${LIMITS.id_length_max} characters`, start);
      if (left.includes(text) || right.includes(text)) throw usageError(`${text} is named twice`, start);
      (bar ? right : left).push(text);
    }
  }
  if (!bar) throw usageError('a | is expected between the two sides, as in n1 | n2 n3', end);
  if (right.length === 0) throw usageError('a node is expected after the |', end);
  return { left, right };
}

interface Piece {
  readonly text: string;
  readonly start: number;
}

/** A bar needs no spaces around it. */
function pieces(token: Token): Piece[] {
  if (token.form === 'brackets') throw usageError('the id of a node or a | is expected here', token.start);
  if (token.form === 'string') return [{ text: String(token.value), start: token.start }];
  return [...token.text.matchAll(/\||[^|]+/g)].map((match) => ({ text: match[0], start: token.start + match.index }));
}
