/** Promises about locks with the real state machine behind the nodes: exclusion, rising tokens and no leak, whatever is lost or given up. */
import { expect } from 'chai';
import { describe, it } from 'mocha';
import {
  type Cluster,
  ConcordError,
  connect,
  type ErrorCode,
  type Lock,
  type LockContext,
} from '../../protocol/client/index.js';
import { FakeCluster } from './fake-cluster.js';
import { FakeWorld } from './fake-world.js';
import { MachineGroup } from './machine-group.js';

const NAMES = ['a', 'b', 'c'] as const;
const ROUNDS = 12;
const WORKERS = 6;

/** What a request for locks may end in here. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set([
  ...(['WOULD_BLOCK', 'LOCK_TIMEOUT', 'DEADLOCK', 'CANCELLED', 'TIMEOUT', 'DEADLINE', 'LOCK_LOST'] as const),
  ...(['NOT_HOLDER', 'SESSION_EXPIRED', 'NO_LEADER', 'UNREACHABLE'] as const),
]);

/** One run: clients with workers that take locks in every way, while ways and leaders are lost. */
class Run {
  readonly world: FakeWorld;
  readonly c: MachineGroup;
  readonly fake: FakeCluster;
  readonly clients: Cluster[] = [];
  /** Locks that a worker relies on. */
  readonly #inside = new Map<string, Set<Lock>>();
  readonly #lastToken = new Map<string, number>();
  /** Ends of requests, by code. */
  readonly ends = new Map<string, number>();
  working = 0;

  constructor(seed: number) {
    this.world = new FakeWorld(seed);
    this.c = new MachineGroup(this.world.scheduler);
    this.fake = new FakeCluster(this.world, 3, this.c);
  }

  pick(below: number): number {
    return this.world.pick(below);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.scheduler.after(ms, resolve);
    });
  }

  /** A lock has been granted: nobody else may rely on it now. */
  enter(lock: Lock): void {
    const inside = this.#inside.get(lock.name) ?? new Set();
    this.#inside.set(lock.name, inside);
    for (const other of inside)
      if (other.state === 'held' && lock.state === 'held' && (other.mode === 'x' || lock.mode === 'x'))
        throw new Error(`${lock.name} is held twice, with tokens ${other.token} and ${lock.token}`);
    if (lock.mode === 'x') {
      expect(lock.token).to.be.above(this.#lastToken.get(lock.name) ?? 0);
      this.#lastToken.set(lock.name, lock.token);
    }
    inside.add(lock);
  }

  leave(lock: Lock): void {
    this.#inside.get(lock.name)?.delete(lock);
  }

  /** Runs what may end in any of the errors that are to be expected. */
  async attempt(run: () => Promise<void>): Promise<void> {
    let end = 'ok';
    try {
      await run();
    } catch (error) {
      if (!(error instanceof ConcordError) || !EXPECTED.has(error.code)) throw error;
      end = error.code;
    }
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
  }

  async worker(client: Cluster): Promise<void> {
    this.working++;
    const context = client.lockContext();
    for (let round = 0; round < ROUNDS; round++) {
      const name = NAMES[this.pick(NAMES.length)] ?? 'a';
      switch (this.pick(4)) {
        case 0:
          await this.attempt(() => client.withLock(name, (lock) => this.#stay(lock), this.#options()));
          break;
        case 1:
          await this.attempt(() => this.#impatient(client, name));
          break;
        case 2:
          await this.attempt(() => this.#several(context));
          break;
        default:
          await this.attempt(() => this.#upgrade(client, name));
      }
      await this.pause(this.pick(5));
    }
    this.working--;
  }

  async #stay(lock: Lock): Promise<void> {
    this.enter(lock);
    try {
      await this.pause(this.pick(8));
    } finally {
      this.leave(lock);
    }
  }

  /** Gives up at a moment that nobody can foresee. */
  async #impatient(client: Cluster, name: string): Promise<void> {
    const gone = new AbortController();
    this.world.scheduler.after(this.pick(12), () => gone.abort());
    const lock = await client.lock(name).acquire({ ...this.#options(), signal: gone.signal });
    await this.#stay(lock);
    await lock.release();
  }

  /** Takes locks one after the other, in any order, so that circles come about. */
  async #several(context: LockContext): Promise<void> {
    const entered: Lock[] = [];
    try {
      for (let i = 0; i < 3; i++) {
        const [lock] = await context.acquire(NAMES[this.pick(NAMES.length)] ?? 'a', this.#options());
        if (lock === undefined) throw new Error('nothing was granted');
        if (entered.every(({ name }) => name !== lock.name)) {
          this.enter(lock);
          entered.push(lock);
        }
        await this.pause(this.pick(3));
      }
    } finally {
      for (const lock of entered) this.leave(lock);
      await Promise.allSettled(context.held.map((lock) => lock.release()));
    }
  }

  async #upgrade(client: Cluster, name: string): Promise<void> {
    const lock = await client.lock(name).acquire({ ...this.#options(), mode: this.pick(2) === 0 ? 's' : 'u' });
    try {
      await lock.convert('x', { wait_ms: this.pick(30) });
      await this.#stay(lock);
      await lock.convert('s');
    } finally {
      if (lock.state === 'held') await lock.release();
    }
  }

  #options(): { wait_ms: number; timeout_ms: number } {
    return { wait_ms: this.pick(4) === 0 ? 0 : this.pick(60), timeout_ms: this.pick(3) === 0 ? 20 : 3000 };
  }

  /** Ways and leaders are lost, as long as anybody works. */
  mischief(): void {
    if (this.working === 0) return;
    const node = this.fake.nodes[this.pick(3)];
    switch (this.pick(5)) {
      case 0:
        node?.cut();
        break;
      case 1: {
        const leader = this.fake.node(this.c.leader || 'n1');
        leader.mute = true;
        this.world.scheduler.after(10, () => {
          leader.mute = false;
          leader.cut();
        });
        break;
      }
      case 2:
        if (node !== undefined) this.fake.elect('c', node.id);
        break;
      default:
    }
    this.world.scheduler.after(10 + this.pick(40), () => this.mischief());
  }
}

describe('client: locks on the real state machine', () => {
  for (let seed = 1; seed <= 12; seed++)
    it(`exclude each other, and nothing is held in the end: seed ${seed}`, async () => {
      const run = new Run(seed);
      const { world, fake, c } = run;
      for (let i = 0; i < 2; i++) run.clients.push(await world.result(connect({ nodes: fake.addresses, env: world })));
      const workers = run.clients.flatMap((client) => Array.from({ length: WORKERS }, () => run.worker(client)));
      run.mischief();
      await world.result(Promise.all(workers));
      for (const node of fake.nodes) node.mute = false;
      fake.elect('c', 'n2');
      // Well before any session could end and release by that.
      await world.until(() => (c.read('lock.list', ['*', 0, 100]) as unknown[]).length === 0, 5000);
      expect(c.read('lock.waits', [100])).to.deep.equal([]);
      expect(run.ends.get('ok'), JSON.stringify([...run.ends])).to.be.above(WORKERS * ROUNDS * 0.25);
      await world.result(Promise.all(run.clients.map((client) => client.close())));
    });

  it('never overlap for two withLock of one process', async () => {
    const run = new Run(99);
    const cluster = await run.world.result(connect({ nodes: run.fake.addresses, env: run.world }));
    const withLock = () =>
      cluster.withLock('k', async (lock) => {
        run.enter(lock);
        await run.pause(run.pick(3));
        run.leave(lock);
      });
    await run.world.result(Promise.all(Array.from({ length: 100 }, withLock)));
    expect(run.c.read('lock.list', ['*', 0, 100])).to.deep.equal([]);
    await run.world.result(cluster.close());
  });
});
