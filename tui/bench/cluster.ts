/** The clients of a bench and what they know of the nodes: a cluster made for it, or the one that its user names. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../protocol/client/index.js';
import type { Cluster, NodeState } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { SHARD } from '../../protocol/groups.js';
import { terminalOf } from '../shell/line-mode.js';
import type { ShellOptions } from '../shell/options.js';
import { cpu_us, isLocal } from './cpu.js';

/** How long the nodes of a new cluster may take to be all there, and those of another to answer as far as they run, ms. */
const START_MS_MAX = 20_000;
const ANSWER_MS_MAX = 2000;
const LOOK_MS = 20;

/** The cluster under load. */
export interface Target {
  /** At least one. */
  readonly clients: readonly Cluster[];
  /** It was made for this bench and goes with it. */
  readonly own: boolean;
  /** Processor time so far of each node on this machine, us. */
  cpu_us(): Map<string, number>;
  /** Who leads the queue's group, or ''. */
  leader(): string;
  leave(): Promise<void>;
}

/** Makes a cluster, or connects to that of --connect, with so many clients. @throws ConcordError */
export async function openTarget(options: ShellOptions, count: number): Promise<Target> {
  const own = options.connect.length === 0;
  const terminal = terminalOf({ ...options, temp: own, follow: true }, 'off');
  const others: Cluster[] = [];
  const leave = async () => {
    await Promise.all(others.map((client) => client.close()));
    await terminal.leave();
  };
  try {
    const first = await terminal.context.cluster();
    const keeper = await terminal.context.keeper();
    if (keeper === null) await allThere(first, first.members.length, ANSWER_MS_MAX);
    // A node that is still starting would be brought up to date under the first load.
    else if (!(await allThere(first, keeper.nodes.length, START_MS_MAX)))
      throw new ConcordError('START_FAILED', `not all of ${keeper.nodes.length} nodes can be reached`);
    const nodes = first.members.filter((member) => member.connected).map((member) => member.address);
    while (others.length + 1 < count) others.push(await connect({ nodes, timeout_ms: options.timeout }));
    const pids = await localPids(first);
    return {
      clients: [first, ...others],
      own,
      cpu_us: () => timesOf(pids),
      leader: () => first.leaderOf(SHARD),
      leave,
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

/** Waits until so many nodes are connected and the queue's group has a leader; false when that takes longer than `ms`. */
async function allThere(cluster: Cluster, count: number, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  const connected = () => cluster.members.filter((member) => member.connected).length;
  while (connected() < count || cluster.leaderOf(SHARD) === '') {
    if (performance.now() > end) return false;
    await sleep(LOOK_MS);
  }
  return true;
}

async function localPids(cluster: Cluster): Promise<Map<string, number>> {
  const pids = new Map<string, number>();
  for (const { id, connected } of cluster.members) {
    if (!connected) continue;
    const state = (await cluster.admin('status', null, { node: id })).value as NodeState;
    if (isLocal(state)) pids.set(id, state.pid);
  }
  return pids;
}

function timesOf(pids: ReadonlyMap<string, number>): Map<string, number> {
  const times = new Map<string, number>();
  for (const [node, pid] of pids) {
    const time = cpu_us(pid);
    if (time !== null) times.set(node, time);
  }
  return times;
}
