/** Links to the other members: one connection a pair, dialled by the smaller id, kept up with jittered back-off. */
import { type CloseReason, type Connection, dial, noTraffic, type Traffic } from '../../protocol/connection.js';
import type { Env, Timer } from '../../protocol/env.js';
import type { ConcordError, ErrorCode } from '../../protocol/errors.js';
import type { Message, MessageOf } from '../../protocol/messages.js';
import type { Gates } from './gate.js';

/** Delay before a lost link is dialled again: from the first to the second, doubling, ms. */
const REDIAL_MS_MIN = 20;
const REDIAL_MS_MAX = 200;

/** What the links tell their owner. */
export interface PeerHandlers {
  /** The hello to say to `peer`. */
  hello(peer: string): MessageOf<'hello'>;
  /** Another node answered: may it stay? An answer of false means that it has been or will be refused. */
  welcomed(peer: string, welcome: MessageOf<'welcome'>, connection: Connection): boolean;
  /** The other node refused this one. */
  turnedAway(peer: string, error: ConcordError): void;
  up(peer: string): void;
  down(peer: string, reason: CloseReason): void;
  message(peer: string, message: Message): void;
  dirty(connection: Connection): void;
}

interface Peer {
  readonly id: string;
  /** From the configuration; what to dial. */
  readonly address: string;
  /** Where it says it is reached, for redirects. */
  advertised: string;
  connection: Connection | null;
  dialling: Connection | null;
  delay_ms: number;
  timer: Timer | null;
  /** Times that the link went down. */
  lost: number;
  /** What has gone over all its connections. */
  readonly traffic: Traffic;
}

export class Peers {
  readonly #env: Env;
  readonly #self: string;
  readonly #handlers: PeerHandlers;
  readonly #gates: Gates | null;
  readonly #peers = new Map<string, Peer>();
  #stopped = false;

  /** `members` maps every member's id to its address; this node's own entry is skipped. `gates` holds faults that are in force. */
  constructor(
    env: Env,
    self: string,
    members: ReadonlyMap<string, string>,
    handlers: PeerHandlers,
    gates: Gates | null = null,
  ) {
    this.#env = env;
    this.#self = self;
    this.#handlers = handlers;
    this.#gates = gates;
    for (const [id, address] of members)
      if (id !== self)
        this.#peers.set(id, {
          id,
          address,
          advertised: address,
          connection: null,
          dialling: null,
          delay_ms: REDIAL_MS_MIN,
          timer: null,
          lost: 0,
          traffic: noTraffic(),
        });
  }

  /** Begins dialling. */
  start(): void {
    for (const peer of this.#peers.values()) if (this.#dials(peer)) this.#dial(peer);
  }

  /** Sends what is queued on every link, then closes. */
  stop(): void {
    this.#stopped = true;
    for (const peer of this.#peers.values()) {
      peer.timer?.cancel();
      peer.dialling?.destroy();
      peer.connection?.end();
    }
  }

  ids(): string[] {
    return [...this.#peers.keys()];
  }

  isUp(id: string): boolean {
    return this.#peers.get(id)?.connection != null;
  }

  /** What has gone to and from a member. */
  trafficOf(id: string): Traffic {
    return this.#peers.get(id)?.traffic ?? noTraffic();
  }

  /** Times that the link to a member went down. */
  lost(id: string): number {
    return this.#peers.get(id)?.lost ?? 0;
  }

  /** Bytes waiting to be sent to a member. */
  outgoing(id: string): number {
    return this.#peers.get(id)?.connection?.waiting ?? 0;
  }

  /** Where clients reach a member. */
  addressOf(id: string): string {
    return this.#peers.get(id)?.advertised ?? '';
  }

  /** Queues a message; dropped when the link is down, as the network might. */
  send(id: string, message: Message): void {
    const connection = this.#peers.get(id)?.connection;
    if (connection == null) return;
    if (this.#gates === null) connection.send(message);
    // A connection that has closed meanwhile sends nothing: what waits at the gate never gets onto its successor.
    else this.#gates.pass(id, message, () => connection.send(message));
  }

  /** Dials a member without a link that would dial this node itself: it may believe in one that is no more, and has nothing to send. */
  reach(id: string): void {
    const peer = this.#peers.get(id);
    if (peer?.connection === null && peer.dialling === null && peer.timer === null) this.#dial(peer);
  }

  /** Closes a link because of what came over it; the dialling side sets it up anew. */
  cut(id: string, code: ErrorCode, message: string): void {
    this.#peers.get(id)?.connection?.refuse(code, message);
  }

  /** Takes a connection that another member opened. A link that was there is replaced: the other side knows best that it is gone. */
  adopt(id: string, advertised: string, connection: Connection): void {
    const peer = this.#peers.get(id);
    if (peer === undefined || this.#stopped) {
      connection.destroy();
      return;
    }
    const old = peer.connection;
    if (old !== null) {
      peer.connection = null;
      peer.lost++;
      old.destroy();
      this.#handlers.down(id, { by: 'us', error: null, message: 'replaced by a new connection' });
    }
    peer.connection = connection;
    connection.countInto(peer.traffic);
    if (advertised !== '') peer.advertised = advertised;
    peer.delay_ms = REDIAL_MS_MIN;
    this.#handlers.up(id);
  }

  /** A connection of a peer, dialled or adopted, has closed. */
  closed(id: string, connection: Connection, reason: CloseReason): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    if (reason.by === 'them' && reason.error !== null) this.#handlers.turnedAway(id, reason.error);
    if (peer.connection === connection) {
      peer.connection = null;
      peer.lost++;
      this.#handlers.down(id, reason);
    }
    if (peer.dialling === connection) peer.dialling = null;
    if (this.#dials(peer)) this.#redial(peer);
  }

  #dials(peer: Peer): boolean {
    return this.#self < peer.id;
  }

  #redial(peer: Peer): void {
    if (this.#stopped || peer.timer !== null || peer.connection !== null || peer.dialling !== null) return;
    const jitter = 0.5 + this.#env.random.uint32() / 0x1_0000_0000;
    peer.timer = this.#env.scheduler.after(peer.delay_ms * jitter, () => {
      peer.timer = null;
      this.#dial(peer);
    });
    peer.delay_ms = Math.min(REDIAL_MS_MAX, peer.delay_ms * 2);
  }

  #dial(peer: Peer): void {
    if (this.#stopped) return;
    // Across a cut no connection comes up.
    if (this.#gates?.isCut(peer.id)) {
      this.#redial(peer);
      return;
    }
    peer.dialling = dial(this.#env, peer.address, this.#handlers.hello(peer.id), {
      ready: (connection, welcome) => {
        peer.dialling = null;
        if (this.#handlers.welcomed(peer.id, welcome, connection)) this.adopt(peer.id, welcome.address, connection);
      },
      message: (_, message) => this.#handlers.message(peer.id, message),
      close: (connection, reason) => this.closed(peer.id, connection, reason),
      dirty: (connection) => this.#handlers.dirty(connection),
    });
  }
}
