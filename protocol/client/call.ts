/** One command from its caller's call to the answer: what is to be run, how far it has come, and the promise that hears of it. */
import { encode } from '../codec.js';
import { encodeEnvelope } from '../envelope.js';
import { ConcordError, type ErrorCode, type ErrorDetails } from '../errors.js';
import { type ArgumentOf, OPERATIONS, type OperationName } from '../operations.js';
import { type Alarm, UNSET } from './alarms.js';
import type { GivenUp } from './ending.js';
import type { Answer, Link, Request } from './link.js';
import type { CallOptions, Receipt } from './types.js';

/**
 * waiting: has no number, was never sent. numbered: sent at least once, not answered. pending: took its place in a queue of the
 * cluster, the outcome follows. done: nothing more comes of it.
 */
export type Stage = 'waiting' | 'numbered' | 'pending' | 'done';

/** Who keeps a call: its lane. */
export interface Keeper {
  answered(call: Call, answer: Answer, link: Link): void;
  lost(call: Call): void;
  /** The deadline has passed or the caller gave up. */
  abandon(call: Call, why: GivenUp): void;
}

/** How a command is run, where it matters. */
export interface Manner {
  /** Hears of a result that comes when the caller has been told already that none came in time, or has given up. */
  readonly late?: (receipt: Receipt) => void;
  /** It is run whatever its caller does: giving up ends the wait for its answer and nothing else. It goes to the leader. */
  readonly steadfast?: boolean;
}

/** Who runs commands: the client. `take` makes the caller's result of a receipt. */
export interface Runner {
  run<T, N extends OperationName>(
    name: N,
    argument: ArgumentOf<N>,
    options: CallOptions | undefined,
    take: (receipt: Receipt) => T,
    manner?: Manner,
  ): Promise<T>;
}

/** What a command is, apart from its options. */
export interface Task extends Manner {
  readonly operation: number;
  /** The queue, lock or key it is about; '' when none. */
  readonly name: string;
  /** The encoded argument. */
  readonly body: Buffer;
  /** "lock:token", or '' when it is not fenced. */
  readonly fence: string;
  /** What the caller gets of the receipt. */
  readonly take: (receipt: Receipt) => unknown;
}

/** Time that the leader gets to start what the library sends by itself, ms. */
const OWN_MS = 5000;
const VOID = OPERATIONS['lane.void'].number;
const VOID_BODY = encode([]);

/** A call. Its fields are the lane's to change. */
export class Call implements Alarm, Request {
  at_ms = Number.POSITIVE_INFINITY;
  slot = UNSET;
  operation: number;
  readonly name: string;
  body: Buffer;
  /** The same in every attempt. */
  fence: string;
  /** The node to try first, or ''. */
  node: string;
  readonly started_ms: number;
  /** The library's own: it follows redirects whatever the caller chose. */
  readonly internal: boolean;
  readonly steadfast: boolean;

  stage: Stage = 'waiting';
  /** Its number in the lane; 0 while it has none. */
  number = 0;
  /** Correlation of the attempt on the wire; 0 when there is none. */
  correlation = 0;
  /** Where it was sent last. */
  link: Link | undefined;
  /** An attempt ended without a word: it may have run. */
  doubt = false;
  /** Given up: `lane.void` goes in its place from now on. */
  void = false;
  /** Why it was given up, told to the caller once it is sure that it did not run. */
  verdict: ConcordError | undefined;
  /** The promise has been told. */
  settled = false;

  readonly #keeper: Keeper;
  readonly #take: (receipt: Receipt) => unknown;
  readonly #late: ((receipt: Receipt) => void) | undefined;
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((error: ConcordError) => void) | undefined;
  #signal: AbortSignal | undefined;
  #abort: (() => void) | undefined;

  constructor(keeper: Keeper, task: Task, started_ms: number, options: { node: string; internal: boolean }) {
    this.#keeper = keeper;
    this.operation = task.operation;
    this.name = task.name;
    this.body = task.body;
    this.fence = task.fence;
    this.#take = task.take;
    this.#late = task.late;
    this.steadfast = task.steadfast === true;
    this.started_ms = started_ms;
    this.node = options.node;
    this.internal = options.internal || this.steadfast;
  }

  /** The promise of its answer. */
  promise(options: CallOptions | undefined): Promise<unknown> {
    const signal = options?.signal;
    if (signal !== undefined) {
      this.#signal = signal;
      this.#abort = () => this.#keeper.abandon(this, 'CANCELLED');
      signal.addEventListener('abort', this.#abort, { once: true });
    }
    return new Promise((resolve, reject) => this.tell(resolve, reject));
  }

  /** One of the two is called, once, with how it ended. */
  tell(resolve: (value: unknown) => void, reject: (error: ConcordError) => void): void {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** True when it is the library that sends it now, not the caller: it goes to the leader, whatever node or way the caller chose. */
  get own(): boolean {
    return this.void || this.internal || this.stage === 'pending';
  }

  /** True when it is sure that it has not run and will not: never sent, or every attempt was refused, and not steadfast. */
  get never(): boolean {
    return !this.doubt && this.correlation === 0 && this.stage !== 'pending' && !this.steadfast;
  }

  /** Tells the caller a result; when the caller has been told already, whoever deals with what comes late. */
  resolve(receipt: Receipt): void {
    if (this.settled) {
      this.#comeLate(receipt);
      return;
    }
    this.#settle();
    try {
      this.#resolve?.(this.#take(receipt));
    } catch (error) {
      this.#reject?.(error instanceof ConcordError ? error : new ConcordError('INTERNAL', (error as Error).message));
    }
  }

  /** Tells the caller an error; nothing when the caller has been told already. */
  reject(error: ConcordError): void {
    if (this.settled) return;
    this.#settle();
    this.#reject?.(error);
  }

  /** Tells the caller that it ended in `code`, definite or not as the attempts were. */
  fail(code: ErrorCode, message: string, details: ErrorDetails = {}): void {
    this.reject(new ConcordError(code, message, { definite: this.never, details }));
  }

  /** The bytes that go to the leader: made anew for each attempt, because time passes and replies are confirmed. */
  envelope(group: string, session: number, confirmed: number, now_ms: number): Buffer {
    return encodeEnvelope({
      group,
      session,
      lane: this.number,
      confirmed,
      deadline_ms: this.own ? OWN_MS : Math.max(1, Math.floor(this.at_ms - now_ms)),
      name: this.name,
      fence: this.fence,
      principal: '',
      operation: this.operation,
      body: this.body,
    });
  }

  ring(): void {
    this.#keeper.abandon(this, 'DEADLINE');
  }

  answered(answer: Answer, link: Link): void {
    this.correlation = 0;
    this.#keeper.answered(this, answer, link);
  }

  lost(): void {
    this.correlation = 0;
    this.#keeper.lost(this);
  }

  /** Makes it a `lane.void`. What it wanted is no longer needed. A number is closed whatever tokens were seen. */
  giveUp(): void {
    this.void = true;
    this.operation = VOID;
    this.body = VOID_BODY;
    this.fence = '';
  }

  #comeLate(receipt: Receipt): void {
    try {
      this.#late?.(receipt);
    } catch {
      // A result that cannot be read, and nobody waits for it.
    }
  }

  #settle(): void {
    this.settled = true;
    if (this.#signal !== undefined && this.#abort !== undefined) this.#signal.removeEventListener('abort', this.#abort);
  }
}
