/**
 * The requests on a link by their correlation ids, in a ring. A Map would do, but that its tables outlive it: each time it makes room
 * it leaves the old one behind, which refers to the next and to all it held, and under load the collector copies them all.
 */

/** Correlation ids stay within what JavaScript handles as small integers. */
const ID_MAX = 2 ** 30 - 1;
/** Slots to begin with: a power of 2. */
const SLOTS_MIN = 64;

/** Values by ids that it hands out. Its size is bounded by what its owner bounds. */
export class Requests<T> {
  /** The value of an id stands at the id modulo the length, at most half of which is in use. */
  #values: (T | undefined)[] = new Array<T | undefined>(SLOTS_MIN).fill(undefined);
  #ids = new Uint32Array(SLOTS_MIN);
  #last = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Keeps `value`. Returns its id, 1 to 2^30 - 1, which no other value has. */
  add(value: T): number {
    if (2 * this.#size >= this.#values.length) this.#widen();
    do this.#last = this.#last === ID_MAX ? 1 : this.#last + 1;
    while (this.#values[this.#slot(this.#last)] !== undefined);
    this.#put(this.#last, value);
    this.#size++;
    return this.#last;
  }

  /** Takes the value of that id out; undefined when there is none. */
  take(id: number): T | undefined {
    const slot = this.#slot(id);
    const value = this.#values[slot];
    if (value === undefined || this.#ids[slot] !== id) return undefined;
    this.#values[slot] = undefined;
    this.#size--;
    return value;
  }

  /** Takes everything out, in the order of ids. */
  clear(): T[] {
    const values = this.#entries().map(([, value]) => value);
    this.#values = new Array<T | undefined>(SLOTS_MIN).fill(undefined);
    this.#ids = new Uint32Array(SLOTS_MIN);
    this.#size = 0;
    return values;
  }

  #slot(id: number): number {
    return id & (this.#values.length - 1);
  }

  #put(id: number, value: T): void {
    const slot = this.#slot(id);
    this.#values[slot] = value;
    this.#ids[slot] = id;
  }

  #widen(): void {
    const entries = this.#entries();
    this.#values = new Array<T | undefined>(2 * this.#values.length).fill(undefined);
    this.#ids = new Uint32Array(this.#values.length);
    for (const [id, value] of entries) this.#put(id, value);
  }

  #entries(): [number, T][] {
    const entries: [number, T][] = [];
    for (const [slot, value] of this.#values.entries())
      if (value !== undefined) entries.push([this.#ids[slot] ?? 0, value]);
    return entries.sort(([a], [b]) => a - b);
  }
}
