/** The options of `concord bench`. */
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { ConcordError } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import { addOptions, type ShellOptions } from '../shell/options.js';

/** What to measure. */
export interface BenchOptions {
  /** Commands under way at once, of all clients together; measured one after the other. */
  readonly inFlight: readonly number[];
  /** Bytes of a message. */
  readonly size: number;
  /** Time measured for each depth, after the warm-up, s. */
  readonly seconds: number;
  /** Connections, each with a session of its own. */
  readonly clients: number;
}

/** The options when none is given. */
export const BENCH_DEFAULTS: BenchOptions = { inFlight: [64], size: 256, seconds: 5, clients: 1 };

const CLIENTS_MAX = 64;
const SECONDS_MAX = 3600;
const DEPTHS_MAX = 16;
/** A body carries some bytes besides the message. */
const SIZE_MAX = LIMITS.body_bytes_max - 64;

/** The subcommand: `concord bench queue`. */
export function benchCommand(): Command {
  const command = new Command('bench')
    .description(
      'measure durable commands a second and their latency, on a cluster made for it or the one of --connect',
    )
    .addArgument(new Argument('<what...>', 'queue: enqueues into the queue `default`').choices(['queue']))
    .addOption(
      new Option('--in-flight <n,...>', 'commands under way at once, all clients together (default 64)').argParser(
        depths,
      ),
    )
    .addOption(new Option('--size <bytes>', 'bytes of a message (default 256)').argParser(between(0, SIZE_MAX)))
    .addOption(
      new Option('--seconds <n>', 'time measured for each depth, after 1 s that does not count (default 5)').argParser(
        between(1, SECONDS_MAX),
      ),
    )
    .addOption(
      new Option('--clients <n>', 'connections, each with its own session (default 1)').argParser(
        between(1, CLIENTS_MAX),
      ),
    )
    .addHelpText('after', `\n${HELP}`);
  return addOptions(command);
}

const HELP = [
  'The load comes from this process; the nodes and their keeper are others. Only enqueues are counted: each is answered when',
  'it is durable on a majority. Between depths, and when the queue holds many, its messages are dequeued again. A cluster of',
  '--connect has to have an empty queue, and is left with one. What other programs do on this machine shows in the figures.',
].join('\n');

/** The bench's own among all options. @throws ConcordError USAGE when they do not go together */
export function benchOptions(options: ShellOptions & Partial<BenchOptions>): BenchOptions {
  const { inFlight, size, seconds, clients } = { ...BENCH_DEFAULTS, ...options };
  const wrong = inFlight.find((depth) => depth < clients || depth > clients * LIMITS.window_max);
  if (wrong === undefined) return { inFlight, size, seconds, clients };
  const range = `${clients} to ${clients * LIMITS.window_max}`;
  throw new ConcordError('USAGE', `--in-flight ${wrong}: ${clients} clients can have ${range} commands under way.`);
}

function depths(text: string): number[] {
  const list = text.split(',');
  if (list.length > DEPTHS_MAX) throw new InvalidArgumentError(`At most ${DEPTHS_MAX} depths.`);
  return list.map(between(1, CLIENTS_MAX * LIMITS.window_max));
}

function between(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}
