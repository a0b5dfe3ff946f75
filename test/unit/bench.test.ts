/** The parts of `concord bench` that make load: latencies in buckets, the pipeline of calls, and what the options allow. */
import { expect } from 'chai';
import fc from 'fast-check';
import { ConcordError } from '../../protocol/errors.js';
import { Histogram } from '../../tui/bench/histogram.js';
import { BENCH_DEFAULTS, BENCHES, benchOptions } from '../../tui/bench/options.js';
import { FAILURES_MAX, Pipeline } from '../../tui/bench/pipeline.js';
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

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
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

  it('gives every client its share, to within one', () => {
    const dealt = (depth: number) => {
      const clients = [new Calls(), new Calls(), new Calls()];
      new Pipeline({ calls: clients.map(({ call }) => call), depth, calls_max: 100 });
      return clients.map(({ made }) => made);
    };
    expect(dealt(6)).to.deep.equal([2, 2, 2]);
    expect(dealt(8)).to.deep.equal([3, 3, 2]);
    expect(dealt(1)).to.deep.equal([1, 0, 0]);
  });

  it('keeps to a client what is the share of it', async () => {
    const [first, second] = [new Calls(), new Calls()];
    new Pipeline({ calls: [first.call, second.call], depth: 2, calls_max: 100 });
    for (let i = 0; i < 5; i++) await first.end();
    expect([first.made, second.made]).to.deep.equal([6, 1]);
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

  it('counts what fails, by code, and goes on', async () => {
    const calls = new Calls();
    const pipeline = new Pipeline({ calls: [calls.call], depth: 2, calls_max: 5 });
    await calls.end(new ConcordError('TIMEOUT', 'the first'));
    await calls.end(new ConcordError('QUEUE_FULL'));
    await until(() => calls.made === 4);
    await calls.end(new Error('a defect'));
    await calls.end();
    await until(() => calls.made === 5);
    await calls.end();
    await pipeline.ended;
    expect(Object.fromEntries(pipeline.failures)).to.deep.equal({ TIMEOUT: 1, QUEUE_FULL: 1, INTERNAL: 1 });
    expect(pipeline.failure).to.have.property('message', 'the first');
    expect([pipeline.acknowledged, pipeline.unknown, pipeline.exhausted]).to.deep.equal([2, 2, false]);
  });

  it('ends by itself when nothing but failures comes back', async () => {
    let made = 0;
    const call = () => {
      made++;
      return Promise.reject(new ConcordError('NO_LEADER'));
    };
    const depth = 100;
    const pipeline = new Pipeline({ calls: [call], depth, calls_max: Number.POSITIVE_INFINITY });
    await pipeline.ended;
    expect(made).to.be.within(FAILURES_MAX, FAILURES_MAX + depth);
    expect(pipeline.exhausted).to.equal(true);
  });

  it('leaves no failed call in the latencies', async () => {
    const calls = new Calls();
    const pipeline = new Pipeline({ calls: [calls.call], depth: 1, calls_max: 2 });
    const latencies = new Histogram();
    pipeline.record(latencies);
    await calls.end(new ConcordError('TIMEOUT'));
    await until(() => calls.made === 2);
    await calls.end();
    await pipeline.ended;
    expect(latencies.count).to.equal(1);
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

describe('the options of a bench', () => {
  it('have defaults, kind by kind', () => {
    for (const kind of BENCHES) expect(benchOptions(kind, DEFAULTS)).to.deep.equal(BENCH_DEFAULTS[kind]);
    const { inFlight, seconds } = benchOptions('queue', { ...DEFAULTS, inFlight: [1, 512], seconds: 3 });
    expect([inFlight, seconds]).to.deep.equal([[1, 512], 3]);
  });

  it('have fewer commands under way than clients, but no more than their sessions may have', () => {
    const wanted = (inFlight: number[], clients: number) => () =>
      benchOptions('queue', { ...DEFAULTS, inFlight, clients });
    expect(wanted([1], 8)).to.not.throw();
    expect(wanted([2048], 2)).to.not.throw();
    expect(wanted([64, 1025], 1))
      .to.throw('--in-flight 1025')
      .with.property('code', 'USAGE');
  });

  it('leave the leaders of others alone', () => {
    expect(() => benchOptions('failover', { ...DEFAULTS, connect: ['a:1'] }))
      .to.throw('--connect')
      .with.property('code', 'USAGE');
  });
});
