/** The error of a line that could not be understood: what is wrong, at which character, and what was perhaps meant. */
import { ConcordError } from '../../protocol/errors.js';

/** Facts about a line's error beyond its message. */
export interface UsageFacts {
  /** What was perhaps meant instead. */
  readonly suggestion?: string | undefined;
  /** How the word is used. */
  readonly usage?: string | undefined;
}

/** A USAGE error at the character `position` of the line, counted from 0. */
export function usageError(message: string, position: number, facts: UsageFacts = {}): ConcordError {
  return new ConcordError('USAGE', withSuggestion(message, facts.suggestion), { details: details(position, facts) });
}

/** An UNKNOWN_WORD error. */
export function unknownWord(word: string, position: number, suggestion: string | undefined): ConcordError {
  return new ConcordError('UNKNOWN_WORD', withSuggestion(`there is no word ${quoteShort(word)}`, suggestion), {
    details: details(position, { suggestion }),
  });
}

/** `text` in quotes, cut where it is long. */
export function quoteShort(text: string): string {
  return JSON.stringify(text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text);
}

/** Characters of a token that an error repeats. */
const SHOWN_MAX = 40;

function withSuggestion(message: string, suggestion: string | undefined): string {
  return suggestion === undefined ? message : `${message}; did you mean ${suggestion}?`;
}

function details(position: number, facts: UsageFacts): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ position, ...facts }).filter(([, fact]) => fact !== undefined));
}
