/** What is kept of locks: the locks, who holds them, who waits. Plain data, changed by the state (state.ts) only. */
import { EXCLUSIVE, type Mode, SHARED } from './modes.js';
import type { LockQueue } from './queue.js';

/** No requests. */
export const NO_REQUESTS: readonly Request[] = [];

/** A lock that is held, waited for or delayed. Others have no row. */
export interface Lock {
  readonly name: string;
  /** Index of the entry in which it was last let to someone, or entered or left exclusive mode. Only rises. All holders have this one. */
  token: number;
  /** By session and owner number. Derived. */
  holds: Hold[];
  /** The hold in mode U or X, if there is one. Derived. */
  strong: Hold | undefined;
  /** Requests in line; undefined when there are none. Derived. */
  queue: LockQueue | undefined;
  /** Cluster time until which nobody is given it, ms; 0 when there is no such delay. It ends when time is advanced, not before. */
  delayUntil: number;
  /** Its queue has to be looked at before the entry is done. */
  touched: boolean;
  /** Whether it is to have a row has to be looked at before the entry is done. */
  changed: boolean;
  /** It has a row. */
  stored: boolean;
}

/** Who holds and waits: a number that a session made up. What one owner holds never keeps it from anything. */
export interface Owner {
  readonly session: number;
  readonly number: number;
  /** Index of its first acquire since it held and waited for nothing, or an earlier one that it was told. The greatest is the youngest. */
  birth: number;
  /** Its holds, linked by `Hold.next` in no particular order. Derived. */
  first: Hold | undefined;
  /** Its waiting requests, the oldest first. Derived. */
  requests: readonly Request[];
}

/** An owner's hold of a lock. */
export interface Hold {
  lock: Lock;
  owner: Owner;
  mode: Mode;
  /** Times that it was acquired and not released. */
  count: number;
  /** Cluster time at which it was given, ms. */
  readonly since: number;
  /** Cluster time at which it is taken away, ms; 0: never. */
  end: number;
  /** It ends then because somebody asked for the lock. */
  revoked: boolean;
  /** How long the lock is kept from others when the session ends, ms. */
  delay_ms: number;
  readonly note: string;
  /** Derived. */
  previous: Hold | undefined;
  next: Hold | undefined;
}

/** One lock that a request asks for. */
export interface Item {
  readonly request: Request;
  lock: Lock;
  readonly mode: Mode;
  /** Its place in the lock's queue. */
  readonly order: number;
  /** Its owner held the lock in this or a stronger mode when it asked: it waits for nothing, and counts what is held once more. */
  readonly covered: boolean;
}

/** A command that wants locks: all of them at once. */
export interface Request {
  readonly session: number;
  readonly lane: number;
  owner: Owner;
  /** Index of its entry. */
  readonly place: number;
  /** Cluster time at which it was made, ms. */
  readonly since: number;
  /** Cluster time at which it gives up, ms. */
  readonly deadline: number;
  /** A conversion is answered by its lock, an acquire by the list of its locks; only the latter counts what was held once more. */
  readonly form: 'acquire' | 'convert';
  /** In the order in which they were asked for. Never changed once they are all there. */
  readonly items: Item[];
  readonly hold_ms: number;
  readonly delay_ms: number;
  readonly note: string;
}

/** Conversions stand before all others: an order is the index of the entry, and this is added for whoever holds nothing of the lock. */
const BEHIND_CONVERSIONS = 2 ** 52;

/** The place in a queue of what was asked for in the entry at `index`. */
export function orderOf(index: number, conversion: boolean): number {
  return conversion ? index : BEHIND_CONVERSIONS + index;
}

/** True for the place of a conversion: of an owner that held the lock when it asked for a stronger mode. */
export function isConversion({ order }: Item): boolean {
  return order < BEHIND_CONVERSIONS;
}

/** A lock that nobody has asked for yet. */
export function newLock(name: string, index: number): Lock {
  return {
    name,
    token: index,
    holds: [],
    strong: undefined,
    queue: undefined,
    delayUntil: 0,
    touched: false,
    changed: false,
    stored: false,
  };
}

/** An owner that neither holds nor waits. */
export function newOwner(session: number, number: number, birth: number): Owner {
  return { session, number, birth, first: undefined, requests: NO_REQUESTS };
}

/** The strongest mode in which it is held, 0 for none. */
export function modeOf({ holds, strong }: Lock): Mode | 0 {
  return strong?.mode ?? (holds.length > 0 ? SHARED : 0);
}

/** The owner's hold of the lock. */
export function holdOf({ holds }: Lock, owner: Owner): Hold | undefined {
  const hold = holds[placeOf(holds, owner)];
  return hold?.owner === owner ? hold : undefined;
}

/** Where in the list the owner's hold is or would be. */
export function placeOf(holds: readonly Hold[], owner: Owner): number {
  let low = 0;
  let high = holds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { session, number } = (holds[middle] as Hold).owner;
    if (session < owner.session || (session === owner.session && number < owner.number)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** True when a hold of another owner keeps this one from the mode. */
export function isHeldAgainst(lock: Lock, mode: Mode, owner: Owner): boolean {
  const { holds, strong } = lock;
  if (mode !== EXCLUSIVE) {
    const harmless = strong === undefined || (mode === SHARED && strong.mode !== EXCLUSIVE);
    return !harmless && strong.owner !== owner;
  }
  return holds.length > 1 || (holds.length === 1 && holds[0]?.owner !== owner);
}

/** The first holds of other owners that keep this one from the mode, by session and owner number. */
export function holdsAgainst(lock: Lock, mode: Mode, owner: Owner, count_max: number): readonly Hold[] {
  const { holds, strong } = lock;
  if (!isHeldAgainst(lock, mode, owner)) return [];
  if (mode !== EXCLUSIVE) return strong === undefined ? [] : [strong];
  return holds
    .slice(0, count_max + 1)
    .filter((hold) => hold.owner !== owner)
    .slice(0, count_max);
}
