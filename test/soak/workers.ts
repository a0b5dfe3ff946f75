/** The client processes of a soak, as their parent sees them, and the cells outside of the cluster that they change. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cell, type CellRequest } from './cell.js';
import type { FromWorker, ToWorker, WorkerPlan } from './lock-worker.js';

const WORKER = fileURLToPath(new URL('./lock-worker.js', import.meta.url));

/** Processes that run: they must not outlive this one, stopped least of all. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A process with clients. */
interface Worker {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly idle: Promise<void>;
  readonly exited: Promise<void>;
  paused: boolean;
  /** Its end was wanted. */
  over: boolean;
}

/** Client processes: one for each place, replaced when it is killed. */
export class Workers implements AsyncDisposable {
  readonly journals: string[] = [];
  /** By name: two for each lock. */
  readonly cells = new Map<string, Cell>();
  readonly #plan: Omit<WorkerPlan, 'clients' | 'journal'>;
  readonly #folder: string;
  readonly #each: number;
  readonly #failed: (what: string) => void;
  readonly #workers: Worker[] = [];
  #clients = 0;

  /** `each`: clients of one process. `failed` hears of processes that end by themselves. */
  constructor(
    plan: Omit<WorkerPlan, 'clients' | 'journal'>,
    folder: string,
    each: number,
    failed: (what: string) => void,
  ) {
    this.#plan = plan;
    this.#folder = folder;
    this.#each = each;
    this.#failed = failed;
    for (const lock of plan.locks) {
      this.cells.set(`${lock} fenced`, new Cell(true));
      this.cells.set(`${lock} plain`, new Cell(false));
    }
  }

  /** Resolves when all clients of all of them are connected. */
  async start(processes: number): Promise<void> {
    for (let i = 0; i < processes; i++) this.#workers.push(this.#fork());
    await Promise.all(this.#workers.map(({ ready }) => ready));
  }

  get count(): number {
    return this.#workers.length;
  }

  pause(place: number): void {
    this.#signal(place, 'SIGSTOP');
  }

  resume(place: number): void {
    this.#signal(place, 'SIGCONT');
  }

  /** kill -9; another one takes its place. */
  replace(place: number): void {
    const worker = this.#workers[place];
    if (worker === undefined) return;
    worker.over = true;
    worker.child.kill('SIGKILL');
    this.#workers[place] = this.#fork();
  }

  /** Ends the work. Resolves when no client holds anything by its own account. */
  async stop(): Promise<void> {
    await Promise.all(this.#workers.map(({ ready }) => ready));
    for (const worker of this.#workers) tell(worker.child, { say: 'stop' });
    await Promise.all(this.#workers.map(({ idle, exited }) => Promise.race([idle, exited])));
  }

  /** Closes the clients, and ends what does not end by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) {
      worker.over = true;
      if (worker.paused) worker.child.kill('SIGCONT');
      tell(worker.child, { say: 'end' });
    }
    const late = setTimeout(() => {
      for (const { child } of this.#workers) child.kill('SIGKILL');
    }, 5000);
    await Promise.all(this.#workers.map(({ exited }) => exited));
    clearTimeout(late);
  }

  #fork(): Worker {
    const number = this.journals.length;
    const journal = join(this.#folder, `clients-${number}.jsonl`);
    this.journals.push(journal);
    const clients = Array.from({ length: this.#each }, () => `client${++this.#clients}`);
    const plan: WorkerPlan = { ...this.#plan, seed: this.#plan.seed + this.#clients, clients, journal };
    const child = fork(WORKER, [JSON.stringify(plan)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    running.add(child);
    const said = (word: string) =>
      new Promise<void>((resolve) => {
        child.on('message', (message: FromWorker) => message.say === word && resolve());
      });
    child.on('message', (message: FromWorker) => {
      if (message.say === 'cell') tell(child, { say: 'cell', id: message.id, reply: this.#askCell(message.request) });
    });
    const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
    const worker: Worker = {
      child,
      ready: Promise.race([said('ready'), exited]),
      idle: said('idle'),
      exited,
      paused: false,
      over: false,
    };
    child.on('exit', (code, signal) => {
      running.delete(child);
      if (!worker.over) this.#failed(`the process of ${clients.join(', ')} ended with ${code ?? signal}`);
    });
    return worker;
  }

  #askCell(request: CellRequest) {
    const cell = this.cells.get(request.cell);
    if (cell === undefined) throw new RangeError(`there is no cell ${request.cell}`);
    return cell.ask(request);
  }

  #signal(place: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    const worker = this.#workers[place];
    if (worker === undefined) return;
    worker.paused = signal === 'SIGSTOP';
    worker.child.kill(signal);
  }
}

/** A process that is gone hears nothing. */
function tell(child: ChildProcess, message: ToWorker): void {
  if (child.connected) child.send(message, () => {});
}
