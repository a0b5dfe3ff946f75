/** The node's one port: who may come in, as client or as member, and the links to the other members. */
import { accept, type CloseReason, type Connection } from '../../protocol/connection.js';
import type { Listener, Socket, SocketHandlers } from '../../protocol/env.js';
import { ConcordError } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import { type Message, type MessageOf, PROTOCOL_VERSION } from '../../protocol/messages.js';
import { Birth, clusterName, type Introduction, isComplete } from '../birth.js';
import type { Identity } from '../storage/identity.js';
import type { World } from '../world.js';
import { type ClientConnection, Clients } from './clients.js';
import type { Gates } from './gate.js';
import { type PeerHandlers, Peers } from './peers.js';

/** Connections that have not said hello yet. Above it, the one that has been silent longest makes room. */
export const SILENT_MAX = 256;

export interface DoorOptions {
  readonly id: string;
  readonly listen: string;
  readonly members: ReadonlyMap<string, string>;
  readonly identity: Identity;
  /** Only of a node that may be broken on order. */
  readonly faults?: { readonly gates: Gates };
}

/** What comes through the door. */
export interface DoorHandlers {
  /** This node is a member: once, when it was or has just become one, durably. */
  born(): void;
  remember(identity: Identity, done: () => void): void;
  /** This node is not who it says: it must stop. */
  stop(error: ConcordError): void;
  up(peer: string): void;
  down(peer: string, reason: CloseReason): void;
  /** A member that this node dials refuses it, or is refused: told again only when the reason changes. */
  refused(peer: string, error: ConcordError): void;
  peerMessage(peer: string, message: Message): void;
  clientUp(client: ClientConnection): void;
  clientDown(client: ClientConnection): void;
  clientMessage(client: ClientConnection, message: Message): void;
  dirty(connection: Connection): void;
}

export class Door {
  readonly clients = new Clients();
  readonly peers: Peers;
  readonly #world: World;
  readonly #options: DoorOptions;
  readonly #handlers: DoorHandlers;
  /** Why a member was refused or refused this node last, by member. */
  readonly #refusals = new Map<string, string>();
  readonly #birth: Birth;
  readonly #gates: Gates | null;
  #listener: Listener | null = null;
  /** Who has not said hello yet, longest first. */
  readonly #silent = new Set<Socket>();
  #born = false;
  #closing = false;

  constructor(world: World, options: DoorOptions, handlers: DoorHandlers) {
    this.#world = world;
    this.#options = options;
    this.#handlers = handlers;
    this.#birth = new Birth(options.identity, [...options.members.keys()]);
    this.#gates = options.faults?.gates ?? null;
    const handlersOfPeers: PeerHandlers = {
      hello: (peer) => this.#hello(peer),
      welcomed: (peer, welcome, connection) => this.#welcomed(peer, welcome, connection),
      up: (peer) => {
        this.#refusals.delete(peer);
        // What was said in hello or welcome may have been overtaken on the way.
        this.#introduce(peer);
        handlers.up(peer);
      },
      down: (peer, reason) => handlers.down(peer, reason),
      turnedAway: (peer, error) => this.#turnedAway(peer, error),
      message: (peer, message) => this.#fromPeer(peer, message),
      dirty: (connection) => handlers.dirty(connection),
    };
    this.peers = new Peers(world, options.id, options.members, handlersOfPeers, this.#gates);
  }

  /** What this node knows of itself and the others, durably. */
  get identity(): Identity {
    return this.#birth.kept;
  }

  /** Connections that have not said hello yet. */
  get silent(): number {
    return this.#silent.size;
  }

  /** Client connections there may be: members have their places whatever clients there are. */
  get clients_max(): number {
    return LIMITS.connections_max - this.peers.ids().length;
  }

  /** Where it is reached. */
  get address(): string {
    return this.#listener?.address ?? this.#options.listen;
  }

  /** Listens, then looks for the other members. */
  open(done: (error: Error | null, listener: Listener | null) => void): void {
    this.#world.network.listen(
      this.#options.listen,
      (socket) => this.#accept(socket),
      (error, listener) => {
        this.#listener = listener;
        if (error === null) {
          if (this.#birth.begin().verdict === 'remember') this.#keep();
          this.#join();
          this.peers.start();
        }
        done(error, listener);
      },
    );
  }

  /** Closes the port and every connection, after what is queued on them was sent. */
  close(done: () => void): void {
    this.#closing = true;
    this.peers.stop();
    for (const client of this.clients.all()) client.connection.end();
    if (this.#listener === null) done();
    else this.#listener.close(done);
  }

  #accept(socket: Socket): SocketHandlers {
    this.#makeRoom();
    this.#silent.add(socket);
    let peer: string | null = null;
    const judge = (hello: MessageOf<'hello'>) => {
      this.#silent.delete(socket);
      return this.#judge(hello);
    };
    return accept(
      socket,
      this.#world.scheduler,
      { judge },
      {
        ready: (connection, hello) => {
          if (hello.role === 'peer') {
            peer = hello.id;
            this.peers.adopt(peer, hello.address, connection);
          } else this.#handlers.clientUp(this.clients.add(connection, hello.id));
        },
        message: (connection, message) => {
          const client = this.clients.get(connection);
          if (client !== undefined) this.#handlers.clientMessage(client, message);
          else if (peer !== null) this.#fromPeer(peer, message);
        },
        close: (connection, reason) => {
          this.#silent.delete(socket);
          const client = this.clients.remove(connection);
          if (client !== undefined) this.#handlers.clientDown(client);
          if (peer !== null) this.peers.closed(peer, connection, reason);
        },
        dirty: (connection) => this.#handlers.dirty(connection),
      },
    );
  }

  #makeRoom(): void {
    if (this.#silent.size < SILENT_MAX) return;
    const [longest] = this.#silent;
    if (longest === undefined) return;
    this.#silent.delete(longest);
    longest.destroy();
  }

  #judge(hello: MessageOf<'hello'>): MessageOf<'welcome'> | ConcordError {
    if (this.#closing) return new ConcordError('STOPPING', `${this.#options.id} is stopping`);
    const error = hello.role === 'peer' ? this.#meet(hello) : this.#unwelcome(hello);
    if (error !== null) return error;
    return {
      kind: 'welcome',
      protocol: PROTOCOL_VERSION,
      cluster: this.identity.cluster,
      id: this.#options.id,
      incarnation: this.identity.incarnation,
      born: this.identity.born,
      address: this.address,
      features: [],
      frame_bytes_max: LIMITS.frame_bytes_max,
      recorded: hello.role === 'peer' ? (this.identity.members[hello.id] ?? '') : '',
    };
  }

  #unwelcome(hello: MessageOf<'hello'>): ConcordError | null {
    const { clients_max } = this;
    if (this.clients.size >= clients_max)
      return new ConcordError('TOO_MANY_CONNECTIONS', `${this.#options.id} has ${clients_max} clients`);
    if (this.#isMeant(hello.cluster)) return null;
    return new ConcordError('WRONG_CLUSTER', `this is cluster ${this.identity.cluster}, not ${hello.cluster}`);
  }

  // A client may name any cluster, one by its name, or the very one that it met before.
  #isMeant(cluster: string): boolean {
    if (cluster === '' || cluster === this.identity.cluster) return true;
    const own = clusterName(this.identity.cluster);
    return cluster === own || (!this.identity.born && clusterName(cluster) === own);
  }

  #hello(peer: string): MessageOf<'hello'> {
    return {
      kind: 'hello',
      protocol: PROTOCOL_VERSION,
      cluster: this.identity.cluster,
      role: 'peer',
      id: this.#options.id,
      incarnation: this.identity.incarnation,
      born: this.identity.born,
      address: this.address,
      features: [],
      auth: Buffer.alloc(0),
      recorded: this.identity.members[peer] ?? '',
    };
  }

  #welcomed(peer: string, welcome: MessageOf<'welcome'>, connection: Connection): boolean {
    const error =
      welcome.id === peer
        ? this.#meet(welcome)
        : new ConcordError('WRONG_NODE', `expected ${peer}, this is ${welcome.id}`);
    if (error === null) return true;
    this.#tell(peer, error);
    connection.refuse(error.code, error.message);
    return false;
  }

  #meet(introduction: Introduction): ConcordError | null {
    if (this.#gates?.isCut(introduction.id)) return this.#cutOff(introduction.id);
    const meeting = this.#birth.meet(introduction);
    switch (meeting.verdict) {
      case 'welcome':
        return null;
      case 'remember':
        this.#keep();
        return null;
      case 'refuse':
        return meeting.error;
      case 'stop':
        this.#handlers.stop(meeting.error);
        return new ConcordError('STOPPING', `${this.#options.id} lost its data and stops`);
    }
  }

  // A member remembers another incarnation of this node. One that is born has its data, whatever others think.
  #turnedAway(peer: string, error: ConcordError): void {
    this.#tell(peer, error);
    if (!this.identity.born && error.code === 'UNKNOWN_MEMBER') this.#handlers.stop(error);
  }

  // The next attempt comes in a moment and most likely ends alike.
  #tell(peer: string, error: ConcordError): void {
    if (this.#refusals.get(peer) === error.message) return;
    this.#refusals.set(peer, error.message);
    this.#handlers.refused(peer, error);
  }

  #fromPeer(peer: string, message: Message): void {
    if (message.kind !== 'introduction') {
      if (this.#gates?.hears(peer) === false) return;
      this.#handlers.peerMessage(peer, message);
      return;
    }
    const error = this.#meet({ ...message, id: peer });
    if (error !== null) this.peers.cut(peer, error.code, error.message);
  }

  /** What was damaged is whole again; `done` when that is written down. */
  repaired(done: () => void): void {
    this.#birth.repaired();
    this.#remember(done);
  }

  // What it knows must be durable before it is told, and before this node acts on it.
  #keep(): void {
    this.#remember(() => {
      for (const peer of this.peers.ids()) this.#introduce(peer);
      this.#join();
    });
  }

  #remember(done: () => void): void {
    const { identity } = this.#birth;
    this.#handlers.remember(identity, () => {
      this.#birth.keep(identity);
      done();
    });
  }

  // Those who met this node earlier wait for it to be complete, or to be a member.
  #introduce(peer: string): void {
    const { cluster, incarnation, born, members } = this.identity;
    if (!isComplete(this.identity)) return;
    // It is said once a connection: where it cannot be heard there shall be a new one, once that can come up again.
    if (this.#gates?.isCut(peer)) this.peers.cut(peer, 'UNREACHABLE', this.#cutOff(peer).message);
    else this.peers.send(peer, { kind: 'introduction', cluster, incarnation, born, recorded: members[peer] ?? '' });
  }

  #cutOff(peer: string): ConcordError {
    return new ConcordError('UNREACHABLE', `a fault cuts ${this.#options.id} off from ${peer}: \`heal\` ends it`);
  }

  #join(): void {
    if (!this.identity.born || this.#born) return;
    this.#born = true;
    this.#handlers.born();
  }
}
