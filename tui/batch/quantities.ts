/** Variables of a batch, and the quantities that are written with them. */

import { DURATION_MS_MAX } from '../grammar/limits.js';
import { durationOf } from '../grammar/value.js';
import type { Mistakes, Path, Source } from './source.js';
import { fillText, NoValue, template } from './template.js';

/** Names that the runner gives values to: the count of a repeat, the client's name, the number of its copy. */
export const GIVEN_NAMES: readonly string[] = ['i', 'client', 'index'];

/** Numbers and durations as they are written or as variables of the file have them. */
export class Quantities {
  readonly variables: ReadonlyMap<string, unknown>;
  readonly #source: Source;
  readonly #mistakes: Mistakes;

  constructor(variables: ReadonlyMap<string, unknown>, source: Source, mistakes: Mistakes) {
    this.variables = variables;
    this.#source = source;
    this.#mistakes = mistakes;
  }

  /** A whole number of 1 to `max`. */
  count(given: unknown, path: Path, max: number): number {
    const value = this.#resolved(given, path);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max) return value;
    if (value !== undefined)
      this.#mistakes.add(this.#source.of(path), `expected a whole number of 1 to ${max}, not ${JSON.stringify(value)}`);
    return 1;
  }

  /** Milliseconds. */
  duration(given: unknown, path: Path): number {
    const value = this.#resolved(given, path);
    const ms = typeof value === 'string' ? durationOf(value) : undefined;
    if (ms !== undefined && ms <= DURATION_MS_MAX) return ms;
    if (value !== undefined)
      this.#mistakes.add(
        this.#source.of(path),
        `expected a time such as 200ms, 5s or 2m, not ${JSON.stringify(value)}`,
      );
    return 0;
  }

  /** undefined after a mistake. */
  #resolved(given: unknown, path: Path): unknown {
    if (typeof given !== 'string') return given;
    try {
      return fillText(template(given), (name) => this.variables.get(name));
    } catch (error) {
      const why = error instanceof NoValue ? `${error.message}: only vars stand here` : (error as Error).message;
      this.#mistakes.add(this.#source.of(path), why);
      return undefined;
    }
  }
}
