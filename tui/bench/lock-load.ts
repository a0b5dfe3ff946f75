/** Locks under load: every place of the pipeline acquires a lock and releases it, its own one or one that it shares with others. */
import { performance } from 'node:perf_hooks';
import type { Cluster, NamedLock } from '../../protocol/client/types.js';
import { COORDINATION } from '../../protocol/groups.js';
import { Histogram } from './histogram.js';
import type { Workload } from './workload.js';

/** A lock of the bench, and who gave it back last. */
interface Shared {
  readonly name: string;
  /** When its holder began to give it back; NaN while nobody does. */
  releasing_ms: number;
}

/** Cycles of acquire and release. */
export class LockCycles implements Workload {
  readonly group = COORDINATION;
  readonly calls_max = Number.POSITIVE_INFINITY;
  readonly handOvers: Histogram | null;
  readonly #clients: readonly Cluster[];
  readonly #names: number;
  readonly #now: () => number;
  #counting = false;

  /** `names`: so many locks are shared by all places; 0: each place has its own. */
  constructor(clients: readonly Cluster[], names: number, now: () => number = () => performance.now()) {
    this.#clients = clients;
    this.#names = names;
    this.#now = now;
    this.handOvers = names > 0 ? new Histogram() : null;
  }

  callsOf(depth: number): (() => Promise<unknown>)[] {
    const count = this.#names > 0 ? this.#names : depth;
    const locks = Array.from({ length: count }, (_, i): Shared => ({ name: `bench ${i}`, releasing_ms: Number.NaN }));
    return Array.from({ length: depth }, (_, place) => {
      const lock = locks[place % count] as Shared;
      const named = this.#clients[place % this.#clients.length]?.lock(lock.name);
      return named === undefined ? () => Promise.resolve() : () => this.#cycle(named, lock);
    });
  }

  count(on: boolean): void {
    this.#counting = on;
  }

  async prepare(): Promise<void> {}

  made(): void {}

  async makeRoom(): Promise<void> {}

  async leave(): Promise<void> {}

  async #cycle(named: NamedLock, lock: Shared): Promise<void> {
    const held = await named.acquire();
    // Somebody who finds it free has it from nobody.
    if (this.#counting && !Number.isNaN(lock.releasing_ms)) this.handOvers?.record(this.#now() - lock.releasing_ms);
    const releasing_ms = this.#now();
    lock.releasing_ms = releasing_ms;
    await held.release();
    // The next holder may be giving it back already.
    if (lock.releasing_ms === releasing_ms) lock.releasing_ms = Number.NaN;
  }
}
