/**
 * Values by indexes that only rise, taken out in the same order: who waits for which entry. A ring, because a Map that is filled and
 * emptied all the time leaves tables behind that refer to each other and to all they held, and the collector copies them all.
 */

/** Slots to begin with: a power of 2. */
const SLOTS_MIN = 64;

/** A queue of values by index. Its size is bounded by what its owner bounds. */
export class InOrder<T> {
  #values: (T | undefined)[] = new Array<T | undefined>(SLOTS_MIN).fill(undefined);
  #indexes = new Float64Array(SLOTS_MIN);
  /** Slot of the first one. */
  #first = 0;
  #size = 0;
  #last = Number.NEGATIVE_INFINITY;

  get size(): number {
    return this.#size;
  }

  /** Keeps `value` under an index above all that were added since the last `clear`: that is an invariant. */
  add(index: number, value: T): void {
    if (index <= this.#last) throw new Error(`index ${index} is not above ${this.#last}`);
    this.#last = index;
    if (this.#size === this.#values.length) this.#widen();
    const slot = this.#slot(this.#size);
    this.#values[slot] = value;
    this.#indexes[slot] = index;
    this.#size++;
  }

  /** Takes out the value of that index, undefined when there is none, and drops all before it. */
  take(index: number): T | undefined {
    while (this.#size > 0 && (this.#indexes[this.#first] ?? 0) <= index) {
      const value = this.#values[this.#first];
      const at = this.#indexes[this.#first];
      this.#values[this.#first] = undefined;
      this.#first = this.#slot(1);
      this.#size--;
      if (at === index) return value;
    }
    return undefined;
  }

  /** Takes everything out, in order. */
  clear(): T[] {
    const values: T[] = [];
    for (let i = 0; i < this.#size; i++) {
      const value = this.#values[this.#slot(i)];
      if (value !== undefined) values.push(value);
    }
    this.#values = new Array<T | undefined>(SLOTS_MIN).fill(undefined);
    this.#indexes = new Float64Array(SLOTS_MIN);
    this.#first = 0;
    this.#size = 0;
    this.#last = Number.NEGATIVE_INFINITY;
    return values;
  }

  #slot(position: number): number {
    return (this.#first + position) & (this.#values.length - 1);
  }

  #widen(): void {
    const values = new Array<T | undefined>(2 * this.#size).fill(undefined);
    const indexes = new Float64Array(2 * this.#size);
    for (let i = 0; i < this.#size; i++) {
      const slot = this.#slot(i);
      values[i] = this.#values[slot];
      indexes[i] = this.#indexes[slot] ?? 0;
    }
    this.#values = values;
    this.#indexes = indexes;
    this.#first = 0;
  }
}
