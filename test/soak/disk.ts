/** `disk`: very many small commands, and how much of the disk they take meanwhile. */
import { SHARD } from '../../protocol/groups.js';
import { TestCluster } from '../integration/cluster.js';
import { Bodies } from './bodies.js';
import { counted, MIB, mib } from './figures.js';
import type { Finding } from './finding.js';
import { Peaks } from './memory.js';
import { Stream } from './stream.js';

export interface DiskPlan {
  readonly commands: number;
  readonly log_budget: number;
  readonly segment_bytes: number;
  /** In the queue all the time. */
  readonly messages: number;
  /** Of a message. */
  readonly bytes: number;
}

/** Pairs of commands under way. */
const DEPTH = 512;
const TIMES_MAX = 3;

/** Goes through it and tells how it goes on. */
export async function runDisk(plan: DiskPlan, tell: (line: string) => void): Promise<Finding[]> {
  const { commands, log_budget, segment_bytes, messages, bytes } = plan;
  const flags = ['--log-budget', `${log_budget}`, '--segment-bytes', `${segment_bytes}`];
  await using cluster = await TestCluster.make({ election_ms: null, name: 'soak', flags });
  using disk = Peaks.ofDisk(cluster);
  using memory = Peaks.ofMemory(cluster);
  await cluster.start();
  await cluster.leader(SHARD);
  const stream = new Stream(await cluster.client({ clientId: 'stream' }), new Bodies(bytes, bytes));
  if (messages > 0) await stream.puts(messages, DEPTH);
  const pairs = Math.ceil(commands / 2);
  const begun = performance.now();
  const progress = (done: number) => {
    const rate = (2 * done) / ((performance.now() - begun) / 1000);
    tell(`${counted(2 * done)} commands, ${counted(rate)}/s; disk at most ${disk}; RssAnon at most ${memory}`);
  };
  const ms = await stream.pairs(pairs, DEPTH, progress);
  const held = await Promise.all([...cluster.nodes.keys()].map((id) => cluster.replica(SHARD, id)));
  tell(`entries kept from ${held.map(({ first }) => first).join(', ')}; up to ${held[0]?.last}`);
  await stream.takes(stream.length, DEPTH);
  const allowed = TIMES_MAX * log_budget + messages * bytes;
  return [
    {
      asked: `disk use after ${counted(2 * pairs)} small commands under ${TIMES_MAX} x log_budget (${mib(log_budget)}) + live state`,
      found: `at most ${mib(disk.greatest)} at any time, ${counted((2 * pairs) / (ms / 1000))} commands/s; log from entry ${counted(held[0]?.first ?? 0)} on`,
      kept: disk.greatest > 0 && disk.greatest < allowed,
    },
  ];
}

/** What the issue speaks of. */
export const DISK: DiskPlan = {
  commands: 10_000_000,
  log_budget: 512 * MIB,
  segment_bytes: 16 * MIB,
  messages: 0,
  bytes: 16,
};
