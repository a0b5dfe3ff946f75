/** One run of a command: tried until its expectation holds, or its time is over. */
import { parse } from '../grammar/parse.js';
import type { ParsedCommand } from '../grammar/words.js';
import type { Context } from '../session/call.js';
import { failed, run } from '../session/execute.js';
import type { Reply } from '../session/reply.js';
import type { RunStep } from './batch.js';
import { type Difference, differenceOf, type Expectation, fillExpectation } from './expectation.js';
import { fillCommand, type Lookup } from './template.js';

/** Time as the runner sees it. */
export interface Clock {
  /** ms, from any beginning. */
  now(): number;
  /** Resolves after `ms`, or as soon as the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** What came of it. */
export interface Attempt {
  readonly reply: Reply;
  readonly expected: Expectation | null;
  /** null when the expectation holds. */
  readonly difference: Difference | null;
  /** Why it is a miss all the same, or what else there is to say. */
  readonly why: string | null;
  readonly tries: number;
}

/** Time between two tries, ms. */
const RETRY_MS = 25;

/** Runs the command of a step. @throws NoValue */
export async function attempt(
  step: RunStep,
  lookup: Lookup,
  context: Context,
  clock: Clock,
  signal: AbortSignal,
): Promise<Attempt> {
  const { within_ms } = step;
  const line = fillCommand(step.command, lookup).text;
  const expected = step.expect === null ? null : fillExpectation(step.expect, lookup);
  const started = clock.now();
  const left_ms = () => (within_ms === null ? Number.POSITIVE_INFINITY : started + within_ms - clock.now());
  for (let tries = 1; ; tries++) {
    const { reply, changes } = await once(line, limited(context, left_ms()), signal);
    const difference = differenceOf(expected, reply);
    const ended = (why: string | null): Attempt => ({ reply, expected, difference, why, tries });
    if (difference === null)
      return ended(left_ms() >= 0 ? null : `it held only after ${seconds(clock.now() - started)}`);
    // What may have happened is not done again: the second time would come on top of the first.
    if (changes && reply.error?.definite === false) return ended(null);
    if (signal.aborted || within_ms === null || left_ms() <= RETRY_MS) return ended(null);
    await clock.sleep(RETRY_MS, signal);
  }
}

/** A time for people. */
export function seconds(ms: number): string {
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

async function once(line: string, context: Context, signal: AbortSignal): Promise<{ reply: Reply; changes: boolean }> {
  let command: ParsedCommand;
  try {
    command = parse(line);
  } catch (error) {
    return { reply: failed(line, error, null), changes: false };
  }
  const changes = command.effect === 'changes' || command.effect === 'destroys';
  return { reply: await run(command, context, signal), changes };
}

/** The context with no more time for a command than is left. */
function limited(context: Context, left_ms: number): Context {
  const timeout_ms = Math.max(1, Math.min(context.options.timeout_ms, Math.floor(left_ms)));
  return { ...context, options: { ...context.options, timeout_ms } };
}
