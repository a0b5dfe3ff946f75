/** Latencies in a fixed number of buckets, each about 1.6 % wide: recording one costs no memory, and none is ever left out. */

/** Buckets a power of two. Below twice as many microseconds, every one has its own. */
const STEPS = 64;
const STEP_BITS = 6;
const US_MAX = 2 ** 32 - 1;
const BUCKETS = bucketOf(US_MAX) + 1;

/** A histogram of durations up to 71 minutes; longer ones count as that. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #max_us = 0;

  /** Durations recorded. */
  get count(): number {
    return this.#count;
  }

  /** The longest one, ms. 0 when there is none. */
  get max_ms(): number {
    return this.#max_us / 1000;
  }

  /** Adds a duration. */
  record(ms: number): void {
    const us = Math.min(Math.max(Math.round(ms * 1000), 0), US_MAX);
    const bucket = bucketOf(us);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    if (us > this.#max_us) this.#max_us = us;
  }

  /** Adds all that `other` holds. */
  add(other: Histogram): void {
    for (let i = 0; i < BUCKETS; i++) this.#counts[i] = (this.#counts[i] ?? 0) + (other.#counts[i] ?? 0);
    this.#count += other.#count;
    this.#max_us = Math.max(this.#max_us, other.#max_us);
  }

  /** Forgets everything. */
  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#max_us = 0;
  }

  /** So many ms or less took the fraction `q` (0 to 1) of all, at least one. Never less than it was. 0 when there is none. */
  quantile(q: number): number {
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i] ?? 0;
      if (seen >= rank) return Math.min(lastIn(i), this.#max_us) / 1000;
    }
    return 0;
  }
}

function bucketOf(us: number): number {
  const shift = shiftOf(us);
  return (shift << STEP_BITS) + (us >>> shift);
}

/** How many low bits of `us` do not count. */
function shiftOf(us: number): number {
  return Math.max(0, 31 - Math.clz32(us) - STEP_BITS);
}

/** The longest duration of a bucket, us. */
function lastIn(bucket: number): number {
  const shift = Math.max(0, (bucket >>> STEP_BITS) - 1);
  return (bucket - shift * STEPS + 1) * 2 ** shift - 1;
}
