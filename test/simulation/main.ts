/** `npm run simulate`: plays seeds of the simulated cluster and says what they came to. Exit 1 when a promise was broken. */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { record, recorded } from './ledger.js';
import { playSeeds } from './pool.js';
import { Broken, explore } from './scenario.js';
import { describe, Tally } from './tally.js';

interface Options {
  readonly first: number;
  readonly seeds: number;
  readonly jobs: number;
  readonly seed?: number;
  readonly trace?: true;
  readonly stop?: true;
  readonly json?: true;
  readonly ledger?: true;
  readonly total?: true;
}

/** Seeds between two lines that say how far it is. */
const PROGRESS_SEEDS = 100;

const program = new Command('simulate')
  .description(
    'Play a whole cluster in one process, from a seed: real nodes and clients, everything that can go wrong.',
  )
  .option('--first <seed>', 'first seed', wholeNumber, 1)
  .option('--seeds <n>', 'how many seeds', wholeNumber, 100)
  .option('--jobs <n>', 'how many at a time', wholeNumber, availableParallelism())
  .option('--seed <seed>', 'play this one only', wholeNumber)
  .option('--trace', 'with --seed: print one line for each change')
  .option('--stop', 'stop at the first broken promise')
  .option('--json', 'print the sums as JSON, in one last line')
  .option('--ledger', 'add the run to the ledger')
  .option('--total', 'say what all runs in the ledger come to, and play nothing');

const options = program.parse().opts<Options>();
if (options.total) for (const line of describe(recorded())) console.log(line);
else if (options.seed !== undefined) await playOne(options.seed);
else await playMany();

async function playOne(seed: number): Promise<void> {
  try {
    const run = await explore(seed);
    if (options.trace) for (const line of run.trace) console.log(line);
    console.log(`seed ${seed} kept its promises${run.void ? ', but is void: too little went through' : ''}`);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    if (options.trace) for (const line of error.trace) console.log(line);
    console.log(options.trace ? `seed ${seed}: ${error.promise}` : error.message);
    process.exitCode = 1;
  }
}

async function playMany(): Promise<void> {
  const { first, jobs } = options;
  const tally = new Tally();
  const seeds = Array.from({ length: options.seeds }, (_, i) => first + i);
  const begun = process.cpuUsage();
  await playSeeds({
    seeds,
    jobs,
    stop: options.stop ?? false,
    told: (outcome) => {
      tally.add(outcome);
      if (outcome.broken !== null) {
        console.log(outcome.broken.story);
        console.log(`again: npm run simulate -- --seed ${outcome.seed} --trace\n`);
      }
      const { seeds: played } = tally.totals;
      if (played % PROGRESS_SEEDS === 0 && !options.json) console.log(`${played} of ${seeds.length} seeds`);
    },
  });
  const { totals } = tally;
  const { user, system } = process.cpuUsage(begun);
  const pace = (totals.simulated_hours * 3600) / ((user + system) / 1e6);
  for (const line of describe(totals)) console.log(line);
  console.log(`${pace.toFixed(0)} simulated seconds a second of CPU`);
  if (options.ledger) record(first, totals);
  if (options.json) console.log(JSON.stringify({ first, pace, ...totals }));
  if (totals.failed.length > 0) process.exitCode = 1;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number of at least 1.');
  return value;
}
