/** The cluster that a bench is about: one made for it, or the one that its user names. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, NodeState } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { COORDINATION, SHARD } from '../../protocol/groups.js';
import type { FaultDoors, Keeper } from '../cluster/types.js';
import { terminalOf } from '../shell/line-mode.js';
import type { ShellOptions } from '../shell/options.js';
import { isLocal } from './proc.js';

/** How long the nodes of a cluster of its own may take to agree, and those of another to answer as far as they run, ms. */
const SETTLE_MS_MAX = 30_000;
const ANSWER_MS_MAX = 2000;
const LOOK_MS = 20;
/** A node that is asked how it is may be just about to end, ms. */
const STATUS_MS_MAX = 1000;

/** A cluster, and a client of it that puts no load on it. */
export interface Target {
  readonly cluster: Cluster;
  /** Of the nodes that were made for this bench and go with it; null for somebody else's. */
  readonly keeper: Keeper | null;
  /** Addresses of the nodes that can be reached. */
  readonly nodes: readonly string[];
  /** Processes of the nodes on this machine, by node. */
  readonly pids: ReadonlyMap<string, number>;
  leave(): Promise<void>;
}

/** Makes a cluster, with these fault doors, or connects to that of --connect. @throws ConcordError */
export async function openTarget(options: ShellOptions, faults: FaultDoors): Promise<Target> {
  const temp = options.connect.length === 0;
  const terminal = terminalOf({ ...options, temp, follow: true }, faults);
  try {
    const cluster = await terminal.context.cluster();
    const keeper = await terminal.context.keeper();
    if (keeper === null) await allThere(cluster);
    else await settled(cluster, keeper.nodes.length);
    const there = cluster.members.filter((member) => member.connected);
    const states = await Promise.all(there.map(({ id }) => statusOf(cluster, id)));
    const local = states.filter((state) => state !== null && isLocal(state)) as NodeState[];
    return {
      cluster,
      keeper,
      nodes: there.map(({ address }) => address),
      pids: new Map(local.map(({ node, pid }) => [node, pid])),
      leave: () => terminal.leave(),
    };
  } catch (error) {
    await terminal.leave();
    throw error;
  }
}

/**
 * Waits until so many nodes are there, agree in every group on its leader and are brought up to date: a node that is not would be
 * brought up to date under load. @throws ConcordError START_FAILED
 */
export async function settled(cluster: Cluster, count: number): Promise<void> {
  const end = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const there = cluster.members.filter((member) => member.connected);
    const states = await Promise.all(there.map(({ id }) => statusOf(cluster, id)));
    if (states.length === count && [COORDINATION, SHARD].every((group) => agreed(states, group))) return;
    if (performance.now() > end)
      throw new ConcordError('START_FAILED', `${count} nodes did not come together within ${SETTLE_MS_MAX / 1000} s`);
    await sleep(LOOK_MS);
  }
}

/** True when all have the same leader of the group in the same term, and have applied the same. */
export function agreed(states: readonly (Pick<NodeState, 'groups'> | null)[], group: string): boolean {
  const views = states.map((state) => state?.groups[group]);
  const [first] = views;
  return (
    first !== undefined &&
    first.leader !== '' &&
    views.every(
      (view) =>
        view?.leader === first.leader &&
        view.term === first.term &&
        view.applied === first.last &&
        view.last === first.last,
    )
  );
}

/** Some nodes of somebody else's cluster may be down: it is measured as it is. */
async function allThere(cluster: Cluster): Promise<void> {
  const end = performance.now() + ANSWER_MS_MAX;
  const isThere = () => cluster.members.every((member) => member.connected) && cluster.leaderOf(SHARD) !== '';
  while (!isThere() && performance.now() < end) await sleep(LOOK_MS);
}

async function statusOf(cluster: Cluster, node: string): Promise<NodeState | null> {
  try {
    return (await cluster.admin('status', null, { node, timeout_ms: STATUS_MS_MAX })).value as NodeState;
  } catch {
    return null;
  }
}
