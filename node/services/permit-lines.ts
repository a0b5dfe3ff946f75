/** The commands in line for permits of semaphores: a line for each name, first come, first served, each until its own deadline. */
import { tuple, u53 } from '../../protocol/fields.js';
import { comparePairs, tupleKey } from './keys.js';
import type { RowForm } from './stored-table.js';
import { type Index, makeIndex, type Table } from './table.js';
import type { Tables } from './tables.js';

/** A command in line. */
export interface PermitWait {
  /** The semaphore. */
  readonly name: string;
  /** Index of the entry: its place in the line. */
  readonly place: number;
  readonly session: number;
  readonly lane: number;
  readonly owner: number;
  readonly permits: number;
  /** Cluster time at which it gives up, ms. */
  readonly deadline: number;
}

type Pair = readonly [number, number];
type Place = readonly [name: string, place: number];

const WAIT = tuple(u53, u53, u53, u53, u53);
const WAIT_ROW: RowForm<Place, PermitWait> = {
  pack: ({ session, lane, owner, permits, deadline }) => [session, lane, owner, permits, deadline],
  unpack(packed, [name, place]) {
    const [session, lane, owner, permits, deadline] = WAIT.check(packed);
    return { name, place, session, lane, owner, permits, deadline };
  },
};

/** The lines of all semaphores. */
export class PermitLines {
  /** One line behind the other. */
  private readonly lines: Table<Place, PermitWait>;
  /** Told from the lines. */
  private readonly byCommand: Index<Pair, PermitWait> = makeIndex(comparePairs);
  private readonly byDeadline: Index<Pair, PermitWait> = makeIndex(comparePairs);

  constructor(tables: Tables) {
    this.lines = tables.open('semaphores.lines', tupleKey('string', 'number'), WAIT_ROW);
  }

  /** The lines were read back. */
  restored(): void {
    for (const wait of this.all()) this.note(wait);
  }

  /** Commands in all lines. */
  get size(): number {
    return this.lines.size;
  }

  add(wait: PermitWait): void {
    this.lines.put([wait.name, wait.place], wait);
    this.note(wait);
  }

  remove(wait: PermitWait): void {
    this.lines.delete([wait.name, wait.place]);
    this.byCommand.delete([wait.session, wait.lane]);
    this.byDeadline.delete([wait.deadline, wait.place]);
  }

  /** The first in the line of that semaphore. */
  first(name: string): PermitWait | undefined {
    for (const wait of this.of(name)) return wait;
    return undefined;
  }

  /** The line of that semaphore. It may be changed meanwhile. */
  *of(name: string): IterableIterator<PermitWait> {
    for (const [[of], wait] of this.lines.scan([name, 0])) {
      if (of !== name) return;
      yield wait;
    }
  }

  /** All lines, one behind the other. */
  *all(): IterableIterator<PermitWait> {
    for (const [, wait] of this.lines.scan()) yield wait;
  }

  /** The command, if it is in a line. */
  find(session: number, lane: number): PermitWait | undefined {
    return this.byCommand.get([session, lane]);
  }

  /** Those of a session. They may leave meanwhile. */
  *ofSession(session: number): IterableIterator<PermitWait> {
    for (const [, wait] of this.byCommand.scan([session, 0], [session + 1, 0])) yield wait;
  }

  /** The one that gives up first, if it does so by that cluster time. */
  late(time: number): PermitWait | undefined {
    const first = this.byDeadline.first();
    return first === undefined || first[0][0] > time ? undefined : first[1];
  }

  /** The cluster time at which the first gives up, or Infinity. */
  deadline(): number {
    return this.byDeadline.first()?.[0][0] ?? Number.POSITIVE_INFINITY;
  }

  private note(wait: PermitWait): void {
    this.byCommand.put([wait.session, wait.lane], wait);
    this.byDeadline.put([wait.deadline, wait.place], wait);
  }
}
