/** A terminal with nodes of its own, in a pseudo-terminal, stopped as Ctrl-Z or a debugger would; and what the cluster does meanwhile. */
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pty from '@lydell/node-pty';
import { type Cluster, connect } from '../../protocol/client/index.js';
import type { LogLine } from './real-node.js';
import { until } from './until.js';

const MAIN = fileURLToPath(new URL('../../tui/main.js', import.meta.url));
const WINDOW_MS = 500;
/** Commands under way at once. */
const WORKERS = 64;

/** Acknowledged commands a second, window by window. */
export interface Throughput {
  /** While the terminal ran: before it was stopped, and after. */
  readonly running: readonly number[];
  readonly stopped: readonly number[];
}

/** Starts the real terminal with a temporary cluster, loads the cluster, stops the terminal for `stopped_ms`, lets it go on for a while. */
export async function measureStoppedTerminal(stopped_ms: number): Promise<Throughput> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'concord-test-')));
  const terminal = pty.spawn(process.execPath, [MAIN, '--temp'], {
    cols: 120,
    rows: 40,
    // With CI set, even to nothing, the screen would not be drawn.
    env: { ...process.env, TMPDIR: folder, TERM: 'xterm-256color', CI: 'false' },
  });
  let drawn = 0;
  let exited = false;
  terminal.onData((data) => {
    drawn += data.length;
  });
  terminal.onExit(() => {
    exited = true;
  });
  try {
    await until('three nodes listen', () => facts(folder, 'listening').length === 3);
    const client = await connect({ nodes: facts(folder, 'listening').map(({ address }) => String(address)) });
    const load = new Load(client);
    const windows = (duration_ms: number) => throughput(load, duration_ms);
    await until('the load is there', () => load.done > 1000);

    const before = await windows(stopped_ms / 2);
    const drawnBefore = drawn;
    if (drawnBefore === 0) throw new Error('the terminal draws nothing: there is nothing to stop');
    process.kill(terminal.pid, 'SIGSTOP');
    const stopped = await windows(stopped_ms);
    process.kill(terminal.pid, 'SIGCONT');
    const after = await windows(stopped_ms / 2);
    await until('the terminal goes on', () => drawn > drawnBefore);
    await load.stop();
    await client.close();
    return { running: [...before, ...after], stopped };
  } finally {
    const pids = facts(folder, 'starting').map(({ pid }) => Number(pid));
    // Its keeper stops the nodes when their last terminal is gone, and removes their folder.
    terminal.kill('SIGKILL');
    await until('all has ended', () => exited && !pids.some(runs) && readdirSync(folder).length === 0);
    rmSync(folder, { recursive: true });
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Puts messages in and takes them out again, as fast as it goes: a queue that only grows has a limit. */
class Load {
  /** Commands that were answered. */
  done = 0;
  #stopped = false;
  readonly #workers: readonly Promise<void>[];

  constructor(client: Cluster) {
    this.#workers = Array.from({ length: WORKERS }, () => this.#work(client));
  }

  /** @throws ConcordError when a command failed */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  async #work(client: Cluster): Promise<void> {
    const queue = client.queue();
    while (!this.#stopped) {
      await queue.enqueue(this.done);
      await queue.dequeue();
      this.done += 2;
    }
  }
}

async function throughput(load: Load, duration_ms: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length * WINDOW_MS < duration_ms) {
    const before = load.done;
    const start = performance.now();
    await sleep(WINDOW_MS);
    found.push(((load.done - before) * 1000) / (performance.now() - start));
  }
  return found;
}

/** The lines of that kind in the logs of all nodes in the folder of the temporary cluster. */
function facts(folder: string, msg: string): LogLine[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('node.log'))
    .flatMap((path) => readFileSync(join(folder, path), 'utf8').split('\n'))
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as LogLine)
    .filter((line) => line.msg === msg);
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
