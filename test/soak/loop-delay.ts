/** How late the event loop of a node was while it wrote checkpoints, and while it wrote none. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../../protocol/client/index.js';
import type { MetricRow } from '../../protocol/metrics.js';
import { percentile } from './figures.js';
import { LOOK_MS, type Looks } from './loop-probe.js';

const PROBE = new URL('./loop-probe.js', import.meta.url);
const METRICS_LOOK_MS = 50;

/** Unix time, ms. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Lateness, ms. */
export interface Delays {
  readonly count: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** The flags of Node with which a node writes its looks to `path`. */
export function probed(path: string): string[] {
  return ['--import', `${PROBE.href}?to=${encodeURIComponent(path)}`];
}

/** Finds out when a node wrote checkpoints, as well as its metrics tell: a little too long for each. */
export class CheckpointTimes {
  readonly spans: Span[] = [];
  readonly #client: Cluster;
  readonly #node: string;
  readonly #begun = now();
  #stopped = false;
  readonly #ended: Promise<void>;

  constructor(client: Cluster, node: string) {
    this.#client = client;
    this.#node = node;
    this.#ended = this.#run();
  }

  /** Resolves when it asks no more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }

  /** What was asked about: up to the end of the last checkpoint, for nobody knows whether another one has begun. */
  get whole(): Span {
    return { from: this.#begun, to: this.spans.at(-1)?.to ?? this.#begun };
  }

  async #run(): Promise<void> {
    let before = await this.#ask();
    while (!this.#stopped) {
      await sleep(METRICS_LOOK_MS);
      const after = await this.#ask();
      const ms = (after.seconds - before.seconds) * 1000;
      if (after.count > before.count) this.spans.push({ from: before.asked - ms, to: after.answered });
      before = after;
    }
  }

  async #ask(): Promise<{ asked: number; answered: number; count: number; seconds: number }> {
    const asked = now();
    const { value } = await this.#client.admin('metrics', { pattern: 'checkpoint_seconds_*' }, { node: this.#node });
    const rows = value as readonly MetricRow[];
    const of = (ending: string) => rows.find(([name]) => name.endsWith(ending))?.[2] ?? 0;
    return { asked, answered: now(), count: of('_count'), seconds: of('_sum') };
  }
}

/** What the node has written to `path`: during these times, and in the rest of the whole. */
export function delaysOf(path: string, { spans, whole }: Pick<CheckpointTimes, 'spans' | 'whole'>): [Delays, Delays] {
  const inside: number[] = [];
  const outside: number[] = [];
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    // The last one may have been cut short.
    if (!line.endsWith('}')) continue;
    const { from, late } = JSON.parse(line) as Looks;
    late.forEach((ms, i) => {
      const at = from + i * LOOK_MS;
      if (!isIn(whole, at)) return;
      (spans.some((span) => isIn(span, at)) ? inside : outside).push(ms);
    });
  }
  return [told(inside), told(outside)];
}

export function describe({ count, p99, p999, max }: Delays): string {
  return `p99 ${p99.toFixed(1)} p99.9 ${p999.toFixed(1)} max ${max.toFixed(1)} ms (${((count * LOOK_MS) / 1000).toFixed(0)} s)`;
}

function told(late: readonly number[]): Delays {
  const share = (percent: number) => percentile(late, percent);
  return { count: late.length, p99: share(99), p999: share(99.9), max: share(100) };
}

function isIn({ from, to }: Span, at: number): boolean {
  return at >= from && at <= to;
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
