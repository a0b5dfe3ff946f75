/** Which program runs under a pid, and how to end one that a dead keeper left behind. A pid alone may be somebody else's by now. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;

/**
 * The command line of a process, word by word. null when there is none, or only a zombie. Empty while it exits: then it has lost its
 * memory, but its files and ports may still be open.
 */
export function commandLine(pid: number): readonly string[] | null {
  if (process.platform !== 'linux') return listedCommand(pid);
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    words.pop();
    if (words.length > 0) return words;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The state follows the name, which stands in parentheses and may hold some itself.
    const isZombie = 'ZX'.includes(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '');
    // A zombie whose other threads have not ended yet still has its files.
    return isZombie && readdirSync(`/proc/${pid}/task`).length <= 1 ? null : [];
  } catch {
    return null;
  }
}

/** True when a process has these words, in this order and side by side, in its command line. */
export function isRunning(pid: number, words: readonly string[]): boolean {
  const command = commandLine(pid);
  return command?.some((_, at) => words.every((word, i) => command[at + i] === word)) ?? false;
}

/**
 * Ends a process, if it is still the one with these words: asks it to stop, wakes it in case it was paused, and kills it after
 * `grace_ms`. Resolves when it is gone.
 */
export async function endLeftover(pid: number, words: readonly string[], grace_ms: number): Promise<void> {
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(pid, name);
    } catch {
      // It ended between the look and the signal.
    }
  };
  if (isRunning(pid, words)) {
    signal('SIGTERM');
    signal('SIGCONT');
  }
  if (await goneWithin(pid, words, grace_ms)) return;
  if (isRunning(pid, words)) signal('SIGKILL');
  await goneWithin(pid, words, grace_ms);
}

/** Resolves true once the process with these words is gone with all it had open, false after `limit_ms`. */
export async function goneWithin(pid: number, words: readonly string[], limit_ms: number): Promise<boolean> {
  const end = performance.now() + limit_ms;
  while (isRunning(pid, words) || commandLine(pid)?.length === 0) {
    if (performance.now() > end) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Without /proc, the words of a command are told apart by spaces only: good enough for folders without them. */
function listedCommand(pid: number): readonly string[] | null {
  try {
    const listed = execFileSync('ps', ['-p', String(pid), '-o', 'stat=,command='], { encoding: 'utf8' }).trim();
    const [state = 'Z', ...words] = listed.split(/\s+/);
    if (state.startsWith('Z')) return null;
    return state.includes('E') ? [] : words;
  } catch {
    return null;
  }
}
