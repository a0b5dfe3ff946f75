/** Did you mean ...: the nearest of some names to one that was mistyped. */

/** Longer texts are nobody's mistyped name. */
const LENGTH_MAX = 32;

/** The one of `names` that `typed` was most likely meant to be, or undefined. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  if (typed.length < 2 || typed.length > LENGTH_MAX) return undefined;
  const wanted = typed.toLowerCase();
  let best: string | undefined;
  let least = Math.max(1, Math.floor(typed.length / 3)) + 1;
  for (const name of names) {
    const away = name.startsWith(wanted) ? 0 : distance(wanted, name);
    if (away < least) {
      least = away;
      best = name;
    }
  }
  return best;
}

/** Edits between two short texts: letters inserted, dropped, replaced, or two neighbours swapped. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(beforeLast, j - 2) + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
