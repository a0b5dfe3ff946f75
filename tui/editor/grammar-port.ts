/** What the line editor needs to know of the language: completion and the signature of the word being typed. */
import type { Completion, Names } from '../grammar/index.js';

/** The language of the terminal as its prompt sees it. Pure functions. */
export interface Grammar {
  /** What can stand at `cursor`, a UTF-16 index into `line`. For an empty line: every word. */
  complete(line: string, cursor: number, names: Names): Completion;
  /** The signature of the word being typed, such as `dequeue [--wait 0]`; '' when there is none. */
  hint(line: string): string;
}
