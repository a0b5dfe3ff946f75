/** What the locks tell whoever asks: one lock, all of them by name, who waits for whom, and whether a token still counts. */
import { encode } from '../../../protocol/codec.js';
import { type ArgumentOf, LOCK_ROWS_MAX } from '../../../protocol/operations.js';
import { beginningOf, fitsGlob } from '../../glob.js';
import { type Outcome, result } from '../machine.js';
import { NULL_VALUE } from '../values.js';
import { CONFLICTS } from './modes.js';
import type { ClientOf } from './refusals.js';
import { type Hold, holdsAgainst, type Item, isConversion, type Lock, modeOf } from './rows.js';
import type { LockState } from './state.js';

/** Sessions that a row of a list names. */
const SESSIONS_MAX = 8;

export class Listing {
  private readonly state: LockState;
  private readonly clientOf: ClientOf;

  constructor(state: LockState, clientOf: ClientOf) {
    this.state = state;
    this.clientOf = clientOf;
  }

  /** `lock.find`: holders and queue share the rows of one answer; of both the first are told. */
  find([name]: ArgumentOf<'lock.find'>, time: number): Outcome {
    const lock = this.state.locks.get(name);
    if (lock === undefined) return result(NULL_VALUE);
    const { token, holds, queue, delayUntil } = lock;
    const waiting = queue?.size ?? 0;
    const holders_max = Math.max(LOCK_ROWS_MAX / 2, LOCK_ROWS_MAX - waiting);
    const holders = holds.slice(0, holders_max).map((hold) => this.holderRow(hold, time));
    const line = queue?.front(LOCK_ROWS_MAX - holders.length) ?? [];
    const waiters = line.map((item) => this.waiterRow(item, time));
    const delay_left_ms = Math.max(0, delayUntil - time);
    return result(encode([name, token, holders, waiters, holds.length, waiting, delay_left_ms]));
  }

  /** `lock.list`: by name. '' means all, as '*' does. */
  list([glob, session, limit]: ArgumentOf<'lock.list'>): Outcome {
    const rows: unknown[] = [];
    const rows_max = Math.min(limit, LOCK_ROWS_MAX);
    for (const lock of session > 0 ? this.heldBy(session) : this.beginningWith(beginningOf(glob))) {
      if (rows.length >= rows_max) break;
      if (glob === '' || fitsGlob(lock.name, glob)) rows.push(lockRow(lock));
    }
    return result(encode(rows));
  }

  /** `lock.waits`: by the waiting session. Whoever is kept from a lock by no holder waits for the last one in front that conflicts. */
  waits([limit]: ArgumentOf<'lock.waits'>): Outcome {
    const rows: unknown[] = [];
    const rows_max = Math.min(limit, LOCK_ROWS_MAX);
    for (const [, { session, owner, items }] of this.state.requests.scan()) {
      for (const item of items) {
        if (rows.length >= rows_max) return result(encode(rows));
        if (item.covered) continue;
        for (const { other, held } of inTheWayOf(item, rows_max - rows.length))
          rows.push([session, owner.number, item.mode, other.session, other.number, item.lock.name, held]);
      }
    }
    return result(encode(rows));
  }

  /** `lock.fence`: true while somebody holds the lock with that token. */
  fence([name, token]: ArgumentOf<'lock.fence'>): Outcome {
    const lock = this.state.locks.get(name);
    const valid = lock !== undefined && lock.holds.length > 0 && lock.token === token;
    return result(encode([valid, lock?.token ?? 0]));
  }

  private holderRow({ owner, mode, count, since, end, note }: Hold, time: number): unknown {
    const { session, number } = owner;
    const left = end > 0 ? Math.max(1, end - time) : 0;
    return [session, this.clientOf(session), number, mode, count, Math.max(0, time - since), left, note];
  }

  private waiterRow(item: Item, time: number): unknown {
    const { session, owner, since, deadline } = item.request;
    const waited = Math.max(0, time - since);
    const left = Math.max(0, deadline - time);
    return [session, this.clientOf(session), owner.number, item.mode, waited, left, isConversion(item)];
  }

  private *beginningWith(beginning: string): IterableIterator<Lock> {
    for (const [name, lock] of this.state.locks.scan(beginning)) {
      if (!name.startsWith(beginning)) return;
      yield lock;
    }
  }

  private heldBy(session: number): Lock[] {
    const locks = new Map<string, Lock>();
    for (const owner of this.state.ownersOf(session)) {
      for (const { lock } of this.state.holdsOf(owner)) locks.set(lock.name, lock);
    }
    return [...locks.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

function lockRow(lock: Lock): unknown {
  const { name, token, holds, queue } = lock;
  const sessions: number[] = [];
  // By session: the same ones stand together.
  for (const { owner } of holds) {
    if (sessions.length === SESSIONS_MAX) break;
    if (sessions.at(-1) !== owner.session) sessions.push(owner.session);
  }
  return [name, token, modeOf(lock), holds.length, queue?.size ?? 0, sessions];
}

function inTheWayOf(item: Item, count_max: number) {
  const { lock, mode, order, request } = item;
  const holds = holdsAgainst(lock, mode, request.owner, count_max);
  if (holds.length > 0) return holds.map((hold) => ({ other: hold.owner, held: hold.mode as number }));
  const inFront = CONFLICTS[mode].flatMap((one) => lock.queue?.at(one, lock.queue.aheadIn(one, order) - 1) ?? []);
  const last = inFront.sort((a, b) => b.order - a.order)[0];
  return last === undefined ? [] : [{ other: last.request.owner, held: 0 }];
}
