/** What a mutation is: a known mistake as texts that are replaced in a copy of the source. */

/** A text that stands exactly once in a file of the source, and what takes its place. */
export interface Edit {
  /** Path from the root of the project. */
  readonly file: string;
  /** May span lines. */
  readonly before: string;
  readonly after: string;
}

/** A mistake that somebody has made, or nearly. The program still compiles and breaks a promise or an invariant. */
export interface Mutation {
  /** In kebab-case. No two are the same. */
  readonly name: string;
  /** What was got wrong, and what it endangers. */
  readonly mistake: string;
  /** Where it is known from: the Raft paper or thesis, a public bug of another system, or thinking about this one. */
  readonly source: string;
  readonly edits: readonly Edit[];
}

/** How often `part` stands in `text`. */
export function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** `text` with an edit made. @throws Error when what is to be replaced does not stand in it exactly once */
export function edited(text: string, { file, before, after }: Edit): string {
  const times = occurrences(text, before);
  if (times !== 1) throw new Error(`what it replaces stands ${times} times in ${file}, not once: ${firstLine(before)}`);
  // A function, because a string would have its dollar signs read.
  return text.replace(before, () => after);
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
