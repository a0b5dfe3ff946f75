/** `concord bench`: a cluster, the load on it, and what was measured. */
import { exitCodeOf } from '../plain/exit-code.js';
import type { Output } from '../plain/output.js';
import { renderJson, renderText } from '../plain/render.js';
import { failed, succeeded } from '../session/execute.js';
import type { ShellOptions } from '../shell/options.js';
import { openTarget } from './cluster.js';
import { type BenchOptions, benchOptions } from './options.js';
import { benchQueue } from './queue-bench.js';
import { type Figures, reportText } from './report.js';

/** Where results go, and what is said meanwhile. */
export interface BenchOutput {
  readonly out: Output;
  readonly notes: Output;
}

/** Runs the bench of the queue. Resolves with the exit code. */
export async function bench(
  options: ShellOptions & Partial<BenchOptions>,
  signal: AbortSignal,
  { out, notes }: BenchOutput,
): Promise<number> {
  const command = 'bench queue';
  try {
    const wanted = benchOptions(options);
    const figures = await measured(options, wanted, signal, notes);
    const { size, seconds, clients } = wanted;
    const reply = succeeded(command, { result: { size, seconds, clients, figures } }, null);
    await out.line(options.json ? renderJson(reply) : reportText(wanted, figures));
    return exitCodeOf(reply);
  } catch (error) {
    const reply = failed(command, error, null);
    await (options.json ? out.line(renderJson(reply)) : notes.line(renderText(reply, null)));
    return exitCodeOf(reply);
  }
}

async function measured(
  options: ShellOptions,
  wanted: BenchOptions,
  signal: AbortSignal,
  notes: Output,
): Promise<readonly Figures[]> {
  const target = await openTarget(options, wanted.clients);
  try {
    return await benchQueue(target, wanted, signal, (text) => void notes.line(text));
  } finally {
    await target.leave();
  }
}
