/** What simulated clients asked and were told, and in which order: the history that has to be explained. */

/** Limits of a history. */
export const HISTORY_LIMITS = {
  /** Operations of one history: a run has some thousands. The checker counts them in 16 bits. */
  operations_max: 60_000,
} as const;

/** That a client asked for something. */
export interface Asked<Input> {
  readonly client: string;
  /** What it concerns: objects are independent of each other, and each is checked on its own. */
  readonly object: string;
  readonly input: Input;
  /** Simulated time of the call, ms. */
  readonly call: number;
  /** Place of the call in the strict order of all calls and returns: two of them may share a millisecond. */
  readonly called: number;
}

/** It was told the result: the operation took effect, once, between call and return. */
export interface Answered<Output> {
  readonly ending: 'ok';
  readonly output: Output;
  /** Simulated time of the return, ms. */
  readonly return: number;
  /** Place of the return in the strict order. */
  readonly returned: number;
  /** The answer never came to the client: that it ran, and before `returned`, follows from what others were told. */
  readonly deduced?: true;
}

/** It was told a definite error: the operation never took effect and never will. */
export interface Refused {
  readonly ending: 'refused';
  readonly return: number;
  readonly returned: number;
}

/** It was told nothing, or an indefinite error: the operation takes effect at any time after its call, or never. */
export interface Unknown {
  readonly ending: 'unknown';
  /** Always Infinity. */
  readonly return: number;
  readonly returned: number;
}

export type Operation<Input, Output> = Asked<Input> & (Answered<Output> | Refused | Unknown);

/** Operation of which the result is known. */
export type OkOperation<Input, Output> = Asked<Input> & Answered<Output>;

/** A moment of a history. */
export interface Moment {
  /** Simulated time, ms. */
  readonly time: number;
  /** Place in the strict order of all calls and returns. */
  readonly place: number;
}

/** Names an operation that was recorded. */
export type Handle = number;

/** Writes down what simulated clients do. Operations that nobody ended count as unknown. */
export class Recorder<Input, Output> {
  readonly #operations: Operation<Input, Output>[] = [];
  readonly #open = new Set<Handle>();
  #moments = 0;
  #now = Number.NEGATIVE_INFINITY;

  /** Number of operations, ended or not. */
  get size(): number {
    return this.#operations.length;
  }

  /** The moment behind all that was recorded, at simulated time `now`, ms. @throws RangeError when time goes back */
  moment(now: number): Moment {
    return { time: now, place: this.#moment(now) };
  }

  /** Something of which nobody hears may have begun at an earlier moment. @throws RangeError when the history is full */
  since(moment: Moment, client: string, object: string, input: Input): void {
    this.#add({ client, object, input, call: moment.time, called: moment.place, ...UNKNOWN });
  }

  /** A client asks, at simulated time `now`, ms. @throws RangeError when the history is full or time goes back */
  call(client: string, object: string, input: Input, now: number): Handle {
    const called = this.#moment(now);
    const handle = this.#add({ client, object, input, call: now, called, ...UNKNOWN });
    this.#open.add(handle);
    return handle;
  }

  /** It was told the result. @throws RangeError when the operation has ended or time goes back */
  ok(handle: Handle, output: Output, now: number): void {
    this.#end(handle, { ending: 'ok', output, return: now, returned: this.#moment(now) });
  }

  /** It was told a definite error. @throws RangeError when the operation has ended or time goes back */
  refused(handle: Handle, now: number): void {
    this.#end(handle, { ending: 'refused', return: now, returned: this.#moment(now) });
  }

  /** It gave up, or was told an indefinite error. @throws RangeError when the operation has ended */
  unknown(handle: Handle): void {
    this.#end(handle, UNKNOWN);
  }

  /** All operations as they stand, in order of their calls. */
  history(): readonly Operation<Input, Output>[] {
    return [...this.#operations].sort((a, b) => a.called - b.called);
  }

  #add(operation: Operation<Input, Output>): Handle {
    if (this.size >= HISTORY_LIMITS.operations_max)
      throw new RangeError(`a history holds at most ${HISTORY_LIMITS.operations_max} operations`);
    return this.#operations.push(operation) - 1;
  }

  #moment(now: number): number {
    if (!(now >= this.#now)) throw new RangeError(`time goes back from ${this.#now} to ${now} ms`);
    this.#now = now;
    return ++this.#moments;
  }

  #end(handle: Handle, ending: Answered<Output> | Refused | Unknown): void {
    const operation = this.#operations[handle];
    if (operation === undefined || !this.#open.delete(handle)) throw new RangeError(`operation ${handle} is not open`);
    const { client, object, input, call, called } = operation;
    this.#operations[handle] = { client, object, input, call, called, ...ending };
  }
}

/** An unknown operation that ran after all, as the answer `observer` shows: it took effect before that returned. */
export function deduced<Input, Output>(
  operation: Operation<Input, Output>,
  output: Output,
  observer: OkOperation<Input, Output>,
): OkOperation<Input, Output> {
  const { client, object, input, call, called } = operation;
  // Half a place: next to the observer's return and before it, and nobody else's.
  const returned = observer.returned - 0.5;
  return {
    client,
    object,
    input,
    call,
    called,
    ending: 'ok',
    output,
    return: observer.return,
    returned,
    deduced: true,
  };
}

/** True of operations whose result is known. */
export function isOk<Input, Output>(operation: Operation<Input, Output>): operation is OkOperation<Input, Output> {
  return operation.ending === 'ok';
}

/** The values in groups of the same key, each in the order in which it came. */
export function groups<Value, Key>(values: readonly Value[], keyOf: (value: Value) => Key): Map<Key, Value[]> {
  const found = new Map<Key, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = found.get(key);
    if (group === undefined) found.set(key, [value]);
    else group.push(value);
  }
  return found;
}

const UNKNOWN: Unknown = {
  ending: 'unknown',
  return: Number.POSITIVE_INFINITY,
  returned: Number.POSITIVE_INFINITY,
};
