/** Histograms of a node: quantiles close to the exact ones, exact counts and sums, bounds that hold what they say. */
import { expect } from 'chai';
import fc from 'fast-check';
import { Durations, Histogram } from '../../node/observe/histogram.js';

/** Whole numbers of every magnitude. */
const values = fc.array(
  fc.oneof(
    fc.nat(20),
    fc.nat(5000),
    fc.nat(2 ** 31 - 1),
    fc.integer({ min: 0, max: 32 }).map((e) => 2 ** e - 1),
  ),
  { minLength: 1, maxLength: 300 },
);

function filled(all: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of all) histogram.record(value);
  return histogram;
}

/** The least value that a fraction `q` of all, and at least one, does not exceed. */
function exact(all: readonly number[], q: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] ?? 0;
}

describe('a histogram', () => {
  it('tells quantiles that are never too small, and too large by an eighth or one at most', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (all, q) => {
        const told = filled(all).quantile(q);
        const truth = exact(all, q);
        expect(told)
          .to.be.at.least(truth)
          .and.at.most(Math.max(truth * 1.125, truth + 1));
      }),
    );
  });

  it('tells the greatest value, the count and the sum exactly', () => {
    fc.assert(
      fc.property(values, (all) => {
        const histogram = filled(all);
        expect(histogram.quantile(1)).to.equal(Math.max(...all));
        expect(histogram.count).to.equal(all.length);
        expect(histogram.sum).to.equal(all.reduce((sum, value) => sum + value, 0));
      }),
    );
  });

  it('counts below each bound exactly what is not above it', () => {
    fc.assert(
      fc.property(values, (all) => {
        for (const [bound, count] of filled(all).buckets())
          expect(count, `${bound}`).to.equal(all.filter((value) => value <= bound).length);
      }),
    );
  });

  it('has the same bounds whatever it holds, ascending to Infinity', () => {
    const bounds = (histogram: Histogram) => histogram.buckets().map(([bound]) => bound);
    expect(bounds(filled([7, 1e6]))).to.deep.equal(bounds(new Histogram()));
    expect(bounds(new Histogram())).to.deep.equal([...Array.from({ length: 16 }, (_, i) => 4 ** i), Infinity]);
  });

  it('is empty at first', () => {
    const { count, sum } = new Histogram();
    expect({ count, sum }).to.deep.equal({ count: 0, sum: 0 });
    expect(new Histogram().quantile(0.5)).to.equal(0);
  });

  it('takes what is below 0 for 0, what is too large for the largest, and parts for a whole', () => {
    expect(filled([-5]).quantile(1)).to.equal(0);
    expect(filled([2 ** 40, Number.POSITIVE_INFINITY]).quantile(0.5)).to.equal(2 ** 32 - 1);
    expect(filled([2.1]).quantile(1)).to.equal(3);
  });

  it('of durations takes milliseconds and tells seconds', () => {
    const durations = new Durations();
    for (const ms of [0.5, 0.5, 2000]) durations.recordMs(ms);
    expect(durations.quantile(0.5)).to.equal(0.000512);
    expect(durations.quantile(1)).to.equal(2);
    expect(durations.sum).to.equal(2.001);
    expect(durations.buckets().find(([bound]) => bound > 0.001)).to.deep.equal([0.001024, 2]);
  });
});
