/** Plays seeds in a child process, from the compiled copy of the simulator, until one of them breaks a promise. */
import { spawn } from 'node:child_process';

/** Seeds that one child plays, so that a hang is noticed before all of them should be over. */
const SEEDS_A_CHILD = 10;
/** A child hangs when it takes so many times as long as the unmutated program... */
const HANG_FACTOR = 10;
/** ...and this, ms. */
const HANG_MS_MIN = 60_000;
/** A mutation may hoard: it is to fail, not to take the machine with it. */
const CHILD_HEAP_MB = 1024;
/** Kept of what a child prints, characters. */
const OUTPUT_LENGTH_MAX = 1 << 20;

/** What playing came to. */
export interface Played {
  /** How it was caught: the broken promise, or how the program ended; '' when every seed kept its promises. */
  readonly caught: string;
  /** Seeds played, with the one that caught it. Of a program that crashed or hung, at most so many. */
  readonly seeds: number;
  /** Of these, with too little going on to count. */
  readonly empty: number;
  readonly ms: number;
}

/** The last line that the simulator prints, as far as it matters here. */
interface Summary {
  readonly seeds: number;
  readonly void: number;
  readonly failed: readonly { readonly seed: number; readonly promise: string }[];
}

/** Plays seeds 1 to `seeds_max` in order. `seed_ms`: what a seed takes in the unmutated program, or null while that is not known. */
export async function play(main: string, seeds_max: number, seed_ms: number | null): Promise<Played> {
  const began = performance.now();
  let seeds = 0;
  let empty = 0;
  let caught = '';
  while (caught === '' && seeds < seeds_max) {
    const count = Math.min(SEEDS_A_CHILD, seeds_max - seeds);
    const limit_ms = HANG_MS_MIN + (seed_ms === null ? 0 : HANG_FACTOR * seed_ms * count);
    const end = await run(
      main,
      ['--first', `${seeds + 1}`, '--seeds', `${count}`, '--jobs', '1', '--stop', '--json'],
      limit_ms,
    );
    const summary = summaryIn(end.output);
    const [failed] = summary?.failed ?? [];
    if (failed !== undefined) caught = oneLine(failed.promise);
    else if (end.code !== 0 || summary === null) caught = end.how;
    seeds += failed === undefined ? count : failed.seed - seeds;
    empty += summary?.void ?? 0;
  }
  return { caught, seeds, empty, ms: performance.now() - began };
}

interface End {
  readonly code: number | null;
  /** In words: it crashed, or hung. */
  readonly how: string;
  readonly output: string;
}

function run(main: string, options: readonly string[], limit_ms: number): Promise<End> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`--max-old-space-size=${CHILD_HEAP_MB}`, main, ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let complaint = '';
    let hangs = false;
    const limit = setTimeout(() => {
      hangs = true;
      child.kill('SIGKILL');
    }, limit_ms);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_LENGTH_MAX);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-OUTPUT_LENGTH_MAX);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      const how = hangs
        ? `hangs: no end within ${Math.round(limit_ms / 1000)} s`
        : `crashes (${signal ?? `exit ${code}`}): ${errorLine(complaint)}`;
      resolve({ code, how, output });
    });
  });
}

function summaryIn(output: string): Summary | null {
  try {
    return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Summary;
  } catch {
    return null;
  }
}

function errorLine(complaint: string): string {
  const lines = complaint.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /error/i.test(line)) ?? lines[0] ?? 'without a word';
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ');
}
