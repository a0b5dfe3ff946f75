/** Patterns for the names of metrics. They come from outside: the work is bounded by the lengths of pattern and name. */
import { METRIC_PREFIX } from '../../protocol/metrics.js';

/** Tells whether a name is meant. */
export type Matcher = (name: string) => boolean;

/**
 * With `*` (any text) or `?` (any character) a pattern has to fit a whole name, with its prefix or without; another one is looked for
 * anywhere in it. The empty pattern means every name.
 */
export function matcherOf(pattern: string): Matcher {
  if (!/[*?]/.test(pattern)) return (name) => name.includes(pattern);
  return (name) =>
    fits(name, pattern) || (name.startsWith(METRIC_PREFIX) && fits(name.slice(METRIC_PREFIX.length), pattern));
}

// Only the last star is ever tried again: what an earlier one would take more of, this one can take.
function fits(name: string, pattern: string): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let taken = 0;
  while (at < name.length) {
    const wanted = pattern[next];
    if (wanted === '*') {
      star = next++;
      taken = at;
    } else if (wanted === '?' || wanted === name[at]) {
      at++;
      next++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++taken;
    } else return false;
  }
  while (pattern[next] === '*') next++;
  return next === pattern.length;
}
