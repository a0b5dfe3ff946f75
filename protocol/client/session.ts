/** The session: opened when a command first needs it, kept alive through the leader of `c`, and known to be in danger by its own clock. */
import { encode } from '../codec.js';
import { encodeEnvelope } from '../envelope.js';
import { ConcordError, type ErrorCode } from '../errors.js';
import { COORDINATION } from '../groups.js';
import type { MessageOf } from '../messages.js';
import { OPERATIONS } from '../operations.js';
import { Reminder } from './alarms.js';
import { Ask, type AskOwner } from './ask.js';
import { readReply } from './reply.js';
import { treatmentOf } from './treatment.js';
import type { SessionInfo } from './types.js';

/** Bound on the difference of two clock rates, suspension included. */
const CLOCK_DRIFT_MAX = 0.05;
/** Keepalives in the time of one TTL. */
const KEEPALIVES = 3;
/** An attempt to open is made anew after this, as long as somebody wants a session, ms. */
const OPEN_MS = 5000;

/** What a session needs of its client. */
export interface SessionOwner extends AskOwner {
  readonly clientId: string;
  readonly ttl_ms: number;
  readonly follow: boolean;
  /** Commands wait for a session. */
  wanted(): boolean;
  sessionOpened(session: number): void;
  /** No session is to be had: for what waits. */
  sessionRefused(error: ConcordError): void;
  /** By our clock the cluster may have ended it. */
  sessionInDanger(): void;
  /** It is out of danger: the cluster keeps it for a while longer. */
  sessionRenewed(): void;
  /** It has ended, whoever said so. */
  sessionLost(session: number): void;
}

/** The client's session; after its end the next one. */
export class Session {
  readonly #owner: SessionOwner;
  readonly #keepalive = new Reminder(() => this.#keepAlive());
  readonly #danger = new Reminder(() => this.#suspend());
  #id = 0;
  /** Until then the cluster cannot have ended it, by our clock. */
  #sureUntil_ms = 0;
  #state: SessionInfo['state'] = 'none';

  constructor(owner: SessionOwner) {
    this.#owner = owner;
  }

  get info(): SessionInfo {
    return { id: this.#id, state: this.#overdue ? 'suspended' : this.#state };
  }

  /** True while the cluster cannot have ended it. Asks the clock. */
  sure(): boolean {
    if (this.#overdue) this.#suspend();
    return this.#state === 'open';
  }

  /** Opens a session unless there is one, or one is being opened. */
  ensure(): void {
    if (this.#state !== 'none' && this.#state !== 'ended') return;
    this.#state = 'opening';
    this.#open();
  }

  /** The cluster says that `session` has ended; nothing when that is an earlier one. */
  ended(session: number): void {
    if (session !== this.#id || (this.#state !== 'open' && this.#state !== 'suspended')) return;
    this.#state = 'ended';
    this.stop();
    this.#owner.sessionLost(session);
  }

  /** Keeps it alive no longer. */
  stop(): void {
    this.#owner.alarms.clear(this.#keepalive);
    this.#owner.alarms.clear(this.#danger);
  }

  /** It counts as open still, though the cluster may have ended it: timers may be late, above all in a process that slept. */
  get #overdue(): boolean {
    return this.#state === 'open' && this.#owner.alarms.now() >= this.#sureUntil_ms;
  }

  /** A session that is opened twice, because an answer was lost, just expires. */
  #open(): void {
    const { clientId, ttl_ms, follow } = this.#owner;
    const body = encode([clientId, ttl_ms]);
    const operation = OPERATIONS['session.open'].number;
    const place = { group: COORDINATION, session: 0, lane: 0, confirmed: 0, name: '', fence: '', principal: '' };
    new Ask(
      this.#owner,
      {
        node: '',
        leaderOf: COORDINATION,
        follow,
        effect: false,
        message: (correlation, deadline_ms) => ({
          kind: 'command',
          correlation,
          envelope: encodeEnvelope({ ...place, deadline_ms, operation, body }),
        }),
        answered: (answer, link, sent_ms) => this.#opened(answer, link.node, sent_ms),
        failed: (error) => this.#notOpened(error),
      },
      OPEN_MS,
    );
  }

  #opened(answer: MessageOf<'reply'> | MessageOf<'answer'>, node: string, sent_ms: number): void {
    const session = answer.kind === 'reply' ? readReply(answer, node) : undefined;
    if (typeof session !== 'number') {
      this.#refused(
        session instanceof ConcordError ? session : new ConcordError('INTERNAL', `${node} named no session`),
      );
      return;
    }
    this.#id = session;
    this.#sureUntil_ms = 0;
    this.#state = 'suspended';
    this.#renewed(sent_ms);
    this.#owner.alarms.set(this.#keepalive, this.#owner.ttl_ms / KEEPALIVES);
    this.#owner.sessionOpened(session);
  }

  #notOpened(error: ConcordError): void {
    if (!this.#owner.follow || !isPassing(error.code)) {
      this.#refused(error);
      return;
    }
    if (this.#owner.wanted()) this.#open();
    else this.#state = 'none';
  }

  #refused(error: ConcordError): void {
    this.#state = 'none';
    this.#owner.sessionRefused(error);
  }

  /** One round: it lasts until the next begins, wherever the leader of `c` may go meanwhile. */
  #keepAlive(): void {
    const session = this.#id;
    const round_ms = this.#owner.ttl_ms / KEEPALIVES;
    this.#owner.alarms.set(this.#keepalive, round_ms);
    new Ask(
      this.#owner,
      {
        node: '',
        leaderOf: COORDINATION,
        follow: true,
        effect: false,
        message: (correlation) => ({ kind: 'keepalive', correlation, session }),
        answered: (answer, _link, sent_ms) => {
          if (session === this.#id && answer.kind === 'answer' && answer.value === true) this.#renewed(sent_ms);
        },
        failed: (error) => {
          if (error.code === 'SESSION_EXPIRED') this.ended(session);
        },
      },
      round_ms,
    );
  }

  /** The leader counts from the arrival of what was sent at `sent_ms`, by a clock that may run faster than ours. */
  #renewed(sent_ms: number): void {
    if (this.#state !== 'open' && this.#state !== 'suspended') return;
    const sure_ms = (this.#owner.ttl_ms * (1 - CLOCK_DRIFT_MAX)) / (1 + CLOCK_DRIFT_MAX);
    this.#sureUntil_ms = Math.max(this.#sureUntil_ms, sent_ms + sure_ms);
    const left_ms = this.#sureUntil_ms - this.#owner.alarms.now();
    if (left_ms <= 0) return;
    const wasInDanger = this.#state === 'suspended';
    this.#state = 'open';
    this.#owner.alarms.set(this.#danger, left_ms);
    if (wasInDanger) this.#owner.sessionRenewed();
  }

  #suspend(): void {
    this.#state = 'suspended';
    this.#owner.alarms.clear(this.#danger);
    this.#owner.sessionInDanger();
  }
}

// Another node or a later time may open one: whoever waits for it has a deadline of his own.
function isPassing(code: ErrorCode): boolean {
  const treatment = treatmentOf(code);
  return code === 'DEADLINE' || code === 'UNREACHABLE' || treatment === 'elsewhere' || treatment === 'again';
}
