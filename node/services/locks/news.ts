/** What befell the holds of sessions without their doing, kept until they confirm that they know. */
import { encode } from '../../../protocol/codec.js';
import { text, tuple, u53 } from '../../../protocol/fields.js';
import { LIMITS } from '../../../protocol/limits.js';
import { comparePairs, numberKey, pairKey, stringKey } from '../keys.js';
import { type Effects, NO_ROOM, type Outcome, PENDING, type Position, result, TOO_MANY_PENDING } from '../machine.js';
import { numberRow, type RowForm } from '../stored-table.js';
import { type Index, makeIndex, type Table } from '../table.js';
import type { Tables } from '../tables.js';
import type { LockLimits } from './limits.js';
import type { Owner } from './rows.js';

/** One event. */
export interface NewsRow {
  /** One of LOCK_NEWS. */
  readonly kind: number;
  readonly owner: number;
  readonly lock: string;
  readonly token: number;
  /** How long it was held, or how long it may still be held. */
  readonly ms: number;
}

/** A command that waits for news. */
interface Listener {
  readonly lane: number;
  /** Cluster time at which it gives up, ms. */
  readonly deadline: number;
}

type Pair = readonly [number, number];

const EVENT = tuple(u53, u53, text(LIMITS.name_length_max), u53, u53);
const EVENT_ROW: RowForm<unknown, NewsRow> = {
  pack: ({ kind, owner, lock, token, ms }) => [kind, owner, lock, token, ms],
  unpack(packed) {
    const [kind, owner, lock, token, ms] = EVENT.check(packed);
    return { kind, owner, lock, token, ms };
  },
};

const LISTENER = tuple(u53, u53);
const LISTENER_ROW: RowForm<unknown, Listener> = {
  pack: ({ lane, deadline }) => [lane, deadline],
  unpack(packed) {
    const [lane, deadline] = LISTENER.check(packed);
    return { lane, deadline };
  },
};

const NUMBERED = 'news';
const NO_NEWS = result(encode([]));

/** The news of all sessions. */
export class News {
  /** (session, seq) -> event. Numbers rise over all sessions together. */
  private readonly rows: Table<Pair, NewsRow>;
  private readonly numbers: Table<string, number>;
  /** session -> listener. */
  private readonly listeners: Table<number, Listener>;
  /** Told from that: (deadline, session). */
  private readonly byDeadline: Index<Pair, null> = makeIndex(comparePairs);
  private readonly limits: LockLimits;
  /** Told from the rows: how many of them a session has. */
  private readonly counts = new Map<number, number>();
  /** Sessions that listen and have been told something in this entry. */
  private told: number[] = [];

  constructor(tables: Tables, limits: LockLimits) {
    this.rows = openNews(tables);
    this.numbers = tables.open('locks.numbers', stringKey, numberRow);
    this.listeners = tables.open('locks.listeners', numberKey, LISTENER_ROW);
    this.limits = limits;
  }

  /** Rows were read back. */
  restored(): void {
    for (const [[session]] of this.rows.scan()) this.count(session, 1);
    for (const [session, { deadline }] of this.listeners.scan()) this.byDeadline.put([deadline, session], null);
  }

  /** Events that are kept. */
  get size(): number {
    return this.rows.size;
  }

  /** True while a command of the session waits for news. */
  isListening(session: number): boolean {
    return this.listeners.get(session) !== undefined;
  }

  /** Something befell a hold of that owner. */
  add({ session, number }: Owner, kind: number, lock: string, token: number, ms: number): void {
    const count = this.counts.get(session) ?? 0;
    if (count >= this.limits.session_news_max || this.rows.size >= this.limits.news_max) {
      if (count === 0) return;
      for (const [key] of this.rows.scan([session, 0])) {
        this.forget(key);
        break;
      }
    }
    const seq = (this.numbers.get(NUMBERED) ?? 0) + 1;
    this.numbers.put(NUMBERED, seq);
    this.rows.put([session, seq], { kind, owner: number, lock, token, ms });
    this.count(session, 1);
    if (this.listeners.get(session) !== undefined) this.told.push(session);
  }

  /** `lock.news`: forgets what is confirmed, answers what there is, or waits for it. One command of a session waits at a time. */
  listen(session: number, lane: number, confirmed: number, wait_ms: number, at: Position, effects: Effects): Outcome {
    for (const [key] of this.rows.scan([session, 0], [session, confirmed + 1])) this.forget(key);
    const before = this.listeners.get(session);
    if (before !== undefined) {
      this.remove(session, before);
      effects.settle(session, before.lane, NO_NEWS);
    }
    if (wait_ms === 0 || this.counts.has(session)) return this.newsOf(session);
    if (!effects.mayWait(session)) return TOO_MANY_PENDING;
    const listener = { lane, deadline: at.time + wait_ms };
    this.listeners.put(session, listener);
    this.byDeadline.put([listener.deadline, session], null);
    return PENDING;
  }

  /** Answers those that wait for what they have been told. Called at the end of whatever may have told something. */
  deliver(effects: Effects): void {
    for (const session of this.told) {
      const listener = this.listeners.get(session);
      if (listener === undefined) continue;
      this.remove(session, listener);
      const room = effects.hasRoom(session);
      effects.settle(session, listener.lane, room ? this.newsOf(session) : NO_ROOM);
    }
    this.told = [];
  }

  /** Answers those whose time is up. */
  expire(time: number, effects: Effects): void {
    for (;;) {
      const first = this.byDeadline.first();
      if (first === undefined || first[0][0] > time) return;
      const [, session] = first[0];
      const listener = this.listeners.get(session);
      this.byDeadline.delete(first[0]);
      this.listeners.delete(session);
      if (listener !== undefined) effects.settle(session, listener.lane, NO_NEWS);
    }
  }

  /** Takes a waiting command out; false when it is none of these. */
  abandon(session: number, lane: number): boolean {
    const listener = this.listeners.get(session);
    if (listener?.lane !== lane) return false;
    this.remove(session, listener);
    return true;
  }

  /** The session has ended. */
  endSession(session: number): void {
    for (const [key] of this.rows.scan([session, 0], [session + 1, 0])) this.forget(key);
    const listener = this.listeners.get(session);
    if (listener !== undefined) this.remove(session, listener);
  }

  /** The cluster time at which the first of those that wait gives up, or Infinity. */
  deadline(): number {
    return this.byDeadline.first()?.[0][0] ?? Number.POSITIVE_INFINITY;
  }

  private newsOf(session: number): Outcome {
    const rows = [...this.rows.scan([session, 0], [session + 1, 0])];
    return result(
      encode(rows.map(([[, seq], { kind, owner, lock, token, ms }]) => [seq, kind, owner, lock, token, ms])),
    );
  }

  private remove(session: number, { deadline }: Listener): void {
    this.listeners.delete(session);
    this.byDeadline.delete([deadline, session]);
  }

  private forget(key: Pair): void {
    if (this.rows.delete(key)) this.count(key[0], -1);
  }

  private count(session: number, more: number): void {
    const count = (this.counts.get(session) ?? 0) + more;
    if (count === 0) this.counts.delete(session);
    else this.counts.set(session, count);
  }
}

/** Events by session and number. */
export function openNews(tables: Tables): Table<Pair, NewsRow> {
  return tables.open('locks.news', pairKey, EVENT_ROW);
}
