/** Keeps calls under way, always the same number: each is followed by the next one as soon as it is answered. */
import { performance } from 'node:perf_hooks';
import type { Histogram } from './histogram.js';

/** What to call, and how much of it. */
export interface PipelineOptions {
  /** Ways to make the call, taken in turn: one a client. */
  readonly calls: readonly (() => Promise<unknown>)[];
  /** Calls under way at once. */
  readonly depth: number;
  /** Calls in all. */
  readonly calls_max: number;
}

/** A pipeline. The first call that fails ends it. */
export class Pipeline {
  /** Resolves when nothing is under way any more; rejects with what a call failed with. */
  readonly ended: Promise<void>;
  readonly #now: () => number;
  #left: number;
  #underWay = 0;
  #acknowledged = 0;
  #latencies: Histogram | null = null;
  #failure: { readonly error: unknown } | null = null;
  #end: () => void = () => {};

  /** Starts at once. `now` in ms. */
  constructor(options: PipelineOptions, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#left = options.calls_max;
    this.ended = new Promise((resolve, reject) => {
      this.#end = () => (this.#failure === null ? resolve() : reject(this.#failure.error));
    });
    // Whoever waits for it hears of a failure; until somebody does, it is nobody's unhandled one.
    this.ended.catch(() => {});
    for (let i = 0; i < options.depth; i++) {
      const call = options.calls[i % options.calls.length];
      if (call !== undefined) this.#keepCalling(call);
    }
    if (this.#underWay === 0) this.#end();
  }

  /** Calls that were answered so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Records what is answered from now on; null for nothing. */
  record(latencies: Histogram | null): void {
    this.#latencies = latencies;
  }

  /** Makes no further call. */
  stop(): void {
    this.#left = 0;
  }

  /** One place in the pipeline. What it needs is made once, so that a call costs this process as little as may be. */
  #keepCalling(call: () => Promise<unknown>): void {
    let started = 0;
    const next = () => {
      if (this.#left === 0) {
        if (this.#underWay === 0) this.#end();
        return;
      }
      this.#left--;
      this.#underWay++;
      started = this.#now();
      call().then(answered, failed);
    };
    const answered = () => {
      this.#underWay--;
      this.#acknowledged++;
      this.#latencies?.record(this.#now() - started);
      next();
    };
    const failed = (error: unknown) => {
      this.#underWay--;
      this.#failure ??= { error };
      this.#left = 0;
      next();
    };
    next();
  }
}
