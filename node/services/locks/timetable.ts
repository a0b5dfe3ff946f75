/** What cluster time brings about among locks: holds end, delays are over, requests give up. */
import { type Compare, comparePairs, compareStrings, type Table } from '../table.js';
import type { Tables } from '../tables.js';
import type { Hold, Lock, Request } from './rows.js';

/** Something that is due. */
export type Due =
  | { readonly what: 'end'; readonly hold: Hold }
  | { readonly what: 'delay'; readonly lock: Lock }
  | { readonly what: 'give up'; readonly request: Request };

type EndKey = readonly [time: number, session: number, owner: number, lock: string];
type DelayKey = readonly [time: number, lock: string];
type DeadlineKey = readonly [time: number, place: number];

const compareEnds: Compare<EndKey> = (a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || compareStrings(a[3], b[3]);
const compareDelays: Compare<DelayKey> = (a, b) => a[0] - b[0] || compareStrings(a[1], b[1]);
const nothing = () => null;

/** Tables whose keys say when, and all else too. */
export class Timetable {
  private readonly ends: Table<EndKey, Hold>;
  private readonly delays: Table<DelayKey, Lock>;
  private readonly deadlines: Table<DeadlineKey, Request>;

  constructor(tables: Tables) {
    this.ends = tables.open('locks.ends', compareEnds, nothing);
    this.delays = tables.open('locks.delays', compareDelays, nothing);
    this.deadlines = tables.open('locks.deadlines', comparePairs, nothing);
  }

  /** A hold that may end has been given, or is to end at another time from now on. */
  addEnd(hold: Hold): void {
    if (hold.end > 0) this.ends.put(endKey(hold), hold);
  }

  removeEnd(hold: Hold): void {
    if (hold.end > 0) this.ends.delete(endKey(hold));
  }

  addDelay(lock: Lock): void {
    this.delays.put([lock.delayUntil, lock.name], lock);
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

function endKey({ end, owner, lock }: Hold): EndKey {
  return [end, owner.session, owner.number, lock.name];
}
