/**
 * The registry of metrics. Whoever is measured keeps plain numbers and histograms and knows nothing of it: a metric is a way to read
 * them, used when somebody asks. All series are there from the start, with their labels.
 */
import { ConcordError } from '../../protocol/errors.js';
import {
  type LabelsOf,
  METRIC_PREFIX,
  METRICS,
  type MetricName,
  type MetricOf,
  type MetricRow,
} from '../../protocol/metrics.js';
import type { Distribution, Histogram } from './histogram.js';
import { type Matcher, matcherOf } from './pattern.js';
import type { Tally } from './tally.js';

/** Series of a node: labels name what is bounded by configuration, and never more than a few names of clients' making. */
const SERIES_MAX = 16_384;
/** Rows of one answer: what surely fits a message. */
const ROWS_MAX = 2000;

/** Names of clients' making under which one metric is told: others may be there next time. */
const NAMES_MAX = 32;

/** A value, and the name of what it is the value of. */
export type Named = readonly [value: number, name: string];

/** Quantiles that are told of a distribution; 1 is the greatest. */
const QUANTILES = [0.5, 0.99, 1];

type Labels = Readonly<Record<string, string>>;

/** A metric with one set of labels. */
export interface Series {
  readonly name: MetricName;
  readonly labels: Labels;
  /** The rows as they are now. */
  readonly rows: () => MetricRow[];
  /** A histogram's rows of buckets. */
  readonly buckets?: () => MetricRow[];
}

export class Metrics {
  readonly #series: Series[] = [];

  /** In the order in which they were added. */
  get series(): readonly Series[] {
    return this.#series;
  }

  /** A counter or a gauge, read when it is asked for. */
  add<N extends MetricOf<'counter' | 'gauge'>>(name: N, labels: LabelsOf<N>, read: () => number): void {
    this.#add({ name, labels, rows: () => [row(name, '', labels, read())] });
  }

  /** A gauge beside its limit. */
  limited<N extends MetricOf<'limited'>>(name: N, labels: LabelsOf<N>, limit: number, read: () => number): void {
    this.#add({ name, labels, rows: () => [row(name, '', labels, read()), row(name, '_limit', labels, limit)] });
  }

  histogram<N extends MetricOf<'histogram'>>(name: N, labels: LabelsOf<N>, histogram: Histogram): void {
    const buckets = () =>
      histogram.buckets().map(([bound, count]) => {
        const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound);
        return row(name, '_bucket', { ...labels, le }, count);
      });
    this.#add({ name, labels, rows: () => spread(name, labels, histogram), buckets });
  }

  summary<N extends MetricOf<'summary'>>(name: N, labels: LabelsOf<N>, distribution: Distribution): void {
    this.#add({ name, labels, rows: () => spread(name, labels, distribution) });
  }

  /** A counter for each operation and outcome; those that have counted nothing are not told. */
  tally(name: 'commands_total' | 'reads_total', tally: Tally): void {
    const rows = () =>
      tally.rows().map(({ operation, outcome, count }) => row(name, '', { operation, outcome }, count));
    this.#add({ name, labels: {}, rows });
  }

  /** A gauge for each of a few names that are not known before they are told: at most `NAMES_MAX` of them. */
  named<N extends MetricOf<'gauge'>>(name: N, label: keyof LabelsOf<N> & string, read: () => readonly Named[]): void {
    const rows = () =>
      read()
        .slice(0, NAMES_MAX)
        .map(([value, what]) => row(name, '', { [label]: what }, value));
    this.#add({ name, labels: {}, rows });
  }

  /**
   * The rows whose names the pattern means, in the order of the catalogue; those of buckets only when it names them.
   * @throws ConcordError INVALID when they are too many for one answer
   */
  rows(pattern = ''): MetricRow[] {
    const isMeant = matcherOf(pattern);
    const found: MetricRow[] = [];
    for (const series of inOrder(this.#series)) found.push(...rowsOf(series, isMeant, pattern.includes('bucket')));
    if (found.length <= ROWS_MAX) return found;
    const message = `${found.length} values are more than one answer holds (${ROWS_MAX}): name fewer with a pattern`;
    throw new ConcordError('INVALID', message);
  }

  #add(series: Series): void {
    if (this.#series.length === SERIES_MAX) throw new Error(`more than ${SERIES_MAX} series of metrics`);
    this.#series.push(series);
  }
}

const ORDER = new Map(Object.keys(METRICS).map((name, i) => [name, i]));

function inOrder(series: readonly Series[]): Series[] {
  return [...series].sort((a, b) => (ORDER.get(a.name) ?? 0) - (ORDER.get(b.name) ?? 0));
}

function rowsOf(series: Series, isMeant: Matcher, withBuckets: boolean): MetricRow[] {
  const all = withBuckets && series.buckets !== undefined ? [...series.rows(), ...series.buckets()] : series.rows();
  return all.filter(([name]) => isMeant(name));
}

function spread(name: MetricName, labels: Labels, distribution: Distribution): MetricRow[] {
  const { count, sum } = distribution;
  const quantiles = count === 0 ? [] : QUANTILES;
  return [
    ...quantiles.map((q) => row(name, '', { ...labels, quantile: String(q) }, distribution.quantile(q))),
    row(name, '_sum', labels, sum),
    row(name, '_count', labels, count),
  ];
}

function row(name: MetricName, ending: string, labels: Labels, value: number): MetricRow {
  return [`${METRIC_PREFIX}${name}${ending}`, labels, value];
}
