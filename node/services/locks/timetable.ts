/** What cluster time brings about among locks: holds end, delays are over, requests give up. */
import { comparePairs, tupleKey } from '../keys.js';
import { type Index, makeIndex } from '../table.js';
import type { Hold, Lock, Request } from './rows.js';

/** Something that is due. */
export type Due =
  | { readonly what: 'end'; readonly hold: Hold }
  | { readonly what: 'delay'; readonly lock: Lock }
  | { readonly what: 'give up'; readonly request: Request };

type EndKey = readonly [time: number, session: number, owner: number, lock: string];
type DelayKey = readonly [time: number, lock: string];
type DeadlineKey = readonly [time: number, place: number];

const endKey = tupleKey('number', 'number', 'number', 'string');
const delayKey = tupleKey('number', 'string');

/** Indexes whose keys say when. Told from locks, holds and requests. */
export class Timetable {
  private readonly ends: Index<EndKey, Hold> = makeIndex(endKey.compare);
  private readonly delays: Index<DelayKey, Lock> = makeIndex(delayKey.compare);
  private readonly deadlines: Index<DeadlineKey, Request> = makeIndex(comparePairs);

  /** A hold that may end has been given, or is to end at another time from now on. */
  addEnd(hold: Hold): void {
    if (hold.end > 0) this.ends.put(keyOf(hold), hold);
  }

  removeEnd(hold: Hold): void {
    if (hold.end > 0) this.ends.delete(keyOf(hold));
  }

  /** Nobody is given the lock for a while from now on. */
  addDelay(lock: Lock): void {
    if (lock.delayUntil > 0) this.delays.put([lock.delayUntil, lock.name], lock);
  }

  removeDelay(lock: Lock): void {
    if (lock.delayUntil > 0) this.delays.delete([lock.delayUntil, lock.name]);
  }

  addDeadline(request: Request): void {
    this.deadlines.put([request.deadline, request.place], request);
  }

  removeDeadline(request: Request): void {
    this.deadlines.delete([request.deadline, request.place]);
  }

  /** The cluster time at which something is due, ms, or Infinity. */
  next(): number {
    const end = this.ends.first()?.[0][0] ?? Number.POSITIVE_INFINITY;
    const delay = this.delays.first()?.[0][0] ?? Number.POSITIVE_INFINITY;
    const deadline = this.deadlines.first()?.[0][0] ?? Number.POSITIVE_INFINITY;
    return Math.min(end, delay, deadline);
  }

  /** The first of what is due by that cluster time. At one time holds end, then delays are over; only then does anybody give up. */
  due(time: number): Due | undefined {
    const next = this.next();
    if (next > time) return undefined;
    const end = this.ends.first();
    if (end?.[0][0] === next) return { what: 'end', hold: end[1] };
    const delay = this.delays.first();
    if (delay?.[0][0] === next) return { what: 'delay', lock: delay[1] };
    const deadline = this.deadlines.first();
    return deadline && { what: 'give up', request: deadline[1] };
  }
}

function keyOf({ end, owner, lock }: Hold): EndKey {
  return [end, owner.session, owner.number, lock.name];
}
