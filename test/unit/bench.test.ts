/** The parts of `concord bench`: latencies in buckets, the pipeline of calls, processor time, figures and their table. */
import { expect } from 'chai';
import fc from 'fast-check';
import { cpu_us, cpuIn, isLocal, ownCpu_us } from '../../tui/bench/cpu.js';
import { Histogram } from '../../tui/bench/histogram.js';
import { BENCH_DEFAULTS, benchOptions } from '../../tui/bench/options.js';
import { Pipeline } from '../../tui/bench/pipeline.js';
import { figuresOf, reportText, type Sample } from '../../tui/bench/report.js';
import { DEFAULTS } from '../../tui/shell/options.js';

function histogram(...ms: readonly number[]): Histogram {
  const made = new Histogram();
  for (const one of ms) made.record(one);
  return made;
}

describe('a histogram of latencies', () => {
  it('tells every quantile within 1.6 %, never too low', () => {
    const durations = fc.array(fc.double({ min: 0.001, max: 3_600_000, noNaN: true }), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (ms, q) => {
        const sorted = ms.map((one) => Math.round(one * 1000) / 1000).sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] as number;
        expect(histogram(...ms).quantile(q)).to.be.within(exact, exact * (1 + 1 / 64));
      }),
    );
  });

  it('is exact to the microsecond below 128 of them', () => {
    for (let us = 0; us < 128; us++) expect(histogram(us / 1000, 1).quantile(0.5)).to.equal(us / 1000);
  });

  it('counts what is out of range at its ends', () => {
    const odd = histogram(-1, 1e12);
    expect(odd.quantile(0)).to.equal(0);
    expect(odd.max_ms).to.equal((2 ** 32 - 1) / 1000);
    expect(odd.quantile(1)).to.equal(odd.max_ms);
  });

  it('is nothing while it is empty, and again when it is cleared', () => {
    const empty = histogram();
    expect([empty.count, empty.quantile(0.5), empty.max_ms]).to.deep.equal([0, 0, 0]);
    const cleared = histogram(5, 6);
    cleared.clear();
    expect([cleared.count, cleared.quantile(0.5), cleared.max_ms]).to.deep.equal([0, 0, 0]);
  });

  it('adds another one to itself', () => {
    const sum = histogram(1, 2);
    sum.add(histogram(3, 4));
    expect([sum.count, sum.max_ms]).to.deep.equal([4, 4]);
    expect(sum.quantile(0.75)).to.equal(histogram(1, 2, 3, 4).quantile(0.75));
  });
});

/** Calls that end when the test says so, and how many were under way at most. */
class Calls {
  readonly underWay: { resolve(): void; reject(error: Error): void }[] = [];
  made = 0;
  most = 0;

  readonly call = () =>
    new Promise<void>((resolve, reject) => {
      this.underWay.push({ resolve, reject });
      this.made++;
      this.most = Math.max(this.most, this.underWay.length);
    });

  /** Ends the oldest call. */
  async end(error?: Error): Promise<void> {
    const call = this.underWay.shift();
    if (error === undefined) call?.resolve();
    else call?.reject(error);
    await new Promise(setImmediate);
  }
}

describe('a pipeline of calls', () => {
  it('keeps as many under way as it is deep, no more', async () => {
    const calls = new Calls();
    const pipeline = new Pipeline({ calls: [calls.call], depth: 3, calls_max: 10 });
    expect(calls.underWay).to.have.length(3);
    for (let i = 0; i < 7; i++) {
      await calls.end();
      expect(calls.underWay).to.have.length(3);
    }
    for (let i = 0; i < 3; i++) await calls.end();
    await pipeline.ended;
    expect([calls.made, calls.most, pipeline.acknowledged]).to.deep.equal([10, 3, 10]);
  });

  it('gives every client its share', () => {
    const [first, second] = [new Calls(), new Calls()];
    new Pipeline({ calls: [first.call, second.call], depth: 6, calls_max: 100 });
    expect([first.made, second.made]).to.deep.equal([3, 3]);
  });

  it('lets what is under way end when it is stopped', async () => {
    const calls = new Calls();
    const pipeline = new Pipeline({ calls: [calls.call], depth: 2, calls_max: 100 });
    pipeline.stop();
    await calls.end();
    await calls.end();
    await pipeline.ended;
    expect([calls.made, pipeline.acknowledged]).to.deep.equal([2, 2]);
  });

  it('ends with the first failure, when nothing is under way any more', async () => {
    const calls = new Calls();
    const pipeline = new Pipeline({ calls: [calls.call], depth: 2, calls_max: 100 });
    let ended = false;
    const failure = pipeline.ended.catch((error: unknown) => {
      ended = true;
      return error;
    });
    await calls.end(new Error('first'));
    expect(ended).to.equal(false);
    await calls.end(new Error('second'));
    expect(await failure).to.have.property('message', 'first');
    expect(pipeline.acknowledged).to.equal(0);
  });

  it('has ended at once when there is nothing to do', async () => {
    await new Pipeline({ calls: [new Calls().call], depth: 4, calls_max: 0 }).ended;
  });

  it('records from call to answer, and only while it is told to', async () => {
    let now = 0;
    const calls = new Calls();
    const pipeline = new Pipeline({ calls: [calls.call], depth: 1, calls_max: 100 }, () => now);
    const latencies = new Histogram();
    const pass = async (ms: number) => {
      now += ms;
      await calls.end();
    };
    await pass(900);
    pipeline.record(latencies);
    await pass(5);
    await pass(7);
    pipeline.record(null);
    await pass(800);
    expect([latencies.count, latencies.quantile(0), latencies.max_ms]).to.deep.equal([
      2,
      histogram(5, 9).quantile(0),
      7,
    ]);
  });
});

describe('processor time', () => {
  it('is read from a line of the kernel, whatever the process is called', () => {
    const rest = '1 2 3 4 5 6 7 8 9 10 150 25 0 0 20';
    expect(cpuIn(`77 (node) S ${rest}`)).to.equal(1_750_000);
    expect(cpuIn(`77 (a) b (c d) S ${rest}`)).to.equal(1_750_000);
  });

  it('grows with the work of a process', function () {
    if (process.platform !== 'linux') return;
    const before = cpu_us(process.pid) ?? Number.NaN;
    const own = ownCpu_us();
    while (ownCpu_us() - own < 50_000);
    expect((cpu_us(process.pid) ?? Number.NaN) - before).to.be.within(20_000, 500_000);
    this.timeout(5000);
  });

  it('is told of no process that is not there', () => {
    expect(cpu_us(2 ** 30)).to.equal(null);
  });

  it('is asked for on this machine only', () => {
    const local = ['127.0.0.1:7101', '127.1.2.3:1', '[::1]:7101', 'localhost:7101'];
    const remote = ['10.0.0.1:7101', '127.evil.org:1', 'host:1', '[::2]:1'];
    expect(local.map((address) => isLocal({ address }))).to.not.include(false);
    expect(remote.map((address) => isLocal({ address }))).to.not.include(true);
  });
});

const SAMPLE: Sample = {
  latencies: histogram(...Array.from({ length: 1000 }, (_, i) => (i + 1) / 100)),
  ms: 500,
  client_us: 6000,
  nodes_us: new Map([
    ['n3', 5000],
    ['n2', 10_040],
    ['n1', 4500],
  ]),
  leader: 'n2',
};

describe('the figures of a bench', () => {
  it('are rates, quantiles and processor time a command', () => {
    const figures = figuresOf(64, SAMPLE);
    expect(figures).to.deep.include({ in_flight: 64, commands: 1000, per_second: 2000, max_ms: 10 });
    expect(figures.p50_ms).to.be.within(5, 5.1);
    expect(figures.p99_ms).to.be.within(9.9, 10);
    expect(figures).to.deep.include({ leader: 'n2', client_us: 6, leader_us: 10, followers_us: { n1: 4.5, n3: 5 } });
  });

  it('leave out what cannot be told', () => {
    const figures = figuresOf(1, { ...SAMPLE, nodes_us: new Map(), leader: '' });
    expect(figures).to.deep.include({ leader: null, leader_us: null, followers_us: {} });
    expect(reportText(BENCH_DEFAULTS, [figures]).split('\n')[2]).to.match(/6 +- +-$/);
  });

  it('are a table with a line for each depth', () => {
    const lines = reportText({ ...BENCH_DEFAULTS, clients: 2 }, [figuresOf(1, SAMPLE), figuresOf(512, SAMPLE)]).split(
      '\n',
    );
    expect(lines[0]).to.contain('256 B').and.contain('2 clients').and.contain('5 s');
    expect(lines[1]).to.equal('in flight  commands/s  p50 ms  p99 ms  p99.9 ms  client  leader  followers');
    expect(lines[2]).to.match(/^ +1 +2000 +5\.\d+ +9\.\d+ +10 +6 +10 +4\.5,5$/);
    expect(lines[3]).to.match(/^ +512 +2000 /);
    expect(lines).to.have.length(5);
  });
});

describe('the options of a bench', () => {
  it('have defaults', () => {
    expect(benchOptions(DEFAULTS)).to.deep.equal(BENCH_DEFAULTS);
    expect(benchOptions({ ...DEFAULTS, inFlight: [1, 512], clients: 1 })).to.deep.include({
      inFlight: [1, 512],
      size: 256,
    });
  });

  it('give every client at least one command at a time, and no more than a session may have', () => {
    const refused = (inFlight: number[], clients: number) => () => benchOptions({ ...DEFAULTS, inFlight, clients });
    expect(refused([64, 1], 2))
      .to.throw('--in-flight 1')
      .with.property('code', 'USAGE');
    expect(refused([1025], 1)).to.throw('--in-flight 1025');
    expect(refused([2048], 2)).to.not.throw();
  });
});
