/** A steady load: so many commands a second, sent when their time has come, whether the ones before are answered or not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Histogram } from '../../tui/bench/histogram.js';
import type { Stream } from './stream.js';

/** Pairs of commands under way above which none is sent: the window of a session has room for them. */
export const UNDER_WAY_MAX = 900;
const LOOK_MS = 2;

/** What was answered in some time. */
export class Latencies {
  readonly times = new Histogram();
  /** That were not sent when their time had come, for too many were under way. */
  skipped = 0;

  toString(): string {
    const { times } = this;
    const parts = [0.5, 0.99, 0.999].map((q) => `p${q * 100} ${times.quantile(q).toFixed(1)}`);
    const skipped = this.skipped === 0 ? '' : `, ${this.skipped} not sent in time`;
    return `${parts.join(' ')} max ${times.max_ms.toFixed(1)} ms (${times.count} commands${skipped})`;
  }
}

/** Enqueues and dequeues in turn. The first failure is told by `stop`. */
export class SteadyLoad {
  readonly #stream: Stream;
  readonly #per_ms: number;
  #phase = new Latencies();
  #underWay = 0;
  #stopped = false;
  #failure: Error | null = null;
  readonly #ended: Promise<void>;

  constructor(stream: Stream, commands_per_s: number) {
    this.#stream = stream;
    this.#per_ms = commands_per_s / 1000;
    this.#ended = this.#run();
  }

  /** What is sent from now on counts here. */
  begin(): Latencies {
    this.#phase = new Latencies();
    return this.#phase;
  }

  /** Sends no more; resolves when all is answered. @throws the first failure */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
    if (this.#failure !== null) throw this.#failure;
  }

  async #run(): Promise<void> {
    const begun = performance.now();
    let due = 0;
    while (!this.#stopped && this.#failure === null) {
      await sleep(LOOK_MS);
      // Two commands a pair.
      const goal = ((performance.now() - begun) * this.#per_ms) / 2;
      for (; due < goal; due++)
        if (this.#underWay < UNDER_WAY_MAX) void this.#pair();
        else this.#phase.skipped += 2;
    }
    while (this.#underWay > 0) await sleep(LOOK_MS);
  }

  async #pair(): Promise<void> {
    const phase = this.#phase;
    this.#underWay++;
    try {
      await measured(phase, this.#stream.put());
      await measured(phase, this.#stream.take());
    } catch (error) {
      this.#failure ??= error as Error;
    }
    this.#underWay--;
  }
}

async function measured({ times }: Latencies, call: Promise<void>): Promise<void> {
  const begun = performance.now();
  await call;
  times.record(performance.now() - begun);
}
