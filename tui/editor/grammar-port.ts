/** What the line editor needs to know of the language: completion and the signature of the word being typed. */

/** The names that a line may mention. */
export interface Names {
  readonly nodes: readonly string[];
  readonly groups: readonly string[];
}

/** One way to go on. */
export interface Candidate {
  /** Replaces the line from `from` up to the cursor. */
  readonly text: string;
  /** A few words about it. */
  readonly help: string;
}

/** All ways to go on. */
export interface Completion {
  /** Where the part that is completed begins, a UTF-16 index into the line, at most the cursor. */
  readonly from: number;
  readonly candidates: readonly Candidate[];
}

/** The language of the terminal as its prompt sees it. Pure functions. */
export interface Grammar {
  /** What can stand at `cursor`, a UTF-16 index into `line`. For an empty line: every word. */
  complete(line: string, cursor: number, names: Names): Completion;
  /** The signature of the word being typed, such as `dequeue [--wait 0]`; '' when there is none. */
  hint(line: string): string;
}
