/** What a lock or a semaphore may be called. */
import { LIMITS } from '../../../protocol/limits.js';

const { name_length_max } = LIMITS;

/** Why that is no name, or undefined. Names are shown in terminals and logs, and typed. */
export function lockNameProblem(name: string): string | undefined {
  if (name.length === 0) return 'a name is not empty';
  if (name.length > name_length_max) return `a name has at most ${name_length_max} characters`;
  return isPlain(name) || !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(name)
    ? undefined
    : 'a name has no control characters';
}

/** True when it is of printable ASCII, as most are. */
function isPlain(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e) return false;
  }
  return true;
}
