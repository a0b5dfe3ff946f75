/** A program that runs while a lock is held, and is ended when the lock is lost. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Lock } from '../../protocol/client/types.js';

/** What the program is run with. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  /** From SIGTERM to SIGKILL for a program that has lost its lock, ms. */
  readonly killAfter_ms: number;
  /** Calls back with the signals that are to be passed on. Returns the way to stop. */
  onSignal(listener: (signal: NodeJS.Signals) => void): () => void;
}

/** How it ended. */
export interface Ended {
  /** What the shell is told: its own exit code, 128 + n if signal n ended it, 126 or 127 if it never ran. */
  readonly code: number;
  /** Why it never ran. */
  readonly failure: string | null;
}

/** What shells answer for a program that is there but cannot be run, and for one that is not there. */
const CANNOT_RUN = 126;
const NOT_THERE = 127;
const SIGNALLED = 128;

/** The part of a lock that matters here. */
export type Guard = Pick<Lock, 'name' | 'token' | 'fence' | 'signal'>;

/** Runs the program, whose streams are those of this process, to its end. Never rejects. The lock is left as it is. */
export async function runGuarded(guard: Guard, program: readonly string[], around: Surroundings): Promise<Ended> {
  const [file = '', ...words] = program;
  const { name, token, fence } = guard;
  const env = { ...around.environment, CONCORD_LOCK: name, CONCORD_TOKEN: String(token), CONCORD_FENCE: fence };
  let child: ChildProcess;
  try {
    child = spawn(file, words, { stdio: 'inherit', env });
  } catch (error) {
    return cannotRun(file, error as NodeJS.ErrnoException);
  }
  // A signal while the program is still being started finds it started: spawn has returned.
  const stopPassing = around.onSignal((signal) => child.kill(signal));
  const stopWatching = endWhenLost(child, guard.signal, around.killAfter_ms);
  try {
    return await new Promise<Ended>((resolve) => {
      child.once('error', (error) => resolve(cannotRun(file, error)));
      child.once('exit', (code, signal) => resolve({ code: code ?? codeOf(signal), failure: null }));
    });
  } finally {
    stopPassing();
    stopWatching();
  }
}

function endWhenLost(child: ChildProcess, lost: AbortSignal, killAfter_ms: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    child.kill('SIGTERM');
    timer = setTimeout(() => child.kill('SIGKILL'), killAfter_ms);
  };
  if (lost.aborted) end();
  else lost.addEventListener('abort', end, { once: true });
  return () => {
    lost.removeEventListener('abort', end);
    clearTimeout(timer);
  };
}

function cannotRun(file: string, error: NodeJS.ErrnoException): Ended {
  if (error.code === 'ENOENT') return { code: NOT_THERE, failure: `there is no program ${file}` };
  return { code: CANNOT_RUN, failure: `${file} cannot be run: ${error.message}` };
}

function codeOf(signal: NodeJS.Signals | null): number {
  return SIGNALLED + (signal === null ? 0 : constants.signals[signal]);
}
