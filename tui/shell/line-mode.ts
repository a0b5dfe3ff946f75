/** `concord` by lines: from standard input, or as given to the shell. Opens the cluster, runs the lines, lets go of it. */
import type { FaultDoors } from '../cluster/types.js';
import { LINE_BYTES_MAX } from '../grammar/limits.js';
import { EXIT } from '../plain/exit-code.js';
import { linesOf } from '../plain/lines.js';
import { Output } from '../plain/output.js';
import { runLines } from '../plain/run-lines.js';
import { Terminal } from '../session/terminal.js';
import { faultDoors, type ShellOptions } from './options.js';

/** Runs the lines of standard input. Resolves with the exit code. */
export function runInput(options: ShellOptions): Promise<number> {
  const terminal = terminalOf(options);
  // The nodes start while the first line is still on its way.
  terminal.open();
  return runOn(terminal, linesOf(process.stdin, LINE_BYTES_MAX), options, process.stdin.isTTY === true);
}

/** Runs these lines. The cluster is opened only if one of them needs it. */
export function runGiven(lines: readonly string[], options: ShellOptions): Promise<number> {
  return runOn(terminalOf(options), lines, options, false);
}

/** The terminal that the options ask for, with the fault doors that they ask for or else `faults`. */
export function terminalOf(options: ShellOptions, faults?: FaultDoors): Terminal {
  const { connect, cluster, clientId, temp, follow, readonly, timeout } = options;
  const doors = faultDoors(options) ?? faults;
  return new Terminal({
    ...{ connect, cluster, clientId, temp, follow, readonly, timeout_ms: timeout },
    ...(doors === undefined ? {} : { faults: doors }),
  });
}

async function runOn(
  terminal: Terminal,
  lines: Iterable<string> | AsyncIterable<string>,
  options: ShellOptions,
  interactive: boolean,
): Promise<number> {
  const notes = new Output(process.stderr);
  const code = await runLines({
    lines,
    out: new Output(process.stdout),
    notes,
    json: options.json,
    stopOnError: options.stopOnError,
    interactive,
    proof: process.stderr.isTTY === true,
    context: terminal.context,
    onInterrupt,
  });
  try {
    await terminal.leave();
  } catch (error) {
    await notes.line(`the end was not clean: ${(error as Error).message}`);
    return Math.max(code, EXIT.failed);
  }
  return code;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls back at every signal that asks this process to end. Returns the way to stop. */
export function onInterrupt(listener: () => void): () => void {
  for (const signal of SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener);
  };
}
