/** The tables of the locks and what is derived from them. Every row is changed here; who may have what is decided in granting.ts. */
import { comparePairs, compareStrings, type Table } from '../table.js';
import type { Tables } from '../tables.js';
import { EXCLUSIVE, type Mode, SHARED, UPDATE } from './modes.js';
import { LockQueue } from './queue.js';
import { type Hold, type Lock, newLock, type Owner, packLock, packRequest, placeOf, type Request } from './rows.js';
import { Timetable } from './timetable.js';
import { Tokens } from './tokens.js';

type Pair = readonly [number, number];

/** What a hold is given with. */
export interface HoldTerms {
  readonly hold_ms: number;
  readonly delay_ms: number;
  readonly note: string;
}

const NO_REQUESTS: readonly Request[] = [];

/** The locks of a cluster. */
export class LockState {
  readonly locks: Table<string, Lock>;
  /** Owners that hold or wait, by (session, number). */
  private readonly owners: Table<Pair, Owner>;
  /** Waiting requests by (session, lane). */
  readonly requests: Table<Pair, Request>;
  readonly timetable: Timetable;
  /** Derived, as all that follows: holds by mode. */
  private readonly byMode: Record<Mode, number> = { 1: 0, 2: 0, 3: 0 };
  /** Locks that someone holds. */
  private heldLocks = 0;
  /** Items of waiting requests. */
  private asked = 0;
  /** session -> its holds and the items of its waiting requests. */
  private readonly claims = new Map<number, number>();
  private readonly tokens = new Tokens();
  /** Locks whose rows are to be written. */
  private unwritten: Lock[] = [];

  constructor(tables: Tables) {
    this.locks = tables.open('locks', compareStrings, packLock);
    this.owners = tables.open('locks.owners', comparePairs, (owner: Owner) => owner.birth);
    this.requests = tables.open('locks.requests', comparePairs, packRequest);
    this.timetable = new Timetable(tables);
    this.derive();
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
    return this.owners.get([session, number]) ?? { session, number, birth, first: undefined, requests: NO_REQUESTS };
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
    owner.birth = birth;
    if (owner.first !== undefined || owner.requests.length > 0) this.owners.put([owner.session, owner.number], owner);
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
    // A list of one that is not meant to grow takes a fifth of the memory.
    if (lock.holds.length === 0) lock.holds = [hold];
    else lock.holds.splice(placeOf(lock.holds, owner), 0, hold);
    this.link(hold);
    this.timetable.addEnd(hold);
    if (lock.holds.length === 1) this.renew(lock, index);
    else this.changed(lock);
  }

  /** Removes a hold. */
  unhold(hold: Hold): void {
    const { lock, owner } = hold;
    if (lock.holds.length === 1) lock.holds.pop();
    else lock.holds.splice(placeOf(lock.holds, owner), 1);
    this.timetable.removeEnd(hold);
    this.unlink(hold);
    this.changed(lock);
    this.dropOwner(owner);
  }

  /** Makes a hold stronger or weaker. */
  convert(hold: Hold, mode: Mode): void {
    const { lock } = hold;
    this.byMode[hold.mode]--;
    this.byMode[mode]++;
    hold.mode = mode;
    if (mode !== SHARED) lock.strong = hold;
    else if (lock.strong === hold) lock.strong = undefined;
    this.changed(lock);
  }

  /** Lets a hold end at that cluster time, ms, if it would not end before, because somebody asks for the lock. */
  revokeAt(hold: Hold, end: number): void {
    if (hold.end > 0 && hold.end <= end) return;
    this.timetable.removeEnd(hold);
    hold.end = end;
    hold.revoked = true;
    this.timetable.addEnd(hold);
    this.changed(hold.lock);
  }

  /** Gives the lock a new token. */
  renew(lock: Lock, index: number): void {
    lock.token = index;
    if (lock.holds.length > 0) this.tokens.given(lock, this.heldLocks);
    this.changed(lock);
  }

  /** Nobody is given the lock by that cluster time, ms, nor in this entry. 0: from now on it may be given. */
  delay(lock: Lock, until: number): void {
    this.timetable.removeDelay(lock);
    lock.delayUntil = until;
    if (until > 0) this.timetable.addDelay(lock);
    this.changed(lock);
  }

  /** Something of the lock or of its holds has been changed: `write` does the rest. */
  changed(lock: Lock): void {
    if (lock.changed) return;
    lock.changed = true;
    this.unwritten.push(lock);
  }

  /** Writes the rows of locks that were changed, once for all that was done; removes those of which nothing is left to be said. */
  write(): void {
    for (const lock of this.unwritten) {
      lock.changed = false;
      if (lock.holds.length > 0 || lock.queue !== undefined || lock.delayUntil > 0) this.locks.put(lock.name, lock);
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

  /** Over tables with rows: puts together what is derived from them. */
  private derive(): void {
    const held: Lock[] = [];
    for (const [, owner] of this.owners.scan()) Object.assign(owner, { first: undefined, requests: NO_REQUESTS });
    for (const [, lock] of this.locks.scan()) {
      Object.assign(lock, { strong: undefined, queue: undefined, touched: false, changed: false });
      for (const hold of lock.holds) this.link(Object.assign(hold, { previous: undefined, next: undefined }));
      if (lock.holds.length > 0) held.push(lock);
    }
    this.heldLocks = held.length;
    for (const lock of held.sort((a, b) => a.token - b.token)) this.tokens.given(lock, this.heldLocks);
    const requests = [...this.requests.scan()].map(([, request]) => request);
    for (const request of requests.sort((a, b) => a.place - b.place)) this.line(request);
  }
}
