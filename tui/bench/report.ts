/** What a bench found, as numbers for programs and as a table for people. */
import { type Row, table } from '../plain/table.js';
import type { Histogram } from './histogram.js';
import type { BenchOptions } from './options.js';

/** A stretch of time under load, or several of them together. */
export interface Sample {
  /** What was answered in it. */
  readonly latencies: Histogram;
  readonly ms: number;
  /** Processor time of the bench itself, all clients together, us. */
  readonly client_us: number;
  /** Processor time of each node on this machine, us. */
  readonly nodes_us: ReadonlyMap<string, number>;
  /** The leader of the queue's group at its end, or ''. */
  readonly leader: string;
}

/** The figures of one depth. Latencies in ms; processor time in us a command, null where it cannot be told. */
export interface Figures {
  readonly in_flight: number;
  readonly commands: number;
  readonly per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly p999_ms: number;
  readonly max_ms: number;
  readonly leader: string | null;
  readonly client_us: number;
  readonly leader_us: number | null;
  /** Of each other node, by name. */
  readonly followers_us: Readonly<Record<string, number>>;
}

/** The figures of a sample taken with so many commands under way. */
export function figuresOf(in_flight: number, sample: Sample): Figures {
  const { latencies, ms, leader, nodes_us } = sample;
  const commands = latencies.count;
  const each = (us: number) => rounded(us / Math.max(1, commands), 1);
  const leader_us = nodes_us.get(leader);
  const others = [...nodes_us].filter(([node]) => node !== leader).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    in_flight,
    commands,
    per_second: Math.round((commands / ms) * 1000),
    p50_ms: rounded(latencies.quantile(0.5), 3),
    p99_ms: rounded(latencies.quantile(0.99), 3),
    p999_ms: rounded(latencies.quantile(0.999), 3),
    max_ms: rounded(latencies.max_ms, 3),
    leader: leader === '' ? null : leader,
    client_us: each(sample.client_us),
    leader_us: leader_us === undefined ? null : each(leader_us),
    followers_us: Object.fromEntries(others.map(([node, us]) => [node, each(us)])),
  };
}

/** Everything as text: what was done, the table, and what its columns mean. */
export function reportText({ size, seconds, clients }: BenchOptions, figures: readonly Figures[]): string {
  const who = clients === 1 ? 'one client' : `${clients} clients`;
  return [
    `durable enqueues of ${size} B by ${who}, ${seconds} s at each depth; dequeues in between are not counted`,
    table(figures.map(rowOf)),
    'client, leader, followers: processor time in microseconds a command',
  ].join('\n');
}

function rowOf(figures: Figures): Row {
  return {
    'in flight': figures.in_flight,
    'commands/s': figures.per_second,
    'p50 ms': figures.p50_ms,
    'p99 ms': figures.p99_ms,
    'p99.9 ms': figures.p999_ms,
    client: figures.client_us,
    leader: figures.leader_us,
    followers: Object.values(figures.followers_us),
  };
}

function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
