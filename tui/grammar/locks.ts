/** Names and modes of locks as they are typed. */
import type { LockMode } from '../../protocol/client/types.js';
import { LIMITS } from '../../protocol/limits.js';
import type { Token } from './lex.js';
import { quoteShort, usageError } from './usage.js';

/** The modes of a lock, each with a few words about it. */
export const MODES: Readonly<Record<LockMode, string>> = {
  x: 'exclusive: nobody else',
  u: 'update: beside readers, may become x',
  s: 'shared: with others in s, and one in u',
};

/** The names in all of `tokens`. @throws ConcordError USAGE at what is wrong */
export function readLocks(tokens: readonly Token[]): readonly string[] {
  const names: string[] = [];
  for (const { text, start, form, value } of tokens) {
    const name = form === 'string' ? String(value) : text;
    if (form === 'brackets' || name === '') throw usageError('the name of a lock is expected here', start);
    if (name.length > LIMITS.name_length_max)
      throw usageError(`a name has at most ${LIMITS.name_length_max} characters`, start);
    if (names.includes(name)) throw usageError(`${name} is named twice`, start);
    if (names.length === LIMITS.locks_per_request_max)
      throw usageError(`at most ${LIMITS.locks_per_request_max} locks are asked for at once`, start);
    names.push(name);
  }
  return names;
}

/** The mode in a token. @throws ConcordError USAGE at the token */
export function readMode(token: Token): LockMode {
  return modeOf(token.form === 'bare' ? token.text : '', token);
}

/** The modes in a token, with commas between them. @throws ConcordError USAGE at the token */
export function readModes(token: Token): readonly LockMode[] {
  if (token.form !== 'bare') return [modeOf('', token)];
  return token.text.split(',').map((one) => modeOf(one, token));
}

function modeOf(text: string, token: Token): LockMode {
  const modes = Object.keys(MODES) as LockMode[];
  const mode = modes.find((one) => one === text);
  if (mode !== undefined) return mode;
  throw usageError(`a mode is s, u or x, not ${quoteShort(token.text)}`, token.start);
}
