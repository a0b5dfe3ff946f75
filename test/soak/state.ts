/**
 * `npm run soak:state -- away`, `million`, `disk` or `power`: state that outgrows memory, on real processes, for minutes. What was asked
 * and found is told as a table at the end. Exit 1 when a promise was broken.
 */
import { Command, Option } from 'commander';
import { mebibytes, wholeNumber } from './arguments.js';
import { AWAY, type AwayPlan, awayFindings, runAway } from './away.js';
import { DISK, type DiskPlan, runDisk } from './disk.js';
import { MIB } from './figures.js';
import { type Finding, table, teller } from './finding.js';
import { MILLION, type MillionPlan, runMillion } from './million.js';
import { POWER, type PowerPlan, powerFindings, runPower } from './power.js';

const program = new Command('soak').description('What a real cluster holds, beyond memory and log.');

program
  .command('away')
  .description('a follower returns after more than any log keeps, while clients go on')
  .addOption(inMib('--live <MiB>', 'in the queue all the time', AWAY.live))
  .addOption(inMib('--log <MiB>', 'goes through it meanwhile', AWAY.log))
  .addOption(inMib('--memory-budget <MiB>', 'of each node', AWAY.memory_budget))
  .addOption(inMib('--log-budget <MiB>', 'of each node', AWAY.log_budget))
  .option('--segment-bytes <n>', 'of each node', wholeNumber, AWAY.segment_bytes)
  .option('--rate <n>', 'commands a second of the steady load', wholeNumber, AWAY.commands_per_s)
  .option('--seconds <n>', 'how long it is measured before and after', wholeNumber, AWAY.seconds)
  .option('--kill', 'kill -9 in place of SIGTERM', false)
  .action(({ memoryBudget, logBudget, segmentBytes, rate, ...rest }: AwayFlags) => {
    const budgets = { memory_budget: memoryBudget, log_budget: logBudget, segment_bytes: segmentBytes };
    const plan = { ...AWAY, ...rest, ...budgets, commands_per_s: rate };
    return judged(async (tell) => awayFindings(plan, await runAway(plan, tell)));
  });

program
  .command('million')
  .description(
    'very many queued messages: memory, a restart, rates beside those of an empty queue, stalls of the event loop',
  )
  .option('--messages <n>', 'how many', wholeNumber, MILLION.messages)
  .option('--bytes <n>', 'of a message', wholeNumber, MILLION.bytes)
  .addOption(inMib('--memory-budget <MiB>', 'of each node', MILLION.memory_budget))
  .option('--commands <n>', 'by which a rate is measured', wholeNumber, MILLION.commands)
  .option('--rounds <n>', 'how often', wholeNumber, MILLION.rounds)
  .option('--seconds <n>', 'how long the event loop is looked at', wholeNumber, MILLION.seconds)
  .option('--rate <n>', 'commands a second meanwhile', wholeNumber, MILLION.commands_per_s)
  .action(({ memoryBudget, rate, ...rest }: MillionFlags) =>
    judged((tell) => runMillion({ ...rest, memory_budget: memoryBudget, commands_per_s: rate }, tell)),
  );

program
  .command('disk')
  .description('very many small commands: what they take on disk')
  .option('--commands <n>', 'how many', wholeNumber, DISK.commands)
  .addOption(inMib('--log-budget <MiB>', 'of each node', DISK.log_budget))
  .option('--segment-bytes <n>', 'of each node', wholeNumber, DISK.segment_bytes)
  .option('--bytes <n>', 'of a message', wholeNumber, DISK.bytes)
  .action(({ logBudget, segmentBytes, ...rest }: DiskFlags) =>
    judged((tell) => runDisk({ ...DISK, ...rest, log_budget: logBudget, segment_bytes: segmentBytes }, tell)),
  );

program
  .command('power')
  .description(
    'power cuts at random moments; writes of nodes to their own files are held back until their sync, those of LMDB are not',
  )
  .option('--cuts <n>', 'how many', wholeNumber, POWER.cuts)
  .option('--seed <n>', 'of the random moments', wholeNumber, POWER.seed)
  .action((plan: Pick<PowerPlan, 'cuts' | 'seed'>) =>
    judged(async (tell) => powerFindings(await runPower({ ...POWER, ...plan }, tell))),
  );

// By `exit`, so that what was started ends too.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
await program.parseAsync();

type AwayFlags = Pick<AwayPlan, 'live' | 'log' | 'seconds' | 'kill'> & {
  readonly memoryBudget: number;
  readonly logBudget: number;
  readonly segmentBytes: number;
  readonly rate: number;
};
type MillionFlags = Pick<MillionPlan, 'messages' | 'bytes' | 'commands' | 'rounds' | 'seconds'> & {
  readonly memoryBudget: number;
  readonly rate: number;
};
type DiskFlags = Pick<DiskPlan, 'commands' | 'bytes'> & { readonly logBudget: number; readonly segmentBytes: number };

function inMib(flag: string, what: string, bytes: number): Option {
  return new Option(flag, what).argParser(mebibytes).default(bytes, `${bytes / MIB}`);
}

async function judged(run: (tell: (line: string) => void) => Promise<Finding[]>): Promise<void> {
  const findings = await run(teller());
  console.log(`\n${table(findings)}`);
  if (findings.some(({ kept }) => !kept)) process.exitCode = 1;
}
