/** Commands that wait in line for something: first come, first served, each until its own deadline in cluster time. */
import { compareNumbers, comparePairs, type Table } from './table.js';
import type { Tables } from './tables.js';

/** A command in line. */
export interface Waiter {
  readonly session: number;
  readonly lane: number;
  /** Cluster time at which it gives up, ms. */
  readonly deadline: number;
}

type Pair = readonly [number, number];

/** A line of waiting commands. A place in it is the index of the entry that took it. */
export class Waiters {
  /** place -> waiter. */
  private readonly line: Table<number, Waiter>;
  /** (deadline, place) and (session, lane) -> place. */
  private readonly byDeadline: Table<Pair, number>;
  private readonly byCommand: Table<Pair, number>;

  /** The tables' names begin with `name`. */
  constructor(tables: Tables, name: string) {
    this.line = tables.open(`${name}.line`, compareNumbers, (waiter: Waiter) => [
      waiter.session,
      waiter.lane,
      waiter.deadline,
    ]);
    this.byDeadline = tables.open(`${name}.by-deadline`, comparePairs);
    this.byCommand = tables.open(`${name}.by-command`, comparePairs);
  }

  get size(): number {
    return this.line.size;
  }

  /** Takes a place behind all others: `place` has to be greater than any before. */
  add(place: number, waiter: Waiter): void {
    this.line.put(place, waiter);
    this.byDeadline.put([waiter.deadline, place], place);
    this.byCommand.put([waiter.session, waiter.lane], place);
  }

  /** Takes the first out of the line. */
  shift(): Waiter | undefined {
    const first = this.line.first();
    if (first === undefined) return undefined;
    this.leave(first[0], first[1]);
    return first[1];
  }

  /** Takes out the one whose deadline is earliest, if that is `time` or before. */
  shiftExpired(time: number): Waiter | undefined {
    const first = this.byDeadline.first();
    return first === undefined || first[0][0] > time ? undefined : this.remove(first[1]);
  }

  /** Takes a command out of the line; false when it is not in it. */
  abandon(session: number, lane: number): boolean {
    const place = this.byCommand.get([session, lane]);
    return place !== undefined && this.remove(place) !== undefined;
  }

  /** Takes out all commands of a session. */
  endSession(session: number): void {
    for (const [, place] of this.byCommand.scan([session, 0], [session + 1, 0])) this.remove(place);
  }

  /** The earliest deadline in the line, or Infinity. */
  deadline(): number {
    const first = this.byDeadline.first();
    return first === undefined ? Number.POSITIVE_INFINITY : first[0][0];
  }

  private remove(place: number): Waiter | undefined {
    const waiter = this.line.get(place);
    if (waiter !== undefined) this.leave(place, waiter);
    return waiter;
  }

  private leave(place: number, waiter: Waiter): void {
    this.line.delete(place);
    this.byDeadline.delete([waiter.deadline, place]);
    this.byCommand.delete([waiter.session, waiter.lane]);
  }
}
