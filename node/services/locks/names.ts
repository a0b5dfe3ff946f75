/** What a lock or a semaphore may be called. */
import { LIMITS } from '../../../protocol/limits.js';
import { isPrintable } from '../names.js';

const { name_length_max } = LIMITS;

/** Why that is no name, or undefined. */
export function lockNameProblem(name: string): string | undefined {
  if (name.length === 0) return 'a name is not empty';
  if (name.length > name_length_max) return `a name has at most ${name_length_max} characters`;
  return isPrintable(name) ? undefined : 'a name has no control characters';
}
