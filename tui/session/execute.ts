/** Runs a line of the terminal and answers with a reply, whatever happens. Every face of the terminal runs its commands here. */
import { ConcordError, type ErrorDetails } from '../../protocol/errors.js';
import { needsYes } from '../grammar/confirm.js';
import { parse } from '../grammar/parse.js';
import type { CommandOf, ParsedCommand, WordName } from '../grammar/words.js';
import { type Answer, Call, type Context } from './call.js';
import type { Reply } from './reply.js';
import { groups, health, log, node, nodes, status, transfer } from './words-cluster.js';
import { faults, fill, heal, lose, partition, slow } from './words-faults.js';
import { acquire, convert, fence, holds, lock, locks, release, revoke, tryAcquire, waits } from './words-locks.js';
import { metrics } from './words-metrics.js';
import { order } from './words-nodes.js';
import { dequeue, enqueue, size } from './words-queue.js';
import { sem } from './words-semaphores.js';
import { session, sessions } from './words-sessions.js';
import { exit, focus, help, use } from './words-terminal.js';

/** Runs one line. Never rejects: what goes wrong is the reply's error. An aborted signal gives the command up. */
export async function execute(line: string, context: Context, signal: AbortSignal): Promise<Reply> {
  let command: ParsedCommand;
  try {
    command = parse(line);
  } catch (error) {
    return failed(line, error, null);
  }
  return run(command, context, signal);
}

/** Runs a command that is parsed already. Never rejects. */
export async function run(command: ParsedCommand, context: Context, signal: AbortSignal): Promise<Reply> {
  const started = performance.now();
  const elapsed = () => (command.effect === 'none' ? null : rounded(performance.now() - started));
  try {
    const refused = refusal(command, context);
    if (refused !== null) throw refused;
    const word = WORDS[command.word] as (command: ParsedCommand, call: Call) => Promise<Answer>;
    return succeeded(command.line, await word(command, new Call(command, context, signal)), elapsed());
  } catch (error) {
    return failed(command.line, error, elapsed());
  }
}

/** The reply to a line that failed with `error`, `ms` after its start. */
export function failed(line: string, error: unknown, ms: number | null): Reply {
  const failure = error instanceof ConcordError ? error : new ConcordError('INTERNAL', String(error));
  const { code, message, definite, details } = failure;
  const hint = code === 'NOT_ALLOWED' ? READONLY_HINT : failure.hint;
  return {
    command: line,
    ok: false,
    result: null,
    error: { code, message, definite, hint, details },
    node: textOrNull(details, 'node'),
    group: textOrNull(details, 'group'),
    term: numberOrNull(details, 'term'),
    index: numberOrNull(details, 'index'),
    ms,
  };
}

const READONLY_HINT = 'Start the terminal without --readonly.';

type Words = { readonly [W in WordName]: (command: CommandOf<W>, call: Call) => Promise<Answer> };

/** What each word does. */
const WORDS: Words = {
  enqueue,
  dequeue,
  size,
  acquire,
  try: tryAcquire,
  release,
  convert,
  holds,
  locks,
  lock,
  waits,
  revoke,
  fence,
  sem,
  status,
  health,
  nodes,
  node,
  groups,
  log,
  metrics,
  transfer,
  sessions,
  session,
  start: order,
  stop: order,
  kill: order,
  restart: order,
  pause: order,
  resume: order,
  partition,
  slow,
  lose,
  fill,
  heal,
  faults,
  use,
  focus,
  help,
  exit,
};

/** Why the command may not run here, or null. */
function refusal(command: ParsedCommand, context: Context): ConcordError | null {
  const { effect, word } = command;
  if (context.options.readonly && (effect === 'changes' || effect === 'destroys'))
    return new ConcordError('NOT_ALLOWED', `${word} changes something, and this terminal only reads`);
  if (needsYes(command)) return new ConcordError('CONFIRM');
  return null;
}

/** The reply to a line that came to `answer`, `elapsed_ms` after its start. */
export function succeeded(line: string, answer: Answer, elapsed_ms: number | null): Reply {
  const { result, node, group, term, index, ms, found } = answer;
  const reply: Reply = {
    command: line,
    ok: true,
    result,
    error: null,
    node: node ?? null,
    group: group ?? null,
    term: term ?? null,
    index: index ?? null,
    ms: ms === undefined ? elapsed_ms : rounded(ms),
  };
  return found === undefined ? reply : { ...reply, found };
}

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function textOrNull(details: ErrorDetails, name: string): string | null {
  const value = details[name];
  return typeof value === 'string' ? value : null;
}

function numberOrNull(details: ErrorDetails, name: string): number | null {
  const value = details[name];
  return typeof value === 'number' ? value : null;
}
