/** The table of what became of each mutation. */

/** One mutation. */
export interface Row {
  readonly name: string;
  /** In how many seeds it was caught, or how many it outlived. */
  readonly seeds: number;
  /** How it was caught; '' when it was not. */
  readonly caught: string;
  /** Why it could not be tried, or ''. */
  readonly trouble: string;
  readonly seconds: number;
}

/** How it was caught is cut to this length. */
const HOW_LENGTH_MAX = 96;

/** One line of the table. */
export function lineOf({ name, seeds, caught, trouble, seconds }: Row, width: number): string {
  const how = trouble !== '' ? `NOT TRIED: ${trouble}` : caught !== '' ? caught : 'NOT CAUGHT';
  const shown = how.length > HOW_LENGTH_MAX ? `${how.slice(0, HOW_LENGTH_MAX - 1)}…` : how;
  return `${name.padEnd(width)}  ${String(seeds).padStart(5)}  ${seconds.toFixed(1).padStart(7)}  ${shown}`;
}

/** The head above such lines. */
export function headOf(width: number): string {
  return `${'mutation'.padEnd(width)}  ${'seeds'.padStart(5)}  ${'seconds'.padStart(7)}  caught by`;
}

/** How many were caught, and which were not. */
export function verdictOn(rows: readonly Row[]): string {
  const left = rows.filter(({ caught }) => caught === '').map(({ name }) => name);
  const caught = `${rows.length - left.length} of ${rows.length} mutations caught`;
  return left.length === 0 ? caught : `${caught}; not: ${left.join(', ')}`;
}
