/** Counts of values in fixed buckets that widen with the value: recording one is a few steps on a typed array and no memory. */

/** Buckets a power of two: each is at most an eighth wider than its lower end. */
const STEPS = 8;
const STEP_BITS = 3;
/** Larger values count as this. */
const VALUE_MAX = 2 ** 32 - 1;
const BUCKETS = bucketOf(VALUE_MAX) + 1;
/** Bounds of the buckets that are told to others: powers of this. */
const BOUND_BASE = 4;
const BOUNDS = Array.from({ length: 16 }, (_, i) => BOUND_BASE ** i);

// Places in `#totals`.
const COUNT = 0;
const SUM = 1;
const MAX = 2;

/** How values were spread. */
export interface Distribution {
  readonly count: number;
  readonly sum: number;
  /** So much or less was the fraction `q` (0 to 1) of all. 0 when there is none. */
  quantile(q: number): number;
}

/** A histogram of whole numbers up to 2^32 - 1, told in a larger unit. */
export class Histogram implements Distribution {
  readonly #perUnit: number;
  readonly #counts = new Float64Array(BUCKETS);
  readonly #totals = new Float64Array(3);

  /** `perUnit` 1,000,000: what is recorded are microseconds, what is told are seconds. */
  constructor(perUnit = 1) {
    this.#perUnit = perUnit;
  }

  get count(): number {
    return this.#totals[COUNT] ?? 0;
  }

  get sum(): number {
    return (this.#totals[SUM] ?? 0) / this.#perUnit;
  }

  /** Adds a value; part of a whole counts as one. */
  record(value: number): void {
    const whole = Math.min(Math.max(Math.ceil(value), 0), VALUE_MAX);
    const bucket = bucketOf(whole);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#totals[COUNT] = (this.#totals[COUNT] ?? 0) + 1;
    this.#totals[SUM] = (this.#totals[SUM] ?? 0) + whole;
    if (whole > (this.#totals[MAX] ?? 0)) this.#totals[MAX] = whole;
  }

  /** Never less than it was, and at most an eighth (or one) more. */
  quantile(q: number): number {
    const rank = Math.max(1, Math.ceil(q * this.count));
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i] ?? 0;
      if (seen >= rank) return Math.min(lastIn(i), this.#totals[MAX] ?? 0) / this.#perUnit;
    }
    return 0;
  }

  /** How many values were at most each of some bounds, ascending; the last bound is Infinity. */
  buckets(): [bound: number, count: number][] {
    const rows: [number, number][] = [];
    let seen = 0;
    let next = 0;
    for (const bound of BOUNDS) {
      for (; next < BUCKETS && lastIn(next) <= bound; next++) seen += this.#counts[next] ?? 0;
      rows.push([bound / this.#perUnit, seen]);
    }
    rows.push([Number.POSITIVE_INFINITY, this.count]);
    return rows;
  }
}

/** A histogram of durations, told in seconds. */
export class Durations extends Histogram {
  constructor() {
    super(1_000_000);
  }

  /** Adds a duration. */
  recordMs(ms: number): void {
    this.record(ms * 1000);
  }
}

// Bounds are the last of their buckets, as powers of two have to be: one less than a value is what is cut into buckets.
function bucketOf(value: number): number {
  const below = value === 0 ? 0 : value - 1;
  const shift = Math.max(0, 31 - Math.clz32(below) - STEP_BITS);
  return (shift << STEP_BITS) + (below >>> shift);
}

/** The greatest value of a bucket. */
function lastIn(bucket: number): number {
  const shift = Math.max(0, (bucket >>> STEP_BITS) - 1);
  return (bucket - shift * STEPS + 1) * 2 ** shift;
}
