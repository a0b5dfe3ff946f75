/** `concord bench` from the shell: its outputs and its interruption. */
import { bench } from '../bench/bench.js';
import type { BenchKind } from '../bench/options.js';
import { EXIT } from '../plain/exit-code.js';
import { Output } from '../plain/output.js';
import { onInterrupt } from './line-mode.js';
import type { ShellOptions } from './options.js';

/** Runs a bench. The first interruption ends it cleanly, the next one at once. */
export async function runBench(kind: BenchKind, options: ShellOptions): Promise<number> {
  const interruption = new AbortController();
  const stop = onInterrupt(() => {
    if (interruption.signal.aborted) process.exit(EXIT.interrupted);
    interruption.abort();
  });
  const outputs = { out: new Output(process.stdout), notes: new Output(process.stderr) };
  const code = await bench(kind, options, interruption.signal, outputs);
  stop();
  return interruption.signal.aborted ? EXIT.interrupted : code;
}
