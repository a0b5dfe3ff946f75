/** The operations that are not yet in the order, and which of them may come next. */
import { groups, type OkOperation, type Operation } from './history.js';

/** An operation and its number among those it is kept with. */
export interface Entry<Op> {
  readonly operation: Op;
  readonly index: number;
}

/** Operations to choose from. What was taken last has to be put back first. */
export interface Pool<Op> {
  /** The first one after `after` (undefined: of all) that was called before the moment `before`. */
  next(after: Entry<Op> | undefined, before: number): Entry<Op> | undefined;
  take(entry: Entry<Op>): void;
  putBack(entry: Entry<Op>): void;
  /** What has been taken, as text: equal only when the same operations have been, and never the beginning of another. */
  mark(): string;
}

class Link<Op> {
  readonly entry: Entry<Op> | undefined;
  previous: Link<Op> = this;
  next: Link<Op> = this;
  /** Neither this nor anything behind it was called before that moment. */
  earliest = Number.POSITIVE_INFINITY;

  constructor(entry?: Entry<Op>) {
    this.entry = entry;
  }
}

/**
 * Answered operations in order of return: a doubly linked list out of which links are lifted, and into which they fall
 * back where they were. Where Lowe keeps a link for every call and return, one an operation is enough in this order:
 * the return of the first bounds the calls of all that may come next.
 */
export class Line<I, O> implements Pool<OkOperation<I, O>> {
  /** Links to the first and the last. */
  readonly #head = new Link<OkOperation<I, O>>();
  readonly #links: Link<OkOperation<I, O>>[];
  /** Bit i % 16 of word i / 16: operation i is taken. */
  readonly #words: Uint16Array;
  /** Words before it are full. */
  #low = 0;
  /** Words from it on are empty. */
  #high = 0;

  constructor(operations: readonly OkOperation<I, O>[]) {
    const sorted = [...operations].sort((a, b) => a.returned - b.returned);
    this.#words = new Uint16Array((sorted.length >> 4) + 1);
    this.#links = sorted.map((operation, index) => new Link({ operation, index }));
    const head = this.#head;
    for (const link of this.#links) {
      link.previous = head.previous;
      link.next = head;
      head.previous.next = link;
      head.previous = link;
    }
    for (let link = head.previous; link.entry !== undefined; link = link.previous)
      link.earliest = Math.min(link.entry.operation.called, link.next.earliest);
  }

  /** The moment of the first return of those that are left, or Infinity. */
  get firstReturn(): number {
    return this.#head.next.entry?.operation.returned ?? Number.POSITIVE_INFINITY;
  }

  next(after: Entry<OkOperation<I, O>> | undefined, before: number): Entry<OkOperation<I, O>> | undefined {
    let link = this.#link(after).next;
    while (link.earliest < before) {
      const { entry } = link;
      if (entry === undefined || entry.operation.called < before) return entry;
      link = link.next;
    }
    return undefined;
  }

  take(entry: Entry<OkOperation<I, O>>): void {
    const link = this.#link(entry);
    link.previous.next = link.next;
    link.next.previous = link.previous;
    const word = entry.index >> 4;
    this.#words[word] = this.#word(word) | (1 << (entry.index & 15));
    this.#high = Math.max(this.#high, word + 1);
    while (this.#word(this.#low) === FULL) this.#low++;
  }

  putBack(entry: Entry<OkOperation<I, O>>): void {
    const link = this.#link(entry);
    link.previous.next = link;
    link.next.previous = link;
    const word = entry.index >> 4;
    this.#words[word] = this.#word(word) & ~(1 << (entry.index & 15));
    this.#low = Math.min(this.#low, word);
    while (this.#high > 0 && this.#word(this.#high - 1) === 0) this.#high--;
  }

  // Only the words that are neither full nor empty, as UTF-16: as many as there are operations under way at a time.
  mark(): string {
    let text = String.fromCharCode(this.#low, this.#high);
    for (let word = this.#low; word < this.#high; word++) text += String.fromCharCode(this.#word(word));
    return text;
  }

  #link(entry: Entry<OkOperation<I, O>> | undefined): Link<OkOperation<I, O>> {
    return (entry && this.#links[entry.index]) ?? this.#head;
  }

  #word(word: number): number {
    return this.#words[word] ?? 0;
  }
}

const FULL = 0xffff;

/**
 * Unknown operations, in groups of the same effect. Of a group they are taken in order of call: nobody waits for them
 * to return, so in any order that takes a later one first the two can change places, and one that takes only the later
 * can take the earlier instead. That makes a set of hundreds as cheap as a count.
 */
export class Groups<I, O> implements Pool<Operation<I, O>> {
  readonly #groups: { readonly entries: Entry<Operation<I, O>>[]; taken: number }[] = [];

  constructor(operations: readonly Operation<I, O>[], alike: (input: I) => string) {
    const byEffect = groups(operations, ({ input }) => alike(input));
    for (const group of byEffect.values()) {
      const sorted = group.sort((a, b) => a.called - b.called);
      const index = this.#groups.length;
      this.#groups.push({ entries: sorted.map((operation) => ({ operation, index })), taken: 0 });
    }
  }

  next(after: Entry<Operation<I, O>> | undefined, before: number): Entry<Operation<I, O>> | undefined {
    for (let i = after === undefined ? 0 : after.index + 1; i < this.#groups.length; i++) {
      const group = this.#groups[i];
      const entry = group?.entries[group.taken];
      if (entry !== undefined && entry.operation.called < before) return entry;
    }
    return undefined;
  }

  take(entry: Entry<Operation<I, O>>): void {
    const group = this.#groups[entry.index];
    if (group !== undefined) group.taken++;
  }

  putBack(entry: Entry<Operation<I, O>>): void {
    const group = this.#groups[entry.index];
    if (group !== undefined) group.taken--;
  }

  mark(): string {
    let text = '';
    for (const group of this.#groups) text += String.fromCharCode(group.taken);
    return text;
  }
}
