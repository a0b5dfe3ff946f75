/** What one client of the soak does: it acquires, converts, gives up and releases at random, and writes down what it is told. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AcquireOptions, Cluster, Lock, LockContext, LockMode } from '../../protocol/client/index.js';
import { ConcordError } from '../../protocol/errors.js';
import type { CellReply, CellRequest } from './cell.js';
import type { Dice } from './dice.js';
import { type Asked, type Journal, now } from './journal.js';

/** A holder asks its handle whether it still holds the lock this often while it works, ms. */
const LOOK_MS = 15;
/** A release that is refused is tried again so often, after this, ms. */
const RELEASES_MAX = 50;
const RELEASE_AGAIN_MS = 200;
/** Time for a release, ms. */
const RELEASE_MS = 5000;
const MODES: readonly LockMode[] = ['x', 'x', 'u', 's', 's'];

/** What a client needs. */
export interface ClientPlan {
  readonly cluster: Cluster;
  readonly locks: readonly string[];
  readonly dice: Dice;
  readonly journal: Journal;
  /** Numbers of the operations in the journal. */
  readonly nextOp: () => number;
  /** Asks a resource outside. */
  readonly cell: (request: CellRequest) => Promise<CellReply>;
}

/** Who holds locks for a while, and what. */
interface Owner {
  readonly id: string;
  readonly context: LockContext;
  readonly held: Lock[];
}

export class LockClient {
  readonly #plan: ClientPlan;
  #owners = 0;
  #stopped = false;

  constructor(plan: ClientPlan) {
    this.#plan = plan;
  }

  /** Goes on until it is stopped. Resolves when nothing is held any more. @throws what is no ConcordError: a defect */
  async run(): Promise<void> {
    const { cluster, dice } = this.#plan;
    while (!this.#stopped) {
      const id = `${cluster.clientId}.${++this.#owners}`;
      const owner: Owner = { id, context: cluster.lockContext(), held: [] };
      if (await this.#acquireSome(owner)) await this.#workUnder(owner);
      await this.#releaseAll(owner);
      await sleep(dice.percent(3) ? dice.between(100, 500) : dice.below(15));
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** One lock, the same one twice, two at once, or one after the other as those do that end in a circle. */
  async #acquireSome(owner: Owner): Promise<boolean> {
    const { dice, locks } = this.#plan;
    const first = dice.one(locks);
    const second = dice.one(locks.filter((name) => name !== first));
    const kind = dice.below(100);
    const one = [first, dice.one(MODES)] as const;
    const other = [second, dice.one(MODES)] as const;
    if (kind < 12) return this.#acquire(owner, [one, other]);
    if (!(await this.#acquire(owner, [one]))) return false;
    if (kind < 24) return this.#acquire(owner, [other]);
    if (kind < 32) return this.#acquire(owner, [one]);
    return true;
  }

  async #acquire(owner: Owner, locks: Asked['locks']): Promise<boolean> {
    const { dice } = this.#plan;
    const hold_ms = dice.percent(12) ? dice.between(100, 1500) : 0;
    const wait_ms = dice.percent(20) ? 0 : dice.between(50, 4000);
    const givenUp = dice.percent(10) ? { signal: AbortSignal.timeout(dice.between(1, 300)) } : {};
    const options: AcquireOptions = { timeout_ms: this.#patience(), wait_ms, hold_ms, note: owner.id, ...givenUp };
    return this.#ask(owner, 'acquire', locks, hold_ms, async () => {
      const granted = await owner.context.acquire(locks, options);
      owner.held.push(...granted);
      return granted.map(({ token }) => token);
    });
  }

  async #workUnder(owner: Owner): Promise<void> {
    const { dice } = this.#plan;
    if (!this.#look(owner)) return;
    const lock = dice.one(owner.held);
    if (dice.percent(25)) await this.#convert(owner, lock, dice.one(['x', 'x', 's', 'u'] as const));
    if (!this.#look(owner)) return;
    if (lock.mode === 'x' && dice.percent(80)) await this.#raise(owner, lock);
    else await this.#think(owner, this.#workTime());
  }

  async #convert(owner: Owner, lock: Lock, mode: LockMode): Promise<void> {
    const wait_ms = this.#plan.dice.between(0, 2000);
    await this.#ask(owner, 'convert', [[lock.name, mode]], 0, async () => {
      await lock.convert(mode, { timeout_ms: this.#patience(), wait_ms });
      return [lock.token];
    });
  }

  /**
   * Reads two cells, thinks, and writes to both what it read and one. It does not ask whether it still holds the lock before it writes:
   * whoever asks can be stopped behind the answer.
   */
  async #raise(owner: Owner, { name, token }: Lock): Promise<void> {
    const { cell } = this.#plan;
    const [fenced, plain] = [`${name} fenced`, `${name} plain`];
    const values = await Promise.all([fenced, plain].map((one) => cell({ cell: one, token, value: null })));
    await this.#think(owner, this.#workTime());
    const [wasFenced, wasPlain] = values;
    if (typeof wasFenced === 'number') await cell({ cell: fenced, token, value: wasFenced + 1 });
    if (typeof wasPlain === 'number') await cell({ cell: plain, token, value: wasPlain + 1 });
  }

  /** Time for a call besides what it waits for others, ms. */
  #patience(): number {
    const { dice } = this.#plan;
    return dice.percent(20) ? dice.between(50, 500) : dice.between(1000, 5000);
  }

  #workTime(): number {
    const { dice } = this.#plan;
    return dice.percent(3) ? dice.between(200, 2000) : dice.below(40);
  }

  /** Works for so long, or until something is lost; asks now and then. */
  async #think(owner: Owner, ms: number): Promise<void> {
    const end = now() + ms;
    while (this.#look(owner) && now() < end) await sleep(Math.min(LOOK_MS, Math.max(1, end - now())));
  }

  /** Writes down what is held. True when nothing has been lost. */
  #look({ id, held }: Owner): boolean {
    for (const lock of held) {
      const at = now();
      const { name, mode, token } = lock;
      if (lock.state === 'held') this.#plan.journal.write({ kind: 'saw', at, owner: id, lock: name, mode, token });
    }
    return held.every(({ state }) => state === 'held');
  }

  async #releaseAll(owner: Owner): Promise<void> {
    this.#look(owner);
    for (const lock of owner.held.splice(0)) {
      for (let i = 0; i < RELEASES_MAX && lock.state === 'held'; i++) {
        if (i > 0) await sleep(RELEASE_AGAIN_MS);
        await this.#ask(owner, 'release', [[lock.name, lock.mode]], 0, async () => {
          await lock.release({ timeout_ms: RELEASE_MS });
          return [];
        });
      }
      if (lock.state === 'held') throw new Error(`${owner.id} cannot release ${lock.name}`);
    }
  }

  /** Writes down what is asked and what comes of it. True when it was done. */
  async #ask(
    { id }: Owner,
    verb: Asked['verb'],
    locks: Asked['locks'],
    hold_ms: number,
    run: () => Promise<readonly number[]>,
  ): Promise<boolean> {
    const { journal, nextOp, cluster } = this.#plan;
    const op = nextOp();
    journal.write({ kind: 'asked', op, at: now(), client: cluster.clientId, owner: id, verb, locks, hold_ms });
    try {
      const tokens = await run();
      journal.write({ kind: 'told', op, at: now(), code: '', definite: true, tokens });
      return true;
    } catch (error) {
      if (!(error instanceof ConcordError)) throw error;
      const { code, definite } = error;
      journal.write({ kind: 'told', op, at: now(), code, definite, tokens: [] });
      return false;
    }
  }
}
