/** Is a command line right, as far as can be told before it is run? */
import { ConcordError } from '../../protocol/errors.js';
import { needsYes } from '../grammar/confirm.js';
import { parse } from '../grammar/parse.js';
import type { WordName } from '../grammar/words.js';

/** What is wrong with a line: the code it would fail with, and the character, counted from 0, if it is one. */
export interface CommandProblem {
  readonly code: string;
  readonly message: string;
  readonly position: number | null;
}

/** The word that a line runs, or what is wrong with it. */
export function checkCommand(line: string): { readonly word: WordName } | CommandProblem {
  try {
    const command = parse(line);
    if (!needsYes(command)) return { word: command.word };
    return { code: 'CONFIRM', message: `${command.word} destroys something here: add --yes`, position: null };
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    const { position } = error.details;
    return { code: error.code, message: error.message, position: typeof position === 'number' ? position : null };
  }
}
