/** The state machine of one group: the sessions' lanes around its services. Fed the same entries, all replicas come to the same state. */
import type { Envelope } from '../../protocol/envelope.js';
import { COORDINATION } from '../../protocol/groups.js';
import { OPERATIONS } from '../../protocol/operations.js';
import { decodeEntry, type Entry } from './entry.js';
import { type Lane, type LaneLimits, Lanes } from './lanes.js';
import { type Effects, type Holdings, type Outcome, type Position, refusal, result, type Service } from './machine.js';
import type { QueueLimits } from './queue.js';
import { Queues } from './queues.js';
import { Sessions } from './sessions.js';
import { compareStrings, type Table } from './table.js';
import { Tables } from './tables.js';
import { NULL_VALUE, readArgument } from './values.js';

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
}

/** The machine of `c`, and its table of sessions for the node to look at. */
export interface Coordination {
  readonly machine: GroupMachine;
  readonly sessions: Sessions;
}

/** The state machine of `c`, the group that keeps the sessions. Over tables with rows it goes on from these. */
export function coordinationMachine(tables = new Tables(), limits: MachineLimits = {}): Coordination {
  const sessions = new Sessions(tables, limits.sessions_max);
  return { machine: new GroupMachine(COORDINATION, tables, [sessions], sessions, limits.lanes), sessions };
}

/** The state machine of a shard, a group that keeps queues. Over tables with rows it goes on from these. */
export function shardMachine(group: string, tables = new Tables(), limits: MachineLimits = {}): GroupMachine {
  return new GroupMachine(group, tables, [new Queues(tables, limits.queue)], undefined, limits.lanes);
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
  private readonly tables: Tables;
  private readonly services: readonly Service[];
  /** The table of sessions, in the group that has it. */
  private readonly directory: Sessions | undefined;
  private readonly lanes: Lanes;
  private readonly marks: Table<string, number>;
  private readonly effects: Effects;
  /** What the entry under way brings about. */
  private settled: Settled[] = [];
  private ended: number[] = [];

  constructor(
    group: string,
    tables: Tables,
    services: readonly Service[],
    directory: Sessions | undefined,
    limits?: LaneLimits,
  ) {
    this.group = group;
    this.tables = tables;
    this.services = services;
    this.directory = directory;
    this.lanes = new Lanes(tables, limits);
    this.marks = tables.open('marks', compareStrings);
    this.effects = {
      settle: (session, lane, outcome) => this.settle(session, lane, outcome),
      end: (session) => this.end(session),
      mayWait: (session) => this.lanes.mayWait(session),
      hasRoom: (session) => this.lanes.hasRoom(session),
    };
  }

  /** Applies one entry. Total: what is not well formed does nothing. Indexes rise from call to call, times never fall. */
  applyEntry(bytes: Buffer, at: Position): Applied {
    this.settled = [];
    this.ended = [];
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

  /** Answers a read from applied state. */
  read(operation: number, body: Buffer, name = ''): Outcome {
    return this.serviceOf(operation)?.read(operation, body, name) ?? refusal('UNKNOWN_COMMAND');
  }

  /** The outcome of a command that was applied, for answering a repeat without a new entry; undefined when it was not. */
  outcome(session: number, lane: number): Outcome | undefined {
    return lane === 0 ? undefined : this.lanes.outcome(session, lane);
  }

  /** True when a command of the session needs no `firstCommand` entry here. */
  hasLane(session: number): boolean {
    return this.directory?.alive(session) ?? this.lanes.find(session) !== undefined;
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
    return Object.assign({}, this.lanes.holdings(), ...this.services.map((service) => service.holdings()));
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
    if (known?.form === 'pending' && operation === VOID) return this.abandon(session, number);
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
    return this.directory.apply(envelope, at, this.effects);
  }

  private run(lane: Lane, envelope: Envelope, at: Position): Outcome {
    // A fence that is not checked would be worse than none.
    if (envelope.fence !== '') return refusal('INVALID', 'this group cannot check a fence');
    switch (envelope.operation) {
      case VOID:
        return VOIDED;
      case CONFIRM: {
        const argument = readArgument('lane.confirm', envelope.body);
        if (argument === undefined) return refusal('INVALID', 'confirm takes lane numbers');
        this.lanes.confirm(lane, argument[0]);
        return result(NULL_VALUE);
      }
      default:
        return this.serviceOf(envelope.operation)?.apply(envelope, at, this.effects) ?? refusal('UNKNOWN_COMMAND');
    }
  }

  /** Gives up a wait. That it was given up is an outcome like any other, kept until it is confirmed: a void may be repeated too. */
  private abandon(session: number, number: number): Outcome {
    for (const service of this.services) if (service.abandon(session, number)) break;
    this.lanes.settle(session, number, VOIDED);
    return VOIDED;
  }

  private sweep(horizon: number, sessions: readonly number[]): void {
    for (const session of sessions) {
      // A session that ended by `horizon` was opened before it.
      if (session < horizon && this.lanes.find(session) !== undefined) this.end(session);
    }
    if (horizon > this.horizon) this.marks.put('horizon', horizon);
  }

  private settle(session: number, lane: number, outcome: Outcome): void {
    if (this.lanes.settle(session, lane, outcome)) this.settled.push({ session, lane, outcome });
  }

  private end(session: number): void {
    this.lanes.drop(session);
    this.ended.push(session);
  }

  private serviceOf(operation: number): Service | undefined {
    for (const service of this.services) if (service.serves(operation)) return service;
    return undefined;
  }
}
