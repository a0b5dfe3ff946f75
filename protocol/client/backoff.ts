/** Growing, jittered pauses between attempts, so that many clients never knock in step. */
import type { Random } from '../env.js';

/** The pauses after failures in a row: each between half and all of a span that doubles from `first_ms` to `last_ms`. */
export class Backoff {
  readonly #random: Random;
  readonly #first_ms: number;
  readonly #last_ms: number;
  #span_ms: number;

  constructor(random: Random, first_ms: number, last_ms: number) {
    this.#random = random;
    this.#first_ms = first_ms;
    this.#last_ms = last_ms;
    this.#span_ms = first_ms;
  }

  /** The next pause, ms. */
  next(): number {
    const span = this.#span_ms;
    this.#span_ms = Math.min(span * 2, this.#last_ms);
    return span * (0.5 + this.#random.uint32() / 2 ** 33);
  }

  /** Something went well: the next pause is a short one. */
  reset(): void {
    this.#span_ms = this.#first_ms;
  }
}
