/** Locks and permits through the library, as one client asks for them: each call recorded, each hold watched until its end. */
import type { Cluster, Lock, LockContext, LockMode } from '../../protocol/client/types.js';
import { Calls, type Told } from './calls.js';
import type { SimulatedCluster } from './cluster.js';
import type { Moment } from './history/history.js';
import { Belief, Beliefs } from './lock-beliefs.js';
import { LockRecords, PERMITS, SEMAPHORE } from './lock-records.js';
import { BrokenPromise } from './promise.js';
import { FASTEST_CLOCK } from './time.js';

/** How something is asked for. Times in ms. */
export interface How {
  readonly timeout_ms: number;
  readonly wait_ms: number;
  readonly hold_ms?: number;
  readonly delay_ms?: number;
  /** It has time for all that can go wrong. */
  readonly patient?: boolean;
  /** Given up after this, by the client's clock. */
  readonly giveUp_ms?: number;
}

/** An owner of locks, and what it believes to have. */
export interface Owner {
  readonly client: Cluster;
  /** Unique in the history. */
  readonly id: string;
  /** null: it acquires one lock once. */
  readonly context: LockContext | null;
  beliefs: Belief[];
  /** Nobody knows what became of something that it asked for. It asks for nothing more. */
  unsure: boolean;
}

/** What comes to pass with time alone. */
const LOST: ReadonlySet<string> = new Set(['LOCK_LOST']);
/** Definite for whoever asked, and yet it may have been granted for a while: it was given back. */
const GIVEN_BACK: ReadonlySet<string> = new Set(['LOCK_LOST', 'CANCELLED']);
/** Time allowed for a release, and how often one that was refused is tried again, after this, ms. */
const RELEASE_MS = 4000;
const RELEASES_MAX = 50;
const RELEASE_AGAIN_MS = 300;

export class LockCalls {
  readonly calls: Calls;
  readonly records = new LockRecords();
  readonly beliefs: Beliefs;
  readonly #cluster: SimulatedCluster;
  /** Requests for which clients wait. */
  readonly #asking = new Set<{ owner: Owner; names: readonly string[]; asked: Moment }>();
  #owners = 0;

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
    this.calls = new Calls(cluster);
    this.beliefs = new Beliefs(cluster, PERMITS);
  }

  owner(client: Cluster, context: LockContext | null): Owner {
    return { client, id: `${client.clientId}.${++this.#owners}`, context, beliefs: [], unsure: false };
  }

  /** Asks for locks, all or none. 'ok' or the code in which it ended. */
  async acquire(owner: Owner, wanted: readonly (readonly [string, LockMode])[], how: How): Promise<string> {
    const { holds } = this.records;
    const { client, context, id } = owner;
    const { clientId } = client;
    const names = wanted.map(([name]) => name);
    const asked = holds.moment(this.#now);
    const before = owner.beliefs.filter(({ told }) => !told);
    const asking = { owner, names, asked };
    this.#asking.add(asking);
    const ops = wanted.map(([name, mode]) => holds.call(clientId, name, { op: 'acquire', owner: id, mode }, this.#now));
    const unknown = () => {
      for (const op of ops) holds.unknown(op);
      for (const name of names) this.#givenBack(owner, name, asked);
      owner.unsure = true;
    };
    let locks: readonly Lock[] = [];
    const ask = async (): Promise<Told<number[]>> => {
      const { timeout_ms, wait_ms, hold_ms = 0, delay_ms = 0, giveUp_ms } = how;
      const signal = giveUp_ms === undefined ? {} : { signal: this.#giveUpAfter(clientId, giveUp_ms) };
      const options = { timeout_ms, wait_ms, hold_ms, delay_ms, note: id, ...signal };
      const [[name, mode] = ['', 'x' as const]] = wanted;
      locks =
        context === null
          ? [await client.lock(name).acquire({ ...options, mode })]
          : await context.acquire(wanted, options);
      return { output: locks.map(({ token }) => token) };
    };
    const what = `acquires ${wanted.map(([name, mode]) => `${name}:${mode}`)} for ${id}, waits ${how.wait_ms}`;
    const ended = await this.calls.call(client, this.#asked(what, how, this.#fair(owner, names, how)), ask, {
      ok: (tokens) => {
        ops.forEach((op, i) => {
          holds.ok(op, tokens[i] ?? 0, this.#now);
        });
      },
      refused: (code) => {
        if (GIVEN_BACK.has(code)) unknown();
        else for (const op of ops) holds.refused(op, this.#now);
        if (code === 'LOCK_TIMEOUT') this.#checkWait(what, asked, how);
      },
      unknown,
    });
    this.#asking.delete(asking);
    for (const lock of locks) {
      // Acquired again, it ends when it was to end before: be it on its way here, together with word of that end. Only if that was lost
      // before this was granted is it a hold of its own.
      const under = before.find(({ held }) => held.name === lock.name);
      const ownEnd = under === undefined || under.told || this.beliefs.mayBeTaken(under);
      const bounded = under?.bounded === true || (ownEnd && (how.hold_ms ?? 0) > 0);
      this.#believe(owner, new Belief(client, id, lock, bounded, asked, under));
    }
    return ended;
  }

  /** Takes permits, as an owner of its own. */
  async take(client: Cluster, permits: number, how: How): Promise<Owner> {
    const records = this.records.permits;
    const owner = this.owner(client, null);
    const { clientId } = client;
    const asked = records.moment(this.#now);
    const op = records.call(clientId, SEMAPHORE, { op: 'acquire', owner: owner.id, permits }, this.#now);
    const unknown = () => {
      records.unknown(op);
      this.records.returned(clientId, owner.id, asked);
    };
    const ask = async (): Promise<Told<boolean>> => {
      const { timeout_ms, wait_ms, giveUp_ms } = how;
      const signal = giveUp_ms === undefined ? {} : { signal: this.#giveUpAfter(clientId, giveUp_ms) };
      const taken = await client.semaphore(SEMAPHORE).acquire(permits, { timeout_ms, wait_ms, ...signal });
      const belief = new Belief(client, owner.id, taken, false, asked);
      // The order in which others hear of it is that of their answers.
      this.#believe(owner, belief);
      return { output: true };
    };
    const what = `takes ${permits} of ${SEMAPHORE} for ${owner.id}, waits ${how.wait_ms}`;
    const fair = new Set([...LOST, how.wait_ms > 0 ? 'LOCK_TIMEOUT' : 'WOULD_BLOCK']);
    await this.calls.call(client, this.#asked(what, how, fair), ask, {
      ok: () => records.ok(op, true, this.#now),
      refused: (code) => {
        if (GIVEN_BACK.has(code)) unknown();
        else records.refused(op, this.#now);
        if (code === 'LOCK_TIMEOUT') this.#checkWait(what, asked, how);
      },
      unknown,
    });
    return owner;
  }

  /** Changes the mode of a lock. 'ok' or the code in which it ended. */
  async convert(owner: Owner, { held: lock }: Belief, mode: LockMode, how: How): Promise<string> {
    if (!('mode' in lock)) return '';
    const { holds } = this.records;
    const { client, id } = owner;
    const asked = holds.moment(this.#now);
    const op = holds.call(client.clientId, lock.name, { op: 'convert', owner: id, mode }, this.#now);
    const unknown = () => {
      holds.unknown(op);
      this.#givenBack(owner, lock.name, asked);
      owner.unsure = true;
    };
    const what = `converts ${lock.name} of ${id} from ${lock.mode} to ${mode}, waits ${how.wait_ms}`;
    const ask = async (): Promise<Told<number>> => {
      await lock.convert(mode, { timeout_ms: how.timeout_ms, wait_ms: how.wait_ms });
      return { output: lock.token };
    };
    const ended = await this.calls.call(client, this.#asked(what, how, this.#fair(owner, [lock.name], how)), ask, {
      ok: (token) => holds.ok(op, token, this.#now),
      refused: (code) => {
        if (GIVEN_BACK.has(code)) unknown();
        else holds.refused(op, this.#now);
        if (code === 'LOCK_TIMEOUT') this.#checkWait(what, asked, how);
      },
      unknown,
    });
    for (const belief of owner.beliefs) this.beliefs.check(belief);
    return ended;
  }

  /** Releases all that the owner has, the one that `pick` picks of so many first. */
  async releaseAll(owner: Owner, pick: (of: number) => number): Promise<void> {
    while (owner.beliefs.length > 0) {
      const [belief] = owner.beliefs.splice(pick(owner.beliefs.length), 1);
      if (belief !== undefined) await this.release(owner, belief);
    }
  }

  /** Releases something, unless the client was told that it is lost. */
  async release(owner: Owner, belief: Belief): Promise<void> {
    owner.beliefs = owner.beliefs.filter((one) => one !== belief);
    for (let i = 0; i < RELEASES_MAX && belief.held.state === 'held'; i++) {
      if (i > 0) await this.think(belief.client, RELEASE_AGAIN_MS);
      await this.#releaseOnce(belief);
    }
    if (belief.held.state === 'held') throw new BrokenPromise(`${belief.owner} cannot release ${belief.held.name}`);
    if (belief.held.state === 'lost') {
      // Who asks is told at once, who listens right after.
      await this.think(belief.client, 0);
      if (!belief.told)
        throw new BrokenPromise(`${belief.held.name} is lost, and the signal of ${belief.owner} is silent`);
    }
    this.beliefs.remove(belief);
  }

  /** Takes a lock from all who have it, at once or after a while. */
  async revoke(client: Cluster, lock: string, after_ms: number, timeout_ms: number): Promise<void> {
    const over = this.beliefs.revoking(lock);
    const ask = async (): Promise<Told<unknown>> => {
      const { value, ...from } = await client.command('lock.revoke', [lock, after_ms], { timeout_ms });
      return { output: value, from };
    };
    const what = `revokes ${lock} after ${after_ms}`;
    const record = { ok: over, refused: over, unknown: () => {} };
    await this.calls.call(client, { what, time_ms: timeout_ms, patient: false }, ask, record);
  }

  /** Thinks for that long by the client's clock; it does not while it stands still. */
  think({ clientId }: Cluster, ms: number): Promise<void> {
    const process = this.#cluster.processOf(clientId);
    return new Promise((resolve) => {
      process.after(ms, resolve);
    });
  }

  moved(client: Cluster): void {
    this.records.moved(client, this.#now);
    this.beliefs.moved(client);
  }

  /** What it had, and what it asked for, ends with its session. */
  killed({ clientId }: Cluster): void {
    for (const belief of this.beliefs.of(clientId)) {
      this.#lost(belief);
      this.beliefs.remove(belief);
    }
    for (const asking of this.#asking) {
      const { owner, names, asked } = asking;
      if (owner.client.clientId !== clientId) continue;
      for (const name of names) this.records.ended(clientId, name, owner.id, asked);
      this.#asking.delete(asking);
    }
  }

  async #releaseOnce(belief: Belief): Promise<void> {
    const { client, owner, held } = belief;
    const end = this.#recordRelease(belief);
    const what = `releases ${held.name} of ${owner}`;
    belief.released = true;
    const ask = async (): Promise<Told<boolean>> => {
      await held.release({ timeout_ms: RELEASE_MS });
      return { output: true };
    };
    await this.calls.call(client, { what, time_ms: RELEASE_MS, patient: false, fair: LOST }, ask, {
      ok: () => {
        // The end of the session has released it, unless it was taken away before: the library does not tell the two apart.
        const { id, state } = client.session;
        const taken = this.beliefs.mayBeTaken(belief) && (state !== 'open' || id !== belief.session);
        end(taken ? undefined : true);
        if (taken) this.#lost(belief);
      },
      refused: (code) => {
        if (code === 'LOCK_LOST') {
          const { id, state } = client.session;
          if (!this.beliefs.mayBeTaken(belief) && state === 'open' && id === belief.session)
            throw new BrokenPromise(`${owner} held ${held.name}, and is told that it did not when it releases it`);
          end(undefined);
          this.#lost(belief);
        } else {
          end(null);
          belief.released = held.state !== 'held';
        }
      },
      unknown: () => {
        end(undefined);
        this.#lost(belief);
      },
    });
  }

  /** Call it with true when it was released, null when that was refused, undefined when nobody knows. */
  #recordRelease({ client, owner, held }: Belief): (ending: true | null | undefined) => void {
    const { holds, permits } = this.records;
    const recorder = 'permits' in held ? permits : holds;
    const op =
      'permits' in held
        ? permits.call(client.clientId, held.name, { op: 'release', owner, permits: held.permits }, this.#now)
        : holds.call(client.clientId, held.name, { op: 'release', owner }, this.#now);
    return (ending) => {
      if (ending === undefined) recorder.unknown(op);
      else if (ending === null) recorder.refused(op, this.#now);
      else recorder.ok(op, true, this.#now);
    };
  }

  #believe(owner: Owner, belief: Belief): void {
    owner.beliefs.push(belief);
    const { signal } = belief.held;
    const lost = () => {
      belief.told = true;
      this.#cluster.note(`${belief.owner} is told that ${belief.held.name} is lost`);
      this.#lost(belief);
      this.beliefs.remove(belief);
    };
    signal.addEventListener('abort', lost, { once: true });
    this.beliefs.add(belief);
    if (signal.aborted && !belief.told) lost();
  }

  /** What it asked for on top of what it has, or at all, may have been granted, and is given back at any time then. */
  #givenBack({ client, id, beliefs }: Owner, name: string, asked: Moment): void {
    const { clientId } = client;
    const had = beliefs.find(({ held }) => held.name === name)?.held;
    if (had !== undefined && 'mode' in had) {
      this.records.holds.since(asked, clientId, name, { op: 'release', owner: id });
      this.records.holds.since(asked, clientId, name, { op: 'convert', owner: id, mode: had.mode });
    }
    this.records.ended(clientId, name, id, asked);
  }

  /** It may have ended by now. */
  #lost(belief: Belief): void {
    const { client, owner, held } = belief;
    const since = this.beliefs.mayBeTaken(belief) ? belief.asked : undefined;
    if ('permits' in held) this.records.returned(client.clientId, owner, since);
    else this.records.ended(client.clientId, held.name, owner, since);
  }

  #asked(what: string, { timeout_ms, wait_ms, patient = false }: How, fair: ReadonlySet<string>) {
    return { what, time_ms: timeout_ms + wait_ms, patient, fair };
  }

  /** What a request may be told because of others. */
  #fair({ beliefs }: Owner, names: readonly string[], { wait_ms }: How): ReadonlySet<string> {
    const fair = new Set([...LOST, wait_ms > 0 ? 'LOCK_TIMEOUT' : 'WOULD_BLOCK']);
    // Where all wait for one lock, nobody waits for itself.
    if (wait_ms > 0 || beliefs.length > 0) fair.add('DEADLOCK');
    // What it asked for on top of what it had falls with that.
    if (beliefs.some(({ held }) => names.includes(held.name))) fair.add('NOT_HOLDER');
    return fair;
  }

  #checkWait(what: string, asked: Moment, { wait_ms }: How): void {
    // Cluster time runs late, and by a clock that is as wrong as it may be.
    const waited = this.#now - asked.time;
    if (waited * FASTEST_CLOCK < wait_ms - 1)
      throw new BrokenPromise(`${what}, and is told LOCK_TIMEOUT after ${waited.toFixed(1)} ms`);
  }

  #giveUpAfter(client: string, ms: number): AbortSignal {
    const controller = new AbortController();
    this.#cluster.processOf(client).after(ms, () => controller.abort());
    return controller.signal;
  }

  get #now(): number {
    return this.#cluster.time.now();
  }
}
