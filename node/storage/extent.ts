/** Where the log of one group begins and ends, and the terms of its entries: what its records, told in order, come to. */
import type { RunHead, WrittenStart } from './record.js';

/** Entries of one term, up to the next stretch or the end of the log. */
interface Stretch {
  readonly first: number;
  readonly term: number;
}

export class Extent {
  /** Entries up to here are not in the log: given back, or never there. */
  floor = 0;
  /** Index of the last entry; the floor when there is none. */
  last = 0;
  /** Nobody needs entries up to here. */
  released = 0;
  /** Ascending. What lies before the first one has a term that is not known. */
  private stretches: Stretch[] = [];

  /** The term of an entry, or of what stands in for it; undefined when it is not known. */
  termAt(index: number): number | undefined {
    return index > this.last ? undefined : this.stretches.findLast(({ first }) => first <= index)?.term;
  }

  /** The log begins behind `index`, empty. */
  begin(index: number): void {
    this.floor = index;
    this.last = index;
    this.stretches = [];
  }

  /** A snapshot stands in for the log. */
  start({ index, term, keeps }: WrittenStart): void {
    if (keeps) {
      this.floor = Math.max(this.floor, index);
      return;
    }
    this.begin(index);
    this.stretches.push({ first: index, term });
  }

  /** Entries that continue the log, or replace it from the first of them on. */
  run({ first, count, term }: RunHead): void {
    if (first > this.last + 1) this.begin(first - 1);
    this.floor = Math.min(this.floor, first - 1);
    while ((this.stretches.at(-1)?.first ?? 0) >= first) this.stretches.pop();
    if (this.stretches.at(-1)?.term !== term) this.stretches.push({ first, term });
    this.last = first + count - 1;
  }

  /** Nobody needs entries up to `index`. */
  release(index: number): void {
    this.released = Math.max(this.released, index);
    // Terms are asked for behind it, and one of them begins at or before it.
    while ((this.stretches[1]?.first ?? Number.POSITIVE_INFINITY) <= this.released) this.stretches.shift();
  }
}
