/** Commands that wait for messages: a line for each queue, first come, first served, each until its own deadline in cluster time. */
import { tuple, u53 } from '../../protocol/fields.js';
import { comparePairs, type KeyOf, tupleKey } from './keys.js';
import type { RowForm } from './stored-table.js';
import { type Index, makeIndex, type Table } from './table.js';
import type { Tables } from './tables.js';

/** A command in line. */
export interface Waiter {
  readonly session: number;
  readonly lane: number;
  /** Cluster time at which it gives up, ms. */
  readonly deadline: number;
}

type Pair = readonly [number, number];

/** (queue, place). */
const PLACE = tupleKey('string', 'number');
type Place = KeyOf<readonly ['string', 'number']>;

const WAITER = tuple(u53, u53, u53);
const WAITER_ROW: RowForm<unknown, Waiter> = {
  pack: ({ session, lane, deadline }) => [session, lane, deadline],
  unpack(packed) {
    const [session, lane, deadline] = WAITER.check(packed);
    return { session, lane, deadline };
  },
};

/** The lines of all queues. A place in one of them is the index of the entry that took it: no two are the same, whatever the queue. */
export class Waiters {
  /** One line behind the other. */
  private readonly lines: Table<Place, Waiter>;
  /** Told from the lines: (deadline, place) and (session, lane) -> place, and the length of each line. */
  private readonly byDeadline: Index<Pair, Place> = makeIndex(comparePairs);
  private readonly byCommand: Index<Pair, Place> = makeIndex(comparePairs);
  private readonly lengths = new Map<string, number>();

  /** `name`: of its table. */
  constructor(tables: Tables, name: string) {
    this.lines = tables.open(name, PLACE, WAITER_ROW);
  }

  /** The lines were read back. */
  restored(): void {
    for (const [place, waiter] of this.lines.scan()) this.note(place, waiter);
  }

  /** Commands in all lines. */
  get size(): number {
    return this.lines.size;
  }

  /** Commands in the line of a queue. */
  lengthOf(queue: string): number {
    return this.lengths.get(queue) ?? 0;
  }

  /** Takes a place behind all others: `place` has to be greater than any before. */
  add(queue: string, place: number, waiter: Waiter): void {
    this.lines.put([queue, place], waiter);
    this.note([queue, place], waiter);
  }

  /** Takes the first out of the line of a queue. */
  shift(queue: string): Waiter | undefined {
    if (this.lengthOf(queue) === 0) return undefined;
    for (const [place, waiter] of this.lines.scan([queue, 0])) {
      this.leave(place, waiter);
      return waiter;
    }
    return undefined;
  }

  /** Takes out the one whose deadline is earliest, if that is `time` or before. */
  shiftExpired(time: number): Waiter | undefined {
    const first = this.byDeadline.first();
    return first === undefined || first[0][0] > time ? undefined : this.remove(first[1]);
  }

  /** Takes a command out of its line; false when it is in none. */
  abandon(session: number, lane: number): boolean {
    const place = this.byCommand.get([session, lane]);
    return place !== undefined && this.remove(place) !== undefined;
  }

  /** Takes out all commands of a session. */
  endSession(session: number): void {
    for (const [, place] of this.byCommand.scan([session, 0], [session + 1, 0])) this.remove(place);
  }

  /** The earliest deadline in the lines, or Infinity. */
  deadline(): number {
    const first = this.byDeadline.first();
    return first === undefined ? Number.POSITIVE_INFINITY : first[0][0];
  }

  private note(place: Place, { session, lane, deadline }: Waiter): void {
    this.byDeadline.put([deadline, place[1]], place);
    this.byCommand.put([session, lane], place);
    this.lengths.set(place[0], this.lengthOf(place[0]) + 1);
  }

  private remove(place: Place): Waiter | undefined {
    const waiter = this.lines.get(place);
    if (waiter !== undefined) this.leave(place, waiter);
    return waiter;
  }

  private leave(place: Place, waiter: Waiter): void {
    const [queue, index] = place;
    this.lines.delete(place);
    this.byDeadline.delete([waiter.deadline, index]);
    this.byCommand.delete([waiter.session, waiter.lane]);
    const left = this.lengthOf(queue) - 1;
    if (left === 0) this.lengths.delete(queue);
    else this.lengths.set(queue, left);
  }
}
