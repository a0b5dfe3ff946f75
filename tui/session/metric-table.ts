/** Metrics for people: a row for each, with a column for each node and one for its limit. Exact numbers are in the JSON. */
import { METRIC_PREFIX, METRICS } from '../../protocol/metrics.js';

/** One value of a metric on one node. */
export interface MetricOfNode {
  readonly node: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type Row = Record<string, string | null>;

/** What the catalogue holds comes first, in its order. */
const PLACES = Object.keys(METRICS);

/** The rows side by side, in the order of the catalogue; null where a node has none. */
export function metricTable(values: readonly MetricOfNode[]): Row[] {
  const nodes = [...new Set(values.map(({ node }) => node))];
  const hasLimits = values.some(({ name }) => name.endsWith('_limit'));
  const rowsByMetric = new Map<string, Map<string, Row>>(PLACES.map((metric) => [metric, new Map()]));
  for (const { node, name, labels, value } of values) {
    const { metric, ending, text } = read(name, value);
    const isLimit = ending === '_limit';
    const title = titleOf(isLimit ? metric : `${metric}${ending}`, labels);
    const rows = rowsByMetric.get(metric) ?? new Map<string, Row>();
    const row = rows.get(title) ?? emptyRow(title, nodes, hasLimits);
    row[isLimit ? 'limit' : node] = text;
    rowsByMetric.set(metric, rows.set(title, row));
  }
  return [...rowsByMetric.values()].flatMap((rows) => [...rows.values()]);
}

function emptyRow(metric: string, nodes: readonly string[], hasLimits: boolean): Row {
  return { metric, ...Object.fromEntries(nodes.map((id) => [id, null])), ...(hasLimits ? { limit: null } : {}) };
}

/** A name taken apart: `concord_disk_sync_seconds_count` is the `_count` of `disk_sync_seconds`. */
function read(name: string, value: number): { metric: string; ending: string; text: string } {
  const short = name.startsWith(METRIC_PREFIX) ? name.slice(METRIC_PREFIX.length) : name;
  const [ending = ''] = /_(?:sum|count|bucket|limit)$/.exec(short) ?? [];
  const metric = short.slice(0, short.length - ending.length);
  const isCount = ending === '_count' || ending === '_bucket';
  return { metric, ending, text: textOf(value, isCount ? 'values' : unitOf(metric)) };
}

function unitOf(metric: string): string {
  return Object.entries(METRICS).find(([name]) => name === metric)?.[1].unit ?? '';
}

/** `commands_total{operation=queue.enqueue,outcome=done}`: without the prefix that all names have. */
function titleOf(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
}

/** Three digits and a unit; what has none of its own, such as an index, in full. */
function textOf(value: number, unit: string): string {
  if (value === 0 || unit === '') return String(value);
  if (unit === 'seconds') return secondsText(value);
  const suffix = unit === 'bytes' ? 'B' : '';
  for (const [least, size, letter] of SIZES) if (value >= least) return `${digits(value / size)}${letter}${suffix}`;
  return `${value}${suffix}`;
}

const SIZES = [
  [1e9, 1e9, 'G'],
  [1e6, 1e6, 'M'],
  [1e4, 1e3, 'k'],
] as const;

function secondsText(seconds: number): string {
  if (seconds < 0.001) return `${digits(seconds * 1e6)}us`;
  if (seconds < 1) return `${digits(seconds * 1000)}ms`;
  return seconds < 1000 ? `${digits(seconds)}s` : `${Math.round(seconds)}s`;
}

function digits(value: number): number {
  return value < 1000 ? Number(value.toPrecision(3)) : Math.round(value);
}
