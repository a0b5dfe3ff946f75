/** The ConcordError that a function ends in. */
import { ConcordError } from '../../protocol/errors.js';

/** Runs `task` and returns the ConcordError that it throws; anything else fails the test. */
export function failureOf(task: () => unknown): ConcordError {
  try {
    task();
  } catch (error) {
    if (error instanceof ConcordError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
