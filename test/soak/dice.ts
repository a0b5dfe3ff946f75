/** Random choices that a seed repeats. */
import type { Random } from '../../protocol/env.js';
import { seededRandom } from '../simulation/time.js';

export class Dice {
  readonly #random: Random;

  /** `seed`: a whole number of 0 or more. */
  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** 0 to `below` - 1. */
  below(below: number): number {
    return this.#random.uint32() % below;
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True in so many of a hundred cases. */
  percent(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** One of these. @throws RangeError when there is none */
  one<T>(of: readonly T[]): T {
    const [found] = of.slice(this.below(of.length));
    if (found === undefined) throw new RangeError('nothing to choose from');
    return found;
  }
}
