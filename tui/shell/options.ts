/** The options of `concord` itself, which may stand before or after a word. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { FaultDoors } from '../cluster/types.js';
import { DURATION_MS_MAX } from '../grammar/limits.js';
import { durationOf } from '../grammar/value.js';

/** The options as commander leaves them. */
export interface ShellOptions {
  readonly connect: readonly string[];
  readonly cluster: string;
  readonly clientId: string;
  readonly temp: boolean;
  readonly faults: boolean;
  readonly faultsHoldWrites: boolean;
  readonly plain: boolean;
  readonly json: boolean;
  readonly readonly: boolean;
  readonly ascii: boolean;
  readonly follow: boolean;
  readonly stopOnError: boolean;
  /** ms. */
  readonly timeout: number;
}

const TIMEOUT_MS = 5000;

/** The options when none is given. */
export const DEFAULTS: ShellOptions = {
  connect: [],
  cluster: '',
  clientId: '',
  temp: false,
  faults: false,
  faultsHoldWrites: false,
  plain: false,
  json: false,
  readonly: false,
  ascii: false,
  follow: true,
  stopOnError: false,
  timeout: TIMEOUT_MS,
};

/** Adds the options to a command. They have no defaults here: what is not given is not set. */
export function addOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--connect <host:port,...>', 'a cluster by its addresses, not the local one').argParser(addresses),
    )
    .option('--cluster <name>', 'refuse any cluster of another name')
    .option('--client-id <name>', 'the name of this client, as `sessions` shows it')
    .option('--temp', 'a local cluster of its own: new folder, free ports, gone at exit')
    .option('--faults', 'local nodes that can be broken, as those of --temp: partition, slow, lose, fill')
    .option('--faults-hold-writes', 'and that hold their writes back until a sync: kill is a power cut')
    .option('--plain', 'lines instead of the screen')
    .option('--json', 'one JSON object for each command')
    .option('--readonly', 'refuse what changes anything')
    .option('--ascii', 'a screen of ASCII only')
    .option('--no-follow', 'answer redirects and elections as they come')
    .option('--stop-on-error', 'end at the first command that fails')
    .addOption(new Option('--timeout <time>', 'time allowed for a command: 200ms, 5s, 2m').argParser(duration));
}

/** The fault doors that the options ask for; undefined when they ask for none. */
export function faultDoors(options: Pick<ShellOptions, 'faults' | 'faultsHoldWrites'>): FaultDoors | undefined {
  if (options.faultsHoldWrites) return 'hold-writes';
  return options.faults ? 'on' : undefined;
}

/** "host:port", the host perhaps an IPv6 address in brackets. */
export const ADDRESS = /^[^\s:]+:\d{1,5}$|^\[[^\]\s]+\]:\d{1,5}$/;

function addresses(text: string): string[] {
  const list = text.split(',');
  const wrong = list.find((address) => !ADDRESS.test(address));
  if (wrong !== undefined) throw new InvalidArgumentError(`${JSON.stringify(wrong)} is no host:port.`);
  return list;
}

function duration(text: string): number {
  const ms = durationOf(text);
  if (ms === undefined || ms === 0 || ms > DURATION_MS_MAX)
    throw new InvalidArgumentError('Expected a time like 200ms, 5s, 2m or 1h.');
  return ms;
}
