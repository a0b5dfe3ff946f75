/**
 * What the processes under load have used between two moments. The load goes on before, between and after the two, so what counts is
 * the rate; numbers that a node tells of itself come a little late and are scaled by the node's own clock.
 */
import type { Cluster } from '../../protocol/client/types.js';
import { METRIC_PREFIX, type MetricName, type MetricRow } from '../../protocol/metrics.js';
import { type CpuTime, cpuOf, machineCpu_us, ownCpu } from './proc.js';

/** Time that a node may take to tell, ms: one that is busy takes a while, one that is dead is left out. */
const TELL_MS_MAX = 3000;
const PATTERNS = ['*_seconds*', 'elections_started_total'];

/** What a node tells of itself, since its start. */
export interface Told {
  readonly uptime_ms: number;
  readonly cpu: CpuTime;
  readonly syncs: number;
  readonly elections: number;
}

/** One moment. */
export interface Mark {
  readonly at_ms: number;
  /** This process. */
  readonly client: CpuTime;
  /** By node, as far as the kernel of this machine knows them. */
  readonly nodes: ReadonlyMap<string, CpuTime>;
  readonly machine_us: number | null;
  /** By node, as far as they answered. */
  readonly told: ReadonlyMap<string, Told>;
}

/** What was used in some time. */
export interface Spent {
  readonly ms: number;
  readonly client: CpuTime;
  /** By node. */
  readonly nodes: ReadonlyMap<string, CpuTime>;
  /** Syncs by node; no whole numbers, for they are scaled. */
  readonly syncs: ReadonlyMap<string, number>;
  /** Processor time of everything else on this machine; null where that cannot be told. */
  readonly others_us: number | null;
}

/** What is asked of the cluster. */
export type Asked = Pick<Cluster, 'members' | 'admin'>;

/** Looks at the nodes, of which these run on this machine: the far ones first, so that the time that counts begins last. */
export async function openMark(cluster: Asked, pids: ReadonlyMap<string, number>): Promise<Mark> {
  const told = await tell(cluster);
  return { ...look(pids), told };
}

/** The same at the end of the time that counts. */
export async function closeMark(cluster: Asked, pids: ReadonlyMap<string, number>): Promise<Mark> {
  const seen = look(pids);
  return { ...seen, told: await tell(cluster) };
}

/** What was used from one mark to the other. */
export function spentBetween(from: Mark, to: Mark): Spent {
  const ms = to.at_ms - from.at_ms;
  const nodes = new Map<string, CpuTime>();
  const syncs = new Map<string, number>();
  for (const [node, after] of to.told) {
    const before = from.told.get(node);
    // A node that was started again meanwhile counts from zero.
    if (before === undefined || after.uptime_ms <= before.uptime_ms) continue;
    const scale = ms / (after.uptime_ms - before.uptime_ms);
    syncs.set(node, (after.syncs - before.syncs) * scale);
    nodes.set(node, scaled(difference(before.cpu, after.cpu), scale));
  }
  for (const [node, after] of to.nodes) {
    const before = from.nodes.get(node);
    if (before !== undefined) nodes.set(node, difference(before, after));
  }
  const client = difference(from.client, to.client);
  // Nodes of other machines are not among the processes of this one.
  const ours = [...to.nodes.keys()].reduce((sum, node) => sum + total(nodes.get(node)), total(client));
  const machine_us = from.machine_us === null || to.machine_us === null ? null : to.machine_us - from.machine_us;
  return { ms, client, nodes, syncs, others_us: machine_us === null ? null : Math.max(0, machine_us - ours) };
}

/** Two times together. */
export function together(a: Spent, b: Spent): Spent {
  return {
    ms: a.ms + b.ms,
    client: sum(a.client, b.client),
    nodes: merged(a.nodes, b.nodes, sum),
    syncs: merged(a.syncs, b.syncs, (x, y) => x + y),
    others_us: a.others_us === null || b.others_us === null ? null : a.others_us + b.others_us,
  };
}

/** Elections that nodes have started from one mark to the other; those of a node that was started again meanwhile count from zero. */
export function electionsBetween(from: Mark, to: Mark): number {
  let elections = 0;
  for (const [node, { elections: after, uptime_ms }] of to.told) {
    const before = from.told.get(node);
    elections += before !== undefined && before.uptime_ms < uptime_ms ? after - before.elections : after;
  }
  return elections;
}

/** User and system time. */
export function total(time: CpuTime | undefined): number {
  return time === undefined ? 0 : time.user_us + time.system_us;
}

function look(pids: ReadonlyMap<string, number>): Omit<Mark, 'told'> {
  const nodes = new Map<string, CpuTime>();
  for (const [node, pid] of pids) {
    const time = cpuOf(pid);
    if (time !== null) nodes.set(node, time);
  }
  return { at_ms: performance.now(), client: ownCpu(), nodes, machine_us: machineCpu_us() };
}

async function tell(cluster: Asked): Promise<Map<string, Told>> {
  const told = new Map<string, Told>();
  const ask = async (node: string) => {
    const ask = (pattern: string) => cluster.admin('metrics', { pattern }, { node, timeout_ms: TELL_MS_MAX });
    const answers = await Promise.all(PATTERNS.map(ask));
    told.set(node, toldIn(answers.flatMap(({ value }) => value as readonly MetricRow[])));
  };
  const connected = cluster.members.filter((member) => member.connected);
  // Who does not answer is left out, as the figures then show.
  await Promise.all(connected.map(({ id }) => ask(id).catch(() => {})));
  return told;
}

/** What the rows of a node say. */
export function toldIn(rows: readonly MetricRow[]): Told {
  const value = (metric: MetricName, ending = '', mode?: string) =>
    rows
      .filter(([name, labels]) => name === `${METRIC_PREFIX}${metric}${ending}` && labels['mode'] === mode)
      .reduce((sum, [, , value]) => sum + value, 0);
  return {
    uptime_ms: value('uptime_seconds') * 1000,
    cpu: {
      user_us: value('cpu_seconds_total', '', 'user') * 1e6,
      system_us: value('cpu_seconds_total', '', 'system') * 1e6,
    },
    syncs: value('disk_sync_seconds', '_count'),
    elections: value('elections_started_total'),
  };
}

function sum(a: CpuTime, b: CpuTime): CpuTime {
  return { user_us: a.user_us + b.user_us, system_us: a.system_us + b.system_us };
}

function difference(before: CpuTime, after: CpuTime): CpuTime {
  return { user_us: after.user_us - before.user_us, system_us: after.system_us - before.system_us };
}

function scaled({ user_us, system_us }: CpuTime, factor: number): CpuTime {
  return { user_us: user_us * factor, system_us: system_us * factor };
}

function merged<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>, add: (x: T, y: T) => T): Map<string, T> {
  const all = new Map(a);
  for (const [key, value] of b) {
    const before = all.get(key);
    all.set(key, before === undefined ? value : add(before, value));
  }
  return all;
}
