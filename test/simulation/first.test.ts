/** A first seeded simulation: three real nodes, crashes, power cuts, pauses and cut links; nothing acknowledged is lost or doubled. */
import { expect } from 'chai';
import { explore } from './scenario.js';

const SEEDS = 12;

describe('a simulated cluster of three', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`keeps its promises under crashes, pauses and cut links, seed ${seed}`, async function () {
      this.timeout(30_000);
      const run = await explore(seed);
      expect(run.acknowledged, 'too little went through: the run is void').to.be.greaterThan(300);
    });
  }

  it('does the same thing twice from the same seed', async function () {
    this.timeout(60_000);
    const first = await explore(4242);
    const second = await explore(4242);
    expect(second.trace).to.deep.equal(first.trace);
    expect(second.events).to.equal(first.events);
  });
});
