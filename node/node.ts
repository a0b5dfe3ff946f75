/** One node put together. Everything it needs from outside is handed in; all of it runs on one thread, in turns. */
import type { CloseReason, Connection } from '../protocol/connection.js';
import type { Listener } from '../protocol/env.js';
import { ConcordError } from '../protocol/errors.js';
import type { Message } from '../protocol/messages.js';
import { Admin } from './admin.js';
import { Commands } from './commands.js';
import { Disk } from './disk.js';
import type { FaultDoors } from './faults/doors.js';
import { type FoundRun, Groups } from './groups.js';
import type { ClientConnection } from './network/clients.js';
import { Door } from './network/door.js';
import type { Metrics } from './observe/metrics.js';
import { nodeMetrics } from './observe/node-metrics.js';
import { nodeState, sessionRows } from './observe/state.js';
import { StatusFeed } from './observe/status.js';
import { RunError } from './raft/run.js';
import type { PeerMessage, RaftSettings } from './raft/types.js';
import { fail, type Replica } from './replica.js';
import type { Identity } from './storage/identity.js';
import type { Log, Place, Recovered } from './storage/log.js';
import { Turn } from './turn.js';
import type { World } from './world.js';

/** How long a stopping node tries to hand its leaderships over, ms. */
const HAND_OVER_MS_MAX = 2000;
/** How often a node without room on its disk looks whether there is some again, ms. */
const FULL_LOOK_MS = 100;

/** Messages of peers kept while this node is not born yet. */
const EARLY_MAX = 1024;

/** What a node without room for another entry or vote leaves unheard: it may neither follow nor vote. */
const COSTS_DISK: ReadonlySet<string> = new Set(['append', 'vote_request', 'timeout_now']);

/** What a node is told. */
export interface NodeOptions {
  readonly id: string;
  readonly listen: string;
  /** Address of every first member, this node's own among them. */
  readonly members: ReadonlyMap<string, string>;
  readonly identity: Identity;
  readonly raft: RaftSettings;
  readonly version: string;
  readonly pid: number;
  /** Only of a node that may be broken on order. */
  readonly faults?: FaultDoors;
}

/** What a node tells whoever runs it. */
export interface NodeHandlers {
  /** An event worth a line in the log. */
  event(event: string, facts: Readonly<Record<string, unknown>>): void;
  /** Keeps a changed identity; the node goes on when it is durable. */
  remember(identity: Identity, done: () => void): void;
  /** The node cannot go on. It has stopped doing anything. */
  fatal(error: Error): void;
}

export class Node {
  readonly #world: World;
  readonly #options: NodeOptions;
  readonly #handlers: NodeHandlers;
  readonly #log: Log;
  readonly #turn: Turn;
  readonly #door: Door;
  /** For whoever looks on: a simulator, a test. */
  readonly groups: Groups;
  readonly metrics: Metrics;
  readonly #disk: Disk;
  readonly #commands: Commands;
  readonly #admin: Admin;
  readonly #status: StatusFeed;
  readonly #startedAt: number;
  #dirty = new Set<Connection>();
  #born = false;
  #early: { peer: string; message: Message }[] = [];
  #stopping = false;
  /** Since when there has been no room on the disk, monotonic ms; null while there is. */
  #fullSince: number | null = null;

  /** `log` has been opened; `recovered` is what was found in it. */
  constructor(world: World, options: NodeOptions, log: Log, recovered: Recovered<FoundRun>, handlers: NodeHandlers) {
    this.#world = world;
    this.#options = options;
    this.#handlers = handlers;
    this.#log = log;
    this.#startedAt = world.scheduler.now();
    this.#turn = new Turn(world.scheduler, { tick: (now) => this.#tick(now), end: (now) => this.#end(now) });
    const wake = () => this.#turn.wake();
    const now = () => world.scheduler.now();
    const notLeader = (replica: Replica) => this.#notLeader(replica);
    const replica = (group: string) => this.groups.replica(group);
    this.groups = new Groups(
      {
        self: options.id,
        members: [...options.members.keys()],
        settings: options.raft,
        random: world.random,
        recovered,
      },
      { now, wake, notLeader, read: (place, done) => this.#readRun(place, done) },
    );
    this.#disk = new Disk(log, this.groups.multi.groups, now, wake);
    this.#commands = new Commands(
      { now, replica, notLeader, lacksSpace: () => log.space() !== 'ok' },
      this.groups.sessions,
      this.groups.coordination,
    );
    this.#admin = new Admin({
      self: options.id,
      now,
      wake,
      replica,
      notLeader,
      load: (run, done) => this.#readRun(run.place, done),
      status: () => this.#state(),
      sessions: () => sessionRows(this.groups, options.id),
      metrics: (pattern) => this.metrics.rows(pattern),
      ...(options.faults && { faults: options.faults, broken: (word) => this.#broken(word) }),
    });
    this.#status = new StatusFeed(() => this.#state());
    this.#door = new Door(world, options, {
      born: () => this.#begin(),
      remember: handlers.remember,
      stop: (error) => this.#fatal(error),
      up: (peer) => this.#peerUp(peer),
      down: (peer, reason) => this.#peerDown(peer, reason),
      refused: (peer, { code, message }) => handlers.event('peer refused', { peer, code, message }),
      peerMessage: (peer, message) => this.#fromPeer(peer, message),
      clientUp: (client) => client.push(this.#leaders()),
      clientDown: (client) => this.#clientDown(client),
      clientMessage: (client, message) => this.#fromClient(client, message),
      dirty: (connection) => this.#markDirty(connection),
    });
    this.metrics = nodeMetrics({
      groups: this.groups,
      commands: this.#commands,
      turn: this.#turn,
      disk: this.#disk,
      log,
      door: this.#door,
      settings: options.raft,
      process: world.process,
      uptime: () => now() - this.#startedAt,
      early: () => this.#early.length,
      early_max: EARLY_MAX,
    });
  }

  /** Listens and begins. `done` gets the address as bound, or why the port could not be had. */
  start(done: (error: Error | null, address: string) => void): void {
    this.#door.open((error: Error | null, listener: Listener | null) => {
      if (error !== null || listener === null) {
        done(error, '');
        return;
      }
      this.#handlers.event('listening', { address: listener.address });
      done(null, listener.address);
    });
  }

  /** Hands leadership over, answers what it can, and closes everything. */
  stop(done: () => void): void {
    this.#stopping = true;
    const until = this.#world.scheduler.now() + HAND_OVER_MS_MAX;
    const wait = () => {
      const now = this.#world.scheduler.now();
      const waiting = this.groups.handOver(now) && now < until;
      this.#turn.wake();
      if (waiting) this.#world.scheduler.after(5, wait);
      else this.#close(done);
    };
    wait();
  }

  // --- what arrives -----------------------------------------------------------------------------------------------------------------

  #begin(): void {
    this.#born = true;
    this.#handlers.event('member', {
      cluster: this.#door.identity.cluster,
      incarnation: this.#door.identity.incarnation,
    });
    const now = this.#world.scheduler.now();
    for (const peer of this.#door.peers.ids()) if (this.#door.peers.isUp(peer)) this.groups.multi.connected(peer, now);
    for (const { peer, message } of this.#early.splice(0)) this.#fromPeer(peer, message);
    this.#turn.wake();
  }

  #peerUp(peer: string): void {
    this.#handlers.event('peer up', { peer, address: this.#door.peers.addressOf(peer) });
    if (this.#born) this.groups.multi.connected(peer, this.#world.scheduler.now());
    this.#status.touch();
    this.#turn.wake();
  }

  #peerDown(peer: string, reason: CloseReason): void {
    this.#handlers.event('peer down', { peer, reason: reason.message });
    if (this.#born) this.groups.multi.disconnected(peer, this.#world.scheduler.now());
    this.#status.touch();
    this.#turn.wake();
  }

  #fromPeer(peer: string, message: Message): void {
    if (!this.#born) {
      if (this.#early.length < EARLY_MAX) this.#early.push({ peer, message });
      return;
    }
    // Heartbeats and answers cost no disk.
    if (this.#full && COSTS_DISK.has(message.kind)) return;
    // How far others are shows on the leader's card even when nothing of its own moves.
    if (message.kind === 'append_reply') this.#status.touch();
    try {
      this.groups.multi.receive(peer, message as PeerMessage, this.#world.scheduler.now());
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      this.#door.peers.cut(peer, 'BAD_MESSAGE', `append: ${error.message}`);
    }
    this.#turn.wake();
  }

  #fromClient(client: ClientConnection, message: Message): void {
    // Nothing answers a pong: it is no request.
    if (message.kind === 'pong') return;
    client.begin();
    const unfit = this.#unfit();
    if (unfit !== null && (message.kind === 'command' || message.kind === 'read')) this.groups.misdirected++;
    switch (message.kind) {
      case 'command':
        if (unfit !== null) fail(client, message.correlation, unfit);
        else this.#commands.submit(client, message);
        break;
      case 'read':
        if (unfit !== null) fail(client, message.correlation, unfit);
        else this.groups.read(client, message);
        break;
      case 'keepalive':
        this.groups.keepalive(client, message);
        break;
      case 'admin':
        this.#admin.ask(client, message);
        break;
      case 'subscribe':
        this.#status.subscribe(client.connection, message.interval_ms);
        client.answer({ kind: 'answer', correlation: message.correlation, value: null });
        break;
      default:
        break;
    }
    this.#turn.wake();
  }

  #unfit(): ConcordError | null {
    if (this.#stopping) return new ConcordError('STOPPING', `${this.#options.id} is stopping`);
    if (this.#born) return null;
    return new ConcordError('NO_LEADER', `${this.#options.id} waits to meet every first member of its cluster`);
  }

  #clientDown(client: ClientConnection): void {
    this.#status.unsubscribe(client.connection);
    this.#status.touch();
    for (const replica of this.groups.replicas()) replica.detach(client);
    this.#dirty.delete(client.connection);
  }

  // --- the turn -----------------------------------------------------------------------------------------------------------------------

  #tick(now: number): void {
    // With no room for a vote of its own it does not stand for election either.
    if (this.#born && !this.#full) this.groups.multi.tick(now);
  }

  #end(now: number): number {
    let deadline = Number.POSITIVE_INFINITY;
    if (this.#born) {
      this.#leaveFull(now);
      deadline = this.#advance(now);
    }
    this.#status.turn(now);
    this.#flush();
    return Math.max(Math.min(deadline, this.#status.deadline()), this.#full ? now + FULL_LOOK_MS : 0);
  }

  get #full(): boolean {
    return this.#log.space() === 'full';
  }

  // A leader that has no room for another entry hands over, and if nobody takes it, lets go.
  #leaveFull(now: number): void {
    if (!this.#full) this.#fullSince = null;
    else if (this.#fullSince === null) this.#fullSince = now;
    if (this.#fullSince === null) return;
    const inVain = now - this.#fullSince > this.#options.raft.election_ms;
    if (inVain || !this.groups.handOver(now)) this.groups.resign('the disk is full', now);
  }

  // What others wait for goes first: messages are on the wire and entries on their way to disk while this node applies what is committed.
  #advance(now: number): number {
    this.groups.propose(now);
    const { messages, changes, moved } = this.groups.take();
    for (const { to, message } of messages) this.#door.peers.send(to, message);
    this.#flush();
    this.#disk.pump();
    for (const change of changes) this.#handlers.event('role', { ...change });
    if (this.groups.apply()) this.#turn.wake();
    this.#commands.retry();
    this.#admin.turn(now);
    if (changes.length > 0) this.#announce();
    if (moved) this.#status.touch();
    return Math.min(this.groups.deadline(), this.#commands.deadline(), this.#admin.deadline());
  }

  #announce(): void {
    const leaders = this.#leaders();
    for (const client of this.#door.clients.all()) client.push(leaders);
  }

  #markDirty(connection: Connection): void {
    this.#dirty.add(connection);
    this.#turn.wake();
  }

  #flush(): void {
    if (this.#dirty.size === 0) return;
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const connection of dirty) connection.flush();
  }

  // --- what it says of itself -----------------------------------------------------------------------------------------------------------

  #leaders(): Message {
    const members = [...this.#options.members.keys()].map((id): [string, string] => [
      id,
      id === this.#options.id ? this.#door.address : this.#door.peers.addressOf(id),
    ]);
    const groups = [...this.groups.multi.groups.values()].map((group): [string, number, string] => [
      group.id,
      group.term,
      group.leader,
    ]);
    return { kind: 'leaders', members, groups };
  }

  #notLeader(replica: Replica): ConcordError {
    const group = replica.raft.id;
    const { leader } = replica.raft;
    if (leader === '' || leader === this.#options.id)
      return new ConcordError('NO_LEADER', `${group} has no leader that ${this.#options.id} knows of`);
    const address = this.#door.peers.addressOf(leader);
    return new ConcordError('NOT_LEADER', `${leader} at ${address} leads ${group}`, { details: { leader, address } });
  }

  #state() {
    return nodeState(this.groups, this.#door, this.#log, {
      node: this.#options.id,
      version: this.#options.version,
      pid: this.#options.pid,
      members: [...this.#options.members.keys()],
      started_ms: Math.round(this.#world.scheduler.now() - this.#startedAt),
      ...(this.#options.faults && { faults: this.#options.faults.faults() }),
    });
  }

  #broken(word: string): void {
    if (word !== 'faults') this.#handlers.event('fault', { word, faults: this.#options.faults?.faults() });
    this.#status.touch();
    this.#turn.wake();
  }

  // --- ends ---------------------------------------------------------------------------------------------------------------------------------

  #readRun(place: unknown, done: (bytes: Buffer) => void): void {
    this.#log.read(place as Place, (error, bytes) => {
      if (error !== null) this.#fatal(error);
      else done(bytes);
    });
  }

  #fatal(error: Error): void {
    this.#turn.stop();
    this.#handlers.fatal(error);
  }

  #close(done: () => void): void {
    this.#end(this.#world.scheduler.now());
    this.#turn.stop();
    this.#disk.drain(() => {
      this.#flush();
      this.#door.close(() => this.#log.close(() => done()));
    });
  }
}
