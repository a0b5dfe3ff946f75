/** `npm run soak:locks -- locks`, `stuck` or `scale`: locks on real processes, for minutes. Exit 1 when a promise was broken. */
import { Command } from 'commander';
import { duration, wholeNumber } from './arguments.js';
import { describeRun } from './describe.js';
import { Dice } from './dice.js';
import { runLocks, TTL_MS } from './locks.js';
import { runScale } from './scale.js';
import { describeStuck, LATE_MS, runStuck } from './stuck.js';

const program = new Command('soak').description('Locks of a real cluster, for longer than a test may take.');

program
  .command('locks')
  .description('clients at work while nodes and clients are killed, stopped, cut off; everything they saw is judged')
  .option('--runs <n>', 'how many runs', wholeNumber, 5)
  .option('--seconds <n>', 'how long each', wholeNumber, 120)
  .option('--seed <n>', 'of the first run; the next has the next', wholeNumber, 1)
  .action(async ({ runs, seconds, seed }: { runs: number; seconds: number; seed: number }) => {
    for (let one = seed; one < seed + runs; one++) {
      const run = await runLocks(one, (nemesis) =>
        nemesis.rage(new Dice(one), TTL_MS, AbortSignal.timeout(seconds * 1000)),
      );
      console.log(describeRun(one, run));
      if (run.violations.length > 0) process.exitCode = 1;
    }
  });

program
  .command('stuck')
  .description('holders that never release what they acquired with --hold, and others that wait for it')
  .option('--holders <n>', 'how many', wholeNumber, 1000)
  .option('--hold <duration>', 'for how long they may hold', duration, 2000)
  .action(async ({ holders, hold }: { holders: number; hold: number }) => {
    const run = await runStuck(holders, hold);
    console.log(describeStuck(run));
    if (run.late_ms.some((ms) => ms > LATE_MS) || run.aborted < holders) process.exitCode = 1;
  });

program
  .command('scale')
  .description('very many locks held, very many waiters on one: times, memory, a failover and a restart in that state')
  .option('--locks <n>', 'how many are held', wholeNumber, 100_000)
  .option('--waiters <n>', 'how many wait for one', wholeNumber, 10_000)
  .action(({ locks, waiters }: { locks: number; waiters: number }) => runScale(locks, waiters, console.log));

// By `exit`, so that what was started or stopped ends too.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
await program.parseAsync();
