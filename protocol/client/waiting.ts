/** The calls of a lane that have no number yet, in the order in which they were made, bounded in count and bytes. */
import type { Call } from './call.js';

/** Calls that may wait in one lane. */
export const WAITING_CALLS_MAX = 16_384;
/** Bytes of their bodies. */
export const WAITING_BYTES_MAX = 64 << 20;

/** A queue of calls, from which abandoned ones vanish. */
export class Waiting {
  #calls: Call[] = [];
  #head = 0;
  #live = 0;
  #bytes = 0;

  /** Calls that are still wanted. */
  get size(): number {
    return this.#live;
  }

  /** True when one more of `bytes` would be too much. */
  full(bytes: number): boolean {
    return this.#live >= WAITING_CALLS_MAX || (this.#live > 0 && this.#bytes + bytes > WAITING_BYTES_MAX);
  }

  push(call: Call): void {
    this.#calls.push(call);
    this.#live++;
    this.#bytes += call.body.length;
  }

  /** The oldest call that is still wanted. */
  peek(): Call | undefined {
    for (; this.#head < this.#calls.length; this.#head++) {
      const call = this.#calls[this.#head];
      if (call?.stage === 'waiting') return call;
    }
    return undefined;
  }

  /** Takes out the call that `peek` returned. */
  shift(): void {
    const call = this.#calls[this.#head];
    if (call === undefined) return;
    this.#head++;
    this.#forget(call);
  }

  /** `call` is wanted no more. */
  drop(call: Call): void {
    call.stage = 'done';
    this.#forget(call);
  }

  /** Takes everything out, in order. */
  clear(): Call[] {
    const calls = this.#calls.slice(this.#head).filter((call) => call.stage === 'waiting');
    this.#calls = [];
    this.#head = 0;
    this.#live = 0;
    this.#bytes = 0;
    return calls;
  }

  /** What is gone is swept out when it is most of what is kept, so each call is moved once or twice at most. */
  #forget(call: Call): void {
    this.#live--;
    this.#bytes -= call.body.length;
    if (this.#calls.length < 64 || this.#live > this.#calls.length / 2) return;
    this.#calls = this.#calls.slice(this.#head).filter((one) => one.stage === 'waiting');
    this.#head = 0;
  }
}
