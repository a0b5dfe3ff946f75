/** `concord bench`: a cluster, what is done to it, and what was found. */
import { ConcordError } from '../../protocol/errors.js';
import { EXIT, exitCodeOf } from '../plain/exit-code.js';
import type { Output } from '../plain/output.js';
import { renderJson, renderText } from '../plain/render.js';
import { failed, succeeded } from '../session/execute.js';
import type { ShellOptions } from '../shell/options.js';
import { benchFailover } from './failover.js';
import type { Figures } from './figures.js';
import { benchIdle } from './idle.js';
import { runLoad } from './load.js';
import { type BenchKind, type BenchOptions, benchOptions } from './options.js';
import { reportText } from './report.js';
import { withSlowDisks } from './slow-disk.js';
import { openTarget, type Target } from './target.js';
import type { LoadKind } from './workload.js';

/** Where results go, and what is said meanwhile. */
export interface BenchOutput {
  readonly out: Output;
  readonly notes: Output;
}

/** Hears of figures as they are found, and of what is being done. */
interface Ear {
  found(figures: Figures): void;
  note(text: string): void;
}

/**
 * Runs a bench. An aborted signal ends it early: what was found by then is printed all the same. Resolves with the exit code: 1 when
 * commands of the load have failed.
 */
export async function bench(
  kind: BenchKind,
  options: ShellOptions & Partial<BenchOptions>,
  signal: AbortSignal,
  { out, notes }: BenchOutput,
): Promise<number> {
  const command = `bench ${kind}`;
  const figures: Figures[] = [];
  const ear: Ear = {
    found(one) {
      figures.push(one);
      if (options.json) void out.line(renderJson(succeeded(command, { result: one }, null)));
    },
    note: (text) => void notes.line(text),
  };
  let error: unknown = null;
  let profile = false;
  try {
    const wanted = benchOptions(kind, options);
    profile = wanted.profile;
    await carryOut(kind, options, wanted, signal, ear);
  } catch (caught) {
    error = caught;
  }
  if (!options.json) await out.line(reportText(figures, profile));
  if (error === null) return figures.some((one) => 'errors' in one && one.errors > 0) ? EXIT.failed : EXIT.ok;
  const reply = failed(command, error, null);
  await (options.json ? out.line(renderJson(reply)) : notes.line(renderText(reply, null)));
  return exitCodeOf(reply);
}

async function carryOut(
  kind: BenchKind,
  options: ShellOptions,
  wanted: BenchOptions,
  signal: AbortSignal,
  ear: Ear,
): Promise<void> {
  ear.note('waiting for the cluster');
  const target = await openTarget(options, wanted.slowDisk > 0 ? 'on' : 'off');
  try {
    if (signal.aborted) throw new ConcordError('CANCELLED', 'the bench was interrupted', { definite: true });
    switch (kind) {
      case 'queue':
      case 'read':
      case 'lock':
        await load(kind, target, options.timeout, wanted, signal, ear);
        break;
      case 'failover':
        ear.note(`${wanted.trials} trials of each fault`);
        await benchFailover(target, wanted.trials, signal, ear.found);
        break;
      case 'idle':
        ear.note(`${wanted.rest} s of rest, then ${wanted.seconds} s`);
        ear.found(await benchIdle(target, wanted, signal));
        break;
    }
  } finally {
    await target.leave();
  }
}

async function load(
  kind: LoadKind,
  { cluster, keeper, nodes, pids }: Target,
  timeout_ms: number,
  { inFlight, clients, size, names, seconds, slowDisk }: BenchOptions,
  signal: AbortSignal,
  ear: Ear,
): Promise<void> {
  const slow_disk_ms = slowDisk === 0 ? null : slowDisk;
  const rest = { clients, size, names, seconds, slow_disk_ms, tidy: keeper === null };
  const order = { kind, nodes, timeout_ms, pids: Object.fromEntries(pids), depths: inFlight, ...rest };
  await withSlowDisks(cluster, slow_disk_ms, () =>
    runLoad(order, signal, (news) => {
      if (news.type === 'begun') ear.note(`${news.depth} in flight`);
      else ear.found(news.figures);
    }),
  );
}
