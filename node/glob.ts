/** Patterns with `*` (any text) and `?` (any character). They come from outside: the work is bounded by the lengths of pattern and name. */

/** True when the pattern fits the whole name. */
export function fitsGlob(name: string, pattern: string): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let taken = 0;
  // Only the last star is ever tried again: what an earlier one would take more of, this one can take.
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

/** The text with which every name begins that the pattern fits. */
export function beginningOf(pattern: string): string {
  return /^[^*?]*/.exec(pattern)?.[0] ?? '';
}
