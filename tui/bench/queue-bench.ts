/** The bench of the queue: enqueues at one depth after another, and the dequeues that keep it from filling up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConcordError } from '../../protocol/errors.js';
import type { Target } from './cluster.js';
import { ownCpu_us } from './cpu.js';
import { Histogram } from './histogram.js';
import type { BenchOptions } from './options.js';
import { Pipeline } from './pipeline.js';
import { type Figures, figuresOf, type Sample } from './report.js';

/** Load before each stretch that counts, ms: code gets compiled, buffers and windows grow. */
const WARM_UP_MS = 1000;
const WARM_UP_STEP_MS = 100;
/** Enqueued before the queue is emptied: half of what it may hold, in number and in bytes. */
const MESSAGES_MAX = 500_000;
const BYTES_MAX = 512 << 20;
/** Commands under way while it is emptied. */
const DRAIN_DEPTH = 256;

/**
 * Measures each depth in turn; `note` is told what is being done. An aborted signal ends it early, with CANCELLED. A queue of others
 * is left as empty as it was. @throws ConcordError what an enqueue failed with, or INVALID when the queue is not empty
 */
export async function benchQueue(
  target: Target,
  options: BenchOptions,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<Figures[]> {
  const bench = new QueueBench(target, options, signal);
  await bench.refuseMessages();
  const figures: Figures[] = [];
  try {
    for (const depth of options.inFlight) {
      note(`${depth} in flight`);
      await bench.drain();
      figures.push(figuresOf(depth, await bench.measure(depth)));
    }
  } finally {
    if (!target.own) await bench.drain();
  }
  return figures;
}

class QueueBench {
  readonly #target: Target;
  readonly #options: BenchOptions;
  readonly #signal: AbortSignal;
  readonly #enqueues: (() => Promise<unknown>)[];
  readonly #dequeues: (() => Promise<unknown>)[];
  /** Messages of this bench in the queue. */
  #held = 0;

  constructor(target: Target, options: BenchOptions, signal: AbortSignal) {
    this.#target = target;
    this.#options = options;
    this.#signal = signal;
    const message = Buffer.alloc(options.size, 'x');
    const queues = target.clients.map((client) => client.queue());
    this.#enqueues = queues.map((queue) => () => queue.enqueue(message));
    this.#dequeues = queues.map((queue) => () => queue.dequeue());
  }

  /** Messages of others would be dequeued with those of the bench. */
  async refuseMessages(): Promise<void> {
    const size = await this.#target.clients[0]?.queue().size();
    if (size !== 0)
      throw new ConcordError(
        'INVALID',
        `the queue holds ${size} messages, which the bench would take: empty it first`,
        {
          definite: true,
        },
      );
  }

  /** Load at this depth until all the time was measured, in several stretches when the queue fills up meanwhile. */
  async measure(depth: number): Promise<Sample> {
    const wanted_ms = this.#options.seconds * 1000;
    const nodes_us = new Map<string, number>();
    const sum = { latencies: new Histogram(), ms: 0, client_us: 0, nodes_us, leader: '' };
    while (sum.ms < wanted_ms) {
      if (sum.ms > 0) await this.drain();
      const part = await this.#stretch(depth, wanted_ms - sum.ms);
      sum.latencies.add(part.latencies);
      sum.ms += part.ms;
      sum.client_us += part.client_us;
      for (const [node, us] of part.nodes_us) nodes_us.set(node, (nodes_us.get(node) ?? 0) + us);
      sum.leader = part.leader;
    }
    return sum;
  }

  /** Empties the queue of what this bench has put into it. */
  async drain(): Promise<void> {
    const pipeline = new Pipeline({ calls: this.#dequeues, depth: DRAIN_DEPTH, calls_max: this.#held });
    try {
      await pipeline.ended;
    } finally {
      this.#held -= pipeline.acknowledged;
    }
  }

  /** Warms up, then measures so long, or until the queue is full enough. */
  async #stretch(depth: number, ms: number): Promise<Sample> {
    const calls_max = Math.min(MESSAGES_MAX, Math.ceil(BYTES_MAX / Math.max(1, this.#options.size)));
    const pipeline = new Pipeline({ calls: this.#enqueues, depth, calls_max });
    try {
      // Large messages fill the queue soon: most of what fits is for measuring.
      for (let ms = 0; ms < WARM_UP_MS && pipeline.acknowledged < calls_max / 4; ms += WARM_UP_STEP_MS)
        await this.#pass(WARM_UP_STEP_MS, pipeline);
      const latencies = new Histogram();
      const nodes_before = this.#target.cpu_us();
      const client_before = ownCpu_us();
      const start = performance.now();
      pipeline.record(latencies);
      await this.#pass(ms, pipeline);
      pipeline.record(null);
      const passed_ms = performance.now() - start;
      const client_us = ownCpu_us() - client_before;
      const nodes_us = since(nodes_before, this.#target.cpu_us());
      return { latencies, ms: passed_ms, client_us, nodes_us, leader: this.#target.leader() };
    } finally {
      pipeline.stop();
      await pipeline.ended.finally(() => {
        this.#held += pipeline.acknowledged;
      });
    }
  }

  /** Lets time pass, less when the pipeline ends before. @throws ConcordError CANCELLED */
  async #pass(ms: number, pipeline: Pipeline): Promise<void> {
    const timer = new AbortController();
    const interrupted = () => timer.abort();
    this.#signal.addEventListener('abort', interrupted);
    if (this.#signal.aborted) interrupted();
    await Promise.race([sleep(ms, undefined, { signal: timer.signal }).catch(() => {}), pipeline.ended]);
    this.#signal.removeEventListener('abort', interrupted);
    timer.abort();
    if (this.#signal.aborted) throw new ConcordError('CANCELLED', 'the bench was interrupted', { definite: true });
  }
}

function since(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Map<string, number> {
  const times = new Map<string, number>();
  for (const [node, us] of after) {
    const start = before.get(node);
    if (start !== undefined) times.set(node, us - start);
  }
  return times;
}
