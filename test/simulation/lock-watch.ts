/**
 * The committed log of `c`, entry by entry: who holds which locks after each, who waits for them, and what has to be so whatever rule led
 * there. It looks at the rows of the tables and asks nobody how they came about.
 */
import type { Applied, GroupMachine } from '../../node/services/group-machine.js';
import { openNews } from '../../node/services/locks/news.js';
import type { Hold, Item, Lock, Owner, Request } from '../../node/services/locks/rows.js';
import { LockState } from '../../node/services/locks/state.js';
import type { Outcome, Position } from '../../node/services/machine.js';
import type { Sessions } from '../../node/services/sessions.js';
import type { Table } from '../../node/services/table.js';
import type { Tables } from '../../node/services/tables.js';
import { BrokenPromise } from './promise.js';

/** More than any index. */
const BEHIND_CONVERSIONS = 2 ** 52;
const SHARED = 1;
const EXCLUSIVE = 3;

/** A hold as it stood after an entry: rows change under one's hands. */
interface Held {
  readonly hold: Hold;
  readonly mode: number;
  readonly end: number;
}

/** An owner on a circle, as the refusal names it: what it waits for, and what it holds that the one before it waits for. */
interface Wish {
  readonly session: number;
  readonly owner: number;
  readonly lock: string;
  readonly mode: number;
  readonly holds: number;
}

/** All that stood after an entry. */
interface Standing {
  /** Lock -> owner -> its hold. */
  readonly held: ReadonlyMap<string, ReadonlyMap<Owner, Held>>;
  readonly requests: readonly Request[];
  /** Owner -> its birth. */
  readonly births: ReadonlyMap<string, number>;
}

/** Looks on while a machine of `c` applies entries. */
export class LockWatch {
  readonly #machine: GroupMachine;
  readonly #sessions: Sessions;
  readonly #state: LockState;
  /** What sessions are told of what befell their holds. */
  readonly #news: Table<readonly [number, number], { readonly owner: number; readonly lock: string }>;
  /** Requests that asked for more of what their owners held: they come before all others. */
  readonly #conversions = new WeakSet<Item>();
  #before: Standing = { held: new Map(), requests: [], births: new Map() };
  /** Lock -> its last token. */
  readonly #tokens = new Map<string, number>();
  /** Lock -> nobody is to get it before that cluster time, because its holder has died. */
  readonly #delays = new Map<string, number>();

  constructor(tables: Tables, machine: GroupMachine, sessions: Sessions) {
    this.#machine = machine;
    this.#sessions = sessions;
    this.#state = new LockState(tables);
    this.#news = openNews(tables);
  }

  /** An entry has been applied. @throws BrokenPromise */
  applied(at: Position, { session, lane, outcome, settled, ended }: Applied): void {
    const locks = [...this.#state.locks.scan()].map(([, lock]) => lock);
    const requests = [...this.#state.requests.scan()].map(([, request]) => request);
    const owners = [...requests, ...locks.flatMap(({ holds }) => holds)].map(({ owner }) => owner);
    const now: Standing = {
      held: new Map(locks.map(({ name, holds }) => [name, new Map(holds.map((hold) => [hold.owner, heldOf(hold)]))])),
      requests,
      births: new Map(owners.map((owner) => [nameOf(owner), owner.birth])),
    };
    for (const request of requests)
      if (!this.#before.requests.includes(request))
        for (const item of request.items)
          if (now.held.get(item.lock.name)?.has(request.owner)) this.#conversions.add(item);
    for (const lock of locks) {
      this.#checkHolders(lock, at);
      this.#checkToken(lock, at);
      this.#checkTurns(lock, requests, at);
    }
    for (const request of requests) this.#checkWaiting(request, requests, at);
    this.#checkCircles(requests);
    this.#checkOutcome(session, lane, outcome, at);
    for (const one of settled) this.#checkOutcome(one.session, one.lane, one.outcome, at);
    this.#checkNews(now, at);
    this.#noteDelays(ended, at);
    this.#before = now;
  }

  // Whoever holds a lock is alive, is within its time, and goes with all others.
  #checkHolders({ name, holds }: Lock, { time }: Position): void {
    const before = this.#before.held.get(name);
    for (const hold of holds) {
      const { owner, mode, end } = hold;
      const what = `${name} is held by ${nameOf(owner)}`;
      if (!this.#sessions.alive(owner.session)) throw new BrokenPromise(`${what}, whose session has ended`);
      if (end > 0 && end <= time) throw new BrokenPromise(`${what} ${time - end} ms longer than it may`);
      const other = holds.find((one) => one !== hold && !goTogether(one.mode, mode));
      if (other !== undefined) throw new BrokenPromise(`Exclusion: ${what} and by ${nameOf(other.owner)}`);
      const left = (this.#delays.get(name) ?? 0) - time;
      if (left > 0 && before?.get(owner)?.hold !== hold)
        throw new BrokenPromise(`${what} ${left} ms before the delay is over that its dead holder had asked for`);
    }
  }

  // Tokens never fall, rise whenever the lock enters or leaves mode x or is handed on in it, and stay while sharers come and go.
  #checkToken({ name, token, holds }: Lock, { index }: Position): void {
    const last = this.#tokens.get(name) ?? 0;
    if (holds.length === 0) return;
    this.#tokens.set(name, token);
    const before = [...(this.#before.held.get(name)?.values() ?? [])];
    const stay = before.filter(({ hold }) => holds.includes(hold));
    const wasX = before.some(({ mode }) => mode === EXCLUSIVE);
    const isX = holds.some(({ mode }) => mode === EXCLUSIVE);
    const mustRise = wasX !== isX || (isX && stay.length === 0) || before.length === 0;
    if (token < last) throw new BrokenPromise(`the token of ${name} falls from ${last} to ${token}`);
    if (mustRise && token === last) throw new BrokenPromise(`${name} comes into other hands and keeps token ${token}`);
    if (token > last && token !== index) throw new BrokenPromise(`${name} has token ${token} in entry ${index}`);
    if (!mustRise && stay.length > 0 && token > last)
      throw new BrokenPromise(`the token of ${name} rises from ${last} to ${token} though it is held as before`);
  }

  // Nobody passes one who asked before and still waits for what goes not with it.
  #checkTurns({ name, holds }: Lock, requests: readonly Request[], { index }: Position): void {
    const before = this.#before.held.get(name);
    for (const { owner, mode } of holds) {
      const had = before?.get(owner)?.mode ?? 0;
      if (had >= mode) continue;
      // What it was given for: the command of this entry, or something that it waited for and does not any more.
      const orders = this.#before.requests
        .filter((request) => request.owner === owner && !requests.includes(request))
        .flatMap((request) => request.items.filter((item) => item.lock.name === name))
        .map((item) => this.#orderOf(item));
      const order = Math.min(had > 0 ? index : BEHIND_CONVERSIONS + index, ...orders);
      for (const { owner: other, items, place } of requests) {
        // Time passed before the command of this entry came.
        if (place === index) continue;
        const passed = items.find((item) => item.lock.name === name && !item.covered && this.#orderOf(item) < order);
        if (other === owner || passed === undefined || goTogether(passed.mode, mode)) continue;
        throw new BrokenPromise(`${nameOf(owner)} is given ${name} before ${nameOf(other)}, which asked before`);
      }
    }
  }

  /** Its place in line. */
  #orderOf(item: Item): number {
    return (this.#conversions.has(item) ? 0 : BEHIND_CONVERSIONS) + item.request.place;
  }

  #checkWaiting(request: Request, all: readonly Request[], { time }: Position): void {
    const { session, lane, owner, items, deadline } = request;
    const what = `${nameOf(owner)} waits for ${items.map(({ lock }) => lock.name)}`;
    if (!this.#sessions.alive(session)) throw new BrokenPromise(`${what}, and its session has ended`);
    if (this.#machine.outcome(session, lane)?.form !== 'pending')
      throw new BrokenPromise(`${what} by command ${lane}, which is over`);
    if (deadline <= time) throw new BrokenPromise(`${what} ${time - deadline} ms longer than it wanted to`);
    if (items.every((item) => item.covered || this.#isFree(item, all)))
      throw new BrokenPromise(`${what}, and nothing keeps it from that`);
  }

  #checkOutcome(session: number, lane: number, outcome: Outcome | undefined, { time }: Position): void {
    if (outcome?.form !== 'refusal') return;
    const { code, details } = outcome;
    const waited = this.#before.requests.find((one) => one.session === session && one.lane === lane);
    if (code === 'LOCK_TIMEOUT' && waited !== undefined && waited.deadline > time)
      throw new BrokenPromise(`${nameOf(waited.owner)} is told LOCK_TIMEOUT ${waited.deadline - time} ms too early`);
    if (code !== 'DEADLOCK' || details['reason'] !== 'cycle') return;
    const cycle = details['cycle'] as readonly Wish[];
    const names = cycle.map((one) => `${one.session}/${one.owner}`);
    const birth = Number(details['birth']);
    const younger = names.find((one) => (this.#before.births.get(one) ?? 0) > birth);
    if (younger !== undefined)
      throw new BrokenPromise(
        `one born in ${birth} gives way, and not ${younger}, which is younger: a circle of ${names}`,
      );
    const [one, other] = cycle;
    const same = cycle.length === 2 && one?.lock === other?.lock;
    if (same && cycle.every(({ mode, holds }) => mode === EXCLUSIVE && holds === SHARED))
      throw new BrokenPromise(`two that share a lock have both waited to have it alone: ${names}`);
  }

  // Whoever loses a hold without its doing hears of it.
  #checkNews({ held }: Standing, { time }: Position): void {
    for (const [name, holds] of this.#before.held) {
      for (const [owner, { hold, end }] of holds) {
        if (end === 0 || end > time || held.get(name)?.get(owner)?.hold === hold) continue;
        const { session, number } = owner;
        const rows = [...this.#news.scan([session, 0], [session + 1, 0])].map(([, row]) => row);
        if (this.#sessions.alive(session) && !rows.some((row) => row.owner === number && row.lock === name))
          throw new BrokenPromise(`${name} is taken from ${nameOf(owner)}, and there is no news of it`);
      }
    }
  }

  /** Nothing keeps the request from this lock, not even an earlier one of its own owner. */
  #isFree(item: Item, all: readonly Request[]): boolean {
    return item.lock.delayUntil === 0 && this.#against(item, all).length === 0;
  }

  /** Those who keep a request from a lock: others that hold it, and whoever stands before it in line. */
  #against(item: Item, all: readonly Request[]): Owner[] {
    const { request, lock, mode } = item;
    const order = this.#orderOf(item);
    const holders = lock.holds.filter((hold) => hold.owner !== request.owner && !goTogether(hold.mode, mode));
    const inFront = all.filter(({ items }) =>
      items.some(
        (one) => one.lock === lock && !one.covered && this.#orderOf(one) < order && !goTogether(one.mode, mode),
      ),
    );
    return [...holders, ...inFront].map(({ owner }) => owner);
  }

  // Nobody waits for itself in the end.
  #checkCircles(requests: readonly Request[]): void {
    if (requests.length < 2) return;
    const waitsFor = new Map<Owner, Set<Owner>>();
    for (const { owner, items } of requests) {
      const others = waitsFor.get(owner) ?? new Set();
      for (const item of items)
        if (!item.covered) for (const other of this.#against(item, requests)) if (other !== owner) others.add(other);
      waitsFor.set(owner, others);
    }
    const over = new Set<Owner>();
    const onTheWay = new Set<Owner>();
    const visit = (owner: Owner): void => {
      if (over.has(owner)) return;
      if (onTheWay.has(owner)) throw new BrokenPromise(`${[...onTheWay].map(nameOf)} wait for each other in a circle`);
      onTheWay.add(owner);
      for (const other of waitsFor.get(owner) ?? []) visit(other);
      onTheWay.delete(owner);
      over.add(owner);
    };
    for (const owner of waitsFor.keys()) visit(owner);
  }

  #noteDelays(ended: readonly number[], { time }: Position): void {
    for (const [name, holds] of this.#before.held) {
      for (const { hold, end } of holds.values()) {
        const { owner, delay_ms } = hold;
        if (!ended.includes(owner.session) || delay_ms === 0 || (end > 0 && end <= time)) continue;
        this.#delays.set(name, Math.max(this.#delays.get(name) ?? 0, time + delay_ms));
      }
    }
  }
}

/** True when two owners can hold a lock at once in these modes, 1 s, 2 u, 3 x. */
function goTogether(a: number, b: number): boolean {
  return a + b <= 3;
}

function heldOf(hold: Hold): Held {
  return { hold, mode: hold.mode, end: hold.end };
}

function nameOf({ session, number }: Owner): string {
  return `${session}/${number}`;
}
