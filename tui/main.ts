#!/usr/bin/env node
/** The `concord` executable: the words of the shell in, an exit code out. No JSX here: what Ink needs has to stand before it loads. */
import './env.js';
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { EXIT } from './plain/exit-code.js';
import { Output } from './plain/output.js';
import { runGiven, runInput } from './shell/line-mode.js';
import type { ShellOptions } from './shell/options.js';
import { runProgram } from './shell/program.js';

/** The screen needs a terminal on both sides. */
function interact(options: ShellOptions): Promise<number> {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (!isTerminal || options.plain || options.json) return runInput(options);
  return import('./shell/screen-mode.js').then(({ runOnScreen }) => runOnScreen(options));
}

async function localCluster(verb: 'up' | 'down', options: ShellOptions): Promise<number> {
  const upDown = await import('./shell/up-down.js');
  return upDown[verb](options, new Output(process.stdout));
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}

async function main(): Promise<number> {
  try {
    return await runProgram(process.argv.slice(2), version, {
      interact,
      run: runGiven,
      up: (options) => localCluster('up', options),
      down: (options) => localCluster('down', options),
      bench: (kind, options) => import('./shell/bench-mode.js').then(({ runBench }) => runBench(kind, options)),
      withLock: (lock, program, options) =>
        import('./shell/with-lock-mode.js').then(({ runWithLock }) => runWithLock(lock, program, options)),
      batch: (file, options) => import('./shell/batch-mode.js').then(({ runFile }) => runFile(file, options)),
    });
  } catch (error) {
    // Commander has said what is wrong already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    throw error;
  }
}

// Not left to the event loop: an input that is still open would keep it alive.
process.exit(await main());
