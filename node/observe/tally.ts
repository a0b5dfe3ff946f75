/** Requests counted by what was asked and what came of it. */
import { operationName } from '../../protocol/operations.js';

/** What may come of a request. */
export const OUTCOMES = { done: 0, refused: 1, pending: 2, failed: 3, unknown: 4 } as const;
export type OutcomeNumber = (typeof OUTCOMES)[keyof typeof OUTCOMES];

/** Numbers of operations that are counted apart; all others count as 0. */
const OPERATIONS_MAX = 256;
const WIDTH = Object.keys(OUTCOMES).length;

/** A count for each operation and outcome. */
export class Tally {
  readonly #counts = new Float64Array(OPERATIONS_MAX * WIDTH);

  /** Counts one. */
  count(operation: number, outcome: OutcomeNumber): void {
    const at = (operation < OPERATIONS_MAX ? operation : 0) * WIDTH + outcome;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  /** The counts that are not 0. Operations of no known name are told as `other`. */
  rows(): { operation: string; outcome: string; count: number }[] {
    const rows = new Map<string, { operation: string; outcome: string; count: number }>();
    for (let number = 0; number < OPERATIONS_MAX; number++) {
      const operation = operationName(number) ?? 'other';
      for (const [outcome, place] of Object.entries(OUTCOMES)) {
        const count = this.#counts[number * WIDTH + place] ?? 0;
        if (count === 0) continue;
        const key = `${operation} ${outcome}`;
        rows.set(key, { operation, outcome, count: count + (rows.get(key)?.count ?? 0) });
      }
    }
    return [...rows.values()];
  }
}
