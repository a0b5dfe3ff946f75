/** Words for tests of the keeper: a cluster of stub nodes in a folder of its own, its terminals, and what runs for it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ConcordError, type ErrorCode } from '../../protocol/errors.js';
import { type AttachOptions, attachKeeper, downKeeper } from '../../tui/cluster/attach.js';
import { freeAddresses } from '../../tui/cluster/ports.js';
import type { Keeper, LocalNode, ProcessState } from '../../tui/cluster/types.js';

const STUB_NODE = fileURLToPath(new URL('./stub-node.js', import.meta.url));
const STUB_TERMINAL = fileURLToPath(new URL('./stub-terminal.js', import.meta.url));

/** Longer than anything here takes on a busy machine; a test waits for conditions, not for this. */
const PATIENCE_MS = 15_000;

/** Every node of a cluster of three as it is when all is well. */
export const ALL_RUN = { n1: 'running', n2: 'running', n3: 'running' } as const;

/** A process whose command line names a folder of the test. */
export interface Found {
  readonly pid: number;
  readonly command: string;
}

/** Everything that a test started, and its end. */
export class LocalCluster implements AsyncDisposable {
  /** The folder of this test: configuration, data, temporary files. */
  readonly home: string;
  readonly data: string;
  readonly config: string;
  readonly addresses: readonly string[];
  readonly #keepers: Keeper[] = [];
  readonly #terminals: ChildProcess[] = [];
  readonly #tmpdir = tmpdir();

  private constructor(home: string, addresses: readonly string[]) {
    this.home = home;
    this.addresses = addresses;
    this.data = join(home, 'data');
    this.config = join(home, 'cluster.yaml');
    // Temporary folders of clusters are made in here: what is left of them can be seen, and nobody else's is touched.
    Object.assign(process.env, { TMPDIR: home });
  }

  static async make(options: { grace_ms?: number } = {}): Promise<LocalCluster> {
    const home = realpathSync(mkdtempSync(join(tmpdir(), 'keeper-test-')));
    const cluster = new LocalCluster(home, await freeAddresses(3));
    cluster.configure(['n1', 'n2', 'n3'], options.grace_ms);
    return cluster;
  }

  /** Writes the configuration: these nodes at the addresses of this cluster. */
  configure(ids: readonly string[], grace_ms = 5000, cluster = 'test'): void {
    const nodes = ids.map((id, i) => `  ${id}: ${this.addresses[i]}\n`).join('');
    const text = `version: 1\ncluster: ${cluster}\ndata: ./data\nnodes:\n${nodes}stop_grace_ms: ${grace_ms}\n`;
    writeFileSync(this.config, text);
  }

  /** Makes the stub of a node misbehave from its next start on. */
  conduct(id: string, word: 'stubborn' | 'refuses' | 'throws' | 'silent' | ''): void {
    mkdirSync(join(this.data, id), { recursive: true });
    writeFileSync(join(this.data, id, 'stub'), word);
  }

  /** Attaches a terminal of this process. */
  async attach(options: Partial<AttachOptions> = {}): Promise<Keeper> {
    const keeper = await attachKeeper(this.#options(options));
    this.#keepers.push(keeper);
    return keeper;
  }

  /** Attaches and waits until all nodes run. */
  async up(options: Partial<AttachOptions> = {}): Promise<Keeper> {
    const keeper = await this.attach(options);
    await reached(keeper, ALL_RUN);
    return keeper;
  }

  /** Starts a terminal in a process of its own, attached when this resolves. */
  async terminal(
    options: Partial<AttachOptions> = {},
  ): Promise<{ process: ChildProcess; nodes: LocalNode[]; cluster: string }> {
    const child = spawn(process.execPath, [STUB_TERMINAL, JSON.stringify(this.#options(options))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#terminals.push(child);
    const line = await new Promise<string>((resolve) => child.stdout.once('data', (data) => resolve(String(data))));
    return { process: child, ...JSON.parse(line) };
  }

  async down(): Promise<boolean> {
    return downKeeper({ config: this.config });
  }

  /** The keepers and nodes that run for this test. */
  get running(): Found[] {
    return commands().filter(({ command }) => command.includes(`${this.home}/`) && !command.includes(STUB_TERMINAL));
  }

  get keepers(): Found[] {
    return this.running.filter(({ command }) => command.includes('keeper-main.js'));
  }

  get nodes(): Found[] {
    return this.running.filter(({ command }) => command.includes(STUB_NODE) && command.includes('--keeper-fd'));
  }

  /** Resolves when no process is left. */
  async gone(): Promise<void> {
    await until('no process is left', () => this.running.length === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const terminal of this.#terminals) terminal.kill('SIGKILL');
    await Promise.all(this.#keepers.map((keeper) => keeper.leave()));
    // Only after a failed test is anything left here; each of these has this test's own folder in its command line.
    for (const { pid } of [...this.keepers, ...this.running]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself meanwhile.
      }
    }
    await this.gone();
    Object.assign(process.env, { TMPDIR: this.#tmpdir });
    rmSync(this.home, { recursive: true });
  }

  #options(options: Partial<AttachOptions>): AttachOptions {
    return { config: this.config, temp: false, nodeProgram: STUB_NODE, ...options };
  }
}

/** Resolves when the nodes are in these states, as the keeper pushes them. */
export async function reached(keeper: Keeper, states: Readonly<Record<string, ProcessState>>): Promise<void> {
  const wanted = Object.entries(states);
  await until(JSON.stringify(states), () => wanted.every(([id, state]) => nodeOf(keeper, id).state === state));
}

/** A node as the keeper last pushed it. */
export function nodeOf(keeper: Keeper, id: string): LocalNode {
  const found = keeper.nodes.find((node) => node.id === id);
  if (found === undefined) throw new Error(`no node ${id}`);
  return found;
}

/** Resolves when the condition holds. @throws Error naming it when that does not come about */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await sleep(5);
  }
}

/** State of a process as the kernel has it: R, S, T (stopped), ... */
export function kernelState(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2)[0] ?? '';
}

function commands(): Found[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      return [{ pid: Number(pid), command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
    } catch {
      return [];
    }
  });
}

/** Gives each test of a suite a cluster of its own, and ends everything that was started for it. */
export function eachWithCluster(take: (cluster: LocalCluster) => void): void {
  let cluster: LocalCluster;
  beforeEach(async () => {
    cluster = await LocalCluster.make();
    take(cluster);
  });
  afterEach(async () => {
    await cluster[Symbol.asyncDispose]();
  });
}

/** The error that a promise ends in. */
export async function refusal(promise: Promise<unknown>, code: ErrorCode): Promise<ConcordError> {
  const outcome = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  expect(outcome).to.be.instanceOf(ConcordError);
  expect(outcome).to.have.property('code', code);
  return outcome as ConcordError;
}
