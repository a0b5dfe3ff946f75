/** One member of the cluster as this client reaches it: a connection that is made again whenever it is lost, and what is asked on it. */
import { type CloseReason, type Connection, type ConnectionHandlers, dial } from '../connection.js';
import type { Env } from '../env.js';
import { ConcordError } from '../errors.js';
import type { Message, MessageOf } from '../messages.js';
import { type Alarms, Reminder } from './alarms.js';
import { Backoff } from './backoff.js';
import { Requests } from './requests.js';

/** Pauses between attempts to connect, ms. */
const REDIAL_FIRST_MS = 50;
const REDIAL_LAST_MS = 2000;
/** A connection that held for so long was a good one: the next pause is short again. */
const GOOD_MS = 1000;
/** How often a link looks whether the node has said anything, ms. */
const LOOK_MS = 1000;
/** Looks in a row without a sign of life after which the connection is dropped; a ping goes out after the first. */
const SILENT_LOOKS_MAX = 3;
/** A look that comes so much too late says that this process stood still, not the node. */
const LATE_MS = 500;

/** Messages that answer a request. */
export type Answer = MessageOf<'reply'> | MessageOf<'failure'> | MessageOf<'pending'> | MessageOf<'answer'>;

/** Messages that come by themselves. */
export type News = MessageOf<'leaders'> | MessageOf<'outcome'> | MessageOf<'status'>;

/** Something asked on a link. Exactly one of the two follows each time it is put on the wire, unless it is forgotten. */
export interface Request {
  answered(answer: Answer, link: Link): void;
  /** The connection went, or was given up: nobody knows what became of it. */
  lost(link: Link): void;
}

/** What a link tells its owner. */
export interface LinkOwner {
  /** The hello to say, made anew for each connection. */
  hello(): MessageOf<'hello'>;
  /** The node welcomed us. `link.node` is its name; false: this connection is not wanted, it is a second one to the same node. */
  linkUp(link: Link, welcome: MessageOf<'welcome'>): boolean;
  /** A connection was lost or could not be made. Its requests have been told already. */
  linkDown(link: Link, wasUp: boolean, reason: CloseReason): void;
  linkNews(link: Link, news: News): void;
}

/** A link. It connects until it is closed. */
export class Link implements ConnectionHandlers<MessageOf<'welcome'>> {
  /** Name of the node; '' until it has told or a member list has. */
  node: string;
  readonly seed: boolean;
  /** Why the last attempt failed, or undefined when it did not. */
  failure: CloseReason | undefined;
  #address: string;
  readonly #env: Env;
  readonly #alarms: Alarms;
  readonly #owner: LinkOwner;
  readonly #backoff: Backoff;
  readonly #redial = new Reminder(() => this.connect());
  readonly #look = new Reminder(() => this.#lookForLife());
  readonly #requests = new Requests<Request>();
  #connection: Connection | undefined;
  #up = false;
  #closed = false;
  #upSince_ms = 0;
  #heard = false;
  #silentLooks = 0;

  constructor(env: Env, alarms: Alarms, owner: LinkOwner, address: string, options: { node: string; seed: boolean }) {
    this.#env = env;
    this.#alarms = alarms;
    this.#owner = owner;
    this.#address = address;
    this.node = options.node;
    this.seed = options.seed;
    this.#backoff = new Backoff(env.random, REDIAL_FIRST_MS, REDIAL_LAST_MS);
  }

  get address(): string {
    return this.#address;
  }

  /** Welcomed, and not lost since. */
  get up(): boolean {
    return this.#up;
  }

  /** Connects now, unless it is connected or at it. */
  connect(): void {
    if (this.#closed || this.#connection !== undefined) return;
    this.#alarms.clear(this.#redial);
    this.#connection = dial(this.#env, this.#address, this.#owner.hello(), this);
  }

  /** The member has another address from now on; an open connection is kept while it lasts. */
  move(address: string): void {
    this.#address = address;
  }

  /** A correlation id under which the answer comes to `request`; it has to be sent with it. Only on a link that is up. */
  expect(request: Request): number {
    return this.#requests.add(request);
  }

  /** The answer to that id is of no interest any more. */
  forget(correlation: number): void {
    this.#requests.take(correlation);
  }

  /** Sends with the next flush; nothing when the link is not up. */
  send(message: Message): void {
    this.#connection?.send(message);
  }

  /** Gives up this connection, telling every request; another is made soon. */
  drop(why: string): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const error = new ConcordError('UNREACHABLE', why);
    this.close(connection, { by: 'us', error, message: why });
    connection.destroy(error);
  }

  /** Sends what is queued, closes, and connects no more. Requests under way are lost. */
  stop(): void {
    this.#closed = true;
    const connection = this.#connection;
    if (connection !== undefined) this.close(connection, { by: 'us', error: null, message: 'closed by this side' });
    this.#alarms.clear(this.#redial);
    connection?.end();
  }

  /** The connection's own calls: not for others. */
  ready(connection: Connection, welcome: MessageOf<'welcome'>): void {
    if (connection !== this.#connection) return;
    this.node = welcome.id;
    this.failure = undefined;
    this.#up = true;
    this.#upSince_ms = this.#alarms.now();
    this.#silentLooks = 0;
    this.#heard = true;
    this.#alarms.set(this.#look, LOOK_MS);
    if (this.#owner.linkUp(this, welcome)) return;
    this.#up = false;
    this.stop();
  }

  message(connection: Connection, message: Message): void {
    if (connection !== this.#connection) return;
    this.#heard = true;
    switch (message.kind) {
      case 'reply':
      case 'failure':
      case 'pending':
      case 'answer': {
        this.#requests.take(message.correlation)?.answered(message, this);
        return;
      }
      case 'leaders':
      case 'outcome':
      case 'status':
        this.#owner.linkNews(this, message);
        return;
      default:
    }
  }

  close(connection: Connection, reason: CloseReason): void {
    if (connection !== this.#connection) return;
    const wasUp = this.#up;
    this.#connection = undefined;
    this.#up = false;
    this.failure = reason;
    this.#alarms.clear(this.#look);
    if (wasUp && this.#alarms.now() - this.#upSince_ms >= GOOD_MS) this.#backoff.reset();
    if (!this.#closed) this.#alarms.set(this.#redial, this.#backoff.next());
    for (const request of this.#requests.clear()) request.lost(this);
    this.#owner.linkDown(this, wasUp, reason);
  }

  /** A stopped node keeps its connections open and says nothing. */
  #lookForLife(): void {
    const late = this.#alarms.now() - this.#look.at_ms > LATE_MS;
    if (this.#heard) this.#silentLooks = 0;
    else if (!late) this.#silentLooks++;
    this.#heard = false;
    if (this.#silentLooks >= SILENT_LOOKS_MAX) {
      this.drop(`no sign of life for ${(SILENT_LOOKS_MAX * LOOK_MS) / 1000} s`);
      return;
    }
    if (this.#silentLooks === 1 || late) this.send({ kind: 'ping', correlation: 0 });
    this.#alarms.set(this.#look, LOOK_MS);
  }
}
