/** Runs a batch: its clients in parallel, each one's steps in order. */
import { setMaxListeners } from 'node:events';
import { EXIT } from '../plain/exit-code.js';
import type { Context } from '../session/call.js';
import type { Clock } from './attempt.js';
import { Barriers } from './barriers.js';
import { type Batch, leavesOf } from './batch.js';
import { ClientRun } from './client-run.js';
import { codeOf, type Ended, type Totals } from './ended.js';

/** What a batch is run with. */
export interface Runner {
  /** The surroundings of a client's commands: its own session. */
  context(client: string): Context;
  /** Cuts a client off without a word. */
  vanish(client: string): void;
  /** Told of each step as it ends. false ends everything but what stands in `finally`. */
  report(ended: Ended): boolean;
  readonly clock: Clock;
  /** Ends all steps but those of `finally`. */
  readonly interrupt: AbortSignal;
  /** Ends those, too. */
  readonly hurry: AbortSignal;
}

/** Runs all of it. Never rejects. */
export async function runBatch(batch: Batch, runner: Runner): Promise<Totals> {
  const { clock, interrupt } = runner;
  const started = clock.now();
  const counts = { held: 0, missed: 0, stopped: 0, runs: 0, code: EXIT.ok as number };
  const stop = new AbortController();
  // Every client has commands under way that listen, a survey one for each node: more than are leaks elsewhere.
  for (const signal of [stop.signal, runner.hurry]) setMaxListeners(0, signal);
  const barriers = new Barriers(batch.clients);
  const end = () => {
    stop.abort();
    barriers.breakAll('the batch was stopped');
  };
  interrupt.addEventListener('abort', end, { once: true });
  const report = (ended: Ended) => {
    counts[ended.outcome]++;
    if (ended.step.kind === 'run') counts.runs += ended.runs;
    counts.code = Math.max(counts.code, codeOf(ended));
    if (!runner.report(ended)) end();
  };
  // Interrupted before anything began: there is nothing to be mended at the end either.
  const clients = interrupt.aborted ? [] : batch.clients;
  await Promise.all(
    clients.map(async (client) => {
      const run = new ClientRun(client, { ...runner, report, barriers, goesOn: batch.goesOn });
      await run.steps(stop.signal);
      barriers.leave(client.name);
      await run.finally(runner.hurry);
    }),
  );
  interrupt.removeEventListener('abort', end);
  const { held, missed, stopped, runs, code } = counts;
  const steps = batch.clients.flatMap((client) => leavesOf([...client.steps, ...client.finally])).length;
  return {
    clients: batch.clients.length,
    steps,
    held,
    missed,
    stopped,
    skipped: steps - held - missed - stopped,
    runs,
    ms: clock.now() - started,
    code: interrupt.aborted ? EXIT.interrupted : code,
  };
}
