/** Is a history linearizable: does it look as if each operation had happened at one instant between call and return? */
import { explainStuck } from './explain.js';
import { groups, HISTORY_LIMITS, type Operation } from './history.js';
import type { Model } from './model.js';
import { type SearchLimits, search } from './search.js';

/** How far a check goes unless told otherwise. */
export const CHECK_LIMITS: SearchLimits = { steps_max: 20_000_000, visited_max: 1_000_000 };

/** What a check came to. */
export interface Verdict<Input, Output> {
  /** `ok`: there is an order. `violation`: there is none. `undecided`: the limit came first. */
  readonly verdict: 'ok' | 'violation' | 'undecided';
  /** Steps of the model tried, of all objects. */
  readonly steps: number;
  /** The object that broke the rule, or on which it could not be decided; '' when all is well. */
  readonly object: string;
  /**
   * The longest order found, of that object; when all is well, the orders of all objects one after the other. Unknown
   * operations are in it where they took effect.
   */
  readonly longest: readonly Operation<Input, Output>[];
  /** Some lines for people; '' when all is well. */
  readonly explanation: string;
}

/**
 * Checks a history of any number of objects, each on its own: a history is linearizable if and only if that of each
 * object is (Herlihy & Wing 1990; Horn & Kroening 2015, "Faster linearizability checking via P-compositionality").
 * Refused operations must not have happened. Unknown ones may happen at any time after their call, or never.
 * @throws RangeError when an object has more operations than HISTORY_LIMITS allows, or the model cannot check its like
 */
export function checkLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  limits: Partial<SearchLimits> = {},
): Verdict<Input, Output> {
  const longest: Operation<Input, Output>[] = [];
  let undecided: Verdict<Input, Output> | undefined;
  let steps = 0;
  for (const [object, own] of groups(operations, (operation) => operation.object)) {
    for (const part of partsOf(model, own)) {
      const verdict = checkPart(model, object, part, { ...CHECK_LIMITS, ...limits });
      steps += verdict.steps;
      if (verdict.verdict === 'violation') return { ...verdict, steps };
      if (verdict.verdict === 'undecided') undecided ??= verdict;
      longest.push(...verdict.longest);
    }
  }
  return undecided === undefined
    ? { verdict: 'ok', steps, object: '', longest, explanation: '' }
    : { ...undecided, steps };
}

// Unknown reads have no effect, so they bind no parts together.
function partsOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): Iterable<readonly Operation<Input, Output>[]> {
  const counting = history.filter(({ ending, input }) => ending === 'ok' || !model.reads(input, undefined));
  if (counting.some(({ input }) => model.part?.(input) === undefined)) return [history];
  return groups(counting, ({ input }) => model.part?.(input)).values();
}

function checkPart<State, Input, Output>(
  base: Model<State, Input, Output>,
  object: string,
  history: readonly Operation<Input, Output>[],
  limits: SearchLimits,
): Verdict<Input, Output> {
  if (history.length > HISTORY_LIMITS.operations_max)
    throw new RangeError(`${object} has more than ${HISTORY_LIMITS.operations_max} operations`);
  const settled = base.settle?.(history) ?? { model: base, operations: history, contradictions: [] };
  const head = `${base.name} "${object}"`;
  if (settled.contradictions.length > 0) {
    const explanation = [`${head} is not linearizable:`, ...settled.contradictions].join('\n  ');
    return { verdict: 'violation', steps: 0, object, longest: [], explanation };
  }
  const operations = settled.operations.filter(({ ending }) => ending !== 'refused');
  const { verdict, steps, order, state } = search(settled.model, operations, limits);
  if (verdict === 'ok') return { verdict, steps, object, longest: order, explanation: '' };
  const what = verdict === 'violation' ? 'is not linearizable' : `was not decided within ${steps} steps`;
  const explanation = [`${head} ${what}:`, ...explainStuck(settled.model, operations, order, state)].join('\n  ');
  return { verdict, steps, object, longest: order, explanation };
}
