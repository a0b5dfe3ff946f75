/** How `concord bench` measures a load: what counts, in how many stretches, and what becomes of it when it is interrupted. */
import { expect } from 'chai';
import { ConcordError } from '../../protocol/errors.js';
import { measure, type Watched } from '../../tui/bench/measure.js';
import type { Workload } from '../../tui/bench/workload.js';

const WATCHED: Watched = {
  cluster: {
    members: [],
    admin: () => Promise.reject(new ConcordError('UNREACHABLE')),
    leaderOf: () => 'n1',
  },
  pids: new Map(),
};

/** A load on nothing, which counts what it is told. */
class FakeWorkload implements Workload {
  readonly group = 's0';
  readonly handOvers = null;
  calls_max = Number.POSITIVE_INFINITY;
  made_in_all = 0;
  rooms = 0;
  called = 0;
  fail = false;
  #due = Number.POSITIVE_INFINITY;
  #act = () => {};

  callsOf() {
    return [
      () => {
        if (++this.called === this.#due) this.#act();
        if (this.fail) return Promise.reject(new ConcordError('TIMEOUT'));
        return new Promise((resolve) => setTimeout(resolve, 1));
      },
    ];
  }

  count(): void {}

  /** Acts at the call so many calls from now. */
  after(calls: number, act: () => void): void {
    this.#due = this.called + calls;
    this.#act = act;
  }

  async prepare(): Promise<void> {}
  async leave(): Promise<void> {}

  made(calls: number): void {
    this.made_in_all += calls;
  }

  async makeRoom(): Promise<void> {
    this.rooms++;
  }
}

const WANTED = { depth: 4, seconds: 1 };
const NEVER = new AbortController().signal;

describe('a measurement', function () {
  this.timeout(30_000);

  it('leaves out what was answered before and after the time that counts', async () => {
    const workload = new FakeWorkload();
    const { latencies, spent, failures, interrupted, leader } = await measure(WATCHED, workload, WANTED, NEVER);
    expect(latencies.count).to.be.greaterThan(0).and.lessThan(workload.called);
    expect(spent.ms).to.be.at.least(WANTED.seconds * 1000 - 1);
    expect([failures.size, interrupted, leader]).to.deep.equal([0, false, 'n1']);
    expect(workload.made_in_all).to.equal(workload.called);
  });

  it('makes room and goes on until all the time is measured', async () => {
    const workload = new FakeWorkload();
    workload.calls_max = 500;
    const { latencies, spent } = await measure(WATCHED, workload, WANTED, NEVER);
    expect(spent.ms).to.be.at.least(WANTED.seconds * 1000 - 1);
    expect(workload.rooms).to.be.greaterThan(1);
    expect(latencies.count).to.be.greaterThan(0).and.lessThan(workload.called);
    expect(workload.made_in_all).to.equal(workload.called);
  });

  it('ends with what there is when it is interrupted', async () => {
    const workload = new FakeWorkload();
    const interruption = new AbortController();
    let looks = 0;
    const cluster: Watched['cluster'] = {
      ...WATCHED.cluster,
      members: [{ id: 'n1', address: 'a:1', connected: true }],
      admin() {
        // The second look, of two questions each, is the one with which the time that counts begins.
        if (++looks === 4) workload.after(100, () => interruption.abort());
        return Promise.reject(new ConcordError('UNREACHABLE'));
      },
    };
    const wanted = { depth: 4, seconds: 3600 };
    const { latencies, interrupted } = await measure({ ...WATCHED, cluster }, workload, wanted, interruption.signal);
    expect(latencies.count).to.be.greaterThan(0);
    expect(interrupted).to.equal(true);
  });

  it('is nothing when it is interrupted before anything counts', async () => {
    const interruption = new AbortController();
    interruption.abort();
    const error = await measure(WATCHED, new FakeWorkload(), WANTED, interruption.signal).catch((caught) => caught);
    expect(error).to.have.property('code', 'CANCELLED');
  });

  it('gives up a load of which nothing succeeds, and tells what it failed with', async () => {
    const workload = new FakeWorkload();
    workload.fail = true;
    const { latencies, failures } = await measure(WATCHED, workload, { depth: 64, seconds: 3600 }, NEVER);
    expect(latencies.count).to.equal(0);
    expect(failures.get('TIMEOUT')).to.equal(workload.called);
    // Nobody knows of these: room has to be made for all of them.
    expect(workload.made_in_all).to.equal(workload.called);
  });
});
