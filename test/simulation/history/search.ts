/** The search for an order that explains the history of one object. */
import { type Entry, Groups, Line, type Pool } from './candidates.js';
import { isOk, type Operation } from './history.js';
import type { Model } from './model.js';

/** How far a search may go. */
export interface SearchLimits {
  /** Steps of the model tried for one object; past them its verdict is `undecided`. Ten take about a microsecond. */
  readonly steps_max: number;
  /** Beginnings of an order that are remembered, about 200 bytes each; past them it is `undecided` as well. */
  readonly visited_max: number;
}

/** What a search came to. */
export interface Found<State, Input, Output> {
  readonly verdict: 'ok' | 'violation' | 'undecided';
  /** Steps of the model that were tried. */
  readonly steps: number;
  /** The order that explains all answers, or the longest one found that explains as many as it can. */
  readonly order: readonly Operation<Input, Output>[];
  /** The state after it. */
  readonly state: State;
}

/** Operations put in order one after the other: the last of them, and how the search went on from there. */
interface Prefix<State, Op> {
  readonly state: State;
  /** Answered operations in it. */
  readonly answered: number;
  readonly before: Prefix<State, Op> | undefined;
  /** Its last operation, and where that was taken from. */
  readonly pool: Pool<Op> | undefined;
  readonly entry: Entry<Op> | undefined;
  /** What was tried last as the next: pool and entry. */
  trying: number;
  tried: Entry<Op> | undefined;
}

/**
 * Looks for an order of `operations` (none of them refused) that `model` can explain, in which nothing comes before
 * what had returned when it was called. Depth first after Wing & Gong 1993, "Testing and Verifying Concurrent Objects",
 * with Lowe's memory of (set of operations, state) that were reached before ("Testing for Linearizability", 2017),
 * without recursion. It differs in the order of trying: answers that change nothing first, then answered operations as
 * they returned, and only where none of them fits, or leads on, an unknown one.
 */
export function search<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  limits: SearchLimits,
): Found<State, Input, Output> {
  return new Search(model, operations).run(limits);
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #reads: Line<Input, Output>;
  readonly #writes: Line<Input, Output>;
  readonly #pools: readonly Pool<Operation<Input, Output>>[];
  readonly #answered: number;
  readonly #visited = new Set<string>();
  #steps = 0;

  constructor(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[]) {
    const answered = operations.filter(isOk);
    const unknown = operations.filter(({ ending, input }) => ending === 'unknown' && !model.reads(input, undefined));
    this.#model = model;
    this.#answered = answered.length;
    this.#reads = new Line(answered.filter(({ input, output }) => model.reads(input, output)));
    this.#writes = new Line(answered.filter(({ input, output }) => !model.reads(input, output)));
    this.#pools = [this.#reads, this.#writes, new Groups(unknown, (input) => model.alike(input))] as const;
  }

  run({ steps_max, visited_max }: SearchLimits): Found<State, Input, Output> {
    const start = { state: this.#model.init, answered: 0, before: undefined, pool: undefined, entry: undefined };
    let prefix: Prefix<State, Operation<Input, Output>> = { ...start, trying: 0, tried: undefined };
    let longest = prefix;
    for (;;) {
      if (prefix.answered > longest.answered) longest = prefix;
      if (prefix.answered === this.#answered) return this.#found('ok', longest);
      if (this.#steps >= steps_max || this.#visited.size >= visited_max) return this.#found('undecided', longest);
      const longer = this.#longer(prefix);
      if (longer !== undefined) {
        prefix = longer;
        continue;
      }
      const { before, pool, entry } = prefix;
      if (before === undefined || pool === undefined || entry === undefined) return this.#found('violation', longest);
      pool.putBack(entry);
      prefix = before;
    }
  }

  // The next prefix that was not reached before and that is longer by one, or undefined when there is no other.
  #longer(prefix: Prefix<State, Operation<Input, Output>>): Prefix<State, Operation<Input, Output>> | undefined {
    const before = Math.min(this.#reads.firstReturn, this.#writes.firstReturn);
    for (; prefix.trying < this.#pools.length; prefix.trying++, prefix.tried = undefined) {
      const pool = this.#pools[prefix.trying];
      if (pool === undefined) break;
      for (;;) {
        const entry = pool.next(prefix.tried, before);
        if (entry === undefined) break;
        prefix.tried = entry;
        const state = this.#after(prefix.state, entry.operation);
        if (state === undefined) continue;
        pool.take(entry);
        // In any order that goes on from here, an answer that changes nothing and fits now can be moved to the front.
        // So there is no need to try anything else.
        if (pool === this.#reads) prefix.trying = this.#pools.length;
        if (this.#isNew(state)) {
          const answered = prefix.answered + (entry.operation.ending === 'ok' ? 1 : 0);
          return { state, answered, before: prefix, pool, entry, trying: 0, tried: undefined };
        }
        pool.putBack(entry);
        if (pool === this.#reads) return undefined;
      }
    }
    return undefined;
  }

  #after(state: State, operation: Operation<Input, Output>): State | undefined {
    this.#steps++;
    if (operation.ending === 'ok') return this.#model.step(state, operation.input, operation.output);
    const after = this.#model.step(state, operation.input, undefined);
    return after === state ? undefined : after;
  }

  // Marks are no beginnings of each other, so their sum with the state's key is as exact as its parts.
  #isNew(state: State): boolean {
    let key = '';
    for (const pool of this.#pools) key += pool.mark();
    key += this.#model.key(state);
    const { size } = this.#visited;
    return this.#visited.add(key).size > size;
  }

  #found(
    verdict: Found<State, Input, Output>['verdict'],
    longest: Prefix<State, Operation<Input, Output>>,
  ): Found<State, Input, Output> {
    const order: Operation<Input, Output>[] = [];
    for (let at = longest; at.before !== undefined; at = at.before) if (at.entry) order.push(at.entry.operation);
    return { verdict, steps: this.#steps, order: order.reverse(), state: longest.state };
  }
}
