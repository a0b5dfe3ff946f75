/** The tables of the locks and what is derived from them. Every row is changed here; who may have what is decided in granting.ts. */
import { compareStrings } from '../keys.js';
import type { Table } from '../table.js';
import { BadRow, type Tables } from '../tables.js';
import { EXCLUSIVE, type Mode, SHARED, UPDATE } from './modes.js';
import { LockQueue } from './queue.js';
import { type Hold, type Lock, NO_REQUESTS, newLock, newOwner, type Owner, placeOf, type Request } from './rows.js';
import { type HoldKey, openHolds, openLocks, openOwners, openRequests } from './tables.js';
import { Timetable } from './timetable.js';
import { Tokens } from './tokens.js';

type Pair = readonly [number, number];

/** What a hold is given with. */
export interface HoldTerms {
  readonly hold_ms: number;
  readonly delay_ms: number;
  readonly note: string;
}

/** The locks of a cluster. */
export class LockState {
  readonly locks: Table<string, Lock>;
  private readonly holdRows: Table<HoldKey, Hold>;
  /** Owners that hold or wait, by (session, number). */
  private readonly owners: Table<Pair, Owner>;
  /** Waiting requests by (session, lane). */
  readonly requests: Table<Pair, Request>;
  /** Derived, as all that follows. */
  readonly timetable = new Timetable();
  /** Holds by mode. */
  private readonly byMode: Record<Mode, number> = { 1: 0, 2: 0, 3: 0 };
  /** Locks that someone holds. */
  private heldLocks = 0;
  /** Items of waiting requests. */
  private asked = 0;
  /** session -> its holds and the items of its waiting requests. */
  private readonly claims = new Map<number, number>();
  private readonly tokens = new Tokens();
  /** Locks that may come to need a row, or to need none any more. */
  private unwritten: Lock[] = [];

  constructor(tables: Tables) {
    this.locks = openLocks(tables);
    this.holdRows = openHolds(tables);
    this.owners = openOwners(tables);
    this.requests = openRequests(tables);
  }

  /** Rows were read back: ties them to each other, and puts together what is derived from them. @throws BadRow when one is missing */
  restored(): void {
    for (const [[session, number, name], hold] of this.holdRows.scan()) {
      hold.lock = found(this.locks.get(name), 'a hold is of a lock');
      hold.owner = found(this.owners.get([session, number]), 'a hold is of an owner');
      // They come by session and owner number.
      hold.lock.holds.push(hold);
      this.link(hold);
      this.timetable.addEnd(hold);
    }
    const held: Lock[] = [];
    for (const [, lock] of this.locks.scan()) {
      this.timetable.addDelay(lock);
      if (lock.holds.length > 0) held.push(lock);
    }
    for (const lock of held.sort((a, b) => a.token - b.token)) this.tokens.given(lock, this.heldLocks);
    const requests = [...this.requests.scan()].map(([, request]) => request);
    for (const request of requests.sort((a, b) => a.place - b.place)) {
      const { session, owner, items } = request;
      const { number } = owner;
      request.owner = found(this.owners.get([session, number]), 'a request is of an owner');
      for (const item of items) item.lock = found(this.locks.get(item.lock.name), 'a request is for a lock');
      this.line(request);
      this.timetable.addDeadline(request);
    }
  }

  /** Holds of all locks. */
  get holds(): number {
    return this.byMode[SHARED] + this.byMode[UPDATE] + this.byMode[EXCLUSIVE];
  }

  /** Holds in that mode. */
  heldIn(mode: Mode): number {
    return this.byMode[mode];
  }

  /** Holds, and what waits to become one. */
  get claimed(): number {
    return this.holds + this.asked;
  }

  /** The same of a session. */
  claimedBy(session: number): number {
    return this.claims.get(session) ?? 0;
  }

  /** The lowest token of a lock that is held, or Infinity. */
  lowestToken(): number {
    return this.tokens.lowest();
  }

  /** The lock; a new one has no row before something is done to it. */
  lock(name: string, index: number): Lock {
    return this.locks.get(name) ?? newLock(name, index);
  }

  /** The owner; a new one has no row before it holds or waits. */
  owner(session: number, number: number, birth: number): Owner {
    return this.owners.get([session, number]) ?? newOwner(session, number, birth);
  }

  /** The session's owners by their numbers. */
  ownersOf(session: number): Owner[] {
    return [...this.owners.scan([session, 0], [session + 1, 0])].map(([, owner]) => owner);
  }

  /** The owner's holds by the names of their locks. */
  holdsOf(owner: Owner): Hold[] {
    const holds: Hold[] = [];
    for (let hold = owner.first; hold !== undefined; hold = hold.next) holds.push(hold);
    return holds.sort((a, b) => compareStrings(a.lock.name, b.lock.name));
  }

  /** The session's waiting requests by their lane numbers. */
  requestsOf(session: number): Request[] {
    return [...this.requests.scan([session, 0], [session + 1, 0])].map(([, request]) => request);
  }

  /** Lets an owner be as old as that, if that is older. */
  age(owner: Owner, birth: number): void {
    if (birth >= owner.birth) return;
    this.owners.touch([owner.session, owner.number]);
    owner.birth = birth;
  }

  /** Adds a hold. A lock that nobody held gets a new token. */
  hold(lock: Lock, owner: Owner, mode: Mode, terms: HoldTerms, time: number, index: number): void {
    const { hold_ms, delay_ms, note } = terms;
    const hold: Hold = {
      lock,
      owner,
      mode,
      count: 1,
      since: time,
      end: hold_ms > 0 ? time + hold_ms : 0,
      revoked: false,
      delay_ms,
      note,
      previous: undefined,
      next: undefined,
    };
    this.keepOwner(owner);
    this.holdRows.put(keyOf(hold), hold);
    // A list of one that is not meant to grow takes a fifth of the memory.
    if (lock.holds.length === 0) lock.holds = [hold];
    else lock.holds.splice(placeOf(lock.holds, owner), 0, hold);
    this.link(hold);
    this.timetable.addEnd(hold);
    if (lock.holds.length === 1) this.renew(lock, index);
    this.changed(lock);
  }

  /** Removes a hold. */
  unhold(hold: Hold): void {
    const { lock, owner } = hold;
    this.holdRows.delete(keyOf(hold));
    if (lock.holds.length === 1) lock.holds.pop();
    else lock.holds.splice(placeOf(lock.holds, owner), 1);
    this.timetable.removeEnd(hold);
    this.unlink(hold);
    this.changed(lock);
    this.dropOwner(owner);
  }

  /** Lets a hold be acquired and not released so many times, and keep the lock from others for so long when its session ends. */
  count(hold: Hold, count: number, delay_ms: number): void {
    this.holdRows.touch(keyOf(hold));
    hold.count = count;
    hold.delay_ms = delay_ms;
  }

  /** Makes a hold stronger or weaker. */
  convert(hold: Hold, mode: Mode): void {
    const { lock } = hold;
    this.holdRows.touch(keyOf(hold));
    this.byMode[hold.mode]--;
    this.byMode[mode]++;
    hold.mode = mode;
    if (mode !== SHARED) lock.strong = hold;
    else if (lock.strong === hold) lock.strong = undefined;
  }

  /** Lets a hold end at that cluster time, ms, if it would not end before, because somebody asks for the lock. */
  revokeAt(hold: Hold, end: number): void {
    if (hold.end > 0 && hold.end <= end) return;
    this.holdRows.touch(keyOf(hold));
    this.timetable.removeEnd(hold);
    hold.end = end;
    hold.revoked = true;
    this.timetable.addEnd(hold);
  }

  /** Gives the lock a new token. */
  renew(lock: Lock, index: number): void {
    if (lock.stored) this.locks.touch(lock.name);
    lock.token = index;
    if (lock.holds.length > 0) this.tokens.given(lock, this.heldLocks);
  }

  /** Nobody is given the lock by that cluster time, ms, nor in this entry. 0: from now on it may be given. */
  delay(lock: Lock, until: number): void {
    if (lock.stored) this.locks.touch(lock.name);
    this.timetable.removeDelay(lock);
    lock.delayUntil = until;
    this.timetable.addDelay(lock);
    this.changed(lock);
  }

  /** Gives rows to locks that have come to need one, once for all that was done; removes those of which nothing is left to be said. */
  write(): void {
    for (const lock of this.unwritten) {
      lock.changed = false;
      const stored = lock.holds.length > 0 || lock.queue !== undefined || lock.delayUntil > 0;
      if (stored === lock.stored) continue;
      lock.stored = stored;
      if (stored) this.locks.put(lock.name, lock);
      else this.locks.delete(lock.name);
    }
    this.unwritten = [];
  }

  /** Puts a request into the queues of all locks that it waits for. */
  enqueue(request: Request): void {
    this.keepOwner(request.owner);
    this.requests.put([request.session, request.lane], request);
    this.timetable.addDeadline(request);
    for (const { lock } of request.items) this.changed(lock);
    this.line(request);
  }

  /** Takes a request out of all queues. */
  dequeue(request: Request): void {
    const { session, lane, owner, items } = request;
    this.requests.delete([session, lane]);
    this.timetable.removeDeadline(request);
    for (const item of items) {
      const { lock } = item;
      if (item.covered) continue;
      lock.queue?.remove(item);
      if (lock.queue?.size === 0) lock.queue = undefined;
      this.changed(lock);
    }
    owner.requests = owner.requests.length === 1 ? NO_REQUESTS : owner.requests.filter((one) => one !== request);
    this.asked -= items.length;
    this.claim(session, -items.length);
    this.dropOwner(owner);
  }

  /** Somebody has come or gone, or a delay: `write` does the rest. */
  private changed(lock: Lock): void {
    if (lock.changed) return;
    lock.changed = true;
    this.unwritten.push(lock);
  }

  private keepOwner(owner: Owner): void {
    if (owner.first === undefined && owner.requests.length === 0) this.owners.put([owner.session, owner.number], owner);
  }

  private dropOwner(owner: Owner): void {
    if (owner.first === undefined && owner.requests.length === 0) this.owners.delete([owner.session, owner.number]);
  }

  private link(hold: Hold): void {
    const { lock, owner, mode } = hold;
    if (lock.holds.length === 1) this.heldLocks++;
    if (mode !== SHARED) lock.strong = hold;
    hold.next = owner.first;
    if (owner.first !== undefined) owner.first.previous = hold;
    owner.first = hold;
    this.byMode[mode]++;
    this.claim(owner.session, 1);
  }

  private unlink(hold: Hold): void {
    const { lock, owner, previous, next } = hold;
    if (lock.holds.length === 0) this.heldLocks--;
    if (lock.strong === hold) lock.strong = undefined;
    if (previous === undefined) owner.first = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    this.byMode[hold.mode]--;
    this.claim(owner.session, -1);
  }

  private line(request: Request): void {
    const { session, owner, items } = request;
    owner.requests = [...owner.requests, request];
    for (const item of items) {
      if (item.covered) continue;
      item.lock.queue ??= new LockQueue();
      item.lock.queue.add(item);
    }
    this.asked += items.length;
    this.claim(session, items.length);
  }

  private claim(session: number, more: number): void {
    const claims = this.claimedBy(session) + more;
    if (claims === 0) this.claims.delete(session);
    else this.claims.set(session, claims);
  }
}

function keyOf({ owner, lock }: Hold): HoldKey {
  return [owner.session, owner.number, lock.name];
}

function found<T>(row: T | undefined, what: string): T {
  if (row === undefined) throw new BadRow(`${what} that has no row`);
  return row;
}
