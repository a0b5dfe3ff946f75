/** What a process tells of itself, from the process that runs these tests. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Metrics } from '../../node/observe/metrics.js';
import { addProcess } from '../../node/observe/node-metrics.js';
import { realProcess } from '../../node/observe/process.js';
import { METRIC_PREFIX } from '../../protocol/metrics.js';
import type { PROCESS_METRICS } from './process-metrics.js';

type ProcessMetric = (typeof PROCESS_METRICS)[number];

/** Attempts to use more of something: the collector may take away what was made for it. */
const ATTEMPTS_MAX = 100;

describe('metrics of a process', () => {
  let metrics: Metrics;
  let waste: unknown[];

  beforeEach(() => {
    metrics = new Metrics();
    addProcess(metrics, realProcess());
    waste = [];
  });

  /** The value of the row that has this name and label value. */
  function value(name: ProcessMetric, label = '', ending = ''): number {
    const row = metrics
      .rows()
      .find(([full, labels]) => full === METRIC_PREFIX + name + ending && Object.values(labels).join() === label);
    return row?.[2] ?? 0;
  }

  /** Makes things until the metric has grown. */
  function growsBy(name: ProcessMetric, make: () => unknown, label = ''): void {
    const before = value(name, label);
    for (let i = 0; i < ATTEMPTS_MAX && value(name, label) <= before; i++) waste.push(make());
    expect(value(name, label)).to.be.above(before);
  }

  it('start_time_seconds is a moment in the past', () => {
    expect(value('start_time_seconds'))
      .to.be.above(1.7e9)
      .and.at.most(Date.now() / 1000);
  });

  it('cpu_seconds_total grows with work', () => {
    growsBy('cpu_seconds_total', () => Array.from({ length: 100_000 }, Math.random).sort(), 'user');
    expect(value('cpu_seconds_total', 'system')).to.be.above(0);
  });

  it('resident_memory_bytes and external_memory_bytes grow with buffers', () => {
    growsBy('external_memory_bytes', () => Buffer.alloc(1 << 20, 1));
    growsBy('resident_memory_bytes', () => Buffer.alloc(4 << 20, 1));
  });

  it('heap_used_bytes and heap_total_bytes grow with objects', () => {
    growsBy('heap_used_bytes', () => Array.from({ length: 10_000 }, (_, i) => ({ i })));
    growsBy('heap_total_bytes', () => Array.from({ length: 100_000 }, (_, i) => ({ i })));
  });

  it('event_loop_delay_seconds tells how long the loop stood still, beyond the interval of the looks', async () => {
    const looks = () => value('event_loop_delay_seconds', '', '_count');
    while (looks() < 2) await sleep(5);
    const before = value('event_loop_delay_seconds', '', '_sum');
    // Longer than the interval: some look has to wait.
    for (const until = performance.now() + 250; performance.now() < until; );
    const seen = looks();
    while (looks() < seen + 2) await sleep(5);
    expect(value('event_loop_delay_seconds', '1')).to.be.above(0.1);
    expect(value('event_loop_delay_seconds', '', '_sum')).to.be.above(before);
    expect(value('event_loop_delay_seconds', '0.5')).to.be.at.most(value('event_loop_delay_seconds', '0.99'));
  });
});
