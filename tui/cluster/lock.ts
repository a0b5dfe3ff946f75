/**
 * The lock of a data folder: which keeper owns it. A lock file is named by a number that only rises, `keeper.7.lock`; the newest one
 * counts, for as long as the process it names is alive. To take over from a dead keeper is to make the next number, which the file
 * system lets one process do: there is no moment at which a stale lock is removed and two could believe to have made the new one.
 * The newest file is never removed, not even by the keeper that leaves: its number must not come again.
 */
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from './processes.js';

/** A keeper that owns a folder. */
export interface Holder {
  readonly pid: number;
  /** Path of the socket that it listens on, or will in a moment. */
  readonly socket: string;
}

/** The words in its command line by which a process is known to be a keeper of the folder. */
export function keeperWords(folder: string): readonly [string, string] {
  return ['--keeper-of', folder];
}

/** The living keeper of a folder, or null. */
export function holderOf(folder: string): Holder | null {
  const newest = newestLock(folder);
  return newest === null ? null : living(newest.holder, folder);
}

/** True when a keeper had this folder and is dead. */
export function hasDeadKeeper(folder: string): boolean {
  return newestNumber(folder) > 0 && holderOf(folder) === null;
}

/** Takes the folder for this process. Returns null when it has it, else the keeper that has. */
export function takeLock(folder: string, socket: string): Holder | null {
  const draft = join(folder, `keeper.draft.${process.pid}`);
  writeFileSync(draft, JSON.stringify({ pid: process.pid, socket }));
  try {
    // Goes round again only when another keeper got further in the meantime.
    for (;;) {
      const newest = newestLock(folder);
      const other = newest === null ? null : living(newest.holder, folder);
      if (other !== null) return other;
      const number = (newest?.number ?? 0) + 1;
      if (!linked(draft, lockFile(folder, number))) continue;
      // Others may have come and gone since the newest number was read: then this one is of the past and means nothing.
      if (newestNumber(folder) !== number) {
        rmSync(lockFile(folder, number));
        continue;
      }
      for (const old of numbers(folder)) if (old < number) rmSync(lockFile(folder, old), { force: true });
      return null;
    }
  } finally {
    rmSync(draft);
  }
}

/** Makes `path` with its content in one step. False when it exists. */
function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function living(holder: Holder | null, folder: string): Holder | null {
  if (holder === null || holder.pid === process.pid) return null;
  return isRunning(holder.pid, keeperWords(folder)) ? holder : null;
}

function newestLock(folder: string): { number: number; holder: Holder | null } | null {
  for (;;) {
    const number = newestNumber(folder);
    if (number === 0) return null;
    try {
      return { number, holder: parsed(readFileSync(lockFile(folder, number), 'utf8')) };
    } catch (error) {
      // Removed by the keeper that took the next number: look again.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
}

function parsed(text: string): Holder | null {
  try {
    const { pid, socket } = JSON.parse(text);
    return Number.isInteger(pid) && pid > 0 && typeof socket === 'string' ? { pid, socket } : null;
  } catch {
    return null;
  }
}

function newestNumber(folder: string): number {
  return Math.max(0, ...numbers(folder));
}

function numbers(folder: string): number[] {
  const names = readdirSync(folder);
  return names.map((name) => Number(/^keeper\.(\d{1,9})\.lock$/.exec(name)?.[1] ?? 0)).filter((number) => number > 0);
}

function lockFile(folder: string, number: number): string {
  return join(folder, `keeper.${number}.lock`);
}
