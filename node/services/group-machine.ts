/** The state machine of one group: the sessions' lanes around its services. Fed the same entries, all replicas come to the same state. */
import type { Envelope } from '../../protocol/envelope.js';
import { FENCE_RULE, type Fence, readFence } from '../../protocol/fence.js';
import { COORDINATION } from '../../protocol/groups.js';
import { OPERATIONS, operationName } from '../../protocol/operations.js';
import type { Cut } from './cut.js';
import { decodeEntry, type Entry } from './entry.js';
import { FencedWaits } from './fenced-waits.js';
import { Fences, fenced } from './fences.js';
import { stringKey } from './keys.js';
import { type Lane, type LaneLimits, Lanes } from './lanes.js';
import { LockCounts } from './locks/counts.js';
import type { LockLimits } from './locks/limits.js';
import { Locks } from './locks/locks.js';
import {
  type CommandId,
  type Effects,
  type Holdings,
  type Outcome,
  type Position,
  refusal,
  result,
  type Service,
} from './machine.js';
import { Messages } from './messages/messages.js';
import type { QueueLimits } from './queue.js';
import { Queues } from './queues.js';
import { type SemaphoreLimits, Semaphores } from './semaphores.js';
import { Sessions } from './sessions.js';
import { numberRow } from './stored-table.js';
import type { Table } from './table.js';
import { Tables } from './tables.js';
import { NULL_VALUE, readArgument } from './values.js';

/**
 * What entries do to the state, and what its rows say: raised by whoever changes either. A checkpoint names it, so that no other
 * version goes on from there.
 */
export const MACHINE_VERSION = 1;

/** A command that had been pending and now has its outcome. */
export interface Settled {
  readonly session: number;
  readonly lane: number;
  readonly outcome: Outcome;
}

/** What an entry brought about. */
export interface Applied {
  /** The command's session and lane number; 0 when the entry was no command. */
  readonly session: number;
  readonly lane: number;
  /** What the command came to; undefined when the entry was no command. */
  readonly outcome: Outcome | undefined;
  /** In the order in which they came about. */
  readonly settled: readonly Settled[];
  /** Sessions that ended (in `c`), or whose lanes in this shard went. */
  readonly ended: readonly number[];
}

/** Limits that a test may turn down. */
export interface MachineLimits {
  readonly lanes?: LaneLimits;
  readonly queue?: QueueLimits;
  readonly sessions_max?: number;
  readonly fence_marks_max?: number;
  readonly locks?: LockLimits;
  readonly semaphores?: SemaphoreLimits;
}

/** The machine of `c`, and of its services those that the node looks at. */
export interface Coordination {
  readonly machine: GroupMachine;
  readonly sessions: Sessions;
  readonly locks: Locks;
}

/** The state machine of `c`, the group that keeps sessions, locks and semaphores, over empty tables. `counts`: those of the locks. */
export function coordinationMachine(
  tables = new Tables(),
  limits: MachineLimits = {},
  counts = new LockCounts(),
): Coordination {
  const sessions = new Sessions(tables, limits.sessions_max);
  const clientOf = (session: number) => sessions.find(session)?.client ?? '';
  const locks = new Locks(tables, clientOf, limits.locks, counts);
  const semaphores = new Semaphores(tables, clientOf, limits.semaphores);
  // The floor is asked for before an entry is applied, but after time has passed in it: what that let go of is in it already.
  const fences = new Fences(tables, limits.fence_marks_max, (index) => locks.floor(index - 1));
  const services = [sessions, locks, semaphores];
  return { machine: new GroupMachine(COORDINATION, tables, services, sessions, limits.lanes, fences), sessions, locks };
}

/** The state machine of a shard, a group that keeps queues, over empty tables. `messages`: the store of their messages, empty too. */
export function shardMachine(
  group: string,
  tables = new Tables(),
  limits: MachineLimits = {},
  messages = new Messages(),
): GroupMachine {
  const fences = new Fences(tables, limits.fence_marks_max);
  const queues = new Queues(tables, messages, limits.queue);
  return new GroupMachine(group, tables, [queues], undefined, limits.lanes, fences);
}

const VOID = OPERATIONS['lane.void'].number;
const CONFIRM = OPERATIONS['lane.confirm'].number;
const OPEN = OPERATIONS['session.open'].number;
const CLOSE = OPERATIONS['session.close'].number;

const VOIDED = refusal('VOID');
const EXPIRED = refusal('SESSION_EXPIRED');

/** The state machine of one group. All of its state stands in tables. */
export class GroupMachine {
  readonly group: string;
  /** Entries that were of no kind known here, or not well formed: applied as nothing. Counted since this process began. */
  ignored = 0;
  /** The fencing tokens that were seen here. */
  readonly fences: Fences;
  private readonly fencedWaits: FencedWaits;
  private readonly tables: Tables;
  private readonly services: readonly Service[];
  /** The table of sessions, in the group that has it. */
  private readonly directory: Sessions | undefined;
  private readonly lanes: Lanes;
  private readonly marks: Table<string, number>;
  private readonly effects: Effects;
  /** Cluster time of the last entry, ms. */
  time = 0;
  /** What the entry under way brings about. */
  private settled: Settled[] = [];
  private ended: number[] = [];

  constructor(
    group: string,
    tables: Tables,
    services: readonly Service[],
    directory: Sessions | undefined,
    limits?: LaneLimits,
    fences = new Fences(tables),
  ) {
    this.group = group;
    this.tables = tables;
    this.services = services;
    this.directory = directory;
    this.lanes = new Lanes(tables, limits);
    this.fences = fences;
    this.fencedWaits = new FencedWaits(tables);
    this.marks = tables.open('marks', stringKey, numberRow);
    this.effects = {
      settle: (session, lane, outcome) => this.settle(session, lane, outcome),
      end: (session) => this.end(session),
      mayWait: (session) => this.lanes.mayWait(session),
      hasRoom: (session) => this.lanes.hasRoom(session),
    };
  }

  /** Gives a row of a base to its table, before anything is applied. @throws BadRow */
  feed(key: Buffer, value: Buffer): void {
    this.tables.feed(key, value);
  }

  /**
   * All rows of a cut have been fed to the tables: it goes on as the machine did that was at the cut. Before the first entry, once.
   * `time`: cluster time of the last entry before the cut, ms. @throws BadRow when rows that belong to each other are not all there
   */
  restored(time: number): void {
    this.time = time;
    this.lanes.restored();
    this.fences.restored();
    this.fencedWaits.restored();
    for (const service of this.services) service.restored();
  }

  /** Applies one entry. Total: what is not well formed does nothing. Indexes rise from call to call, times never fall. */
  applyEntry(bytes: Buffer, at: Position): Applied {
    this.settled = [];
    this.ended = [];
    this.time = at.time;
    for (const service of this.services) if (service.deadline() <= at.time) service.advance(at, this.effects);
    const entry = decodeEntry(bytes);
    let session = 0;
    let lane = 0;
    let outcome: Outcome | undefined;
    if (entry?.kind === 'command' || entry?.kind === 'firstCommand') {
      ({ session, lane } = entry.envelope);
      outcome = this.command(entry.envelope, entry.kind === 'command' ? undefined : entry.alive, at);
    } else if (!this.housekeeping(entry)) {
      this.ignored++;
    }
    if (this.ended.length > 0) {
      for (const service of this.services) service.sessionsEnded(this.ended, at, this.effects);
    }
    return { session, lane, outcome, settled: this.settled, ended: this.ended };
  }

  /** Answers a read from applied state. `time`: cluster time now, ms, when it is known better than by the last entry. */
  read(operation: number, body: Buffer, name = '', time = this.time): Outcome {
    return this.serviceOf(operation)?.read(operation, body, name, time) ?? refusal('UNKNOWN_COMMAND');
  }

  /** The outcome of a command that was applied, for answering a repeat without a new entry; undefined when it was not. */
  outcome(session: number, lane: number): Outcome | undefined {
    return lane === 0 ? undefined : this.lanes.outcome(session, lane);
  }

  /** True when a command of the session needs no `firstCommand` entry here. */
  hasLane(session: number): boolean {
    return this.directory?.alive(session) ?? this.lanes.find(session) !== undefined;
  }

  /** Commands of the session that wait here, or whose outcome it has not confirmed. */
  pending(session: number): number {
    return this.lanes.find(session)?.pending ?? 0;
  }

  /** Sessions that have a lane in this group, ascending: in a shard, those whose end has to be swept. */
  sessions(): IterableIterator<number> {
    return this.lanes.sessions();
  }

  /** The index of `c` up to which ended sessions have been swept from this shard. */
  get horizon(): number {
    return this.marks.get('horizon') ?? 0;
  }

  /** The earliest cluster time, ms, at which an entry is wanted so that time passes (a tick if there is no other), or Infinity. */
  deadline(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const service of this.services) earliest = Math.min(earliest, service.deadline());
    return earliest;
  }

  /** True for a command that takes space: refused NO_SPACE by the leader while its disk is nearly full. */
  growing(operation: number): boolean {
    return this.serviceOf(operation)?.growing(operation) ?? false;
  }

  /** What the group keeps that has a limit, as it is now. */
  holdings(): Holdings {
    const { lanes, fences, services } = this;
    return Object.assign({}, lanes.holdings(), fences.holdings(), ...services.map((service) => service.holdings()));
  }

  /** What has changed since the last cut, as it is now, to be told bit by bit while entries go on being applied. See `Tables.cut`. */
  cut(): Cut {
    return this.tables.cut();
  }

  /** Bytes changed since the last cut, roughly. */
  get dirty(): number {
    return this.tables.dirty;
  }

  /** A hash of all state. Replicas that applied the same entries have the same. Takes time in proportion to the state. */
  fingerprint(): string {
    return this.tables.fingerprint();
  }

  /** Entries that no client sent; false for those that mean nothing here. */
  private housekeeping(entry: Exclude<Entry, { envelope: Envelope }> | undefined): boolean {
    switch (entry?.kind) {
      case 'tick':
        return true;
      case 'expire':
        this.directory?.expire(entry.sessions, this.effects);
        return this.directory !== undefined;
      case 'sweep':
        if (this.directory !== undefined) return false;
        this.sweep(entry.horizon, entry.sessions);
        return true;
      case 'fences':
        if (this.directory !== undefined) return false;
        this.fences.raise(entry.floor);
        return true;
      case undefined:
        return false;
    }
  }

  private command(envelope: Envelope, alive: number | undefined, at: Position): Outcome {
    const { session, lane: number, operation } = envelope;
    if (envelope.group !== this.group) return refusal('INVALID', `a command for another group than ${this.group}`);
    if (session === 0) return this.open(envelope, at);
    if (number === 0) return refusal('INVALID', 'lane numbers begin with 1');
    let lane = this.lanes.find(session);
    if (lane === undefined) {
      const reason = this.whyNoLane(session, alive);
      if (reason !== undefined) return reason;
      lane = this.lanes.start(session);
    }
    const frees = operation === VOID || operation === CONFIRM || operation === CLOSE;
    const known = this.lanes.admit(lane, number, envelope.confirmed, frees);
    if (known?.form === 'pending' && operation === VOID) return this.abandon(session, number, at);
    if (known !== undefined) return known;
    const outcome = this.run(lane, envelope, at);
    // A session that closed itself has taken its lane along.
    if (!this.ended.includes(session)) this.lanes.record(lane, outcome);
    return outcome;
  }

  /** Why a session without a lane here gets none; undefined when it gets one. */
  private whyNoLane(session: number, alive: number | undefined): Outcome | undefined {
    if (this.directory !== undefined) {
      if (!this.directory.alive(session)) return EXPIRED;
    } else {
      // Only the leader's look at `c` tells the unseen from the dead, and not if it looked before what has been swept here.
      if (alive === undefined) return EXPIRED;
      if (alive < this.horizon) return refusal('RETRY', 'the session was last seen before the latest sweep');
      if (this.lanes.full) return refusal('RETRY', 'the group has as many lanes as it may');
    }
    return undefined;
  }

  /** Opening is the one command without a session, and so without a record: sent again, it opens another one. */
  private open(envelope: Envelope, at: Position): Outcome {
    if (this.directory === undefined || envelope.operation !== OPEN || envelope.lane !== 0) {
      return refusal('INVALID', 'a command needs a session');
    }
    const fence = this.fenceOf(envelope, at);
    return isOutcome(fence) ? fence : this.directory.apply(envelope, at, this.effects);
  }

  private run(lane: Lane, envelope: Envelope, at: Position): Outcome {
    const fence = this.fenceOf(envelope, at);
    if (isOutcome(fence)) return fence;
    const outcome = this.execute(lane, envelope, at, fence !== undefined);
    if (fence !== undefined && outcome.form === 'pending')
      this.fencedWaits.add({ ...fence, session: envelope.session, lane: envelope.lane });
    return outcome;
  }

  private execute(lane: Lane, envelope: Envelope, at: Position, isFenced: boolean): Outcome {
    const { operation, body, name } = envelope;
    switch (operation) {
      case VOID:
        return VOIDED;
      case CONFIRM: {
        const argument = readArgument('lane.confirm', body);
        if (argument === undefined) return refusal('INVALID', 'confirm takes lane numbers');
        this.lanes.confirm(lane, argument[0]);
        return result(NULL_VALUE);
      }
      default:
        // What was read before a token was seen could change after it: a fenced read has its place in the log as a write does.
        if (isFenced && isRead(operation)) return this.read(operation, body, name);
        return this.serviceOf(operation)?.apply(envelope, at, this.effects) ?? refusal('UNKNOWN_COMMAND');
    }
  }

  /** The fence of a command, undefined when it has none; its token has been seen then. Or why the command is not done. */
  private fenceOf({ fence: text }: Envelope, at: Position): Fence | Outcome | undefined {
    if (text === '') return undefined;
    const fence = readFence(text);
    if (fence === undefined) return refusal('INVALID', FENCE_RULE);
    const refused = this.fences.see(fence, at.index);
    if (refused !== undefined) return refused;
    const overtaken = this.fencedWaits.overtaken(fence);
    if (overtaken.length > 0) this.leave(overtaken, at);
    for (const wait of overtaken) this.settle(wait.session, wait.lane, fenced(wait, fence.token));
    return fence;
  }

  /** Gives up a wait. That it was given up is an outcome like any other, kept until it is confirmed: a void may be repeated too. */
  private abandon(session: number, number: number, at: Position): Outcome {
    this.leave([{ session, lane: number }], at);
    this.fencedWaits.remove(session, number);
    this.lanes.settle(session, number, VOIDED);
    return VOIDED;
  }

  /** Takes commands out of the lines in which they wait. */
  private leave(commands: readonly CommandId[], at: Position): void {
    for (const service of this.services) service.abandon(commands, at, this.effects);
  }

  private sweep(horizon: number, sessions: readonly number[]): void {
    for (const session of sessions) {
      // A session that ended by `horizon` was opened before it.
      if (session < horizon && this.lanes.find(session) !== undefined) this.end(session);
    }
    if (horizon > this.horizon) this.marks.put('horizon', horizon);
  }

  private settle(session: number, lane: number, outcome: Outcome): void {
    this.fencedWaits.remove(session, lane);
    if (this.lanes.settle(session, lane, outcome)) this.settled.push({ session, lane, outcome });
  }

  private end(session: number): void {
    this.lanes.drop(session);
    this.fencedWaits.endSession(session);
    this.ended.push(session);
  }

  private serviceOf(operation: number): Service | undefined {
    for (const service of this.services) if (service.serves(operation)) return service;
    return undefined;
  }
}

/** True for an operation that only looks. */
function isRead(operation: number): boolean {
  const name = operationName(operation);
  return name !== undefined && OPERATIONS[name].form === 'read';
}

function isOutcome(one: Fence | Outcome | undefined): one is Outcome {
  return one !== undefined && 'form' in one;
}
