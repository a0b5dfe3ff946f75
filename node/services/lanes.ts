/**
 * Exactly once: the lanes of one group. Each session numbers its commands 1, 2, 3, ...; number n runs only when n - 1 did, and its
 * reply is kept until the session confirms it, so that a repeat is answered from the record wherever and whenever it arrives.
 *
 * A command that finds its session over a limit is refused WINDOW_FULL, and so is one in front of a gap LANE_GAP, *without* taking
 * its number. Were the number taken by the refusal, a pipeline that outran its confirmations would lose one command in its midst and
 * run the next ones: the client could not slow down without breaking its order. As it is, n stays open, everything behind it meets
 * a gap, and the client sends n and the rest again with a newer watermark. Nothing may be put under a number that was sent once but
 * never closed: a late copy of the first would run in its place. Whoever gives such a command up closes its number by `lane.void`.
 */
import { decode, encode } from '../../protocol/codec.js';
import { isErrorCode } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import { REFUSAL } from '../../protocol/operations.js';
import { numberKey, pairKey } from './keys.js';
import { type Holdings, type Outcome, PENDING, refusal, result } from './machine.js';
import { Replies } from './replies.js';
import type { RowForm } from './stored-table.js';
import type { Table } from './table.js';
import type { Tables } from './tables.js';

/** What replies may hold. A limit is passed by one reply at most: it is looked at before a command runs. */
export interface LaneLimits {
  /** Bytes of unconfirmed replies and outcomes of one session; then WINDOW_FULL for what is not about lanes itself. */
  readonly session_bytes_max: number;
  /** The same for all sessions of the group together. */
  readonly group_bytes_max: number;
  /** Lanes of the group, those of ended sessions that await their sweep included; then RETRY for new ones. */
  readonly lanes_max: number;
}

/** The limits of a group. */
export const LANE_LIMITS: LaneLimits = {
  session_bytes_max: 16 << 20,
  group_bytes_max: 512 << 20,
  lanes_max: 200_000,
};

/** The lane of a session. Changed by `Lanes` only. */
export interface Lane {
  readonly session: number;
  readonly replies: Replies;
  /** Rows of its outcomes: commands that were answered PENDING and whose outcome is not confirmed. Told from these. */
  pending: number;
  /** Bytes of the outcomes that came. Told from these. */
  outcomeBytes: number;
  /** The generation of the table in which its row was touched last; 0 when it was not. */
  touched: number;
}

/** Kinds of records. */
const RESULT = 0;
const REFUSED = 1;
const WAITED = 2;

const NO_BYTES = Buffer.alloc(0);
/** What a refusal counts for among the outcomes' bytes. */
const REFUSAL_BYTES = 128;

const LANE_ROW: RowForm<number, Lane> = {
  pack: ({ replies }) => replies.pack(),
  unpack: (packed, session) => laneOf(session, Replies.unpack(packed)),
};
const OUTCOME_ROW: RowForm<unknown, Outcome> = { pack: packOutcome, unpack: unpackOutcome };

const FORGOTTEN = refusal('LANE_FORGOTTEN');
const WINDOW_FULL = refusal('WINDOW_FULL');

/** The lanes of one group. */
export class Lanes {
  private readonly lanes: Table<number, Lane>;
  /** (session, number) -> outcome of a command that was answered PENDING, `pending` until there is one. */
  private readonly outcomes: Table<readonly [number, number], Outcome>;
  private readonly limits: LaneLimits;
  /** Bytes that all lanes hold: the sum of `held`. */
  private bytes = 0;

  constructor(tables: Tables, limits: LaneLimits = LANE_LIMITS) {
    this.lanes = tables.open('lanes', numberKey, LANE_ROW);
    this.outcomes = tables.open('outcomes', pairKey, OUTCOME_ROW);
    this.limits = limits;
  }

  /** Lanes and outcomes were read back. */
  restored(): void {
    for (const [[session], outcome] of this.outcomes.scan()) {
      const lane = this.lanes.get(session);
      if (lane === undefined) continue;
      lane.pending++;
      lane.outcomeBytes += outcomeBytes(outcome);
    }
    for (const [, lane] of this.lanes.scan()) this.bytes += held(lane);
  }

  /** The lane of a session that has run a command here. */
  find(session: number): Lane | undefined {
    return this.lanes.get(session);
  }

  /** An empty lane. It is kept from the first record on. */
  start(session: number): Lane {
    return laneOf(session, new Replies());
  }

  /** True when no further session can have a lane here. */
  get full(): boolean {
    return this.lanes.size >= this.limits.lanes_max;
  }

  /** What the lanes keep. */
  holdings(): Holdings {
    const { lanes_max, group_bytes_max } = this.limits;
    return {
      lanes: { held: this.lanes.size, limit: lanes_max },
      lane_bytes: { held: this.bytes, limit: group_bytes_max },
    };
  }

  /** Sessions with a lane, ascending. */
  *sessions(): IterableIterator<number> {
    for (const [session] of this.lanes.scan()) yield session;
  }

  /**
   * Undefined when the command of that number may run now; else what to answer: the outcome it has, or a refusal that changes nothing.
   * Forgets the replies up to the watermark `confirmed` first. `frees`: the command is one that makes room, and no limit of bytes
   * holds it up.
   */
  admit(lane: Lane, number: number, confirmed: number, frees: boolean): Outcome | undefined {
    const { replies } = lane;
    this.forget(lane, confirmed);
    if (number <= replies.last) return this.recorded(lane, number);
    if (number > replies.last + 1) return refusal('LANE_GAP', undefined, { expected: replies.last + 1 });
    if (replies.size >= LIMITS.window_max) return WINDOW_FULL;
    return frees || this.roomIn(lane) ? undefined : WINDOW_FULL;
  }

  /** Keeps the outcome of the command that was admitted, under the next number. */
  record(lane: Lane, outcome: Outcome): void {
    this.touch(lane);
    const before = held(lane);
    switch (outcome.form) {
      case 'result':
        lane.replies.append(RESULT, outcome.bytes);
        break;
      case 'refusal':
        lane.replies.append(REFUSED, encode([outcome.code, outcome.message, outcome.details]));
        break;
      case 'pending':
        lane.replies.append(WAITED, NO_BYTES);
        lane.pending++;
        this.outcomes.put([lane.session, lane.replies.last], PENDING);
        break;
    }
    this.bytes += held(lane) - before;
  }

  /** The outcome of a command that ran, for answering a repeat of it; undefined when it has not run. */
  outcome(session: number, number: number): Outcome | undefined {
    const lane = this.lanes.get(session);
    return lane === undefined || number > lane.replies.last ? undefined : this.recorded(lane, number);
  }

  /** A pending command came to its end; false when it is not pending. */
  settle(session: number, number: number, outcome: Outcome): boolean {
    const lane = this.lanes.get(session);
    if (lane === undefined || this.outcomes.get([session, number])?.form !== 'pending') return false;
    this.outcomes.put([session, number], outcome);
    this.count(lane, outcomeBytes(outcome));
    return true;
  }

  /** Forgets the outcomes of those pending commands that came to their end. */
  confirm(lane: Lane, numbers: readonly number[]): void {
    for (const number of numbers) {
      const outcome = this.outcomes.get([lane.session, number]);
      if (outcome === undefined || outcome.form === 'pending') continue;
      this.outcomes.delete([lane.session, number]);
      this.count(lane, -outcomeBytes(outcome));
      lane.pending--;
    }
  }

  /** True while the session may have one more command pending. */
  mayWait(session: number): boolean {
    return (this.lanes.get(session)?.pending ?? 0) < LIMITS.window_max;
  }

  /** True while one more outcome may be kept for the session. */
  hasRoom(session: number): boolean {
    const lane = this.lanes.get(session);
    return lane === undefined || this.roomIn(lane);
  }

  /** Removes the lane of a session and all that it remembers; false when there was none. */
  drop(session: number): boolean {
    const lane = this.lanes.get(session);
    if (lane === undefined) return false;
    this.bytes -= held(lane);
    this.lanes.delete(session);
    for (const [key] of this.outcomes.scan([session, 0], [session + 1, 0])) this.outcomes.delete(key);
    return true;
  }

  private recorded(lane: Lane, number: number): Outcome {
    const { replies } = lane;
    const waited = lane.pending > 0 ? this.outcomes.get([lane.session, number]) : undefined;
    if (waited !== undefined) return waited;
    if (!replies.has(number)) return FORGOTTEN;
    switch (replies.kindOf(number)) {
      case RESULT:
        return result(replies.bytesOf(number));
      case REFUSED:
        return refusalOf(decode(replies.bytesOf(number)));
      default:
        return FORGOTTEN; // It waited, and its outcome was confirmed.
    }
  }

  private roomIn(lane: Lane): boolean {
    return held(lane) < this.limits.session_bytes_max && this.bytes < this.limits.group_bytes_max;
  }

  private forget(lane: Lane, confirmed: number): void {
    if (confirmed <= lane.replies.confirmed || lane.replies.size === 0) return;
    this.touch(lane);
    const before = held(lane);
    lane.replies.forget(confirmed);
    this.bytes += held(lane) - before;
  }

  private count(lane: Lane, bytes: number): void {
    lane.outcomeBytes += bytes;
    this.bytes += bytes;
  }

  /** The replies of a lane are about to change in place; a new one gets its row. For every command: once in a generation is enough. */
  private touch(lane: Lane): void {
    const { generation } = this.lanes;
    if (lane.touched === generation) return;
    lane.touched = generation;
    this.lanes.put(lane.session, lane);
  }
}

function laneOf(session: number, replies: Replies): Lane {
  return { session, replies, pending: 0, outcomeBytes: 0, touched: 0 };
}

/** Bytes that a lane holds for its session. */
function held(lane: Lane): number {
  return lane.replies.bytes + lane.outcomeBytes;
}

function outcomeBytes(outcome: Outcome): number {
  switch (outcome.form) {
    case 'result':
      return outcome.bytes.length;
    case 'refusal':
      return REFUSAL_BYTES;
    case 'pending':
      return 0;
  }
}

function refusalOf(packed: unknown): Outcome {
  const [code, message, details] = REFUSAL.check(packed);
  return refusal(isErrorCode(code) ? code : 'INTERNAL', message, details as Record<string, unknown>);
}

function packOutcome(outcome: Outcome): unknown {
  switch (outcome.form) {
    case 'result':
      return outcome.bytes;
    case 'refusal':
      return [outcome.code, outcome.message, outcome.details];
    case 'pending':
      return null;
  }
}

function unpackOutcome(packed: unknown): Outcome {
  if (packed === null) return PENDING;
  return Buffer.isBuffer(packed) ? result(packed) : refusalOf(packed);
}
