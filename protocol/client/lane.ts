/**
 * The lane of a session in one group: commands go to the group's leader in the order of their numbers, many at a time, and are sent
 * again in that order, under the same numbers, whenever the way or the leader is lost. The group answers repeats from its record, so
 * whatever happens on the way each command runs once or not at all.
 */
import type { Random } from '../env.js';
import { ConcordError, type ErrorCode } from '../errors.js';
import { COORDINATION } from '../groups.js';
import type { MessageOf } from '../messages.js';
import type { Alarms } from './alarms.js';
import { Arrivals } from './arrivals.js';
import { Call, type Keeper, type Task } from './call.js';
import { endingOf, type GivenUp } from './ending.js';
import type { Answer, Link } from './link.js';
import type { Links } from './links.js';
import { readReply } from './reply.js';
import { obstacleTo, Route } from './route.js';
import { failureError, leavesNumber, treatmentOf } from './treatment.js';
import type { CallOptions } from './types.js';
import { Waiting } from './waiting.js';
import { Window } from './window.js';

/** Bytes of bodies under way in one lane: well below what a connection may have waiting to be sent. */
const UNDER_WAY_BYTES_MAX = 8 << 20;
/** Commands that are pending in one lane. */
const PENDING_MAX = 16_384;

/** What a lane needs of its client. */
export interface LaneOwner {
  readonly alarms: Alarms;
  readonly links: Links;
  readonly random: Random;
  readonly follow: boolean;
  /** Calls wait for a session. */
  needSession(): void;
  /** The cluster says that this session has ended. */
  sessionEnded(session: number): void;
}

/** A lane. It lives as long as the client; each session starts its numbers anew. */
export class Lane implements Keeper {
  readonly group: string;
  readonly #owner: LaneOwner;
  readonly #alarms: Alarms;
  readonly #route: Route;
  readonly #waiting = new Waiting();
  readonly #window = new Window();
  /** Answered PENDING, by number. */
  readonly #pending = new Map<number, Call>();
  /** Those of them that have to be sent again. */
  readonly #again = new Set<Call>();
  /** The number to be sent next: all below are on the wire or answered. */
  #cursor = 1;
  /** Sent to a node that may not lead: nothing else is sent before it is answered. */
  #barrier: Call | undefined;
  readonly #arrivals: Arrivals;
  #session = 0;

  constructor(group: string, owner: LaneOwner) {
    this.group = group;
    this.#owner = owner;
    this.#alarms = owner.alarms;
    this.#route = new Route(group, owner, () => this.wake());
    this.#arrivals = new Arrivals(owner.alarms, (task, ended) => this.submitOwn(task, Number.POSITIVE_INFINITY, ended));
  }

  /** Calls that have not been sent, all that there are while no session is open. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Runs `task` exactly once, after all that were submitted before. Rejects with OVERLOADED when too many wait; what is steadfast is
   * taken all the same, and bounded by whoever submits it.
   */
  submit(task: Task, timeout_ms: number, options: CallOptions | undefined): Promise<unknown> {
    const mayRefuse = task.steadfast !== true;
    if (mayRefuse && options?.signal?.aborted === true)
      return Promise.reject(new ConcordError('CANCELLED', 'given up before it was sent', { definite: true }));
    if (mayRefuse && (this.#waiting.full(task.body.length) || this.#pending.size >= PENDING_MAX))
      return Promise.reject(new ConcordError('OVERLOADED', `too many commands of this client wait for ${this.group}`));
    const call = this.#add(task, timeout_ms, { node: options?.node ?? '', internal: false });
    const promise = call.promise(options);
    this.#go();
    return promise;
  }

  /** As `submit`, for the library itself: follows redirects whatever the user chose. `ended` hears whether it was executed. */
  submitOwn(task: Task, timeout_ms: number, ended: (executed: boolean) => void): void {
    const call = this.#add(task, timeout_ms, { node: '', internal: true });
    call.tell(
      () => ended(true),
      () => ended(false),
    );
    this.#go();
  }

  /** A session is there: what waits is sent. */
  begin(session: number): void {
    this.#session = session;
    this.wake();
  }

  /** The session has ended: every call fails, definite unless it may have run. */
  end(code: ErrorCode, message: string): void {
    const calls = [...this.#waiting.clear(), ...this.#window.clear(), ...this.#pending.values()];
    this.#pending.clear();
    this.#again.clear();
    this.#arrivals.clear();
    this.#route.stop();
    this.#session = 0;
    this.#cursor = 1;
    this.#barrier = undefined;
    for (const call of calls) {
      call.fail(code, message);
      if (call.correlation !== 0) call.link?.forget(call.correlation);
      call.correlation = 0;
      call.stage = 'done';
      this.#alarms.clear(call);
    }
  }

  /** What waits for a session fails: there is none to be had. */
  refuseWaiting(error: ConcordError): void {
    for (const call of this.#waiting.clear()) {
      call.stage = 'done';
      this.#alarms.clear(call);
      call.reject(error);
    }
  }

  /** Gives up every call of the user; the numbers are used up as their turn comes. */
  abandonAll(why: GivenUp): void {
    for (let call = this.#waiting.peek(); call !== undefined; call = this.#waiting.peek()) this.abandon(call, why);
    for (let n = this.#window.first; n < this.#window.next; n++) {
      const call = this.#window.at(n);
      if (call !== undefined) this.abandon(call, why);
    }
    for (const call of this.#pending.values()) this.abandon(call, why);
  }

  /** A leader or a link may have changed, or a pause is over. */
  wake(): void {
    if (this.#route.refresh()) {
      this.#cursor = this.#window.first;
      for (const call of this.#pending.values()) this.#again.add(call);
      this.#barrier = undefined;
    }
    this.#pump();
  }

  /** The outcome of a pending command, for the first time or again. */
  outcome(outcome: MessageOf<'outcome'>, link: Link): void {
    if (outcome.session !== this.#session) return;
    const call = this.#pending.get(outcome.lane) ?? this.#window.at(outcome.lane);
    if (outcome.lane < this.#window.next) this.#arrivals.add(outcome.lane);
    if (call === undefined) return;
    this.#withdraw(call);
    this.#executed(call, outcome, link);
    this.#pump();
  }

  answered(call: Call, answer: Answer, link: Link): void {
    if (this.#barrier === call) this.#barrier = undefined;
    switch (answer.kind) {
      case 'reply':
        this.#executed(call, answer, link);
        break;
      case 'pending':
        this.#tookItsPlace(call, answer, link);
        break;
      case 'failure':
        this.#failed(call, failureError(answer), link);
        break;
      case 'answer':
        this.lost(call);
        this.#route.pause();
        break;
      default:
        answer satisfies never;
    }
    this.#pump();
  }

  lost(call: Call): void {
    call.doubt = true;
    if (this.#barrier === call) this.#barrier = undefined;
    this.#rewind(call);
  }

  abandon(call: Call, why: GivenUp): void {
    this.#alarms.clear(call);
    if (!call.settled) {
      // While no session is open, it is its group that everything waits for.
      const obstacle = obstacleTo(this.#owner.links, this.#session === 0 ? COORDINATION : this.group);
      call.reject(endingOf(call, why, this.#alarms.now() - call.started_ms, obstacle));
    }
    if (call.steadfast && why !== 'CLOSED') return;
    switch (call.stage) {
      case 'waiting':
        this.#waiting.drop(call);
        return;
      case 'numbered':
        this.#window.giveUp(call);
        // Whoever it was sent to keeps the whole lane waiting.
        if (this.#barrier === call) {
          this.#withdraw(call);
          this.#rewind(call);
        }
        break;
      case 'pending':
        call.giveUp();
        this.#again.add(call);
        break;
      case 'done':
        return;
      default:
        call.stage satisfies never;
    }
    this.#pump();
  }

  #add(task: Task, timeout_ms: number, options: { node: string; internal: boolean }): Call {
    const call = new Call(this, task, this.#alarms.now(), options);
    if (timeout_ms !== Number.POSITIVE_INFINITY) this.#alarms.set(call, timeout_ms);
    this.#waiting.push(call);
    return call;
  }

  #go(): void {
    if (this.#session === 0) this.#owner.needSession();
    else this.#pump();
  }

  /** Sends all that may be sent. */
  #pump(): void {
    if (this.#session === 0 || this.#barrier !== undefined || this.#route.paused) return;
    for (let call = this.#upcoming(); call !== undefined; call = this.#upcoming()) {
      const link = this.#route.choose(call);
      if (link !== undefined) {
        this.#send(call, link);
        if (link === this.#route.leader) continue;
        this.#barrier = call;
        return;
      }
      if (this.#owner.follow || call.own) {
        this.#route.pause();
        return;
      }
      const node = call.node || 'any node';
      this.#refuse(call, new ConcordError('UNREACHABLE', `no connection to ${node}`));
    }
  }

  /** What is to be sent next: pending commands whose connection was lost, then numbers in order, then calls without a number. */
  #upcoming(): Call | undefined {
    for (const call of this.#again) {
      if (call.stage === 'pending') return call;
      this.#again.delete(call);
    }
    for (; this.#cursor < this.#window.next; this.#cursor++) {
      const call = this.#window.at(this.#cursor);
      if (call !== undefined) return call;
    }
    const call = this.#waiting.peek();
    if (call === undefined || this.#window.full) return undefined;
    const bytes = this.#window.bytes;
    return bytes > 0 && bytes + call.body.length > UNDER_WAY_BYTES_MAX ? undefined : call;
  }

  #send(call: Call, link: Link): void {
    if (call.stage === 'waiting') {
      this.#waiting.shift();
      this.#window.add(call);
    }
    if (call.stage === 'pending') this.#again.delete(call);
    else this.#cursor = call.number + 1;
    this.#withdraw(call);
    const envelope = call.envelope(this.group, this.#session, this.#window.confirmed, this.#alarms.now());
    call.link = link;
    call.correlation = link.expect(call);
    link.send({ kind: 'command', correlation: call.correlation, envelope });
  }

  /** An attempt that is on the wire does not count any more, whatever is answered to it. */
  #withdraw(call: Call): void {
    if (call.correlation === 0) return;
    call.link?.forget(call.correlation);
    call.correlation = 0;
    call.doubt = true;
    if (this.#barrier === call) this.#barrier = undefined;
  }

  /** It has to be sent again. */
  #rewind(call: Call): void {
    if (call.stage === 'pending') this.#again.add(call);
    else if (call.stage === 'numbered') this.#cursor = Math.min(this.#cursor, call.number);
  }

  /** A reply, or the outcome of a pending command: it ran, or was refused by the state machine. */
  #executed(call: Call, reply: MessageOf<'reply'> | MessageOf<'outcome'>, link: Link): void {
    const { node } = link;
    const { term, index } = reply;
    const value = readReply(reply, node);
    if (value instanceof ConcordError && leavesNumber(value.code)) {
      this.#failed(call, value, link);
      return;
    }
    this.#done(call);
    this.#route.passed(link, term);
    if (!(value instanceof ConcordError)) {
      call.resolve({ value, node, group: this.group, term, index, ms: this.#alarms.now() - call.started_ms });
    } else if (value.code === 'VOID' && call.verdict !== undefined) {
      // Now it is sure that it did not run.
      const { code, message, details } = call.verdict;
      call.reject(new ConcordError(code, message, { definite: true, details }));
    } else {
      call.reject(value);
    }
  }

  #tookItsPlace(call: Call, answer: MessageOf<'pending'>, link: Link): void {
    if (call.stage === 'numbered') {
      this.#window.remove(call);
      call.stage = 'pending';
      this.#pending.set(call.number, call);
    } else if (call.void) {
      this.#route.pause();
    }
    if (call.void) this.#again.add(call);
    this.#route.passed(link, answer.term);
  }

  #failed(call: Call, error: ConcordError, link: Link): void {
    if (!error.definite) call.doubt = true;
    switch (treatmentOf(error.code)) {
      case 'ended':
        this.#rewind(call);
        this.#owner.sessionEnded(this.#session);
        return;
      case 'forgotten':
        this.#done(call);
        call.reject(error);
        return;
      case 'elsewhere':
        this.#owner.links.refused(this.group, link, error.details);
        call.node = '';
        if (!this.#owner.follow && !call.own) {
          this.#refuse(call, error);
          return;
        }
        this.#rewind(call);
        if (this.#owner.links.leader(this.group) === undefined) this.#route.pause();
        else this.#route.again();
        return;
      case 'again':
        this.#rewind(call);
        if (error.code === 'LANE_GAP') this.#route.again();
        else this.#route.pause();
        return;
      case 'answer':
        this.#refuse(call, error);
        return;
    }
  }

  /**
   * The caller gets `error`, at once when it is sure that the command did not run. The number is given to another command when it
   * was the last and is sure to be free, else it is used up by a `lane.void`. A void itself and what is steadfast are sent again.
   */
  #refuse(call: Call, error: ConcordError): void {
    this.#rewind(call);
    if (call.void || call.steadfast) {
      this.#route.pause();
      return;
    }
    if (!call.never) {
      call.verdict = error;
      this.#window.giveUp(call);
      return;
    }
    this.#alarms.clear(call);
    call.reject(error);
    if (call.stage === 'waiting') this.#waiting.drop(call);
    else if (this.#window.retract(call)) call.stage = 'done';
    else this.#window.giveUp(call);
  }

  /** Nothing more is expected for it. */
  #done(call: Call): void {
    if (call.stage === 'pending') this.#pending.delete(call.number);
    else this.#window.remove(call);
    // What was lost on the way may have been the word that it is pending: then this was its outcome, kept until it is confirmed.
    if (call.stage === 'pending' || call.doubt) this.#arrivals.add(call.number);
    call.stage = 'done';
    this.#alarms.clear(call);
  }
}
