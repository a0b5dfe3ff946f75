/** The subcommand `concord run` and its options. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { addOptions } from '../shell/options.js';
import { BATCH_LIMITS } from './limits.js';
import { NAME, typedValue } from './template.js';

/** What `run` is told besides the shell's own options. */
export interface BatchOptions {
  /** Values of variables, in place of the file's. */
  readonly set: ReadonlyMap<string, unknown>;
  /** Only look for mistakes. */
  readonly check: boolean;
}

/** The options when none is given. */
export const BATCH_DEFAULTS: BatchOptions = { set: new Map(), check: false };

/** The subcommand: `concord run file.yaml`. */
export function runCommand(): Command {
  const command = new Command('run')
    .description('run a batch: commands in a file, with what their replies have to be')
    .argument('<file>', 'YAML or JSON; any other file has one command a line')
    .addOption(
      new Option('--set <name=value>', 'give a variable of the file another value (may be repeated)').argParser(
        setting,
      ),
    )
    .option('--check', 'only look for mistakes, and name the line and column of each')
    .addHelpText('after', `\n${HELP}`);
  return addOptions(command);
}

const HELP = [
  'A file says where it runs: temp, connect, or else the local cluster. --temp and',
  '--connect go before it. The first interruption still runs what stands in',
  'finally, a second one does not. Exit codes: 0 all as expected, 1 it was not,',
  '2 mistakes in the file, 3 the cluster cannot be reached, 4 the outcome of a',
  'command is unknown, 130 interrupted.',
  'configs/batches/tour.yaml shows everything that a batch can do.',
].join('\n');

function setting(text: string, before: ReadonlyMap<string, unknown> | undefined): ReadonlyMap<string, unknown> {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(0, equals));
  if (!NAME.test(name)) throw new InvalidArgumentError('Expected name=value.');
  if ((before?.size ?? 0) >= BATCH_LIMITS.variables_max) throw new InvalidArgumentError('Too many variables.');
  return new Map(before).set(name, valueIn(text.slice(equals + 1)));
}

function valueIn(text: string): unknown {
  try {
    return typedValue(text);
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}
