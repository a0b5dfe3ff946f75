/** The service of group `c` that keeps its locks: reads commands, hands them on, lets time pass. */
import { OPERATIONS } from '../../../protocol/operations.js';
import {
  type Command,
  type CommandId,
  type Effects,
  type Holdings,
  type Outcome,
  type Position,
  refusal,
  type Service,
} from '../machine.js';
import type { Tables } from '../tables.js';
import { readArgument } from '../values.js';
import { Asking } from './asking.js';
import { LockCounts } from './counts.js';
import { Ending } from './ending.js';
import { Granting, type Moment } from './granting.js';
import { LOCK_LIMITS, type LockLimits } from './limits.js';
import { Listing } from './listing.js';
import type { Mode } from './modes.js';
import { News } from './news.js';
import { type ClientOf, Refusals } from './refusals.js';
import { LockState } from './state.js';
import { readAcquire, readRelease } from './wire.js';

const ACQUIRE = OPERATIONS['lock.acquire'].number;
const RELEASE = OPERATIONS['lock.release'].number;
const CONVERT = OPERATIONS['lock.convert'].number;
const REVOKE = OPERATIONS['lock.revoke'].number;
const NEWS = OPERATIONS['lock.news'].number;
const FIND = OPERATIONS['lock.find'].number;
const LIST = OPERATIONS['lock.list'].number;
const WAITS = OPERATIONS['lock.waits'].number;
const FENCE = OPERATIONS['lock.fence'].number;

/** The locks of a cluster. */
export class Locks implements Service {
  /** What they count; for metrics. */
  readonly counts: LockCounts;
  private readonly limits: LockLimits;
  private readonly state: LockState;
  private readonly granting: Granting;
  private readonly asking: Asking;
  private readonly ending: Ending;
  private readonly news: News;
  private readonly listing: Listing;

  /** `clientOf`: the names of sessions, for people. */
  constructor(tables: Tables, clientOf: ClientOf, limits: LockLimits = LOCK_LIMITS, counts = new LockCounts()) {
    const refusals = new Refusals(clientOf);
    this.counts = counts;
    this.limits = limits;
    this.state = new LockState(tables);
    this.news = new News(tables, limits);
    this.granting = new Granting(this.state, this.counts, refusals);
    this.asking = new Asking(this.granting, refusals, this.counts, limits);
    this.ending = new Ending(this.granting, refusals, this.news, this.counts);
    this.listing = new Listing(this.state, clientOf);
  }

  restored(): void {
    this.state.restored();
    this.news.restored();
  }

  /** Holds in that mode now. */
  heldIn(mode: Mode): number {
    return this.state.heldIn(mode);
  }

  /** Holds of the session. */
  holdsOf(session: number): number {
    let holds = 0;
    for (const owner of this.state.ownersOf(session))
      for (let hold = owner.first; hold !== undefined; hold = hold.next) holds++;
    return holds;
  }

  /** True while a command of the session waits for news. */
  isListening(session: number): boolean {
    return this.news.isListening(session);
  }

  /** The lowest token of a lock that is held once the entry at index `applied` is applied; `applied` + 1 when none is. */
  floor(applied: number): number {
    return Math.min(this.state.lowestToken(), applied + 1);
  }

  serves(operation: number): boolean {
    return operation >= ACQUIRE && operation <= FENCE;
  }

  growing(operation: number): boolean {
    return operation === ACQUIRE;
  }

  apply(command: Command, at: Position, effects: Effects): Outcome {
    const outcome = this.run(command, { at, effects });
    this.state.write();
    this.news.deliver(effects);
    return outcome;
  }

  read(operation: number, body: Buffer, _name: string, time: number): Outcome {
    switch (operation) {
      case FIND: {
        const argument = readArgument('lock.find', body);
        return argument === undefined ? wrong('find takes a lock') : this.listing.find(argument, time);
      }
      case LIST: {
        const argument = readArgument('lock.list', body);
        return argument === undefined ? wrong('list takes a glob, a session and a limit') : this.listing.list(argument);
      }
      case WAITS: {
        const argument = readArgument('lock.waits', body);
        return argument === undefined ? wrong('waits takes a limit') : this.listing.waits(argument);
      }
      case FENCE: {
        const argument = readArgument('lock.fence', body);
        return argument === undefined ? wrong('fence takes a lock and a token') : this.listing.fence(argument);
      }
      default:
        return wrong('this is a command, not a read');
    }
  }

  abandon(commands: readonly CommandId[], at: Position, effects: Effects): void {
    for (const { session, lane } of commands) {
      const request = this.state.requests.get([session, lane]);
      if (request === undefined) {
        this.news.abandon(session, lane);
        continue;
      }
      this.counts.acquired(request, 'refused');
      this.granting.leave(request, at.time);
    }
    this.granting.serve({ at, effects });
    this.state.write();
  }

  sessionsEnded(sessions: readonly number[], at: Position, effects: Effects): void {
    this.ending.endSessions(sessions, { at, effects });
    this.state.write();
    this.news.deliver(effects);
  }

  advance(at: Position, effects: Effects): void {
    const now = { at, effects };
    for (let due = this.state.timetable.due(at.time); due !== undefined; due = this.state.timetable.due(at.time)) {
      this.ending.comeDue(due, now);
      this.granting.serve(now);
    }
    this.state.write();
    this.news.deliver(effects);
    this.news.expire(at.time, effects);
  }

  deadline(): number {
    return Math.min(this.state.timetable.next(), this.news.deadline());
  }

  holdings(): Holdings {
    const { locks_max, holds_max, waiters_max, news_max } = this.limits;
    return {
      locks: { held: this.state.locks.size, limit: locks_max },
      lock_holds: { held: this.state.holds, limit: holds_max },
      lock_waiters: { held: this.state.requests.size, limit: waiters_max },
      lock_news: { held: this.news.size, limit: news_max },
    };
  }

  private run(command: Command, now: Moment): Outcome {
    const { operation, body, session, lane } = command;
    switch (operation) {
      case ACQUIRE: {
        const argument = readAcquire(body);
        if (argument === undefined) return wrong(ACQUIRE_RULE);
        return this.asking.acquire(command, argument, now);
      }
      case RELEASE: {
        const argument = readRelease(body);
        if (argument === undefined) return wrong('release takes an owner, a lock, a token and how many times');
        return this.ending.release(command, argument, now);
      }
      case CONVERT: {
        const argument = readArgument('lock.convert', body);
        if (argument === undefined) return wrong('convert takes an owner, a lock, a mode, a wait and a birth');
        return this.asking.convert(command, argument, now);
      }
      case REVOKE: {
        const argument = readArgument('lock.revoke', body);
        if (argument === undefined) return wrong('revoke takes a lock and the milliseconds until then');
        return this.ending.revoke(argument, now);
      }
      case NEWS: {
        const argument = readArgument('lock.news', body);
        if (argument === undefined) return wrong('news takes the last number received and the milliseconds to wait');
        return this.news.listen(session, lane, argument[0], argument[1], now.at, now.effects);
      }
      default:
        return wrong('this is a read, not a command');
    }
  }
}

const ACQUIRE_RULE = 'acquire takes an owner, locks with their modes, a wait, a hold, a delay, a birth and a note';

function wrong(rule: string): Outcome {
  return refusal('INVALID', rule);
}
