/** One replica of a group put together: consensus core, state machine, and those who wait for what comes of their commands and reads. */
import { encode } from '../protocol/codec.js';
import { ConcordError } from '../protocol/errors.js';
import { clip } from '../protocol/fields.js';
import { LIMITS } from '../protocol/limits.js';
import type { Message, MessageOf } from '../protocol/messages.js';
import { InOrder } from './in-order.js';
import type { ReplicaCounts } from './observe/replica-counts.js';
import { OUTCOMES } from './observe/tally.js';
import type { RaftGroup } from './raft/group.js';
import { eachEntry, lastOf, type Run } from './raft/run.js';
import type { ReadResult } from './raft/state.js';
import type { Proposal } from './raft/types.js';
import { tickEntry } from './services/entry.js';
import type { Applied, GroupMachine } from './services/group-machine.js';
import type { Outcome, Position } from './services/machine.js';

/** Entries applied in one turn; the rest waits for the next, so that a long replay lets heartbeats through. */
const APPLY_ENTRIES_MAX = 4096;
/** Read from disk at once to be applied, bytes; a single run may be larger. The log bounds how many runs these are. */
const LOAD_BYTES_MAX = 1 << 20;
/** Reads waiting at one node for one group. */
export const READS_MAX = 65_536;
/** What time alone makes due is looked at again after this, ms: cluster time goes in steps, and a leader that hands over takes nothing. */
const TICK_MS_MIN = 10;
/** How the outcomes of commands are counted. */
const COUNTED_AS = { result: OUTCOMES.done, refusal: OUTCOMES.refused, pending: OUTCOMES.pending } as const;
/** Kinds below it are the core's. */
const FIRST_APPLICATION_KIND = 16;

/** A client's connection as a replica sees it. */
export interface Client {
  /** Sends the answer to a request, which ends it. */
  answer(message: Message): void;
  /** Sends something that no request waits for. */
  push(message: Message): void;
}

/** Who waits for a proposal. `session` 0: nobody's. */
export interface Waiter {
  readonly client: Client;
  readonly correlation: number;
  readonly session: number;
  readonly operation: number;
  /** When the command arrived, monotonic ms. */
  readonly since: number;
}

interface Queued {
  readonly proposal: Proposal;
  readonly waiter: Waiter | null;
}

/** Told once: null when a read may be answered from applied state, else why it may not. */
export type OnConfirm = (refusal: ConcordError | null) => void;

interface Asked {
  readonly done: OnConfirm;
  readonly deadline: number;
}

interface Confirmed {
  readonly index: number;
  readonly done: OnConfirm;
}

/** What a replica needs of its node. */
export interface ReplicaHost {
  now(): number;
  /** Reads a run's bytes from disk. */
  load(run: Run, done: (bytes: Buffer) => void): void;
  /** A fresh number for an attempt to read. */
  nextContext(): number;
  /** Number of the next heartbeat round. */
  nextRound(): number;
  wake(): void;
  /** How this node would refuse a command for a group that it does not lead. */
  notLeader(replica: Replica): ConcordError;
  /** An entry has been applied. */
  applied(replica: Replica, applied: Applied): void;
}

export class Replica {
  readonly raft: RaftGroup;
  #machine: GroupMachine;
  readonly counts: ReplicaCounts;
  readonly #host: ReplicaHost;
  #applied: number;
  /** Bytes of the runs that were applied since this node was started. */
  appliedBytes = 0;
  /** Its state machine is getting another state: it applies and answers nothing. */
  #suspended = false;
  /** Runs that are being read from disk to be applied. */
  #loading = new Set<Run>();
  #queue: Queued[] = [];
  /** Who waits for the entry at an index; all proposed in this node's present leadership. */
  readonly #waiters = new InOrder<Waiter>();
  /** Where outcomes of pending commands go: the connection that last carried a command of the session. */
  readonly #attached = new Map<number, Client>();
  readonly #asked = new Map<number, Asked>();
  /** No deadline in `#asked` is earlier. */
  #expireAt = Number.POSITIVE_INFINITY;
  readonly #confirmed: Confirmed[] = [];
  #tickProposed = false;
  #led = false;

  /** `applied`: the entry up to which the machine has, or will have got from a checkpoint, what was applied. */
  constructor(raft: RaftGroup, machine: GroupMachine, applied: number, counts: ReplicaCounts, host: ReplicaHost) {
    this.raft = raft;
    this.#applied = applied;
    this.#machine = machine;
    this.counts = counts;
    this.#host = host;
  }

  /** Index of the last applied entry. */
  get applied(): number {
    return this.#applied;
  }

  /** Commands proposed and not answered. */
  get commandsWaiting(): number {
    return this.#waiters.size;
  }

  /** Reads not confirmed, or confirmed for entries that are not applied. */
  get readsWaiting(): number {
    return this.#asked.size + this.#confirmed.length;
  }

  /** Cluster time now, ms. */
  get time(): number {
    return this.raft.timeAt(this.#host.now());
  }

  get machine(): GroupMachine {
    return this.#machine;
  }

  /** `machine` is about to get the state as of another entry. */
  suspend(machine: GroupMachine): void {
    this.#suspended = true;
    this.#machine = machine;
    // What is read for the old one may have been given back: then it never comes.
    this.#loading = new Set();
  }

  get suspended(): boolean {
    return this.#suspended;
  }

  /** The entry as of which the state can be looked at: 0 while it is being replaced, and must not be. */
  get known(): number {
    return this.#suspended ? 0 : this.#applied;
  }

  /** Its state machine has the state as of `index`. */
  resume(index: number): void {
    this.#suspended = false;
    this.#applied = index;
    this.#host.wake();
  }

  /** Queues a proposal for the end of the turn. */
  propose(proposal: Proposal, waiter: Waiter | null): void {
    this.#queue.push({ proposal, waiter });
    if (waiter !== null && waiter.session !== 0) this.#attached.set(waiter.session, waiter.client);
    this.#host.wake();
  }

  /** Calls back when a read that arrived now may be answered, or with OVERLOADED, DEADLINE, NO_LEADER or RETRY: it could not be confirmed. */
  confirm(deadline: number, done: OnConfirm): void {
    if (this.readsWaiting >= READS_MAX) {
      done(new ConcordError('OVERLOADED', `too many reads of ${this.raft.id} wait`));
      return;
    }
    const context = this.#host.nextContext();
    this.#asked.set(context, { done, deadline });
    this.#expireAt = Math.min(this.#expireAt, deadline);
    this.raft.read(context, this.#host.nextRound(), this.#host.now());
    this.#host.wake();
  }

  /** Answers a read from applied state. False when the state machine refused it. */
  answer(client: Client, request: MessageOf<'read'>): boolean {
    const outcome = this.#machine.read(request.operation, request.body, request.name, this.time);
    client.answer(this.#reply(request.correlation, this.#applied, this.raft.term, outcome));
    return outcome.form === 'result';
  }

  /** Proposes what was queued in this turn, as one batch. */
  flush(): void {
    this.#proposeTick();
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = [];
    const first = this.raft.propose(
      queue.map(({ proposal }) => proposal),
      this.#host.now(),
    );
    if (typeof first === 'number') {
      this.counts.proposals.record(queue.length);
      queue.forEach(({ proposal, waiter }, i) => {
        this.counts.proposedBytes += proposal.payload.length;
        if (waiter !== null) this.#waiters.add(first + i, waiter);
      });
      return;
    }
    this.#tickProposed = false;
    this.counts.proposalsRefused += queue.length;
    const error =
      first === 'too much uncommitted'
        ? new ConcordError('OVERLOADED', `${this.raft.id} has too many bytes proposed and not committed`)
        : first === 'handing over'
          ? new ConcordError('NO_LEADER', `${this.raft.id} is changing its leader`)
          : this.#host.notLeader(this);
    for (const { waiter } of queue) if (waiter !== null) this.#giveUp(waiter, error);
  }

  /** The core's results of reads. */
  onReads(results: readonly ReadResult[]): void {
    for (const { context, index, refused } of results) {
      const asked = this.#asked.get(context);
      if (asked === undefined) continue;
      this.#asked.delete(context);
      if (refused) asked.done(this.#unconfirmed(asked.deadline));
      else if (index <= this.#applied && !this.#suspended) asked.done(null);
      else this.#confirmed.push({ index, done: asked.done });
    }
  }

  /** Role, term or leader have changed: whoever waits on a leadership that is over is told at once. */
  onChange(): void {
    const leads = this.raft.leads;
    if (this.#led && !leads) {
      const { code, message, details } = this.#host.notLeader(this);
      const lost = new ConcordError(code, `${message}; the command may still be executed`, {
        definite: false,
        details,
      });
      for (const waiter of this.#waiters.clear()) this.#giveUp(waiter, lost);
      this.#attached.clear();
      this.#tickProposed = false;
    }
    this.#led = leads;
  }

  /** Gives up reads whose deadline has passed. */
  expire(now: number): void {
    if (now < this.#expireAt) return;
    this.#expireAt = Number.POSITIVE_INFINITY;
    for (const [context, asked] of this.#asked) {
      if (asked.deadline <= now) {
        this.#asked.delete(context);
        asked.done(this.#unconfirmed(asked.deadline));
      } else this.#expireAt = Math.min(this.#expireAt, asked.deadline);
    }
  }

  /** Monotonic time at which this replica wants a turn: a read runs out, or cluster time makes something due. */
  deadline(): number {
    let deadline = this.#expireAt;
    if (this.raft.leads && !this.#tickProposed && !this.#suspended) {
      const due = this.#machine.deadline();
      if (due < Number.POSITIVE_INFINITY)
        deadline = Math.min(deadline, this.#host.now() + Math.max(TICK_MS_MIN, due - this.time));
    }
    return deadline;
  }

  /** A connection is gone: nothing more is sent to it. */
  detach(client: Client): void {
    for (const [session, attached] of this.#attached) if (attached === client) this.#attached.delete(session);
  }

  /** Applies nothing in this turn. What comes meanwhile is read back when it can be applied. */
  hold(): void {
    this.raft.log.shrink(Number.POSITIVE_INFINITY);
  }

  /** Applies what is committed. Returns true when more is left for another turn. */
  apply(): boolean {
    if (this.#suspended) {
      this.hold();
      return false;
    }
    let budget = APPLY_ENTRIES_MAX;
    const commit = this.raft.commit;
    const now = this.#applied < commit ? this.#host.now() : 0;
    while (this.#applied < commit && budget > 0 && this.#loading.size === 0) {
      const run = this.raft.log.runAt(this.#applied + 1);
      if (run === undefined) break;
      if (run.bytes === null) {
        this.#loadFrom(this.#applied + 1);
        break;
      }
      const from = this.#applied + 1;
      const to = Math.min(commit, lastOf(run), from + budget - 1);
      const { term } = run;
      eachEntry(run.bytes, from, to, (index, entry, time) => this.#applyEntry(entry, { index, term, time }, now));
      const count = to - from + 1;
      budget -= count;
      this.counts.applied += count;
      this.appliedBytes += (run.size * count) / run.count;
    }
    this.raft.applied(this.#applied);
    this.#release();
    return this.#applied < commit && this.#loading.size === 0;
  }

  // Reads the run at `index` and those behind it that are not in memory either: a log of many small runs is soon applied again.
  #loadFrom(index: number): void {
    const { missing } = this.raft.log.slice(index, LOAD_BYTES_MAX, 1);
    const loading = new Set(missing);
    this.#loading = loading;
    for (const run of missing)
      this.#host.load(run, (bytes) => {
        loading.delete(run);
        this.raft.log.load(run, bytes);
        if (loading.size === 0) this.#host.wake();
      });
  }

  #applyEntry(entry: Buffer, at: Position, now: number): void {
    this.#applied = at.index;
    if ((entry[0] ?? 0) < FIRST_APPLICATION_KIND) return;
    const applied = this.#machine.applyEntry(entry, at);
    this.#tickProposed = false;
    // Whoever waited for it hears first: the one goes on with the lock, the other only learns that he has given it back.
    if (this.#led)
      for (const settled of applied.settled) {
        this.#push(settled.session, settled.lane, at, settled.outcome);
        this.#countFenced(settled.outcome);
      }
    if (applied.outcome !== undefined) {
      const waiter = this.#waiters.take(at.index);
      if (waiter !== undefined) {
        waiter.client.answer(this.#reply(waiter.correlation, at.index, at.term, applied.outcome));
        this.counts.commands.count(waiter.operation, COUNTED_AS[applied.outcome.form]);
        this.#countFenced(applied.outcome);
        this.counts.commandTimes.recordMs(now - waiter.since);
      }
    }
    this.#host.applied(this, applied);
    for (const session of applied.ended) this.#attached.delete(session);
  }

  #countFenced(outcome: Outcome): void {
    if (outcome.form === 'refusal' && outcome.code === 'FENCED') this.counts.fenced++;
  }

  #giveUp({ client, correlation, operation }: Waiter, error: ConcordError): void {
    this.counts.commands.count(operation, error.definite ? OUTCOMES.failed : OUTCOMES.unknown);
    fail(client, correlation, error);
  }

  #push(session: number, lane: number, at: Position, outcome: Outcome): void {
    const client = this.#attached.get(session);
    if (client === undefined || outcome.form === 'pending') return;
    const { ok, result } = resultOf(outcome);
    client.push({ kind: 'outcome', group: this.raft.id, session, lane, term: at.term, index: at.index, ok, result });
  }

  #reply(correlation: number, index: number, term: number, outcome: Outcome): Message {
    if (outcome.form === 'pending') return { kind: 'pending', correlation, group: this.raft.id, term, index };
    return { kind: 'reply', correlation, group: this.raft.id, term, index, ...resultOf(outcome) };
  }

  #release(): void {
    while ((this.#confirmed[0]?.index ?? Number.POSITIVE_INFINITY) <= this.#applied)
      this.#confirmed.shift()?.done(null);
  }

  #unconfirmed(deadline: number): ConcordError {
    if (this.#host.now() >= deadline) return new ConcordError('DEADLINE', 'no majority confirmed the read in time');
    const error = this.#host.notLeader(this);
    return error.code === 'NO_LEADER' ? error : new ConcordError('RETRY', 'the leader changed while the read waited');
  }

  // Time alone makes something due and no entry carries it: propose one.
  #proposeTick(): void {
    if (!this.raft.settled || this.#tickProposed || this.#suspended || this.#machine.deadline() > this.time) return;
    this.#tickProposed = true;
    this.#queue.push({ proposal: proposalOf(tickEntry()), waiter: null });
  }
}

/** An entry's bytes as a proposal: its kind byte goes first in the log too. */
export function proposalOf(entry: Buffer): Proposal {
  return { kind: entry[0] ?? 0, payload: entry.subarray(1) };
}

/** Answers a request with an error. */
export function fail(client: Client, correlation: number, error: ConcordError): void {
  client.answer({ kind: 'failure', correlation, ...failureOf(error) });
}

/** An error as the fields of a `failure`. */
export function failureOf(error: ConcordError): Omit<MessageOf<'failure'>, 'kind' | 'correlation'> {
  const { code, definite, details } = error;
  return { code, message: clip(error.message, LIMITS.message_length_max), definite, details };
}

function resultOf(outcome: Exclude<Outcome, { form: 'pending' }>): { ok: boolean; result: Buffer } {
  if (outcome.form === 'result') return { ok: true, result: outcome.bytes };
  return {
    ok: false,
    result: encode([outcome.code, clip(outcome.message, LIMITS.message_length_max), outcome.details]),
  };
}
