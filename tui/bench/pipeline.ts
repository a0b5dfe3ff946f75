/** Keeps calls under way, always the same number: each is followed by the next one as soon as it is answered. */
import { performance } from 'node:perf_hooks';
import { ConcordError } from '../../protocol/errors.js';
import type { Histogram } from './histogram.js';

/** A place whose call failed waits so long before the next one, ms: a cluster that refuses is not flooded. */
const FAILED_PAUSE_MS = 5;
/** Failures after which a pipeline ends. */
export const FAILURES_MAX = 1000;

/** What to call, and how much of it. */
export interface PipelineOptions {
  /** Ways to make the call, one a client. The places of the pipeline are dealt out to them in turn. */
  readonly calls: readonly (() => Promise<unknown>)[];
  /** Calls under way at once. */
  readonly depth: number;
  /** Calls in all. */
  readonly calls_max: number;
}

/** A pipeline. Calls that fail are counted, and it goes on up to a number of them. */
export class Pipeline {
  /** Resolves when nothing is under way any more. */
  readonly ended: Promise<void>;
  readonly #now: () => number;
  readonly #failures = new Map<string, number>();
  #left: number;
  /** Places that still have a call under way, or will have one. */
  #busy = 0;
  #acknowledged = 0;
  #failed = 0;
  #unknown = 0;
  #failure: ConcordError | null = null;
  #latencies: Histogram | null = null;
  #end: () => void = () => {};

  /** Starts at once. `now` in ms. */
  constructor(options: PipelineOptions, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#left = options.calls_max;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#busy = options.depth;
    for (let i = 0; i < options.depth; i++) {
      const call = options.calls[i % options.calls.length];
      if (call === undefined) this.#leave();
      else this.#keepCalling(call);
    }
    if (options.depth === 0) this.#end();
  }

  /** Calls that were answered so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Failed calls of which nobody knows whether they took effect. */
  get unknown(): number {
    return this.#unknown;
  }

  /** Failed calls by code. */
  get failures(): ReadonlyMap<string, number> {
    return this.#failures;
  }

  /** Nothing is under way any more. */
  get over(): boolean {
    return this.#busy === 0;
  }

  /** It has ended because too many calls failed. */
  get exhausted(): boolean {
    return this.#failed >= FAILURES_MAX;
  }

  /** The first failure. */
  get failure(): ConcordError | null {
    return this.#failure;
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
        this.#leave();
        return;
      }
      this.#left--;
      started = this.#now();
      call().then(answered, failed);
    };
    const answered = () => {
      this.#acknowledged++;
      this.#latencies?.record(this.#now() - started);
      next();
    };
    const failed = (error: unknown) => {
      this.#count(error instanceof ConcordError ? error : new ConcordError('INTERNAL', String(error)));
      setTimeout(next, FAILED_PAUSE_MS);
    };
    next();
  }

  #count(error: ConcordError): void {
    this.#failures.set(error.code, (this.#failures.get(error.code) ?? 0) + 1);
    this.#failed++;
    if (!error.definite) this.#unknown++;
    this.#failure ??= error;
    if (this.exhausted) this.stop();
  }

  #leave(): void {
    this.#busy--;
    if (this.#busy === 0) this.#end();
  }
}
