/** The messages of a chunk as numbers in one typed array: nothing on the heap is for one of them. */
import type { Ledger } from './ledger.js';

/** What it says of a message, each a number of 32 bits: its id, counted from the base of the chunk, ... */
export const OFFSET = 0;
/** ... the bytes of its body, */
export const LENGTH = 1;
/** where that lies in the arena, while the bodies are there, */
export const PLACE = 2;
/** and what has become of it: LIVE or GONE. */
export const STATE = 3;

export const GONE = 0;
export const LIVE = 1;

/** Greatest offset. */
export const OFFSET_MAX = 0xffffffff;

type Column = typeof OFFSET | typeof LENGTH | typeof PLACE | typeof STATE;

const WIDTH = 4;
/** Messages for which there is room at first; then it doubles. */
const ROWS_MIN = 16;
const NOTHING = new Uint32Array(0);

/** Messages by their slots 0, 1, 2, ..., ascending by their offsets, those that are gone included. */
export class RowIndex {
  /** Number of slots. */
  rows = 0;
  private readonly ledger: Ledger;
  private numbers = NOTHING;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  get(slot: number, column: Column): number {
    return this.numbers[slot * WIDTH + column] as number;
  }

  set(slot: number, column: Column, value: number): void {
    this.numbers[slot * WIDTH + column] = value;
  }

  /** Adds a message behind the others. */
  add(offset: number, length: number, place: number): void {
    const at = this.rows * WIDTH;
    if (at >= this.numbers.length) this.reserve(Math.max(2 * this.rows, ROWS_MIN));
    const { numbers } = this;
    numbers[at + OFFSET] = offset;
    numbers[at + LENGTH] = length;
    numbers[at + PLACE] = place;
    numbers[at + STATE] = LIVE;
    this.rows++;
  }

  /** The slot of that offset, or -1. */
  find(offset: number): number {
    // Offsets rise by one at least: none stands behind the slot of that number, and most stand right there.
    let high = Math.min(this.rows - 1, offset);
    if (high < 0) return -1;
    let low = this.get(high, OFFSET) === offset ? high : 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.get(middle, OFFSET) < offset) low = middle + 1;
      else high = middle;
    }
    return this.get(low, OFFSET) === offset ? low : -1;
  }

  /** Takes those out that are gone: the others move up. */
  compact(): void {
    const { numbers } = this;
    let kept = 0;
    for (let slot = 0; slot < this.rows; slot++) {
      if (this.get(slot, STATE) === GONE) continue;
      if (kept < slot) numbers.copyWithin(kept * WIDTH, slot * WIDTH, (slot + 1) * WIDTH);
      kept++;
    }
    this.rows = kept;
  }

  /** Makes room for so many messages. */
  reserve(rows: number): void {
    if (rows * WIDTH <= this.numbers.length) return;
    const numbers = new Uint32Array(rows * WIDTH);
    numbers.set(this.numbers);
    this.ledger.indexed += numbers.byteLength - this.numbers.byteLength;
    this.numbers = numbers;
  }

  /** Gives the memory back. No messages are left. */
  clear(): void {
    this.ledger.indexed -= this.numbers.byteLength;
    this.numbers = NOTHING;
    this.rows = 0;
  }
}
