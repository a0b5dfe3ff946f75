/** The lock load of `concord bench`: who shares which lock, and how long a lock is on its way from one holder to the next. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import { LockCycles } from '../../tui/bench/lock-load.js';

/** A cluster whose locks are granted, and taken back, when they are told to. */
class FakeLocks {
  /** Names in the order in which they were asked for. */
  readonly asked: string[] = [];
  readonly #grants: (() => void)[] = [];
  readonly #ends: (() => void)[] = [];

  /** As far as the load knows a cluster. */
  get cluster(): Cluster {
    const later = (turns: (() => void)[], value?: unknown) =>
      new Promise((resolve) => turns.push(() => resolve(value)));
    const acquire = (name: string) => {
      this.asked.push(name);
      return later(this.#grants, { release: () => later(this.#ends) });
    };
    return { lock: (name: string) => ({ acquire: () => acquire(name) }) } as unknown as Cluster;
  }

  /** Grants what has waited longest. */
  grant(): Promise<void> {
    return this.#next(this.#grants);
  }

  /** Ends the release that began first. */
  release(): Promise<void> {
    return this.#next(this.#ends);
  }

  async #next(turns: (() => void)[]): Promise<void> {
    turns.shift()?.();
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }
}

describe('the lock load', () => {
  it('gives each place a lock of its own, or deals out those that are shared', async () => {
    const names = (shared: number) => {
      const locks = new FakeLocks();
      for (const call of new LockCycles([locks.cluster], shared).callsOf(6)) void call();
      return new Set(locks.asked).size;
    };
    expect([names(0), names(4), names(1)]).to.deep.equal([6, 4, 1]);
  });

  it('times a hand-over from the beginning of a release to the next holder, as far as it counts', async () => {
    const locks = new FakeLocks();
    let now = 0;
    const load = new LockCycles([locks.cluster], 1, () => now);
    const places = load.callsOf(4);
    for (const call of places) void call();
    load.count(true);
    await locks.grant();
    expect(load.handOvers?.count, 'nobody gave it to the first').to.equal(0);
    now = 3;
    await locks.grant();
    await locks.release();
    expect([load.handOvers?.count, load.handOvers?.max_ms]).to.deep.equal([1, 3]);
    now = 4;
    await locks.grant();
    expect(load.handOvers?.count).to.equal(2);
    expect(load.handOvers?.quantile(0), 'the end of an earlier release changes nothing').to.be.within(1, 1.02);
    await locks.release();
    await locks.release();
    await locks.grant();
    expect(load.handOvers?.count, 'it lay free in between').to.equal(2);
    load.count(false);
    void places[0]?.();
    await locks.grant();
    expect(load.handOvers?.count).to.equal(2);
  });

  it('knows no hand-over where nothing is shared', () => {
    expect(new LockCycles([], 0).handOvers).to.equal(null);
  });
});
