/** What a node is told: flags of the command line, over a YAML file, over defaults. */
import { readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { parse } from 'yaml';
import { z } from 'zod';
import { ConcordError } from '../protocol/errors.js';
import { LIMITS } from '../protocol/limits.js';
import { parseAddress } from '../protocol/tcp.js';
import { DEFAULT_RAFT_SETTINGS } from './raft/types.js';

/** The log is given back by segments: so many at least make up its budget. */
const SEGMENTS_MIN = 4;

/** Version of the configuration file. */
const CONFIG_VERSION = 1;

const address = z.string().max(LIMITS.address_length_max).refine(isLoopback, {
  message:
    'has to be 127.0.0.1:port, [::1]:port or localhost:port: nodes listen on the loopback only until connections are authenticated',
});
const peer = z.string().max(LIMITS.address_length_max).refine(isAddress, { message: 'has to be host:port' });
const id = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,31}$/, 'is a letter and up to 31 letters, digits, . _ -');

const FILE = z.strictObject({
  version: z.literal(
    CONFIG_VERSION,
    `has to be ${CONFIG_VERSION}: run the version of Concord that this file was written for`,
  ),
  /** Name of this node. */
  id,
  /** Name of the cluster: nodes and clients of another are refused. */
  cluster: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[^#\p{Cc}]+$/u)
    .default('concord'),
  /** Where this node listens. */
  listen: address,
  /** Folder for its log and identity. */
  data: z.string().min(1),
  /** Address of every first member, this one among them. */
  peers: z.record(id, peer),
  /** Silence of a leader after which another is elected, ms; drawn from this to twice this. Longer than any pause of a busy machine. */
  election_ms: z.int().min(50).max(60_000).default(DEFAULT_RAFT_SETTINGS.election_ms),
  /** Interval of heartbeats, ms. A tenth of election_ms leaves room for a few lost ones. */
  heartbeat_ms: z.int().min(5).max(10_000).default(DEFAULT_RAFT_SETTINGS.heartbeat_ms),
  /** Length of a log segment, bytes. Small ones are given back sooner, large ones cost less. */
  segment_bytes: z
    .int()
    .min(64 << 10)
    .max(1 << 30)
    .default(16 << 20),
  /** Messages and what is not in the base yet, in memory, bytes. Beside it a node takes some 100 MB for everything else. */
  memory_budget: z
    .int()
    .min(1 << 20)
    .max(64 * 2 ** 30)
    .default(256 << 20),
  /** Log on disk, bytes: half of it is kept for members that were away for a short while, and spares them a snapshot. */
  log_budget: z
    .int()
    .min(1 << 20)
    .max(2 ** 40)
    .default(512 << 20),
  /** Let whoever reaches the port break this node: cut and slow its links, fill its disk. For tests and drills. */
  faults: z.boolean().default(false),
  /** With it, nothing that was written is on disk before its sync: kill -9 is a power cut. */
  faults_hold_writes: z.boolean().default(false),
});

/** A node's configuration, checked. */
export interface NodeConfig {
  readonly id: string;
  readonly cluster: string;
  readonly listen: string;
  /** Absolute. */
  readonly data: string;
  readonly peers: ReadonlyMap<string, string>;
  readonly election_ms: number;
  readonly heartbeat_ms: number;
  readonly segment_bytes: number;
  readonly memory_budget: number;
  readonly log_budget: number;
  /** It has fault doors. */
  readonly faults: boolean;
  /** Implies `faults`. */
  readonly faults_hold_writes: boolean;
  /** Descriptor on which its keeper waits for news and whose end means that the keeper is gone; null without a keeper. */
  readonly keeper_fd: number | null;
}

/** Reads the command line, and the file it may name. @throws ConcordError BAD_CONFIG naming what is wrong. `--help` ends the process. */
export function readConfig(argv: readonly string[], version: string): NodeConfig {
  const program = new Command('concord-node')
    .description('One node of a Concord cluster. Flags override the file.')
    .version(version)
    .option('--config <file>', 'YAML file with version, id, cluster, listen, data, peers and settings')
    .option('--id <name>', 'name of this node, for example n1')
    .option('--cluster <name>', 'name of the cluster (default "concord")')
    .option('--listen <host:port>', 'where to listen; loopback only')
    .option('--data <folder>', 'folder for log and identity')
    .option('--peers <list>', 'all first members: n1=127.0.0.1:7101,n2=127.0.0.1:7102,n3=...', peersOf)
    .option(
      '--election-ms <ms>',
      `silence after which a new leader is elected (default ${DEFAULT_RAFT_SETTINGS.election_ms})`,
      numberOf,
    )
    .option('--heartbeat-ms <ms>', `interval of heartbeats (default ${DEFAULT_RAFT_SETTINGS.heartbeat_ms})`, numberOf)
    .option('--segment-bytes <n>', 'length of a log segment (default 16777216)', numberOf)
    .option('--memory-budget <n>', 'bytes of messages and of unwritten state in memory (default 268435456)', numberOf)
    .option('--log-budget <n>', 'bytes of log on disk (default 536870912)', numberOf)
    .option('--faults', 'open the fault doors: whoever reaches the port may break this node (tests and drills)')
    .option('--faults-hold-writes', 'as --faults, and hold every write back until its sync: kill -9 is a power cut')
    .option('--keeper-fd <fd>', 'descriptor of the process that started this node', numberOf)
    .addHelpText('after', HELP)
    .configureOutput({ writeErr: () => {} })
    .exitOverride((error) => {
      if (error.exitCode === 0) process.exit(0);
      throw badConfig(undefined, error.message.replace(/^error: /, ''));
    })
    .parse([...argv], { from: 'user' });
  const flags = program.opts<Flags>();
  const {
    config,
    keeperFd,
    electionMs,
    heartbeatMs,
    segmentBytes,
    memoryBudget,
    logBudget,
    faultsHoldWrites,
    ...plain
  } = flags;
  const given = defined({
    ...plain,
    election_ms: electionMs,
    heartbeat_ms: heartbeatMs,
    segment_bytes: segmentBytes,
    memory_budget: memoryBudget,
    log_budget: logBudget,
    faults_hold_writes: faultsHoldWrites,
  });
  const parsed = FILE.safeParse({ version: CONFIG_VERSION, ...fileOf(config), ...given });
  if (!parsed.success) throw badConfig(config, parsed.error.issues.map(issueText).join('; '));
  const { version: _, data, peers, ...rest } = parsed.data;
  const wrong = wrongPeers(peers, rest.id);
  if (wrong !== null) throw badConfig(config, `peers: ${wrong}`);
  if (rest.heartbeat_ms * 3 > rest.election_ms)
    throw badConfig(config, 'heartbeat_ms has to be at most a third of election_ms');
  if (rest.segment_bytes * SEGMENTS_MIN > rest.log_budget)
    throw badConfig(config, `log_budget has to be at least ${SEGMENTS_MIN} times segment_bytes`);
  return {
    ...rest,
    faults: rest.faults || rest.faults_hold_writes,
    data: resolve(data),
    peers: new Map(Object.entries(peers)),
    keeper_fd: keeperFd ?? null,
  };
}

interface Flags {
  config?: string;
  id?: string;
  cluster?: string;
  listen?: string;
  data?: string;
  peers?: Record<string, string>;
  electionMs?: number;
  heartbeatMs?: number;
  segmentBytes?: number;
  memoryBudget?: number;
  logBudget?: number;
  faults?: boolean;
  faultsHoldWrites?: boolean;
  keeperFd?: number;
}

const HELP = `
Example: three nodes on this machine, each in a terminal of its own
  concord-node --id n1 --listen 127.0.0.1:7101 --data data/n1 --peers n1=127.0.0.1:7101,n2=127.0.0.1:7102,n3=127.0.0.1:7103
  (n2 and n3 alike)

Exit codes: 0 stopped as asked, 1 could not start or go on, 2 wrong arguments.
`;

function fileOf(path: string | undefined): Record<string, unknown> {
  if (path === undefined) return {};
  try {
    const content: unknown = parse(readFileSync(path, 'utf8'));
    if (typeof content === 'object' && content !== null && !Array.isArray(content))
      return content as Record<string, unknown>;
  } catch (error) {
    throw badConfig(path, (error as Error).message);
  }
  throw badConfig(path, 'has to be a map of settings');
}

function badConfig(path: string | undefined, what: string): ConcordError {
  return new ConcordError('BAD_CONFIG', `${path ?? 'command line'}: ${what}`);
}

function issueText(issue: { path: PropertyKey[]; message: string }): string {
  return `${issue.path.join('.') || 'it'}: ${issue.message}`;
}

function wrongPeers(peers: Readonly<Record<string, string>>, self: string): string | null {
  const ids = Object.keys(peers);
  if (ids.length > LIMITS.members_max) return `at most ${LIMITS.members_max} members are allowed`;
  if (!ids.includes(self)) return `no entry for ${self} itself`;
  for (const [i, id] of ids.entries()) {
    const twin = ids.slice(0, i).find((other) => peers[other] === peers[id]);
    if (twin !== undefined) return `${twin} and ${id} have the same address ${peers[id]}`;
  }
  return null;
}

function defined(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function peersOf(list: string): Record<string, string> {
  const peers: Record<string, string> = {};
  for (const part of list.split(',')) {
    const at = part.indexOf('=');
    if (at < 1) throw new InvalidArgumentError('write name=host:port, separated by commas.');
    const name = part.slice(0, at).trim();
    if (Object.hasOwn(peers, name)) throw new InvalidArgumentError(`${name} is there twice.`);
    peers[name] = part.slice(at + 1).trim();
  }
  return peers;
}

function numberOf(digits: string): number {
  if (!/^\d+$/.test(digits)) throw new InvalidArgumentError('write a whole number.');
  return Number(digits);
}

function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch {
    return false;
  }
}

function isLoopback(text: string): boolean {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  if (match === null || Number(match[3]) > 65_535) return false;
  return host === 'localhost' || (isIPv4(host) && host.startsWith('127.')) || (isIPv6(host) && host === '::1');
}
