/** One local node as a process: its states, and the verbs that lead from one to another. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { ConcordError, type ErrorCode, isErrorCode } from '../../protocol/errors.js';
import type { NodeBudgets } from './config.js';
import { KEEPER_FILES, type KnownNodes } from './known-nodes.js';
import { readLines } from './lines.js';
import { lastError, openLog } from './log-file.js';
import { refuseTakenPort } from './ports.js';
import { endLeftover } from './processes.js';
import type { FaultDoors, LocalNode, NodeVerb, ProcessState } from './types.js';

/** After this `start` is told that the node still is not ready. The node may get there yet: a long log takes time to read. */
const READY_MS_MAX = 60_000;

/** Node reads and writes files in this many threads at once; it must stand in the environment before the process starts. */
const THREADS = '8';

/**
 * Most of what a node holds and drops are Buffers. V8 counts them to a heap that it thinks small and collects all of it for every few
 * megabytes, several times a second under load; below this it does not, MiB. Only the command line can say so, as in node/main.ts.
 */
export const V8_FLAGS: readonly string[] = ['--initial-old-space-size=128'];

const FAULT_FLAGS: Readonly<Record<FaultDoors, readonly string[]>> = {
  off: [],
  on: ['--faults'],
  'hold-writes': ['--faults-hold-writes'],
};

/** What a node is started with. */
export interface NodePlan {
  readonly id: string;
  readonly address: string;
  /** Its own folder, absolute. */
  readonly data: string;
  readonly cluster: string;
  /** All members: "n1=127.0.0.1:7101,n2=...". */
  readonly peers: string;
  /** The JavaScript file of the node. */
  readonly program: string;
  readonly faults: FaultDoors;
  readonly budgets: NodeBudgets;
  /** Time to stop by itself before it is killed, ms. */
  readonly grace_ms: number;
}

/** From the order to start until the end of the process. */
interface Run {
  /** null before it is spawned. */
  child: ChildProcess | null;
  /** The state that an end of this process leads to by order; null while an end would be a failure. */
  ending: 'stopped' | 'killed' | null;
  /** What the node itself said was wrong. */
  error: { readonly code: ErrorCode; readonly message: string } | null;
  readonly ready: Deferred;
  readonly ended: Deferred;
}

/** A node that can be started, stopped and mistreated. */
export class NodeProcess {
  readonly #plan: NodePlan;
  readonly #known: KnownNodes;
  readonly #changed: () => void;
  #state: ProcessState = 'stopped';
  #reason = '';
  #run: Run | null = null;
  #retired = false;

  /** `changed` is called after each change of `view`. */
  constructor(plan: NodePlan, known: KnownNodes, changed: () => void) {
    this.#plan = plan;
    this.#known = known;
    this.#changed = changed;
  }

  get view(): LocalNode {
    const { id, address, data } = this.#plan;
    return { id, address, data, state: this.#state, pid: this.#run?.child?.pid ?? null, reason: this.#reason };
  }

  /** Carries out a verb. Resolves when the process is in its new state. @throws ConcordError */
  async order(verb: NodeVerb): Promise<LocalNode> {
    switch (verb) {
      case 'start':
        await this.#start();
        break;
      case 'stop':
        await this.#stop();
        break;
      case 'kill':
        await this.#kill();
        break;
      case 'restart':
        if (this.#run !== null) await this.#stop();
        await this.#start();
        break;
      case 'pause':
        this.#pause();
        break;
      case 'resume':
        this.#resume();
        break;
    }
    return this.view;
  }

  /** Stops the process, if there is one, for good: no order under way starts it again. Resolves when it is gone. */
  async retire(): Promise<void> {
    this.#retired = true;
    if (this.#run !== null) await this.#stop();
  }

  /** Ends the process that a dead keeper may have left in this node's place; a paused one cannot notice that death by itself. */
  async clearLeftover(): Promise<void> {
    const file = join(this.#plan.data, KEEPER_FILES.pid);
    let pid: number;
    try {
      pid = Number(readFileSync(file, 'utf8'));
    } catch {
      return;
    }
    if (Number.isInteger(pid) && pid > 0) await endLeftover(pid, ['--data', this.#plan.data], this.#plan.grace_ms);
    rmSync(file, { force: true });
  }

  /** @throws ConcordError PORT_TAKEN, START_FAILED */
  async refuseTakenPort(): Promise<void> {
    await refuseTakenPort(this.#plan.id, this.#plan.address);
  }

  async #start(): Promise<void> {
    if (this.#state === 'stopping') await this.#run?.ended.promise;
    if (this.#retired) throw this.#refusal('STOPPING', 'is not started: its keeper is stopping all nodes');
    if (this.#run !== null) throw this.#refusal('ALREADY', `is ${this.#state} already`);
    const run: Run = { child: null, ending: null, error: null, ready: deferred(), ended: deferred() };
    this.#run = run;
    this.#enter('starting');
    try {
      this.#known.refuseLost(this.#plan.id, this.#plan.data);
      await this.refuseTakenPort();
      if (run.ending === null) this.#spawn(run);
      else this.#end(run, run.ending, '');
    } catch (error) {
      run.child?.kill('SIGKILL');
      const refusal = error instanceof ConcordError ? error : this.#refusal('START_FAILED', messageOf(error));
      this.#end(run, 'failed', refusal.message, refusal);
    }
    const late = setTimeout(() => {
      run.ready.reject(this.#refusal('START_FAILED', `is still not ready after ${READY_MS_MAX / 1000} s`, false));
    }, READY_MS_MAX);
    try {
      await run.ready.promise;
    } finally {
      clearTimeout(late);
    }
  }

  async #stop(): Promise<void> {
    const run = this.#running();
    run.ending ??= 'stopped';
    // A paused process gets no SIGTERM before it goes on.
    if (this.#state === 'paused') run.child?.kill('SIGCONT');
    run.child?.kill('SIGTERM');
    this.#enter('stopping');
    const late = setTimeout(() => {
      run.ending = 'killed';
      this.#reason = `did not stop within ${this.#plan.grace_ms} ms and was killed`;
      run.child?.kill('SIGKILL');
    }, this.#plan.grace_ms);
    await run.ended.promise;
    clearTimeout(late);
  }

  async #kill(): Promise<void> {
    const run = this.#running();
    run.ending = 'killed';
    run.child?.kill('SIGKILL');
    this.#enter('stopping');
    await run.ended.promise;
  }

  #pause(): void {
    const run = this.#running();
    if (this.#state === 'paused') throw this.#refusal('ALREADY', 'is paused already');
    if (this.#state !== 'running') throw this.#refusal('NOT_RUNNING', `cannot be paused: it is ${this.#state}`);
    run.child?.kill('SIGSTOP');
    this.#enter('paused');
  }

  #resume(): void {
    const run = this.#running();
    if (this.#state !== 'paused') throw this.#refusal('ALREADY', `is not paused: it is ${this.#state}`);
    run.child?.kill('SIGCONT');
    this.#enter('running');
  }

  #running(): Run {
    if (this.#run === null) throw this.#refusal('NOT_RUNNING', `is not running: it is ${this.#state}`);
    return this.#run;
  }

  #spawn(run: Run): void {
    const { id, address, data, cluster, peers, program, faults, budgets } = this.#plan;
    mkdirSync(data, { recursive: true });
    const logFile = join(data, KEEPER_FILES.log);
    const { fd: log, size: before } = openLog(logFile);
    const words = ['--id', id, '--listen', address, '--data', data, '--cluster', cluster, '--peers', peers];
    words.push(...budgetFlags(budgets), ...FAULT_FLAGS[faults]);
    // Detached: a session of its own, which no key pressed in a terminal reaches. Descriptor 3 tells us that it is ready; its end
    // tells the node that its keeper is gone.
    const child = spawn(process.execPath, [...V8_FLAGS, program, ...words, '--keeper-fd', '3'], {
      detached: true,
      cwd: data,
      env: { UV_THREADPOOL_SIZE: THREADS, ...process.env },
      stdio: ['ignore', log, log, 'pipe'],
    });
    closeSync(log);
    run.child = child;
    child.on('error', (error) => {
      if (child.pid === undefined) this.#end(run, 'failed', `did not start: ${error.message}`);
    });
    child.on('close', (code, signal) => {
      if (run.ending !== null) this.#end(run, run.ending, this.#reason);
      else this.#end(run, 'failed', endReason(code, signal, run.error?.message ?? lastError(logFile, before)));
    });
    if (child.pid === undefined) return;
    writeFileSync(join(data, KEEPER_FILES.pid), `${child.pid}\n`);
    const pipe = child.stdio[3] as Socket;
    readLines(
      pipe,
      (value) => this.#told(run, value),
      () => pipe.destroy(),
    );
    this.#changed();
  }

  /** A line of the node: that it is ready, or why it is about to end. */
  #told(run: Run, value: unknown): void {
    if (!(value instanceof Object)) return;
    if ('ready' in value) this.#serves(run);
    else if ('error' in value && value.error instanceof Object) {
      const { code, message } = value.error as { code?: unknown; message?: unknown };
      run.error = {
        code: typeof code === 'string' && isErrorCode(code) ? code : 'START_FAILED',
        message: typeof message === 'string' ? message : 'unknown',
      };
    }
  }

  #serves(run: Run): void {
    if (this.#state !== 'starting') return;
    try {
      this.#known.markBorn(this.#plan.id);
    } catch (error) {
      run.error = { code: 'START_FAILED', message: `its birth cannot be remembered: ${messageOf(error)}` };
      run.child?.kill('SIGTERM');
      return;
    }
    this.#enter('running');
    run.ready.resolve();
  }

  #end(run: Run, state: 'stopped' | 'killed' | 'failed', reason: string, why?: ConcordError): void {
    if (this.#run !== run) return;
    this.#run = null;
    rmSync(join(this.#plan.data, KEEPER_FILES.pid), { force: true });
    this.#enter(state, reason);
    const what = `did not start: ${reason === '' ? `it was ${state}` : reason}`;
    run.ready.reject(why ?? this.#refusal(run.error?.code ?? 'START_FAILED', what));
    run.ended.resolve();
  }

  #enter(state: ProcessState, reason = ''): void {
    this.#state = state;
    this.#reason = reason;
    this.#changed();
  }

  #refusal(code: ErrorCode, what: string, definite = true): ConcordError {
    return new ConcordError(code, `${this.#plan.id} ${what}`, { definite, details: { node: this.#plan.id } });
  }
}

function budgetFlags({ memory_budget, log_budget }: NodeBudgets): string[] {
  const memory = memory_budget === null ? [] : ['--memory-budget', `${memory_budget}`];
  return log_budget === null ? memory : [...memory, '--log-budget', `${log_budget}`];
}

/** Why a process that nobody ended has ended. */
function endReason(code: number | null, signal: NodeJS.Signals | null, said: string): string {
  const end = signal === null ? `ended by itself with exit code ${code}` : `was ended by ${signal}`;
  return said === '' ? end : `${end}: ${said}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
}

function deferred(): Deferred {
  let settle: Omit<Deferred, 'promise'> = { resolve() {}, reject() {} };
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle };
}
