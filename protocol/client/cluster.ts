/** The client: puts links, session, lanes, questions and observers together behind the interface of types.ts. */
import { checkEncodable, encode } from '../codec.js';
import type { CloseReason } from '../connection.js';
import type { Env, Random } from '../env.js';
import { ConcordError, type ErrorCode } from '../errors.js';
import { FENCE_RULE, readFence } from '../fence.js';
import { COORDINATION, placeOf } from '../groups.js';
import { type ArgumentOf, OPERATIONS, type OperationName } from '../operations.js';
import { Alarms, Reminder } from './alarms.js';
import type { Ask } from './ask.js';
import { bodyOf } from './body.js';
import type { Manner } from './call.js';
import type { ClaimsOwner } from './claims.js';
import { Lane, type LaneOwner } from './lane.js';
import type { Link, News } from './link.js';
import { Links, type LinksOwner } from './links.js';
import { Locks } from './locks.js';
import { INTERVAL_MS, Observers } from './observe.js';
import { type QuestionOwner, question } from './question.js';
import { type QueueOwner, queueOf } from './queue.js';
import { Session, type SessionOwner } from './session.js';
import type {
  AcquireOptions,
  CallOptions,
  Cluster,
  Lock,
  LockContext,
  LockNews,
  Member,
  NamedLock,
  Observation,
  Queue,
  Receipt,
  Semaphore,
  SessionInfo,
} from './types.js';

/** How long `close` waits for the end of the session to be confirmed, ms. */
const CLOSE_MS = 1000;
/** Longest time a call may be allowed, ms. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
/** Refusals of a connection that no second attempt will mend. */
const FATAL: ReadonlySet<ErrorCode> = new Set(['VERSION', 'WRONG_CLUSTER', 'NOT_ALLOWED', 'BAD_MESSAGE', 'BAD_FRAME']);

/** Settings of a client, complete. Times in ms. */
export interface Settings {
  readonly nodes: readonly string[];
  readonly cluster: string;
  readonly clientId: string;
  readonly follow: boolean;
  readonly ttl_ms: number;
  readonly timeout_ms: number;
}

/** A client of a cluster. What is public beyond `Cluster` is for its own parts. */
export class Client implements Cluster, LinksOwner, LaneOwner, SessionOwner, QuestionOwner, QueueOwner, ClaimsOwner {
  readonly clientId: string;
  readonly follow: boolean;
  readonly ttl_ms: number;
  readonly timeout_ms: number;
  readonly random: Random;
  readonly alarms: Alarms;
  readonly links: Links;
  readonly asks = new Set<Ask>();
  readonly #lanes = new Map<string, Lane>();
  readonly #session: Session;
  readonly #observers: Observers;
  readonly #queue: Queue;
  readonly #locks: Locks;
  #connecting: { resolve(): void; reject(error: ConcordError): void } | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: Settings, env: Env) {
    this.clientId = settings.clientId;
    this.follow = settings.follow;
    this.ttl_ms = settings.ttl_ms;
    this.timeout_ms = settings.timeout_ms;
    this.random = env.random;
    this.alarms = new Alarms(env.scheduler);
    this.links = new Links(env, this.alarms, this, settings);
    this.#session = new Session(this);
    this.#observers = new Observers(env.scheduler, () => this.links.all);
    this.#queue = queueOf(this);
    this.#locks = new Locks(this);
  }

  /** Connects; resolves when a first node has welcomed us and told who the members are. */
  async connect(nodes: readonly string[]): Promise<void> {
    const late = new Reminder(() => this.#connecting?.reject(this.#unreachable(nodes)));
    try {
      await new Promise<void>((resolve, reject) => {
        this.#connecting = { resolve, reject };
        this.alarms.set(late, this.timeout_ms);
        this.links.start(nodes);
      });
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      this.#connecting = undefined;
      this.alarms.clear(late);
    }
  }

  get session(): SessionInfo {
    return this.#session.info;
  }

  get members(): readonly Member[] {
    return this.links.members;
  }

  leaderOf(group: string): string {
    return this.links.leaderOf(group);
  }

  command<N extends OperationName>(name: N, argument: ArgumentOf<N>, options?: CallOptions): Promise<Receipt> {
    if (name === 'session.open' || name === 'lane.void' || name === 'lane.confirm')
      return Promise.reject(new ConcordError('INVALID', `${name} is for the client library alone`));
    return this.run(name, argument, options, same);
  }

  read<N extends OperationName>(name: N, argument: ArgumentOf<N>, options?: CallOptions): Promise<Receipt> {
    return this.ask(name, argument, options, same);
  }

  admin(word: string, argument: unknown, options?: CallOptions): Promise<Receipt> {
    try {
      this.#check(options);
      if (options?.fence !== undefined)
        throw new ConcordError('INVALID', `${word} asks a node, not a group: nobody there could check a fence`);
      checkEncodable(argument);
    } catch (error) {
      return Promise.reject(error as ConcordError);
    }
    return question(this, options, { effect: true, answers: 'answer' }, (correlation, deadline_ms) => ({
      kind: 'admin',
      correlation,
      deadline_ms,
      word,
      argument,
    }));
  }

  queue(): Queue {
    return this.#queue;
  }

  lock(name: string): NamedLock {
    return this.#locks.lock(name);
  }

  lockContext(): LockContext {
    return this.#locks.context();
  }

  withLock<T>(
    name: string,
    run: (lock: Lock) => T | Promise<T>,
    options?: AcquireOptions & { readonly context?: LockContext },
  ): Promise<T> {
    return this.#locks.withLock(name, run, options);
  }

  semaphore(name: string): Semaphore {
    return this.#locks.semaphore(name);
  }

  onLockNews(listener: (news: LockNews) => void): () => void {
    return this.#locks.listen(listener);
  }

  observe(listener: (news: Observation) => void, options?: { readonly interval_ms?: number }): () => void {
    return this.#observers.add(listener, Math.max(1, Math.floor(options?.interval_ms ?? INTERVAL_MS)));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    this.#locks.close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  run<T, N extends OperationName>(
    name: N,
    argument: ArgumentOf<N>,
    options: CallOptions | undefined,
    take: (receipt: Receipt) => T,
    manner?: Manner,
  ): Promise<T> {
    return this.#submit(name, 'command', argument, options, take, manner);
  }

  ask<T, N extends OperationName>(
    name: N,
    argument: ArgumentOf<N>,
    options: CallOptions | undefined,
    take: (receipt: Receipt) => T,
  ): Promise<T> {
    // Whoever is sent a token later has to meet it: only an entry of the log can promise that.
    if (options?.fence !== undefined) return this.#submit(name, 'read', argument, options, take);
    try {
      this.#check(options);
      const body = bodyOf(name, 'read', argument);
      const operation = OPERATIONS[name].number;
      const place = placeOf(name);
      return question(this, options, { effect: false, answers: 'reply' }, (correlation, deadline_ms) => ({
        kind: 'read',
        correlation,
        deadline_ms,
        ...place,
        fence: '',
        operation,
        body,
      })).then(telling(options, take));
    } catch (error) {
      return Promise.reject(error as ConcordError);
    }
  }

  needSession(): void {
    this.#session.ensure();
  }

  sessionSure(): boolean {
    return this.#session.sure();
  }

  sessionInDanger(): void {
    this.#locks.endanger();
  }

  sessionRenewed(): void {
    this.#locks.renewed();
  }

  sessionEnded(session: number): void {
    this.#session.ended(session);
  }

  wanted(): boolean {
    for (const lane of this.#lanes.values()) if (lane.waiting > 0) return true;
    return false;
  }

  sessionOpened(session: number): void {
    for (const lane of this.#lanes.values()) lane.begin(session);
  }

  sessionRefused(error: ConcordError): void {
    for (const lane of this.#lanes.values()) lane.refuseWaiting(error);
  }

  sessionLost(session: number): void {
    for (const lane of this.#lanes.values()) lane.end('SESSION_EXPIRED', `session ${session} has ended`);
    this.#locks.ended(session);
  }

  linkUp(link: Link): void {
    this.#observers.up(link);
  }

  linkDown(link: Link, wasUp: boolean, reason: CloseReason): void {
    if (wasUp || link.failure !== undefined) this.#observers.down(link, reason);
    const failures = this.links.all.map((one) => one.failure?.error?.code);
    if (failures.every((code) => code !== undefined && FATAL.has(code)))
      this.#connecting?.reject(reason.error ?? new ConcordError('UNREACHABLE', reason.message));
  }

  linkNews(link: Link, news: News): void {
    switch (news.kind) {
      case 'leaders':
        this.#connecting?.resolve();
        return;
      case 'outcome':
        this.#lanes.get(news.group)?.outcome(news, link);
        return;
      case 'status':
        this.#observers.status(link, news);
        return;
      default:
        news satisfies never;
    }
  }

  routesChanged(): void {
    for (const ask of [...this.asks]) ask.wake();
    for (const lane of this.#lanes.values()) lane.wake();
  }

  /** Runs an operation in the lane of its group. */
  #submit<T, N extends OperationName>(
    name: N,
    form: 'command' | 'read',
    argument: ArgumentOf<N>,
    options: CallOptions | undefined,
    take: (receipt: Receipt) => T,
    manner?: Manner,
  ): Promise<T> {
    try {
      const timeout_ms = this.#check(options);
      const body = bodyOf(name, form, argument);
      const place = placeOf(name);
      const fence = options?.fence ?? '';
      const task = {
        operation: OPERATIONS[name].number,
        name: place.name,
        body,
        fence,
        ...manner,
        take: telling(options, take),
      };
      return this.#lane(place.group).submit(task, timeout_ms, options) as Promise<T>;
    } catch (error) {
      return Promise.reject(error as ConcordError);
    }
  }

  /** Checks what every call has in common; returns the time allowed, ms. @throws ConcordError */
  #check(options: CallOptions | undefined): number {
    if (this.#closing !== undefined) throw new ConcordError('CLOSED', 'the client is closed', { definite: true });
    const node = options?.node ?? '';
    if (node !== '' && !this.links.knows(node)) throw new ConcordError('UNKNOWN_NODE', `there is no node ${node}`);
    // '' too: who means to send a fence and has none is not to go on without.
    if (options?.fence !== undefined && readFence(options.fence) === undefined)
      throw new ConcordError('INVALID', `${FENCE_RULE}, not ${JSON.stringify(options.fence)}`);
    const timeout_ms = options?.timeout_ms ?? this.timeout_ms;
    if (timeout_ms > 0 && timeout_ms <= TIMEOUT_MS_MAX) return timeout_ms;
    throw new ConcordError('INVALID', `timeout_ms has to be above 0 and at most ${TIMEOUT_MS_MAX}`);
  }

  #lane(group: string): Lane {
    let lane = this.#lanes.get(group);
    if (lane === undefined) {
      lane = new Lane(group, this);
      this.#lanes.set(group, lane);
      const { id, state } = this.#session.info;
      if (state === 'open' || state === 'suspended') lane.begin(id);
    }
    return lane;
  }

  /** Ends the session if its group can be reached, and everything else at once. */
  async #close(): Promise<void> {
    for (const lane of this.#lanes.values()) lane.abandonAll('CLOSED');
    for (const ask of [...this.asks]) ask.giveUp(new ConcordError('CLOSED'));
    const { id, state } = this.#session.info;
    if ((state === 'open' || state === 'suspended') && this.links.leader(COORDINATION) !== undefined) {
      const body = encode([id]);
      const task = { operation: OPERATIONS['session.close'].number, name: '', body, fence: '', take: same };
      // Whatever comes of it: a session that is not closed expires.
      await new Promise<boolean>((resolve) => this.#lane(COORDINATION).submitOwn(task, CLOSE_MS, resolve));
    }
    this.#session.stop();
    for (const lane of this.#lanes.values()) lane.end('CLOSED', 'the client was closed');
    for (const ask of [...this.asks]) ask.giveUp(new ConcordError('CLOSED'));
    this.#observers.clear();
    this.links.stop();
    this.alarms.stop();
  }

  #unreachable(nodes: readonly string[]): ConcordError {
    const reason = this.links.all.find((link) => link.failure !== undefined)?.failure?.message;
    const why = reason === undefined ? '' : `: ${reason}`;
    return new ConcordError('UNREACHABLE', `no answer from ${nodes.join(', ')} within ${this.timeout_ms} ms${why}`);
  }
}

function same(receipt: Receipt): Receipt {
  return receipt;
}

/** As `take`, after the caller's `onReceipt`. */
function telling<T>(options: CallOptions | undefined, take: (receipt: Receipt) => T): (receipt: Receipt) => T {
  const onReceipt = options?.onReceipt;
  if (onReceipt === undefined) return take;
  return (receipt) => {
    onReceipt(receipt);
    return take(receipt);
  };
}
