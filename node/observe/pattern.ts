/** Patterns for the names of metrics. They come from outside: the work is bounded by the lengths of pattern and name. */
import { METRIC_PREFIX } from '../../protocol/metrics.js';
import { fitsGlob } from '../glob.js';

/** Tells whether a name is meant. */
export type Matcher = (name: string) => boolean;

/**
 * With `*` (any text) or `?` (any character) a pattern has to fit a whole name, with its prefix or without; another one is looked for
 * anywhere in it. The empty pattern means every name.
 */
export function matcherOf(pattern: string): Matcher {
  if (!/[*?]/.test(pattern)) return (name) => name.includes(pattern);
  return (name) =>
    fitsGlob(name, pattern) || (name.startsWith(METRIC_PREFIX) && fitsGlob(name.slice(METRIC_PREFIX.length), pattern));
}
