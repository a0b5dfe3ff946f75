/** `concord run` from the shell: the file, the cluster, the reports, and what becomes of interruptions. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConcordError } from '../../protocol/errors.js';
import type { Clock } from '../batch/attempt.js';
import { type Batch, leavesOf, type Target } from '../batch/batch.js';
import { replyOf, type Totals } from '../batch/ended.js';
import { BATCH_DEFAULTS, type BatchOptions } from '../batch/options.js';
import { readBatch } from '../batch/read.js';
import { endJson, stepJson } from '../batch/report-json.js';
import { counted, endText, headText, mistakesText, type Style, stepText } from '../batch/report-text.js';
import { runBatch } from '../batch/run-batch.js';
import type { Mistake } from '../batch/source.js';
import { Sessions, targetInWords, targetOf } from '../batch/target.js';
import { EXIT, exitCodeOf } from '../plain/exit-code.js';
import { Output } from '../plain/output.js';
import { renderText } from '../plain/render.js';
import { failed } from '../session/execute.js';
import { hasColour, hasUnicode } from '../terminal/environment.js';
import { onInterrupt } from './line-mode.js';
import type { ShellOptions } from './options.js';

/** Letters of a line where nobody says how many there are. */
const COLUMNS = 100;

const clock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
};

/** Reads and runs a batch. Resolves with the exit code. */
export async function runFile(file: string, options: ShellOptions & Partial<BatchOptions>): Promise<number> {
  const started = performance.now();
  const command = `run ${file}`;
  const outputs = { out: new Output(process.stdout), notes: new Output(process.stderr) };
  try {
    const { set, check } = { ...BATCH_DEFAULTS, ...options };
    const batch = readBatch(file, { set });
    if (check) return await tellChecked(batch, options, outputs.out);
    return await run(batch, options, outputs);
  } catch (error) {
    const reply = failed(command, error, Math.round(performance.now() - started));
    await (options.json ? outputs.out.line(endJson(reply, null)) : outputs.notes.line(errorText(error, file)));
    return exitCodeOf(reply);
  }
}

async function tellChecked(batch: Batch, options: ShellOptions, out: Output): Promise<number> {
  const clients = batch.clients.length;
  const steps = batch.clients.flatMap((client) => leavesOf([...client.steps, ...client.finally])).length;
  const reply = { ...replyOf(`run ${batch.file} --check`, 0), result: { clients, steps }, ms: null };
  const who = clients === 1 ? '' : ` of ${clients} clients`;
  await out.line(options.json ? endJson(reply, null) : `${batch.file}: ${counted(steps, 'step')}${who}, no mistakes`);
  return EXIT.ok;
}

async function run(
  batch: Batch,
  options: ShellOptions,
  { out, notes }: { readonly out: Output; readonly notes: Output },
): Promise<number> {
  const target = targetOf(batch.target, options);
  const style = styleOf(process.stdout, options.ascii);
  const interrupt = new AbortController();
  const hurry = new AbortController();
  // The first one still runs what stands in `finally`, the second one not even that, the third does not wait for the nodes.
  const stopListening = onInterrupt(() => {
    if (hurry.signal.aborted) process.exit(EXIT.interrupted);
    if (interrupt.signal.aborted) hurry.abort();
    interrupt.abort();
  });
  const ttls = new Map(batch.clients.map(({ name, ttl_ms }) => [name, ttl_ms]));
  const sessions = new Sessions(target, options, (client) => ttls.get(client) ?? null);
  if (!options.json) await out.line(headText(batch, targetInWords(target)));
  let code: number;
  try {
    await opened(sessions, target, interrupt.signal);
    const totals = await runBatch(batch, {
      context: (client) => sessions.context(client),
      vanish: (client) => sessions.vanish(client),
      report: (ended) => {
        void out.line(options.json ? stepJson(ended, batch) : stepText(ended, batch, style));
        // Where nobody reads any more, nobody would see the rest.
        return !out.closed && !(options.stopOnError && ended.outcome === 'missed');
      },
      clock,
      interrupt: interrupt.signal,
      hurry: hurry.signal,
    });
    await out.line(
      options.json ? endJson(replyOf(`run ${batch.file}`, totals.ms), rounded(totals)) : endText(batch, totals, style),
    );
    code = totals.code;
  } finally {
    await sessions.leave().catch((error: unknown) => notes.line(`the end was not clean: ${(error as Error).message}`));
    stopListening();
  }
  return code;
}

/** Opens the sessions' cluster, or leaves it when interrupted meanwhile. @throws ConcordError */
async function opened(sessions: Sessions, target: Target, signal: AbortSignal): Promise<void> {
  const opening = sessions.open(target, signal);
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([opening, aborted]);
}

function rounded(totals: Totals): Totals {
  return { ...totals, ms: Math.round(totals.ms) };
}

function errorText(error: unknown, file: string): string {
  if (error instanceof ConcordError && error.code === 'BAD_CONFIG' && Array.isArray(error.details['mistakes']))
    return mistakesText(file, error.details['mistakes'] as Mistake[], Number(error.details['count']));
  return renderText(failed('', error, null), null);
}

function styleOf(stream: NodeJS.WriteStream, ascii: boolean): Style {
  const isTerminal = stream.isTTY === true;
  return {
    colour: isTerminal && hasColour(process.env),
    glyphs: isTerminal && !ascii && hasUnicode(process.env),
    columns: isTerminal ? stream.columns : COLUMNS,
  };
}
