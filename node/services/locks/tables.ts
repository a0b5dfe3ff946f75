/** The tables of the locks: how each row is written. What a row names besides itself is set by the state once all rows are read back. */
import { FieldError, flag, list, text, tuple, u32, u53 } from '../../../protocol/fields.js';
import { LIMITS } from '../../../protocol/limits.js';
import { pairKey, stringKey, tupleKey } from '../keys.js';
import type { RowForm } from '../stored-table.js';
import type { Table } from '../table.js';
import type { Tables } from '../tables.js';
import { isMode, type Mode } from './modes.js';
import { type Hold, type Item, type Lock, newLock, newOwner, type Owner, type Request } from './rows.js';

type Pair = readonly [number, number];

/** Which hold. One owner's stand together, so that a lock that thousands share is as quick as any other. */
export type HoldKey = readonly [session: number, owner: number, lock: string];

/** Locks by name. */
export function openLocks(tables: Tables): Table<string, Lock> {
  return tables.open('locks', stringKey, LOCK_ROW);
}

/** Their holds. */
export function openHolds(tables: Tables): Table<HoldKey, Hold> {
  return tables.open('locks.holds', tupleKey('number', 'number', 'string'), HOLD_ROW);
}

/** Owners that hold or wait, by (session, number). */
export function openOwners(tables: Tables): Table<Pair, Owner> {
  return tables.open('locks.owners', pairKey, OWNER_ROW);
}

/** Waiting requests by (session, lane). */
export function openRequests(tables: Tables): Table<Pair, Request> {
  return tables.open('locks.requests', pairKey, REQUEST_ROW);
}

const NAME = text(LIMITS.name_length_max);
const NOTE = text(LIMITS.note_length_max);
const LOCK = tuple(u53, u53);
const HOLD = tuple(u32, u32, u53, u53, flag, u32, NOTE);
const ITEM = tuple(NAME, u32, u53, flag);
const REQUEST = tuple(u53, u53, u53, u53, flag, list(ITEM, LIMITS.locks_per_request_max), u32, u32, NOTE);

const LOCK_ROW: RowForm<string, Lock> = {
  pack: ({ token, delayUntil }) => [token, delayUntil],
  unpack(packed, name) {
    const [token, delayUntil] = LOCK.check(packed);
    return { ...newLock(name, token), delayUntil, stored: true };
  },
};

const HOLD_ROW: RowForm<HoldKey, Hold> = {
  pack: ({ mode, count, since, end, revoked, delay_ms, note }) => [mode, count, since, end, revoked, delay_ms, note],
  unpack(packed, [session, number, name]) {
    const [mode, count, since, end, revoked, delay_ms, note] = HOLD.check(packed);
    const [lock, owner] = [newLock(name, 0), newOwner(session, number, 0)];
    const terms = { count, since, end, revoked, delay_ms, note };
    return { lock, owner, mode: modeIn(mode), ...terms, previous: undefined, next: undefined };
  },
};

const OWNER_ROW: RowForm<Pair, Owner> = {
  pack: ({ birth }) => birth,
  unpack: (packed, [session, number]) => newOwner(session, number, u53.check(packed)),
};

const REQUEST_ROW: RowForm<Pair, Request> = {
  pack({ owner, place, since, deadline, form, items, hold_ms, delay_ms, note }) {
    const asked = items.map(({ lock, mode, order, covered }) => [lock.name, mode, order, covered]);
    return [owner.number, place, since, deadline, form === 'convert', asked, hold_ms, delay_ms, note];
  },
  unpack(packed, [session, lane]) {
    const [number, place, since, deadline, converts, asked, hold_ms, delay_ms, note] = REQUEST.check(packed);
    const owner = newOwner(session, number, 0);
    const form = converts ? 'convert' : 'acquire';
    const items: Item[] = [];
    const request = { session, lane, owner, place, since, deadline, form, items, hold_ms, delay_ms, note } as const;
    for (const [name, mode, order, covered] of asked)
      items.push({ request, lock: newLock(name, 0), mode: modeIn(mode), order, covered });
    return request;
  },
};

function modeIn(mode: number): Mode {
  if (isMode(mode)) return mode;
  throw new FieldError('expected a mode of locks');
}
