/** The processor time of processes of this machine, this one's among them. */
import { readFileSync } from 'node:fs';
import type { NodeState } from '../../protocol/client/types.js';

/** What the kernel counts processor time in for programs: hundredths of a second on every Linux. */
const TICK_US = 10_000;

/** Processor time of this process so far, all of its threads, us. */
export function ownCpu_us(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Processor time of a process so far, all of its threads, us; null where that cannot be told. */
export function cpu_us(pid: number): number | null {
  try {
    return cpuIn(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return null;
  }
}

/** Processor time in a line of /proc/<pid>/stat, us. */
export function cpuIn(stat: string): number {
  // The name stands in parentheses and may hold some itself; user and system time are fields 14 and 15 of the line.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** True when a node says that it runs on this machine: elsewhere its pid would be somebody else's here. */
export function isLocal({ address }: Pick<NodeState, 'address'>): boolean {
  return /^(127\.[\d.]+|\[::1\]|localhost):/.test(address);
}
