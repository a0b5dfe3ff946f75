/** The commands of a lane that have a number and no answer yet, at most LIMITS.window_max beyond the oldest of them. */
import { LIMITS } from '../limits.js';
import type { Call } from './call.js';

/** A window over the numbers of a lane. */
export class Window {
  readonly #ring: (Call | undefined)[] = new Array<Call | undefined>(LIMITS.window_max).fill(undefined);
  #first = 1;
  #next = 1;
  #bytes = 0;

  /** The lowest number without an answer, or the next to be given. */
  get first(): number {
    return this.#first;
  }

  /** The next number to be given. */
  get next(): number {
    return this.#next;
  }

  /** Every number up to this one has been answered. */
  get confirmed(): number {
    return this.#first - 1;
  }

  get full(): boolean {
    return this.#next - this.#first >= LIMITS.window_max;
  }

  /** Bytes of the bodies in it. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The unanswered call of that number. */
  at(number: number): Call | undefined {
    return number >= this.#first && number < this.#next ? this.#ring[number % LIMITS.window_max] : undefined;
  }

  /** Gives `call` the next number. Only while it is not full. */
  add(call: Call): void {
    call.number = this.#next++;
    call.stage = 'numbered';
    this.#ring[call.number % LIMITS.window_max] = call;
    this.#bytes += call.body.length;
  }

  /** `call` has been answered. */
  remove(call: Call): void {
    if (this.at(call.number) !== call) return;
    this.#ring[call.number % LIMITS.window_max] = undefined;
    this.#bytes -= call.body.length;
    while (this.#first < this.#next && this.#ring[this.#first % LIMITS.window_max] === undefined) this.#first++;
  }

  /** Takes the number back from a call that is sure not to have run; false when a later number has been given. */
  retract(call: Call): boolean {
    if (call.number !== this.#next - 1) return false;
    this.remove(call);
    this.#next--;
    if (this.#first > this.#next) this.#first = this.#next;
    return true;
  }

  /** Turns `call` into a `lane.void` in its place. */
  giveUp(call: Call): void {
    const kept = call.body.length;
    call.giveUp();
    if (this.at(call.number) === call) this.#bytes += call.body.length - kept;
  }

  /** Takes everything out, in order, and numbers from 1 again. */
  clear(): Call[] {
    const calls: Call[] = [];
    for (let number = this.#first; number < this.#next; number++) {
      const call = this.at(number);
      if (call !== undefined) calls.push(call);
    }
    this.#ring.fill(undefined);
    this.#first = 1;
    this.#next = 1;
    this.#bytes = 0;
    return calls;
  }
}
