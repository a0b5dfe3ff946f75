/** The registry of metrics: what it tells of what is measured, which names a pattern means, and where an answer ends. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Durations, Histogram } from '../../node/observe/histogram.js';
import { Leadership } from '../../node/observe/leadership.js';
import { Metrics } from '../../node/observe/metrics.js';
import { matcherOf } from '../../node/observe/pattern.js';
import { OUTCOMES, Tally } from '../../node/observe/tally.js';
import { METRIC_PREFIX, METRICS, type MetricRow } from '../../protocol/metrics.js';
import { OPERATIONS } from '../../protocol/operations.js';
import { failureOf } from './failure.js';

describe('the catalogue of metrics', () => {
  it('has help and a unit for every one, and names in the style of Prometheus', () => {
    for (const [name, { kind, unit, help }] of Object.entries(METRICS)) {
      expect(name, name).to.match(/^[a-z]+(_[a-z]+)*$/);
      expect(help, name).to.match(/^[A-Z0-9].*\.$/);
      expect(name.endsWith('_total'), `${name}: _total is for counters`).to.equal(kind === 'counter');
      for (const measure of ['seconds', 'bytes'])
        expect(name.replace(/_total$/, '').endsWith(`_${measure}`), `${name} in ${unit}`).to.equal(unit === measure);
      if (kind === 'counter' || kind === 'limited') expect(unit, `${name} counts something`).to.not.equal('');
    }
  });

  it('has no name that could be a part of another', () => {
    for (const name of Object.keys(METRICS)) expect(name).to.not.match(/_(sum|count|bucket|limit)$/);
  });
});

describe('the registry of metrics', () => {
  let metrics: Metrics;

  beforeEach(() => {
    metrics = new Metrics();
  });

  /** Rows as text: `name{label=value} value`, without the prefix. */
  const told = (pattern = '') => metrics.rows(pattern).map(text);
  const text = ([name, labels, value]: MetricRow) => {
    const pairs = Object.entries(labels).map(([label, is]) => `${label}=${is}`);
    return `${name.slice(METRIC_PREFIX.length)}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
  };

  it('reads counters and gauges when it is asked, not before', () => {
    let reads = 0;
    metrics.add('keepalives_total', {}, () => ++reads);
    expect(reads).to.equal(0);
    expect(told()).to.deep.equal(['keepalives_total 1']);
    expect(metrics.rows()).to.deep.equal([['concord_keepalives_total', {}, 2]]);
  });

  it('tells what may not grow beyond a limit beside that limit', () => {
    metrics.limited('reads_waiting', { group: 's0' }, 100, () => 7);
    expect(told()).to.deep.equal(['reads_waiting{group=s0} 7', 'reads_waiting_limit{group=s0} 100']);
  });

  it('tells of a histogram quantiles, sum and count, and its buckets to who names them', () => {
    const times = new Durations();
    metrics.histogram('read_seconds', { group: 'c' }, times);
    expect(told(), 'of none').to.deep.equal(['read_seconds_sum{group=c} 0', 'read_seconds_count{group=c} 0']);
    for (const ms of [1, 1, 1, 50]) times.recordMs(ms);
    expect(told()).to.deep.equal([
      'read_seconds{group=c,quantile=0.5} 0.001024',
      'read_seconds{group=c,quantile=0.99} 0.05',
      'read_seconds{group=c,quantile=1} 0.05',
      'read_seconds_sum{group=c} 0.053',
      'read_seconds_count{group=c} 4',
    ]);
    const buckets = told('read_seconds_bucket');
    expect(buckets).to.have.length(17);
    expect(buckets).to.include.members([
      'read_seconds_bucket{group=c,le=0.000256} 0',
      'read_seconds_bucket{group=c,le=0.001024} 3',
      'read_seconds_bucket{group=c,le=+Inf} 4',
    ]);
  });

  it('tells of a tally what it has counted', () => {
    const tally = new Tally();
    metrics.tally('commands_total', tally);
    expect(told()).to.deep.equal([]);
    const { number } = OPERATIONS['queue.enqueue'];
    for (const outcome of [OUTCOMES.done, OUTCOMES.done, OUTCOMES.unknown]) tally.count(number, outcome);
    for (const strange of [0, 200, 4_000_000_000]) tally.count(strange, OUTCOMES.refused);
    expect(told().sort()).to.deep.equal([
      'commands_total{operation=other,outcome=refused} 3',
      'commands_total{operation=queue.enqueue,outcome=done} 2',
      'commands_total{operation=queue.enqueue,outcome=unknown} 1',
    ]);
  });

  it('tells of what clients named as much as it is told, and only so many names', () => {
    const names = ['build', 'a lock'];
    metrics.named('lock_contended_seconds', 'lock', () => names.map((name, i) => [i + 0.5, name]));
    expect(told()).to.deep.equal(['lock_contended_seconds{lock=build} 0.5', 'lock_contended_seconds{lock=a lock} 1.5']);
    for (let i = 0; i < 1000; i++) names.push(`k${i}`);
    expect(told()).to.have.length(32);
  });

  it('tells everything in the order of the catalogue, whatever came first', () => {
    metrics.histogram('disk_batch_bytes', {}, new Histogram());
    metrics.add('member_up', { peer: 'n2' }, () => 1);
    metrics.add('term', { group: 's0' }, () => 3);
    metrics.add('up', {}, () => 1);
    const names = metrics.rows().map(([name]) => name.slice(METRIC_PREFIX.length));
    expect(names).to.deep.equal(['up', 'term', 'disk_batch_bytes_sum', 'disk_batch_bytes_count', 'member_up']);
  });

  it('refuses an answer that would be too large, and says what to do', () => {
    for (let i = 0; i < 2001; i++) metrics.add('term', { group: `s${i}` }, () => i);
    metrics.add('up', {}, () => 1);
    const error = failureOf(() => metrics.rows());
    expect(error.code).to.equal('INVALID');
    expect(error.message).to.match(/^2002 values .* name fewer with a pattern$/);
    expect(told('up')).to.deep.equal(['up 1']);
  });

  it('has no room for series without end', () => {
    const add = () => {
      for (let i = 0; i < 100_000; i++) metrics.add('term', { group: `s${i}` }, () => i);
    };
    expect(add).to.throw(/more than 16384 series/);
  });
});

describe('a pattern for names', () => {
  const meant = (pattern: string, name: string) => matcherOf(pattern)(METRIC_PREFIX + name);

  it('without * and ? is looked for anywhere', () => {
    expect(meant('', 'up')).to.equal(true);
    expect(meant('sync', 'disk_sync_seconds_count')).to.equal(true);
    expect(meant('concord_disk', 'disk_sync_seconds')).to.equal(true);
    expect(meant('sink', 'disk_sync_seconds')).to.equal(false);
    expect(meant('.', 'up')).to.equal(false);
  });

  it('with them fits the whole name, with its prefix or without', () => {
    expect(meant('disk_*', 'disk_sync_seconds')).to.equal(true);
    expect(meant('concord_disk_*_seconds', 'disk_sync_seconds')).to.equal(true);
    expect(meant('disk_*_seconds', 'disk_sync_seconds_count')).to.equal(false);
    expect(meant('*sync*', 'disk_sync_seconds')).to.equal(true);
    expect(meant('u?', 'up')).to.equal(true);
    expect(meant('u?', 'upp')).to.equal(false);
    expect(meant('*', '')).to.equal(true);
  });

  it('means what the regular expression of the same sense means', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '_'), maxLength: 12 });
    const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(letters, patterns, (name, pattern) => {
        fc.pre(/[*?]/.test(pattern));
        const source = pattern.replaceAll('*', '.*').replaceAll('?', '.');
        expect(matcherOf(pattern)(name)).to.equal(new RegExp(`^${source}$`).test(name));
      }),
    );
  });

  it('is soon decided, however many stars it has', () => {
    expect(meant('*a'.repeat(127), 'a'.repeat(120))).to.equal(false);
  });
});

describe('counting leaderships', () => {
  let counts: Leadership;
  const counted = () => ({ started: counts.started, won: counts.won, lost: counts.lost, changes: counts.changes });
  const see = (term: number, vote: string, leader: string, repairing = false) =>
    counts.see({ term, vote, leader, leads: leader === 'n1', repairing });

  beforeEach(() => {
    counts = new Leadership('n1', 3);
  });

  it('counts an election that it stood in, won, and lost its office in', () => {
    see(4, 'n1', '');
    expect(counted()).to.deep.equal({ started: 1, won: 0, lost: 0, changes: 0 });
    see(4, 'n1', 'n1');
    expect(counted()).to.deep.equal({ started: 1, won: 1, lost: 0, changes: 1 });
    see(4, 'n1', '');
    expect(counted()).to.deep.equal({ started: 1, won: 1, lost: 1, changes: 1 });
  });

  it('counts no election for votes given to others, nor for one before the start', () => {
    see(3, 'n1', '');
    see(4, 'n2', 'n2');
    see(5, '', 'n3');
    expect(counted()).to.deep.equal({ started: 0, won: 0, lost: 0, changes: 2 });
  });

  it('counts no election of one that enters a term without standing in it, being under repair', () => {
    see(4, 'n1', '', true);
    see(5, 'n2', 'n2');
    expect(counted()).to.deep.equal({ started: 0, won: 0, lost: 0, changes: 1 });
  });

  it('counts an election again for each term, and a leader again only in another', () => {
    see(4, 'n1', '');
    see(5, 'n1', '');
    see(6, 'n2', 'n2');
    see(6, 'n2', '');
    see(6, 'n2', 'n2');
    see(7, 'n2', 'n2');
    expect(counted()).to.deep.equal({ started: 2, won: 0, lost: 0, changes: 2 });
  });

  it('counts what it lost and won again within a turn', () => {
    see(4, 'n1', 'n1');
    see(6, 'n1', 'n1');
    expect(counted()).to.deep.equal({ started: 2, won: 2, lost: 1, changes: 2 });
  });
});
