/** Memory for the bodies of a chunk, one behind the other. What was handed out stays as it is: nothing is written twice. */
import type { Ledger } from './ledger.js';

/** Bytes of an arena, unless a single body is longer. */
export const ARENA_BYTES_MAX = 65_536;

/** What the first body takes at least; then it doubles. Most queues are short. */
const ARENA_BYTES_MIN = 2048;

const NOTHING = Buffer.alloc(0);

/** The bodies of a chunk that are in memory. */
export class Arena {
  /** Bytes of the bodies in it. */
  used = 0;
  private readonly ledger: Ledger;
  private memory = NOTHING;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  /** Bytes of memory that it takes. */
  get size(): number {
    return this.memory.length;
  }

  /** Copies a body, or several: where they lie from now on. */
  keep(bodies: Buffer): number {
    const place = this.used;
    const end = place + bodies.length;
    if (end > this.memory.length) this.grow(end);
    bodies.copy(this.memory, place);
    this.used = end;
    return place;
  }

  /** What lies at a place: not to be changed. */
  at(place: number, length: number): Buffer {
    return this.memory.subarray(place, place + length);
  }

  /** Gives the memory back. All places are void. */
  clear(): void {
    this.ledger.resident -= this.memory.length;
    this.memory = NOTHING;
    this.used = 0;
  }

  private grow(needed: number): void {
    // Bodies that come back from the base come all at once, and hardly any behind them.
    const doubled = Math.min(Math.max(2 * this.memory.length, ARENA_BYTES_MIN), ARENA_BYTES_MAX);
    const memory = Buffer.allocUnsafeSlow(Math.max(needed, doubled));
    this.memory.copy(memory, 0, 0, this.used);
    this.ledger.resident += memory.length - this.memory.length;
    this.memory = memory;
  }
}
