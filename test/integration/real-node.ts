/** One real node: a process of `concord-node`, what it says, and what can be done to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { V8_FLAGS } from '../../tui/cluster/node-process.js';
import { until } from './until.js';

const MAIN = fileURLToPath(new URL('../../node/main.js', import.meta.url));
const TAIL_LINES = 40;

/** What a node is started with. */
export interface NodePlan {
  readonly id: string;
  readonly listen: string;
  /** Its own folder. */
  readonly data: string;
  readonly cluster: string;
  /** Where it finds every member: "n1=127.0.0.1:7101,...". */
  readonly peers: string;
  /** Further flags. */
  readonly flags: readonly string[];
  /** Flags of Node itself, besides those that every node gets. */
  readonly runtime: readonly string[];
}

/** The end of a process. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** A line of a node's log: what happened, with its facts. */
export interface LogLine {
  /** ISO 8601. */
  readonly time: string;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

/** Nodes that run: they must not outlive this process, whatever ends it. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A node that can be started, stopped and mistreated. */
export class RealNode {
  readonly plan: NodePlan;
  #child: ChildProcess | null = null;
  #ended: Promise<Ended> = Promise.resolve({ code: null, signal: null, stderr: '' });
  #stderr = '';
  #paused = false;

  constructor(plan: NodePlan) {
    this.plan = plan;
  }

  get id(): string {
    return this.plan.id;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Runs and is not paused. */
  get active(): boolean {
    return this.#child !== null && !this.#paused;
  }

  /** The end of the process that was started last. */
  get ended(): Promise<Ended> {
    return this.#ended;
  }

  /** Starts it; resolves when it listens. @throws Error with what it said when it ends instead */
  async start(plan: Partial<NodePlan> = {}): Promise<void> {
    if (this.#child !== null) throw new Error(`${this.id} runs already`);
    const { id, listen, data, cluster, peers, flags, runtime } = { ...this.plan, ...plan };
    const words = ['--id', id, '--listen', listen, '--data', data, '--cluster', cluster, '--peers', peers, ...flags];
    // The end of the fourth descriptor tells the node that this process is gone.
    const child = spawn(process.execPath, [...V8_FLAGS, ...runtime, MAIN, ...words, '--keeper-fd', '3'], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    this.#child = child;
    this.#stderr = '';
    this.#paused = false;
    child.stderr?.on('data', (chunk) => {
      this.#stderr += chunk;
    });
    this.#ended = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        running.delete(child);
        this.#child = null;
        resolve({ code, signal, stderr: this.#stderr });
      });
    });
    const word = child.stdio[3];
    const ready = new Promise<void>((resolve) => {
      word?.on('data', (line) => String(line).includes('"ready"') && resolve());
    });
    word?.on('error', () => {});
    const outcome = await Promise.race([ready, this.#ended]);
    if (outcome !== undefined) throw new Error(`${id} ended with ${outcome.code}: ${outcome.stderr}`);
  }

  /** Starts it, to see how it ends by itself. @throws Error when it does not */
  async fail(plan: Partial<NodePlan> = {}): Promise<Ended> {
    await this.start(plan).catch(() => {});
    await until(`${this.id} ends by itself`, () => this.#child === null);
    return this.#ended;
  }

  /** As kill -9. Resolves when it is gone. */
  kill(): Promise<Ended> {
    this.#child?.kill('SIGKILL');
    return this.#ended;
  }

  /** Asks it to stop. Resolves when it is gone. */
  stop(): Promise<Ended> {
    this.#child?.kill('SIGTERM');
    return this.#ended;
  }

  pause(): void {
    this.#paused = true;
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#paused = false;
    this.#child?.kill('SIGCONT');
  }

  /** Memory of its own, bytes: what it allocated, without files that are mapped. */
  get memory_bytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
  }

  /** Its log over all its lives, as far as it is written. */
  log(): LogLine[] {
    let text = '';
    try {
      text = readFileSync(join(this.plan.data, 'node.log'), 'utf8');
    } catch {
      // It never came so far, or its folder is gone.
    }
    const lines = text.split('\n').filter((line) => line.endsWith('}'));
    return lines.map((line) => JSON.parse(line) as LogLine);
  }

  /** What it said last, for a test that failed. */
  tail(): string {
    const lines = this.log()
      .slice(-TAIL_LINES)
      .map(({ time, msg, level: _, node: __, ...facts }) => `  ${time.slice(11)} ${msg} ${JSON.stringify(facts)}`);
    const state = this.#child === null ? 'down' : this.#paused ? 'paused' : `pid ${this.pid}`;
    return [`--- ${this.id} (${state}) ${this.#stderr}`.trimEnd(), ...lines].join('\n');
  }
}
