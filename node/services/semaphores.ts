/** Semaphores: so many permits under a name, handed out in the order in which they are asked for. Waiting for them is always finite. */
import { encode } from '../../protocol/codec.js';
import { u32 } from '../../protocol/fields.js';
import { type ArgumentOf, LOCK_ROWS_MAX, OPERATIONS } from '../../protocol/operations.js';
import { compareStrings, stringKey, tupleKey } from './keys.js';
import { lockNameProblem } from './locks/names.js';
import type { ClientOf } from './locks/refusals.js';
import { writeIntegers } from './locks/wire.js';
import {
  type Command,
  type CommandId,
  type Effects,
  type Holdings,
  NO_ROOM,
  type Outcome,
  PENDING,
  type Position,
  refusal,
  result,
  type Service,
  TOO_MANY_PENDING,
} from './machine.js';
import { PermitLines, type PermitWait } from './permit-lines.js';
import { numberRow, type RowForm } from './stored-table.js';
import { type Index, makeIndex, type Table } from './table.js';
import type { Tables } from './tables.js';
import { NULL_VALUE, readArgument } from './values.js';

/** Limits that a test may turn down. */
export interface SemaphoreLimits {
  /** Semaphores; then LOCK_LIMIT. */
  readonly semaphores_max: number;
  /** Owners with permits, of all semaphores; then LOCK_LIMIT. */
  readonly holders_max: number;
  /** Commands in line, for all semaphores; then WAIT_LIMIT. */
  readonly waiters_max: number;
}

/** The limits of a cluster. */
export const SEMAPHORE_LIMITS: SemaphoreLimits = { semaphores_max: 10_000, holders_max: 200_000, waiters_max: 100_000 };

/** A semaphore. */
export interface Semaphore {
  limit: number;
  /** Permits that are out. More than `limit` after that was lowered. Told from the permits of owners. */
  held: number;
  /** Commands in line. Told from the lines. */
  waiting: number;
}

type BySession = readonly [session: number, owner: number, name: string];
type ByName = readonly [name: string, session: number, owner: number];

const byName = tupleKey('string', 'number', 'number');
const SEMAPHORE_ROW: RowForm<unknown, Semaphore> = {
  pack: ({ limit }) => limit,
  unpack: (packed) => ({ limit: u32.check(packed), held: 0, waiting: 0 }),
};

const SET = OPERATIONS['sem.set'].number;
const ACQUIRE = OPERATIONS['sem.acquire'].number;
const RELEASE = OPERATIONS['sem.release'].number;
const FIND = OPERATIONS['sem.find'].number;

/** The semaphores of a cluster. */
export class Semaphores implements Service {
  private readonly rows: Table<string, Semaphore>;
  /** Permits of owners. */
  private readonly permits: Table<BySession, number>;
  /** Told from that: the same by name. */
  private readonly holders: Index<ByName, number> = makeIndex(byName.compare);
  private readonly lines: PermitLines;
  private readonly clientOf: ClientOf;
  private readonly limits: SemaphoreLimits;

  /** `clientOf`: the names of sessions, for people. */
  constructor(tables: Tables, clientOf: ClientOf, limits: SemaphoreLimits = SEMAPHORE_LIMITS) {
    this.rows = openSemaphores(tables);
    this.permits = openPermits(tables);
    this.lines = new PermitLines(tables);
    this.clientOf = clientOf;
    this.limits = limits;
  }

  restored(): void {
    this.lines.restored();
    for (const [[session, owner, name], permits] of this.permits.scan()) {
      this.holders.put([name, session, owner], permits);
      const row = this.rows.get(name);
      if (row !== undefined) row.held += permits;
    }
    for (const { name } of this.lines.all()) {
      const row = this.rows.get(name);
      if (row !== undefined) row.waiting++;
    }
  }

  serves(operation: number): boolean {
    return operation >= SET && operation <= FIND;
  }

  growing(operation: number): boolean {
    return operation === SET || operation === ACQUIRE;
  }

  apply(command: Command, at: Position, effects: Effects): Outcome {
    const { operation, body } = command;
    switch (operation) {
      case SET: {
        const argument = readArgument('sem.set', body);
        if (argument === undefined) return refusal('INVALID', 'set takes a name and a number of permits');
        return this.set(argument, effects);
      }
      case ACQUIRE: {
        const argument = readArgument('sem.acquire', body);
        if (argument === undefined) return refusal('INVALID', 'acquire takes an owner, a name, permits and a wait');
        return this.acquire(command, argument, at, effects);
      }
      case RELEASE: {
        const argument = readArgument('sem.release', body);
        if (argument === undefined) return refusal('INVALID', 'release takes an owner, a name and permits');
        return this.release(command.session, argument, effects);
      }
      default:
        return refusal('INVALID', 'this is a read, not a command');
    }
  }

  read(operation: number, body: Buffer): Outcome {
    if (operation !== FIND) return refusal('INVALID', 'this is a command, not a read');
    const argument = readArgument('sem.find', body);
    if (argument === undefined) return refusal('INVALID', 'find takes a name');
    const [name] = argument;
    const row = this.rows.get(name);
    if (row === undefined) return result(NULL_VALUE);
    const holders: unknown[] = [];
    for (const [[of, session, owner], permits] of this.holders.scan([name, 0, 0])) {
      if (of !== name || holders.length === LOCK_ROWS_MAX) break;
      holders.push([session, this.clientOf(session), owner, permits]);
    }
    return result(encode([row.limit, free(row), holders, row.waiting]));
  }

  abandon(commands: readonly CommandId[], _at: Position, effects: Effects): void {
    const names = new Set<string>();
    for (const { session, lane } of commands) {
      const wait = this.lines.find(session, lane);
      if (wait === undefined) continue;
      this.leave(wait);
      names.add(wait.name);
    }
    for (const name of [...names].sort(compareStrings)) this.serve(name, effects);
  }

  sessionsEnded(sessions: readonly number[], _at: Position, effects: Effects): void {
    const names = new Set<string>();
    for (const session of sessions) {
      for (const wait of this.lines.ofSession(session)) {
        this.leave(wait);
        names.add(wait.name);
      }
      for (const [[, owner, name], permits] of this.permits.scan([session, 0, ''], [session + 1, 0, ''])) {
        this.give(name, session, owner, -permits);
        names.add(name);
      }
    }
    for (const name of [...names].sort(compareStrings)) this.serve(name, effects);
  }

  advance({ time }: Position, effects: Effects): void {
    for (let wait = this.lines.late(time); wait !== undefined; wait = this.lines.late(time)) {
      this.leave(wait);
      const { name, permits, session, lane } = wait;
      const why = `${name} had no ${permits} permits free in time`;
      effects.settle(session, lane, refusal('LOCK_TIMEOUT', why, { name, free: free(this.rows.get(name)) }));
      this.serve(name, effects);
    }
  }

  deadline(): number {
    return this.lines.deadline();
  }

  holdings(): Holdings {
    const { semaphores_max, holders_max, waiters_max } = this.limits;
    return {
      semaphores: { held: this.rows.size, limit: semaphores_max },
      semaphore_holders: { held: this.permits.size, limit: holders_max },
      semaphore_waiters: { held: this.lines.size, limit: waiters_max },
    };
  }

  private set([name, limit]: ArgumentOf<'sem.set'>, effects: Effects): Outcome {
    const problem = lockNameProblem(name);
    if (problem !== undefined) return refusal('INVALID', problem);
    const row = this.rows.get(name) ?? { limit: 0, held: 0, waiting: 0 };
    const { semaphores_max } = this.limits;
    if (this.rows.get(name) === undefined && limit > 0 && this.rows.size >= semaphores_max)
      return refusal('LOCK_LIMIT', `there are the ${semaphores_max} semaphores that there may be`);
    // First: a row that is put may change from then on, not before.
    this.rows.put(name, row);
    row.limit = limit;
    this.refuseTooMany(name, limit, effects);
    this.serve(name, effects);
    return result(writeIntegers([limit, free(row), row.held]));
  }

  private acquire(command: Command, argument: ArgumentOf<'sem.acquire'>, at: Position, effects: Effects): Outcome {
    const { session, lane } = command;
    const [owner, name, permits, wait_ms] = argument;
    const row = this.rows.get(name);
    if (row === undefined) return noSuch(name);
    if (permits === 0) return refusal('INVALID', 'acquire at least one permit');
    if (permits > row.limit) return tooMany(name, permits, row.limit);
    if (row.waiting === 0 && permits <= free(row)) {
      if (this.isFull(session, owner, name)) return this.full();
      return this.granted(this.give(name, session, owner, permits), row);
    }
    if (wait_ms === 0)
      return refusal('WOULD_BLOCK', `${name} has ${free(row)} permits free`, { name, free: free(row) });
    if (!effects.mayWait(session)) return TOO_MANY_PENDING;
    if (this.lines.size >= this.limits.waiters_max) return refusal('WAIT_LIMIT', 'too many commands wait for permits');
    this.join({ name, place: at.index, session, lane, owner, permits, deadline: at.time + wait_ms }, row);
    return PENDING;
  }

  private release(session: number, [owner, name, permits]: ArgumentOf<'sem.release'>, effects: Effects): Outcome {
    const row = this.rows.get(name);
    if (row === undefined) return noSuch(name);
    if (permits === 0) return refusal('INVALID', 'release at least one permit');
    const has = this.permits.get([session, owner, name]) ?? 0;
    if (has < permits) return refusal('NOT_HOLDER', `this owner has ${has} permits of ${name}`, { name, held: has });
    this.give(name, session, owner, -permits);
    this.serve(name, effects);
    return this.granted(has - permits, row);
  }

  /** Hands out what is free, first come, first served: nobody passes one who asks for more. Removes what is over and done. */
  private serve(name: string, effects: Effects): void {
    const row = this.rows.get(name);
    if (row === undefined) return;
    while (row.waiting > 0) {
      const wait = this.lines.first(name);
      if (wait === undefined || wait.permits > free(row)) return;
      this.leave(wait);
      effects.settle(wait.session, wait.lane, this.served(wait, row, effects));
    }
    if (row.limit === 0 && row.held === 0) this.rows.delete(name);
  }

  private served({ name, session, owner, permits }: PermitWait, row: Semaphore, effects: Effects): Outcome {
    if (!effects.hasRoom(session)) return NO_ROOM;
    if (this.isFull(session, owner, name)) return this.full();
    return this.granted(this.give(name, session, owner, permits), row);
  }

  /** Who asks for more than there can ever be need not wait. */
  private refuseTooMany(name: string, limit: number, effects: Effects): void {
    for (const wait of this.lines.of(name)) {
      if (wait.permits <= limit) continue;
      this.leave(wait);
      effects.settle(wait.session, wait.lane, tooMany(name, wait.permits, limit));
    }
  }

  private join(wait: PermitWait, row: Semaphore): void {
    this.lines.add(wait);
    row.waiting++;
  }

  private leave(wait: PermitWait): void {
    this.lines.remove(wait);
    const row = this.rows.get(wait.name);
    if (row !== undefined) row.waiting--;
  }

  /** Gives permits, or takes them when `permits` is negative; returns how many the owner has now. */
  private give(name: string, session: number, owner: number, permits: number): number {
    const row = this.rows.get(name);
    if (row !== undefined) row.held += permits;
    const has = (this.permits.get([session, owner, name]) ?? 0) + permits;
    if (has === 0) {
      this.permits.delete([session, owner, name]);
      this.holders.delete([name, session, owner]);
    } else {
      this.permits.put([session, owner, name], has);
      this.holders.put([name, session, owner], has);
    }
    return has;
  }

  private isFull(session: number, owner: number, name: string): boolean {
    return this.permits.size >= this.limits.holders_max && this.permits.get([session, owner, name]) === undefined;
  }

  private full(): Outcome {
    return refusal('LOCK_LIMIT', `${this.limits.holders_max} owners have permits, as many as may`);
  }

  private granted(has: number, row: Semaphore): Outcome {
    return result(writeIntegers([row.limit, free(row), has]));
  }
}

/** Semaphores by name. */
export function openSemaphores(tables: Tables): Table<string, Semaphore> {
  return tables.open('semaphores', stringKey, SEMAPHORE_ROW);
}

/** Permits of owners by session, owner and semaphore. */
export function openPermits(tables: Tables): Table<BySession, number> {
  return tables.open('semaphores.permits', tupleKey('number', 'number', 'string'), numberRow);
}

function free(row: Semaphore | undefined): number {
  return row === undefined ? 0 : Math.max(0, row.limit - row.held);
}

function noSuch(name: string): Outcome {
  return refusal('NO_SUCH_SEMAPHORE', `there is no semaphore ${name}`, { name });
}

function tooMany(name: string, permits: number, limit: number): Outcome {
  return refusal('INVALID', `${permits} permits are more than ${name} has: ${limit}`, { name, limit });
}
