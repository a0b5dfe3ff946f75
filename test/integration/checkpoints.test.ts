/** State beyond memory and log, on real processes: snapshots for who was away, and power cuts while everything moves. Longer: `soak:state`. */
import { expect } from 'chai';
import { AWAY, runAway } from '../soak/away.js';
import { MIB } from '../soak/figures.js';
import { POWER, runPower } from '../soak/power.js';

const QUIET = () => {};

describe('state that outgrows the log', function () {
  this.timeout(120_000);

  it('comes to a follower that was away for too long as a snapshot, while clients go on, and it has what the others have', async () => {
    const sizes = { live: MIB, log: 4 * MIB, memory_budget: 4 * MIB, log_budget: MIB, segment_bytes: 128 << 10 };
    const plan = { ...AWAY, ...sizes, commands_per_s: 200, seconds: 0.2, kill: true };
    const { installed, intact, during } = await runAway(plan, QUIET);
    expect(installed?.bytes).to.be.above(plan.live / 2);
    expect(intact).to.be.above(0);
    expect(during.times.count, 'clients did not go on').to.be.above(0);
  });

  it('survives power cuts: nothing acknowledged is lost or comes twice, with checkpoints and snapshots on their way', async () => {
    const run = await runPower({ ...POWER, cuts: 3, seed: 3, pause_ms: 300, down_ms: 1200 }, QUIET);
    expect(run.violations).to.deep.equal([]);
    expect(run.out).to.be.at.least(run.acknowledged);
    expect(run.checkpoint, 'no checkpoint was written').to.be.above(0);
    expect(run.first, 'no log was given back').to.be.above(1);
  });
});
