/** Seeds of the simulated cluster: real nodes, real clients, and whatever goes wrong that they have to survive. */
import { availableParallelism } from 'node:os';
import { expect } from 'chai';
import { FAILED_SEEDS } from './failed-seeds.js';
import { type Outcome, playSeeds } from './pool.js';
import { explore, swarmOf } from './scenario.js';

/** Seeds 1 to this, besides those that failed once. */
const SEEDS = 200;
/** A time limit for all of them, on a machine that is busy with something else. */
const LIMIT_MS = 240_000;

describe('a simulated cluster', () => {
  it(`keeps its promises in ${SEEDS} seeds and in all that ever failed`, async function () {
    this.timeout(LIMIT_MS);
    const outcomes: Outcome[] = [];
    const seeds = new Set([...FAILED_SEEDS.map(({ seed }) => seed), ...Array.from({ length: SEEDS }, (_, i) => i + 1)]);
    await playSeeds({ seeds: [...seeds], jobs: availableParallelism(), told: (outcome) => outcomes.push(outcome) });
    expect(outcomes.map(({ broken }) => broken?.story).filter((story) => story !== undefined)).to.deep.equal([]);
    expect(outcomes).to.have.length(seeds.size);
    expect(outcomes.filter((outcome) => outcome.void).length, 'void seeds').to.be.below(SEEDS / 10);
  });

  for (const workload of ['queue', 'locks'] as const)
    it(`does the same thing twice from the same seed, with ${workload}`, async function () {
      this.timeout(LIMIT_MS);
      let seed = 4242;
      while (swarmOf(seed).workload !== workload) seed++;
      const first = await explore(seed);
      const second = await explore(seed);
      expect(second.trace).to.deep.equal(first.trace);
      expect(second.events).to.equal(first.events);
    });
});
