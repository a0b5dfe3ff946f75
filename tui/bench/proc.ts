/** What the kernel of this machine tells of processes: processor time and memory, this process's and others'. */
import { readFileSync } from 'node:fs';
import type { NodeState } from '../../protocol/client/types.js';

/** What the kernel counts processor time in for programs: hundredths of a second on every Linux. */
const TICK_US = 10_000;

/** Processor time of a process since its start, all of its threads. */
export interface CpuTime {
  readonly user_us: number;
  readonly system_us: number;
}

/** Processor time of this process. */
export function ownCpu(): CpuTime {
  const { user, system } = process.cpuUsage();
  return { user_us: user, system_us: system };
}

/** Processor time of a process; null where that cannot be told. */
export function cpuOf(pid: number): CpuTime | null {
  const stat = read(`/proc/${pid}/stat`);
  return stat === null ? null : cpuIn(stat);
}

/** Processor time in a line of /proc/<pid>/stat. */
export function cpuIn(stat: string): CpuTime {
  // The name stands in parentheses and may hold some itself; user and system time are fields 14 and 15 of the line.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { user_us: Number(fields[11]) * TICK_US, system_us: Number(fields[12]) * TICK_US };
}

/** Memory of a process that is in no file: heap, buffers, stacks; null where that cannot be told. */
export function rssAnonOf(pid: number): number | null {
  const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '') ?? [];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

/** Processor time of all processes of this machine together, us; null where that cannot be told. */
export function machineCpu_us(): number | null {
  const stat = read('/proc/stat');
  return stat === null ? null : machineCpuIn(stat);
}

/** Processor time of all processes in the text of /proc/stat, us. */
export function machineCpuIn(stat: string): number {
  const [user, nice, system] = stat
    .replace(/^cpu +/, '')
    .split(' ', 3)
    .map(Number);
  return ((user ?? 0) + (nice ?? 0) + (system ?? 0)) * TICK_US;
}

/** True when a node says that it runs on this machine: elsewhere its pid would be somebody else's here. */
export function isLocal({ address }: Pick<NodeState, 'address'>): boolean {
  return /^(127\.[\d.]+|\[::1\]|localhost):/.test(address);
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
