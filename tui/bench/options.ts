/** The options of `concord bench`, kind by kind. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { ConcordError } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import { durationOf } from '../grammar/value.js';
import { addOptions, type ShellOptions } from '../shell/options.js';
import { MESSAGES_READ_OVER } from './workload.js';

/** The kinds of bench. */
export const BENCHES = ['queue', 'read', 'lock', 'failover', 'idle'] as const;
export type BenchKind = (typeof BENCHES)[number];

/** What to measure. A kind takes those that mean something to it. */
export interface BenchOptions {
  /** Commands under way at once, of all clients together; measured one after the other. */
  readonly inFlight: readonly number[];
  /** Bytes of a message. */
  readonly size: number;
  /** Locks that all places of a pipeline share; 0: each has its own. */
  readonly names: number;
  /** Time measured for each depth, after the warm-up, s. */
  readonly seconds: number;
  /** Time that nothing is asked of a cluster before it is measured, s. */
  readonly rest: number;
  /** Connections, each with a session of its own. */
  readonly clients: number;
  /** Processor time beside its budget. */
  readonly profile: boolean;
  /** What a sync takes at least, ms; 0 for the disk as it is. */
  readonly slowDisk: number;
  /** Of each fault. */
  readonly trials: number;
}

const LOAD_DEFAULTS: BenchOptions = {
  inFlight: [64],
  size: 256,
  names: 0,
  seconds: 10,
  rest: 40,
  clients: 8,
  profile: false,
  slowDisk: 0,
  trials: 10,
};

/** The options of each kind when none is given. */
export const BENCH_DEFAULTS: Readonly<Record<BenchKind, BenchOptions>> = {
  queue: LOAD_DEFAULTS,
  read: LOAD_DEFAULTS,
  lock: LOAD_DEFAULTS,
  failover: LOAD_DEFAULTS,
  idle: { ...LOAD_DEFAULTS, seconds: 20 },
};

const CLIENTS_MAX = 64;
const SECONDS_MAX = 3600;
const DEPTHS_MAX = 16;
const TRIALS_MAX = 1000;
const NAMES_MAX = 10_000;
const SLOW_DISK_MS_MAX = 1000;
/** A body carries some bytes besides the message. */
const SIZE_MAX = LIMITS.body_bytes_max - 64;

/** The subcommands: `concord bench queue`, and so on. */
export function benchCommands(): [BenchKind, Command][] {
  return [
    ['queue', loadCommand('queue', 'durable enqueues into the queue `default`', sizeOption('queue'), QUEUE_HELP)],
    ['read', loadCommand('read', 'linearizable reads of the size of that queue', sizeOption('read'), READ_HELP)],
    ['lock', loadCommand('lock', 'locks acquired and released', namesOption(), LOCK_HELP)],
    ['failover', failoverCommand()],
    ['idle', idleCommand()],
  ];
}

/** What `concord bench` says of itself. */
export const BENCH_DESCRIPTION = 'measure a cluster: throughput, latency, failover, rest';

function loadCommand(kind: BenchKind, description: string, own: Option, help: readonly string[]): Command {
  const { seconds, clients } = BENCH_DEFAULTS[kind];
  const command = new Command(kind)
    .description(description)
    .addOption(
      new Option('--clients <n>', `connections, each with its own session (default ${clients})`).argParser(
        between(1, CLIENTS_MAX),
      ),
    )
    .addOption(
      new Option('--in-flight <n,...>', 'commands under way at once, of all clients together (default 64)').argParser(
        depths,
      ),
    )
    .addOption(own)
    .addOption(secondsOption(`measured for each depth (default ${seconds})`))
    .option('--profile', 'processor time of each process beside its budget')
    .addOption(new Option('--slow-disk <time>', 'every sync takes at least so long: 2ms, 10ms').argParser(slowDisk));
  return finished(command, [...help, ...LOAD_HELP]);
}

function failoverCommand(): Command {
  const command = new Command('failover')
    .description('leaders killed and paused: how long a client waits')
    .addOption(new Option('--trials <n>', 'of each fault (default 10)').argParser(between(1, TRIALS_MAX)));
  return finished(command, FAILOVER_HELP);
}

function idleCommand(): Command {
  const command = new Command('idle')
    .description('what a cluster costs that nobody uses')
    .addOption(secondsOption(`measured (default ${BENCH_DEFAULTS.idle.seconds})`))
    .addOption(
      new Option('--rest <n>', `seconds of rest before (default ${BENCH_DEFAULTS.idle.rest})`).argParser(
        between(0, SECONDS_MAX),
      ),
    );
  return finished(command, IDLE_HELP);
}

function sizeOption(kind: BenchKind): Option {
  return new Option('--size <bytes>', `bytes of a message (default ${BENCH_DEFAULTS[kind].size})`).argParser(
    between(0, SIZE_MAX),
  );
}

function namesOption(): Option {
  return new Option('--names <n>', 'locks that all share (default 0: each its own)').argParser(between(0, NAMES_MAX));
}

function secondsOption(what: string): Option {
  return new Option('--seconds <n>', what).argParser(between(1, SECONDS_MAX));
}

function finished(command: Command, help: readonly string[]): Command {
  return addOptions(command.argument('[none...]')).addHelpText('after', `\n${help.join('\n')}`);
}

const QUEUE_HELP = [
  'Only enqueues count: each is answered when it is durable on a majority. Between',
  'depths, and when the queue holds many, its messages are dequeued again.',
];
const READ_HELP = [`The queue holds ${MESSAGES_READ_OVER} messages of --size bytes meanwhile.`];
const LOCK_HELP = [
  'A cycle of acquire and release counts as one command. Where locks are shared,',
  'handed over is the time from the release to the next holder.',
];
const LOAD_HELP = [
  'The cluster is one made for it, or that of --connect: that one has to have an',
  'empty queue and is left with one. The load comes from a process of its own,',
  'after 2 s that do not count. --slow-disk needs nodes with fault doors. Figures',
  'of other programs on this machine are in "others", in cores.',
];
const FAILOVER_HELP = [
  'In a cluster made for it, with default settings: from the order to kill (then',
  'to pause) the leader to the next command that is acknowledged. One client sends',
  'one command after the other and retries by itself.',
];
const IDLE_HELP = [
  'The cluster is one made for it, or that of --connect. A node that has just been',
  'started goes on compiling for about half a minute.',
];

/** The bench's own among all options. @throws ConcordError USAGE when they do not go together */
export function benchOptions(kind: BenchKind, options: ShellOptions & Partial<BenchOptions>): BenchOptions {
  const { inFlight, size, names, seconds, rest, clients, profile, slowDisk, trials } = {
    ...BENCH_DEFAULTS[kind],
    ...options,
  };
  const depth_max = clients * LIMITS.window_max;
  const wrong = inFlight.find((depth) => depth > depth_max);
  if (wrong !== undefined)
    throw new ConcordError(
      'USAGE',
      `--in-flight ${wrong}: ${clients} clients can have ${depth_max} commands under way.`,
    );
  if (kind === 'failover' && options.connect.length > 0)
    throw new ConcordError('USAGE', 'bench failover kills nodes: it takes no --connect, only a cluster made for it.');
  return { inFlight, size, names, seconds, rest, clients, profile, slowDisk, trials };
}

function depths(text: string): number[] {
  const list = text.split(',');
  if (list.length > DEPTHS_MAX) throw new InvalidArgumentError(`At most ${DEPTHS_MAX} depths.`);
  return list.map(between(1, CLIENTS_MAX * LIMITS.window_max));
}

function slowDisk(text: string): number {
  const ms = durationOf(text);
  if (ms !== undefined && ms > 0 && ms <= SLOW_DISK_MS_MAX) return ms;
  throw new InvalidArgumentError(`Expected a time of 1ms to ${SLOW_DISK_MS_MAX}ms.`);
}

function between(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}
