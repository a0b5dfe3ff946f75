/** What the checker asks of a model: an object as it would behave if it did one thing after the other. */
import type { Operation } from './history.js';

/**
 * A sequential object. Models are pure: states are never changed, and a step costs about the same however much the
 * object holds. `Output` has to exclude undefined, which stands for an answer that never came.
 */
export interface Model<State, Input, Output> {
  readonly name: string;
  readonly init: State;
  /**
   * The state after `input` was answered with `output`, or undefined when it cannot be answered so. With `output`
   * undefined any answer would do; an effect that nobody can ever notice may be left out by returning `state` itself.
   */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** Equal for two states if and only if no further operation can tell them apart. */
  key(state: State): string;
  /**
   * True when no state is changed by an operation that was answered so; with `output` undefined, by any answer. Such
   * an operation can go first wherever it fits, and needs no place at all when its answer is unknown.
   */
  reads(input: Input, output: Output | undefined): boolean;
  /** Equal for two inputs when their effects are the same in every state as long as both answers stay unknown. */
  alike(input: Input): string;
  /** The operation in a few words; `output` undefined when it is unknown. */
  describe(input: Input, output: Output | undefined): string;
  /** The state in a few words. */
  show(state: State): string;
  /**
   * Which part of the object the operation is about, where parts are independent of each other; undefined when it is
   * about all of them. A history in which every operation has a part is checked part by part.
   */
  part?(input: Input): string | undefined;
  /** Narrows a history of one object by what its answers tell of each other, without changing the verdict. */
  settle?(operations: readonly Operation<Input, Output>[]): Settled<State, Input, Output>;
}

/** What `settle` makes of a history. */
export interface Settled<State, Input, Output> {
  /** The model to check with. */
  readonly model: Model<State, Input, Output>;
  /** The operations to explain. */
  readonly operations: readonly Operation<Input, Output>[];
  /** Answers that no order could explain, one a line. Empty when none is found so early. */
  readonly contradictions: readonly string[];
}
