/** Clients that use locks and semaphores, in all the ways that the library has, for what locks are for. */
import type { Cluster, LockMode } from '../../protocol/client/types.js';
import type { Told } from './calls.js';
import type { SimulatedCluster } from './cluster.js';
import { FENCED, FencedWork } from './fenced-work.js';
import type { Belief } from './lock-beliefs.js';
import { type How, LockCalls, type Owner } from './lock-calls.js';
import { NESTED_MAX, PERMITS, SEMAPHORE } from './lock-records.js';
import { BrokenPromise } from './promise.js';
import type { Dice, NamedLock, Swarm } from './swarm.js';
import type { Work } from './workload.js';

/** A call allows itself from the first to the second, ms, besides what it waits for others. */
const TIMEOUT_MS_MIN = 300;
const TIMEOUT_MS_MAX = 6000;
/** So long a patient call waits, ms: longer than anything that is wrong. It has to end well. */
const PATIENT_MS = 200_000;
/** Things that one owner does before it lets go of everything; attempts after a deadlock. */
const STEPS_MAX = 4;
const ATTEMPTS_MAX = 3;
/** Things that one client holds or asks for at a time; besides it looks on. */
const HOLDING_MAX = 6;
/** How often is looked whether nothing is left, ms. */
const LOOK_MS = 200;
/** Nobody of the workload uses it. */
const OTHER_LOCK = 'other';
/** How often somebody uses the tokens of many locks, in seeds with such. */
const PILES = 0.005;
/** In which modes mixed locks are asked for, and into which they are converted: many share one and then want it alone. */
const MODES: readonly [LockMode, ...LockMode[]] = ['s', 's', 'u', 'x'];
const LATER_MODES: readonly [LockMode, ...LockMode[]] = ['s', 'u', 'x', 'x'];

const nothing = { ok: () => {}, refused: () => {}, unknown: () => {} };

export class LockWork implements Work {
  readonly atOnce_max = 16;
  readonly #locks: LockCalls;
  readonly #cluster: SimulatedCluster;
  readonly #swarm: Swarm;
  readonly #dice: Dice;
  readonly #fenced: FencedWork;
  /** Client -> things that it holds or asks for at a time. */
  readonly #busy = new Map<string, number>();
  /** There is a semaphore. */
  #hasSemaphore = false;

  constructor(cluster: SimulatedCluster, swarm: Swarm, dice: Dice) {
    this.#cluster = cluster;
    this.#swarm = swarm;
    this.#dice = dice;
    this.#locks = new LockCalls(cluster);
    this.#fenced = new FencedWork(cluster, dice, this.#locks, 2 * swarm.ttl_ms, () => this.#timeout());
  }

  get calls() {
    return this.#locks.calls;
  }

  act(client: Cluster): Promise<void> {
    const { clientId } = client;
    const busy = this.#busy.get(clientId) ?? 0;
    if (busy >= HOLDING_MAX || this.#dice.happens(0.28)) return this.#lookOn(client);
    this.#busy.set(clientId, busy + 1);
    return this.#hold(client).finally(() => this.#busy.set(clientId, (this.#busy.get(clientId) ?? 1) - 1));
  }

  async actPatiently(client: Cluster): Promise<void> {
    await this.#once(client, { timeout_ms: PATIENT_MS, wait_ms: PATIENT_MS, patient: true });
  }

  moved(client: Cluster): void {
    this.#locks.moved(client);
  }

  killed(client: Cluster): void {
    this.#locks.killed(client);
  }

  async serve(client: Cluster, timeout_ms: number): Promise<string> {
    const owner = this.#locks.owner(client, null);
    const ended = await this.#locks.acquire(owner, [[OTHER_LOCK, 'x']], { timeout_ms, wait_ms: 0 });
    await this.#locks.releaseAll(owner, () => 0);
    return ended;
  }

  async drain(client: Cluster, timeout_ms: number): Promise<void> {
    const ask = (name: 'lock.list' | 'sem.find', argument: never) =>
      client.read(name, argument, { timeout_ms }).then(({ value }) => value);
    await this.#untilIs([], () => ask('lock.list', ['*', 0, 100] as never), timeout_ms, 'locks are left');
    await client.command('sem.set', [SEMAPHORE, PERMITS], { timeout_ms });
    const free = [PERMITS, PERMITS, [], 0];
    await this.#untilIs(free, () => ask('sem.find', [SEMAPHORE] as never), timeout_ms, 'permits are out');
    await this.#fenced.checkQueue(client, timeout_ms);
  }

  check(): void {
    this.#fenced.check();
    this.#locks.records.check(this.#swarm.locks.names);
  }

  /** Acquires something, does something with it and releases it; or takes it from others. */
  #hold(client: Cluster): Promise<void> {
    const what = this.#dice.chance();
    if (what < 0.5) return this.#once(client, this.#how());
    if (what < 0.75) return this.#inContext(client);
    if (what < 0.95 || !this.#swarm.locks.taken) return this.#withPermits(client);
    return this.#revoke(client);
  }

  /** Reads something. */
  #lookOn(client: Cluster): Promise<void> {
    const dice = this.#dice;
    if (this.#swarm.locks.piles && dice.happens(PILES)) return this.#fenced.pileUp(client);
    return dice.happens(0.2) ? this.#fenced.comeLate(client) : this.#look(client);
  }

  /** One lock, acquired and released. */
  async #once(client: Cluster, how: How): Promise<void> {
    const dice = this.#dice;
    const owner = this.#locks.owner(client, null);
    const { name, kind } = this.#pick();
    const mode = kind === 'mixed' ? dice.one(MODES) : 'x';
    let ended = await this.#locks.acquire(owner, [[name, mode]], how);
    while (how.patient && ended === 'DEADLOCK') ended = await this.#locks.acquire(owner, [[name, mode]], how);
    const [belief] = owner.beliefs;
    if (belief === undefined) return;
    await this.#use(owner, belief);
    if (kind === 'mixed' && dice.happens(0.4)) await this.#convert(owner, belief);
    await this.#locks.releaseAll(owner, () => 0);
  }

  /** Some locks in an owner's hands, one after the other and together: beaten by a deadlock, it lets go of all and tries again. */
  async #inContext(client: Cluster): Promise<void> {
    const dice = this.#dice;
    const context = client.lockContext();
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const owner = this.#locks.owner(client, context);
      const steps = 1 + dice.below(STEPS_MAX);
      let ended = 'ok';
      for (let step = 0; step < steps && ended !== 'DEADLOCK' && !owner.unsure; step++) ended = await this.#step(owner);
      await this.#locks.releaseAll(owner, (of) => dice.below(of));
      if (ended !== 'DEADLOCK' || owner.unsure) return;
    }
  }

  async #step(owner: Owner): Promise<string> {
    const dice = this.#dice;
    const what = dice.chance();
    const [belief] = owner.beliefs;
    if (belief !== undefined && what < 0.25) {
      await this.#use(owner, belief);
      return 'ok';
    }
    const mixed = owner.beliefs.find(({ held }) => this.#kindOf(held.name) === 'mixed');
    if (mixed !== undefined && what < 0.5) return this.#convert(owner, mixed);
    const first = this.#pick();
    const others = dice.happens(0.4) ? this.#swarm.locks.names.filter((one) => one !== first && dice.happens(0.6)) : [];
    const named = dice.happens(0.5) ? [first, ...others] : [...others, first];
    const wanted = named
      .filter(({ name, kind }) => this.#times(owner, name) < (kind === 'plain' ? 1 : NESTED_MAX))
      .map(({ name, kind }): [string, LockMode] => [name, kind === 'mixed' ? dice.one(MODES) : 'x']);
    if (wanted.length === 0) return 'ok';
    const { giveUp_ms: _, ...how } = this.#how();
    const ended = await this.#locks.acquire(
      owner,
      wanted,
      dice.happens(0.1) ? { ...how, giveUp_ms: dice.below(300) } : how,
    );
    if (ended === 'ok' && dice.happens(0.5)) await this.#dwell(owner.client);
    return ended;
  }

  async #convert(owner: Owner, belief: Belief): Promise<string> {
    const dice = this.#dice;
    const { timeout_ms, wait_ms } = this.#how();
    const ended = await this.#locks.convert(owner, belief, dice.one(LATER_MODES), { timeout_ms, wait_ms });
    if (ended === 'ok') await this.#dwell(owner.client);
    return ended;
  }

  async #withPermits(client: Cluster): Promise<void> {
    const dice = this.#dice;
    if (!this.#hasSemaphore) {
      const timeout_ms = TIMEOUT_MS_MAX;
      const ask = async (): Promise<Told<unknown>> => {
        const { value, ...from } = await client.command('sem.set', [SEMAPHORE, PERMITS], { timeout_ms });
        return { output: value, from };
      };
      const what = `makes ${SEMAPHORE}`;
      const ended = await this.calls.call(client, { what, time_ms: timeout_ms, patient: false }, ask, nothing);
      if (ended !== 'ok') return;
      this.#hasSemaphore = true;
    }
    const { timeout_ms, wait_ms, ...how } = this.#how();
    const giveUp = how.giveUp_ms === undefined ? {} : { giveUp_ms: how.giveUp_ms };
    const owner = await this.#locks.take(client, 1 + dice.below(PERMITS), { timeout_ms, wait_ms, ...giveUp });
    if (owner.beliefs.length > 0) await this.#dwell(client);
    await this.#locks.releaseAll(owner, () => 0);
  }

  async #revoke(client: Cluster): Promise<void> {
    const { name } = this.#pick();
    await this.#locks.revoke(client, name, this.#dice.one([0, 0, 100, 1000]), this.#timeout());
  }

  /** Reads something about locks. What is told of holders has to make sense. */
  async #look(client: Cluster): Promise<void> {
    const dice = this.#dice;
    const { name, kind } = this.#pick();
    const timeout_ms = this.#timeout();
    const mine = this.#locks.beliefs.of(client.clientId).find((one) => one.held.name === name);
    // Where it is converted, its token may have risen already.
    const fenced = mine !== undefined && 'fence' in mine.held && kind !== 'mixed' && dice.happens(0.5);
    const fence = fenced ? { fence: mine.held.fence } : {};
    const ask = async (): Promise<Told<unknown>> => {
      const { value, ...from } = await client.read('lock.find', [name], { timeout_ms, ...fence });
      return { output: value, from };
    };
    const what = `looks at ${name}${fenced ? ' fenced' : ''}`;
    const isMine = () => mine !== undefined && this.#locks.beliefs.isHeld(mine);
    const asking = { what, time_ms: timeout_ms, patient: false, fair: FENCED };
    const before = isMine();
    await this.calls.call(client, asking, ask, {
      ...nothing,
      ok: (found) => {
        const holders = (found as [string, number, [number][]] | null)?.[2] ?? [];
        if (before && isMine() && !holders.some(([session]) => session === mine?.session))
          throw new BrokenPromise(`${mine?.owner} holds ${name}, and a read does not say so`);
      },
      refused: (code) => {
        if (code === 'FENCED' && mine !== undefined) this.#fenced.checkFenced(mine);
      },
    });
  }

  /** Does what it acquired a lock for. */
  async #use(owner: Owner, belief: Belief): Promise<void> {
    const dice = this.#dice;
    const { client } = owner;
    const { held } = belief;
    const [guard] = this.#swarm.locks.names;
    if (held.name === guard.name && 'mode' in held && held.mode === 'x') {
      const what = dice.chance();
      if (what < 0.4) await this.#fenced.updateCell(belief);
      else if (what < 0.8) await this.#fenced.updateQueue(belief);
    }
    if ('fence' in held) this.#fenced.used(held.fence);
    if (dice.happens(0.8)) await this.#dwell(client);
  }

  async #untilIs(wanted: unknown, read: () => Promise<unknown>, limit_ms: number, what: string): Promise<void> {
    const { time, tester } = this.#cluster;
    const end = time.now() + limit_ms;
    for (;;) {
      const value = JSON.stringify(await read());
      if (value === JSON.stringify(wanted)) return;
      if (time.now() > end) throw new BrokenPromise(`after all clients have let go of everything ${what}: ${value}`);
      await new Promise((resolve) => time.add(LOOK_MS, () => resolve(null), tester));
    }
  }

  #dwell(client: Cluster): Promise<void> {
    return this.#locks.think(client, this.#dice.between(0, 2 * this.#swarm.locks.held_ms));
  }

  #how(): How {
    const dice = this.#dice;
    const { locks, ttl_ms } = this.#swarm;
    const wait_ms = dice.happens(0.25) ? 0 : 1 + dice.below(dice.one([300, 2000, ttl_ms]));
    return {
      timeout_ms: this.#timeout(),
      wait_ms,
      ...(locks.taken && dice.happens(0.2) && { hold_ms: 1 + dice.below(4 * locks.held_ms) }),
      ...(dice.happens(0.15) && { delay_ms: dice.below(3000) }),
      ...(dice.happens(0.08) && { giveUp_ms: dice.below(300) }),
    };
  }

  #timeout(): number {
    return Math.round(this.#dice.between(TIMEOUT_MS_MIN, TIMEOUT_MS_MAX));
  }

  #pick(): NamedLock {
    return this.#dice.one(this.#swarm.locks.names as [NamedLock, ...NamedLock[]]);
  }

  #kindOf(lock: string): string {
    return this.#swarm.locks.names.find(({ name }) => name === lock)?.kind ?? '';
  }

  #times({ beliefs }: Owner, lock: string): number {
    return beliefs.filter(({ held }) => held.name === lock).length;
  }
}
