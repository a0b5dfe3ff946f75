/** `concord with-lock` from the shell: gets the lock, runs the program, gives the lock back. */
import type { Cluster, Lock } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { EXIT, exitCodeOf } from '../plain/exit-code.js';
import { Output } from '../plain/output.js';
import { renderJson, renderText } from '../plain/render.js';
import { failed } from '../session/execute.js';
import { newsText } from '../session/own-locks.js';
import type { Terminal } from '../session/terminal.js';
import { runGuarded } from '../with-lock/guarded.js';
import type { WithLockOptions } from '../with-lock/options.js';
import { onInterrupt, terminalOf } from './line-mode.js';
import type { ShellOptions } from './options.js';

/** Runs `program` under the lock `name`. Resolves with the exit code; what goes wrong is told on stderr. */
export async function runWithLock(
  name: string,
  program: readonly string[],
  options: ShellOptions & WithLockOptions,
): Promise<number> {
  const notes = new Output(process.stderr);
  const terminal = terminalOf(options);
  const tell = async (error: unknown): Promise<number> => {
    const reply = failed(`with-lock ${name}`, error, null);
    await notes.line(options.json ? renderJson(reply) : renderText(reply, null));
    return exitCodeOf(reply);
  };
  // Whoever asks this process to end is heard where it has something to end; it must not go with the lock in its hands.
  const stopIgnoring = onInterrupt(() => {});
  try {
    if (options.readonly)
      throw new ConcordError('NOT_ALLOWED', 'with-lock changes something, and --readonly only reads');
    const held = await acquired(name, terminal, options);
    return held === null ? EXIT.interrupted : await guarded(held, program, options, { notes, tell });
  } catch (error) {
    const code = await tell(error);
    // The program was not started: that is sure, whatever became of the lock.
    return code === EXIT.unknown ? EXIT.failed : code;
  } finally {
    await terminal.leave().catch(tell);
    stopIgnoring();
  }
}

/** What is held, and where. */
interface Held {
  readonly lock: Lock;
  readonly cluster: Cluster;
}

/** The lock, or null when this process was interrupted meanwhile. @throws ConcordError */
async function acquired(
  name: string,
  terminal: Terminal,
  options: ShellOptions & WithLockOptions,
): Promise<Held | null> {
  const { mode, wait, hold, delay, note, timeout } = options;
  const giveUp = new AbortController();
  const stopListening = onInterrupt(() => giveUp.abort());
  const given = new Promise<null>((resolve) => giveUp.signal.addEventListener('abort', () => resolve(null)));
  const acquiring = async (): Promise<Held> => {
    const cluster = await terminal.context.cluster();
    const asked = { mode, wait_ms: wait, hold_ms: hold, delay_ms: delay, note, timeout_ms: timeout };
    const lock = await cluster.lock(name).acquire({ ...asked, signal: giveUp.signal });
    return { lock, cluster };
  };
  try {
    return await Promise.race([acquiring(), given]);
  } catch (error) {
    if (giveUp.signal.aborted) return null;
    throw error;
  } finally {
    stopListening();
  }
}

interface Telling {
  readonly notes: Output;
  /** Tells an error; its exit code. */
  tell(error: unknown): Promise<number>;
}

async function guarded(
  { lock, cluster }: Held,
  program: readonly string[],
  { killAfter, timeout }: ShellOptions & WithLockOptions,
  { notes, tell }: Telling,
): Promise<number> {
  const stopNews = cluster.onLockNews((news) => {
    if (news.lock === lock.name && news.kind === 'asked') void notes.line(newsText(news));
  });
  const { code, failure } = await runGuarded(lock, program, {
    environment: process.env,
    killAfter_ms: killAfter,
    onSignal: (listener) => onSignals(listener),
  });
  stopNews();
  if (failure !== null) await notes.line(failure);
  const lost = await releasedOrLost(lock, timeout, tell);
  if (lost === null) return code;
  await tell(lost);
  return EXIT.failed;
}

/** Gives the lock back: null, or the error that tells how it had been lost before. */
async function releasedOrLost(lock: Lock, timeout_ms: number, tell: Telling['tell']): Promise<ConcordError | null> {
  try {
    await lock.release({ timeout_ms });
  } catch (error) {
    if (error instanceof ConcordError && error.code === 'LOCK_LOST') return error;
    // It goes with the session, which ends next.
    await tell(error);
  }
  return null;
}

const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
/** What a keyboard sends reaches the program by itself: it is in the same foreground group. */
const FROM_KEYBOARD: ReadonlySet<string> = new Set(['SIGINT', 'SIGQUIT']);

function onSignals(listener: (signal: NodeJS.Signals) => void): () => void {
  const hasKeyboard = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY === true);
  const hear = (signal: NodeJS.Signals) => {
    if (!(hasKeyboard && FROM_KEYBOARD.has(signal))) listener(signal);
  };
  for (const signal of PASSED_ON) process.on(signal, hear);
  return () => {
    for (const signal of PASSED_ON) process.off(signal, hear);
  };
}
