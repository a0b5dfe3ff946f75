/** What `concord bench` makes of what it saw: what processes used between two marks, figures, tables in 80 columns. */
import { expect } from 'chai';
import { METRIC_PREFIX, type MetricName, type MetricRow } from '../../protocol/metrics.js';
import { failoverFigures } from '../../tui/bench/failover.js';
import { type IdleFigures, type LoadFigures, loadFigures } from '../../tui/bench/figures.js';
import { Histogram } from '../../tui/bench/histogram.js';
import { electionsBetween, type Mark, spentBetween, type Told, together, toldIn } from '../../tui/bench/marks.js';
import type { Sample } from '../../tui/bench/measure.js';
import { cpuIn, cpuOf, isLocal, machineCpu_us, machineCpuIn, ownCpu, rssAnonOf } from '../../tui/bench/proc.js';
import { reportText } from '../../tui/bench/report.js';
import { agreed } from '../../tui/bench/target.js';

const COLUMNS = 80;

describe('what the kernel tells of processes', () => {
  it('is read from its lines, whatever the process is called', () => {
    const rest = '1 2 3 4 5 6 7 8 9 10 150 25 0 0 20';
    const time = { user_us: 1_500_000, system_us: 250_000 };
    expect(cpuIn(`77 (node) S ${rest}`)).to.deep.equal(time);
    expect(cpuIn(`77 (a) b (c d) S ${rest}`)).to.deep.equal(time);
    expect(machineCpuIn('cpu  100 20 3 9999 5 6 7 8\ncpu0 50 10 1 5000 2 3 3 4\n')).to.equal(1_230_000);
  });

  it('grows with the work of a process', function () {
    if (process.platform !== 'linux') return;
    this.timeout(10_000);
    const machine = machineCpu_us() ?? Number.NaN;
    const before = cpuOf(process.pid)?.user_us ?? Number.NaN;
    const own = ownCpu().user_us;
    while (ownCpu().user_us - own < 100_000);
    expect((cpuOf(process.pid)?.user_us ?? Number.NaN) - before).to.be.greaterThan(50_000);
    expect((machineCpu_us() ?? Number.NaN) - machine).to.be.greaterThan(50_000);
    expect(rssAnonOf(process.pid)).to.be.within(1 << 20, process.memoryUsage().rss);
  });

  it('is nothing of a process that is not there', () => {
    expect([cpuOf(2 ** 30), rssAnonOf(2 ** 30)]).to.deep.equal([null, null]);
  });

  it('is asked for on this machine only', () => {
    const local = ['127.0.0.1:7101', '127.1.2.3:1', '[::1]:7101', 'localhost:7101'];
    const remote = ['10.0.0.1:7101', '127.evil.org:1', 'host:1', '[::2]:1'];
    expect(local.map((address) => isLocal({ address }))).to.not.include(false);
    expect(remote.map((address) => isLocal({ address }))).to.not.include(true);
  });
});

const cpu = (user_us: number, system_us = 0) => ({ user_us, system_us });
const told = (uptime_ms: number, syncs: number, elections = 1, user_us = 0): Told => ({
  uptime_ms,
  cpu: cpu(user_us),
  syncs,
  elections,
});

function mark(at_ms: number, parts: Partial<Mark>): Mark {
  return { at_ms, client: cpu(0), nodes: new Map(), machine_us: null, told: new Map(), ...parts };
}

describe('what was used between two marks', () => {
  it('is by process, and the rest of the machine', () => {
    const from = mark(1000, { client: cpu(10, 1), nodes: new Map([['n1', cpu(100, 50)]]), machine_us: 1000 });
    const to = mark(3000, { client: cpu(40, 3), nodes: new Map([['n1', cpu(160, 90)]]), machine_us: 1500 });
    const { ms, client, nodes, others_us } = spentBetween(from, to);
    expect([ms, client, nodes.get('n1')]).to.deep.equal([2000, cpu(30, 2), cpu(60, 40)]);
    expect(others_us).to.equal(500 - 32 - 100);
  });

  it('comes from the nodes where the kernel knows nothing of them, by their own clocks', () => {
    const from = mark(0, { told: new Map([['n1', told(5000, 100, 1, 1000)]]), machine_us: 0 });
    const to = mark(1000, { told: new Map([['n1', told(7000, 300, 1, 5000)]]), machine_us: 700 });
    const { nodes, syncs, others_us } = spentBetween(from, to);
    expect([nodes.get('n1'), syncs.get('n1')]).to.deep.equal([cpu(2000), 100]);
    expect(others_us).to.equal(700);
  });

  it('leaves out a node that was started again or did not answer, but not its elections', () => {
    const from = mark(0, { told: new Map([['n1', told(9000, 50, 4)]]) });
    const to = mark(1000, {
      told: new Map([
        ['n1', told(500, 10, 2)],
        ['n2', told(9000, 10, 1)],
      ]),
    });
    expect([...spentBetween(from, to).syncs]).to.deep.equal([]);
    expect(electionsBetween(from, to)).to.equal(3);
    const calm = mark(0, { told: new Map([['n1', told(9000, 50, 4)]]) });
    expect(electionsBetween(calm, mark(1, { told: new Map([['n1', told(9001, 50, 4)]]) }))).to.equal(0);
  });

  it('adds up', () => {
    const part = spentBetween(
      mark(0, { told: new Map([['n1', told(1, 0)]]), machine_us: 0 }),
      mark(100, { client: cpu(5), told: new Map([['n1', told(101, 7)]]), machine_us: 50 }),
    );
    const sum = together(part, part);
    expect([sum.ms, sum.client, sum.syncs.get('n1'), sum.others_us]).to.deep.equal([200, cpu(10), 14, 90]);
  });

  it('is read from the rows of metrics', () => {
    const row = (name: `${MetricName}` | `${MetricName}_count`, value: number, labels = {}): MetricRow => [
      `${METRIC_PREFIX}${name}`,
      labels,
      value,
    ];
    const rows = [
      row('uptime_seconds', 2.5),
      row('cpu_seconds_total', 0.5, { mode: 'user' }),
      row('cpu_seconds_total', 0.25, { mode: 'system' }),
      row('disk_sync_seconds_count', 12),
      row('elections_started_total', 1, { group: 'c' }),
      row('elections_started_total', 2, { group: 's0' }),
    ];
    expect(toldIn(rows)).to.deep.equal({ uptime_ms: 2500, cpu: cpu(500_000, 250_000), syncs: 12, elections: 3 });
  });
});

const LATENCIES = new Histogram();
for (let i = 1; i <= 1000; i++) LATENCIES.record(i / 100);
const SAMPLE: Sample = {
  latencies: LATENCIES,
  handOvers: null,
  spent: {
    ms: 500,
    client: cpu(4000, 2000),
    nodes: new Map([
      ['n3', cpu(5000)],
      ['n2', cpu(7000, 3000)],
      ['n1', cpu(4500)],
    ]),
    syncs: new Map([['n2', 100]]),
    others_us: 250_000,
  },
  leader: 'n2',
  elections: 0,
  failures: new Map(),
  rss_anon: new Map([['n1', 40 << 20]]),
  interrupted: false,
};
const SETTING = {
  bench: 'queue',
  in_flight: 64,
  clients: 8,
  size: 256,
  names: 0,
  slow_disk_ms: null,
  load_before: 1,
  load_after: 2,
};

describe('the figures of a load', () => {
  it('are rates, quantiles and processor time a command', () => {
    const figures = loadFigures(SETTING, SAMPLE);
    expect(figures).to.deep.include({ ...SETTING, seconds: 0.5, commands: 1000, per_second: 2000, max_ms: 10 });
    expect(figures.p50_ms).to.be.within(5, 5.1);
    expect(figures.p99_ms).to.be.within(9.9, 10);
    expect(figures.cpu_us).to.deep.equal({ client: 6, leader: 10, followers: { n1: 4.5, n3: 5 } });
    expect(figures.cpu_user_us).to.deep.equal({ client: 4, leader: 7, followers: { n1: 4.5, n3: 5 } });
    expect(figures.cpu_system_us).to.deep.equal({ client: 2, leader: 3, followers: { n1: 0, n3: 0 } });
    expect(figures).to.deep.include({ client_core_share: 0.012, other_cores: 0.5, syncs_per_s: { n2: 200 } });
  });

  it('are cycles and hand-overs where locks are shared', () => {
    const figures = loadFigures({ ...SETTING, bench: 'lock', names: 4 }, { ...SAMPLE, handOvers: LATENCIES });
    expect(figures.hand_over_p50_ms).to.equal(figures.p50_ms);
    expect(loadFigures(SETTING, SAMPLE).hand_over_p50_ms).to.equal(null);
    const text = reportText([figures], false);
    expect(text).to.include('locks acquired and released, 4 names for all');
    expect(text).to.include('cycles/s').and.to.include('handed over p50 ms');
  });

  it('have all their keys whatever could be told', () => {
    const nothing: Sample = {
      ...SAMPLE,
      latencies: new Histogram(),
      spent: { ms: 500, client: cpu(0), nodes: new Map(), syncs: new Map(), others_us: null },
      leader: '',
      rss_anon: new Map(),
    };
    const empty = loadFigures(SETTING, nothing);
    expect(empty).to.have.all.keys(Object.keys(loadFigures(SETTING, SAMPLE)));
    expect(JSON.parse(JSON.stringify(empty))).to.deep.equal(empty);
    expect(empty.cpu_us).to.deep.equal({ client: 0, leader: null, followers: {} });
    expect(empty).to.deep.include({ leader: null, per_second: 0, p99_ms: 0, other_cores: null });
  });

  it('tell what failed', () => {
    const failures = new Map([
      ['TIMEOUT', 2],
      ['QUEUE_FULL', 1],
    ]);
    const figures = loadFigures(SETTING, { ...SAMPLE, failures, elections: 1, interrupted: true });
    expect(figures).to.deep.include({ errors: 3, error_codes: { QUEUE_FULL: 1, TIMEOUT: 2 }, elections: 1 });
    const text = reportText([figures], false);
    expect(text).to.contain('! 64 in flight: 3 commands failed: 1 QUEUE_FULL, 2 TIMEOUT');
    expect(text).to.contain('! 64 in flight: 1 elections').and.contain('interrupted');
  });
});

/** Figures as large as they get. */
const BROAD: LoadFigures = {
  ...loadFigures({ ...SETTING, in_flight: 65_536, slow_disk_ms: 1000, clients: 64, size: 999_936 }, SAMPLE),
  ...{ per_second: 123_456, p50_ms: 4321.123, p99_ms: 4999.123, p999_ms: 5000.123, elections: 12, errors: 1000 },
  cpu_us: { client: 1412.25, leader: 2881.33, followers: { n1: 1749.5, n3: 1705.5 } },
  client_core_share: 0.999,
  other_cores: 1.33,
  load_before: 10.55,
  load_after: 12.66,
  rss_anon_bytes: { n1: 900e6, n2: 900e6, n3: 900e6 },
  error_codes: { TIMEOUT: 1000 },
};

describe('the tables of a bench', () => {
  it('have a line for each depth, and fit 80 columns', () => {
    const text = reportText([BROAD, loadFigures(SETTING, SAMPLE)], true);
    for (const line of text.split('\n')) expect(line.length, line).to.be.at.most(COLUMNS);
    const lines = text.split('\n');
    expect(lines[0]).to.contain('999936 B').and.contain('64 clients');
    expect(lines[1]).to.contain('1000 ms');
    expect(lines[2]).to.equal('in flight  commands/s  p50 ms  p99 ms  p99.9 ms  syncs/s  elections  errors');
    expect(lines[4]).to.match(/^ +64 +2000 +5\.\d+ +9\.\d+ +10 +200 +0 +0$/);
  });

  it('show processor time beside its budget when asked', () => {
    const rows = reportText([loadFigures(SETTING, SAMPLE)], true)
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/));
    expect(rows).to.deep.include(['in flight', 'process', 'us', 'budget', 'user', 'system']);
    expect(rows).to.deep.include(['64', 'client', '6', '6', '4', '2']);
    expect(rows).to.deep.include(['64', 'leader n2', '10', '10', '7', '3']);
    expect(rows).to.deep.include(['64', 'follower n3', '5', '5', '5', '0']);
    expect(rows).to.deep.include(['64', 'together', '25.5', '26', '20.5', '5']);
    expect(reportText([loadFigures(SETTING, SAMPLE)], false)).to.not.contain('budget');
  });

  it('have a line for each fault of a failover', () => {
    const rest = { load_before: 1, load_after: 2, interrupted: false };
    const killed = failoverFigures('kill', [300, 20, 100, 60], new Map(), rest);
    expect(killed).to.deep.include({ trials: 4, median_ms: 80, min_ms: 20, max_ms: 300, gaps_ms: [300, 20, 100, 60] });
    const paused = failoverFigures('pause', [1500.5], new Map([['TIMEOUT', 1]]), { ...rest, interrupted: true });
    expect(paused.median_ms).to.equal(1500.5);
    const lines = reportText([killed, paused], false).split('\n');
    expect(lines[2]).to.match(/^killed +4 +80 +20 +300 +0 +1,2$/);
    expect(lines[3]).to.match(/^paused +1 +1500\.5 /);
    expect(lines.slice(4)).to.deep.equal([
      '! pause: 1 commands failed: 1 TIMEOUT',
      '! pause: interrupted before its time',
    ]);
  });

  it('have a line for each node at rest', () => {
    const figures: IdleFigures = {
      ...{
        bench: 'idle',
        rest: 40,
        seconds: 20,
        interrupted: false,
        cpu_percent: 2.5,
        cpu_percent_of: { n1: 1, n2: 1.5 },
      },
      ...{ other_cores: null, syncs_per_s: { n1: 0, n2: 0 }, rss_anon_bytes: { n1: 30 << 20 }, elections: 0 },
      ...{ load_before: 1, load_after: 1 },
    };
    const lines = reportText([figures], false).split('\n');
    expect(lines[2]).to.match(/^n1 +1 +30 +0$/);
    expect(lines[3]).to.match(/^n2 +1\.5 +- +0$/);
    expect(lines[4]).to.equal('together 2.5 % of one core; elections 0; other programs - cores');
  });

  it('are nothing when nothing was found', () => {
    expect(reportText([], true)).to.equal('');
  });
});

describe('a cluster that a bench waits for', () => {
  const view = (leader: string, applied: number, last = 7, term = 2) => ({
    groups: {
      s0: {
        ...{ leader, term, applied, last },
        role: 'follower',
        commit: 7,
        first: 1,
        checkpoint: 0,
        repairing: false,
        installing: false,
        installed: null,
        sending: [],
        match: {},
        since_ms: 0,
        voters: [],
      } as const,
    },
  });

  it('agrees on a leader in a term, and everybody has applied the same', () => {
    expect(agreed([view('n1', 7), view('n1', 7)], 's0')).to.equal(true);
    expect(agreed([view('n1', 7), view('n2', 7)], 's0')).to.equal(false);
    expect(agreed([view('', 7), view('', 7)], 's0')).to.equal(false);
    expect(agreed([view('n1', 7), view('n1', 7, 7, 3)], 's0')).to.equal(false);
    expect(agreed([view('n1', 7), view('n1', 6)], 's0')).to.equal(false);
    expect(agreed([view('n1', 6, 6), view('n1', 7)], 's0')).to.equal(false);
    expect(agreed([view('n1', 7), null], 's0')).to.equal(false);
    expect(agreed([view('n1', 7)], 'c')).to.equal(false);
  });
});
