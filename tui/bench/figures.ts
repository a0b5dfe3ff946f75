/** What a bench found, as numbers for programs: objects whose keys are always there, null or empty where something cannot be told. */
import { BUDGET_US, type Budget } from './budget.js';
import { total } from './marks.js';
import type { Sample } from './measure.js';
import type { CpuTime } from './proc.js';

/** Processor time by process, us a command; which is also ms for a thousand commands. null where it cannot be told. */
export interface CpuByProcess {
  readonly client: number;
  readonly leader: number | null;
  /** Of each other node, by name. */
  readonly followers: Readonly<Record<string, number>>;
}

/** How noisy the machine was. */
export interface Noise {
  /** Load average of the last minute, this bench included. */
  readonly load_before: number;
  readonly load_after: number;
}

/** Calls that failed. */
export interface Errors {
  readonly errors: number;
  readonly error_codes: Readonly<Record<string, number>>;
}

/** What a load came to at one depth. */
export interface LoadFigures extends Noise, Errors {
  readonly bench: string;
  readonly in_flight: number;
  /** Clients that took part: a depth has no more than it has commands. */
  readonly clients: number;
  /** Bytes of a message. */
  readonly size: number;
  /** Locks that all share; 0: each command has its own. */
  readonly names: number;
  /** What a sync took at least, by order of the bench; null for the disk as it is. */
  readonly slow_disk_ms: number | null;
  /** That were measured. */
  readonly seconds: number;
  readonly interrupted: boolean;
  readonly commands: number;
  readonly per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly p999_ms: number;
  readonly max_ms: number;
  /** From the release of a lock to the next holder; null where there is no such thing. */
  readonly hand_over_p50_ms: number | null;
  readonly hand_over_p99_ms: number | null;
  readonly leader: string | null;
  readonly cpu_us: CpuByProcess;
  readonly cpu_user_us: CpuByProcess;
  readonly cpu_system_us: CpuByProcess;
  readonly budget_us: Budget;
  /** Part of one core that the load process used: near 1 it is the load that is measured, not the cluster. */
  readonly client_core_share: number;
  /** Cores that everything else on this machine used. */
  readonly other_cores: number | null;
  readonly syncs_per_s: Readonly<Record<string, number>>;
  readonly rss_anon_bytes: Readonly<Record<string, number>>;
  readonly elections: number;
}

/** Gaps without a leader. */
export interface FailoverFigures extends Noise, Errors {
  readonly bench: 'failover';
  readonly fault: 'kill' | 'pause';
  readonly trials: number;
  readonly interrupted: boolean;
  readonly median_ms: number | null;
  readonly min_ms: number | null;
  readonly max_ms: number | null;
  /** Of each trial, in their order. */
  readonly gaps_ms: readonly number[];
}

/** A cluster that nobody uses. */
export interface IdleFigures extends Noise {
  readonly bench: 'idle';
  /** Seconds before those that were measured. */
  readonly rest: number;
  readonly seconds: number;
  readonly interrupted: boolean;
  /** Of one core, all nodes together. null where it cannot be told. */
  readonly cpu_percent: number | null;
  readonly cpu_percent_of: Readonly<Record<string, number>>;
  readonly other_cores: number | null;
  readonly syncs_per_s: Readonly<Record<string, number>>;
  readonly rss_anon_bytes: Readonly<Record<string, number>>;
  readonly elections: number;
}

/** Any of them. */
export type Figures = LoadFigures | FailoverFigures | IdleFigures;

/** How a sample was taken. */
export type LoadSetting = Pick<LoadFigures, 'bench' | 'in_flight' | 'clients' | 'size' | 'names' | 'slow_disk_ms'> &
  Noise;

/** The figures of a sample. */
export function loadFigures(setting: LoadSetting, sample: Sample): LoadFigures {
  const { bench, in_flight, clients, size, names, slow_disk_ms, load_before, load_after } = setting;
  const { latencies, handOvers, spent, leader, interrupted } = sample;
  const handOver = (q: number) => (handOvers === null ? null : rounded(handOvers.quantile(q), 3));
  const { ms } = spent;
  const commands = latencies.count;
  const cpu = (part: (time: CpuTime) => number) => cpuByProcess(sample, (time) => rounded(part(time) / commands, 2));
  return {
    ...{ bench, in_flight, clients, size, names, slow_disk_ms },
    seconds: rounded(ms / 1000, 3),
    interrupted,
    commands,
    per_second: Math.round((commands / ms) * 1000),
    p50_ms: rounded(latencies.quantile(0.5), 3),
    p99_ms: rounded(latencies.quantile(0.99), 3),
    p999_ms: rounded(latencies.quantile(0.999), 3),
    max_ms: rounded(latencies.max_ms, 3),
    hand_over_p50_ms: handOver(0.5),
    hand_over_p99_ms: handOver(0.99),
    leader: leader === '' ? null : leader,
    cpu_us: cpu(total),
    cpu_user_us: cpu(({ user_us }) => user_us),
    cpu_system_us: cpu(({ system_us }) => system_us),
    budget_us: BUDGET_US,
    client_core_share: rounded(total(spent.client) / ms / 1000, 3),
    other_cores: spent.others_us === null ? null : rounded(spent.others_us / ms / 1000, 2),
    syncs_per_s: byNode(spent.syncs, (count) => Math.round((count / ms) * 1000)),
    rss_anon_bytes: byNode(sample.rss_anon, (bytes) => bytes),
    elections: sample.elections,
    ...errorsOf(sample.failures),
    ...{ load_before, load_after },
  };
}

/** Failed calls, counted. */
export function errorsOf(failures: ReadonlyMap<string, number>): Errors {
  const errors = [...failures.values()].reduce((sum, count) => sum + count, 0);
  return { errors, error_codes: byNode(failures, (count) => count) };
}

/** Values by name, sorted. */
export function byNode<T>(values: ReadonlyMap<string, T>, figure: (value: T) => number): Record<string, number> {
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, value]) => [name, figure(value)]));
}

/** To so many decimals. */
export function rounded(value: number, digits: number): number {
  return Number.isFinite(value) ? Math.round(value * 10 ** digits) / 10 ** digits : 0;
}

function cpuByProcess({ spent, leader }: Sample, figure: (time: CpuTime) => number): CpuByProcess {
  const ofLeader = spent.nodes.get(leader);
  const others = new Map([...spent.nodes].filter(([node]) => node !== leader));
  return {
    client: figure(spent.client),
    leader: ofLeader === undefined ? null : figure(ofLeader),
    followers: byNode(others, figure),
  };
}
