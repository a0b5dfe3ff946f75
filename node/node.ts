/** One node put together. Everything it needs from outside is handed in; all of it runs on one thread, in turns. */
import type { CloseReason, Connection } from '../protocol/connection.js';
import type { Listener } from '../protocol/env.js';
import { ConcordError } from '../protocol/errors.js';
import type { Message } from '../protocol/messages.js';
import { Admin } from './admin.js';
import { headsOf } from './checkpoint-head.js';
import { Commands } from './commands.js';
import { Directions } from './directions.js';
import { Disk } from './disk.js';
import { FullDisk } from './full-disk.js';
import { Groups } from './groups.js';
import type { ClientConnection } from './network/clients.js';
import { Door } from './network/door.js';
import type { Found, NodeHandlers, NodeOptions } from './node-options.js';
import type { Metrics } from './observe/metrics.js';
import { nodeMetrics } from './observe/node-metrics.js';
import { nodeState, sessionRows } from './observe/state.js';
import { StatusFeed } from './observe/status.js';
import { RunError } from './raft/run.js';
import type { PeerMessage } from './raft/types.js';
import { fail, type Replica } from './replica.js';
import { StateKeeper } from './state-keeper.js';
import { ReleasedError, StorageError } from './storage/errors.js';
import type { Log, Place } from './storage/log.js';
import { Turn } from './turn.js';
import type { World } from './world.js';

/** How long a stopping node tries to hand its leaderships over, ms. */
const HAND_OVER_MS_MAX = 2000;
/** Messages of peers kept while this node is not born yet. */
const EARLY_MAX = 1024;

export class Node {
  readonly #world: World;
  readonly #options: NodeOptions;
  readonly #handlers: NodeHandlers;
  readonly #log: Log;
  readonly #keeper: StateKeeper;
  readonly #turn: Turn;
  readonly #door: Door;
  /** For whoever looks on: a simulator, a test. */
  readonly groups: Groups;
  readonly metrics: Metrics;
  readonly #disk: Disk;
  readonly #commands: Commands;
  readonly #admin: Admin;
  readonly #fullDisk: FullDisk;
  readonly #directions: Directions;
  readonly #status: StatusFeed;
  readonly #startedAt: number;
  #dirty = new Set<Connection>();
  #born = false;
  #early: { peer: string; message: Message }[] = [];
  #stopping = false;
  /** It does nothing any more. */
  #halted = false;

  constructor(world: World, options: NodeOptions, { base, log, recovered, damaged }: Found, handlers: NodeHandlers) {
    this.#world = world;
    this.#options = options;
    this.#handlers = handlers;
    this.#log = log;
    this.#startedAt = world.scheduler.now();
    this.#turn = new Turn(world.scheduler, { tick: (now) => this.#tick(now), end: (now) => this.#endOrDie(now) });
    const wake = () => this.#turn.wake();
    const now = () => world.scheduler.now();
    const notLeader = (replica: Replica) => this.#directions.notLeader(replica);
    const replica = (group: string) => this.groups.replica(group);
    this.groups = new Groups(
      {
        self: options.id,
        members: [...options.members.keys()],
        settings: options.raft,
        random: world.random,
        recovered,
        heads: headsOf(base),
        repairing: options.identity.repairing,
        memory_budget: options.budgets.memory_budget,
      },
      {
        now,
        wake,
        notLeader,
        read: (place, done) => this.#readRun(place, done),
        row: (group, key) => base.get(this.#keeper.checkpoints.of(group)?.head.space ?? 0, key),
      },
    );
    const others = [...options.members.keys()].filter((id) => id !== options.id);
    const repairWith = options.identity.repairing ? others : null;
    this.#keeper = new StateKeeper(
      world,
      { base, log, groups: this.groups, budgets: options.budgets, repairWith, damaged },
      {
        wake,
        touch: () => this.#status.touch(),
        send: (to, message) => this.#door.peers.send(to, message),
        reach: (to) => this.#door.peers.reach(to),
        event: handlers.event,
        repaired: (done) => this.#door.repaired(done),
        fatal: (error) => this.#fatal(error),
      },
    );
    this.#fullDisk = new FullDisk(log, this.groups, options.raft.election_ms);
    this.#disk = new Disk(log, this.groups.multi.groups, now, wake);
    this.#commands = new Commands(
      { now, replica, notLeader, lacksSpace: () => log.space() !== 'ok' || base.full },
      this.groups,
      this.groups.coordination,
    );
    this.#admin = new Admin({
      self: options.id,
      now,
      wake,
      replica,
      notLeader,
      load: (run, done) => this.#readRun(run.place, done, () => done(null)),
      checkpoint: (group) => this.#keeper.checkpoints.index(group),
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
      clientUp: (client) => client.push(this.#directions.leaders()),
      clientDown: (client) => this.#clientDown(client),
      clientMessage: (client, message) => this.#fromClient(client, message),
      dirty: (connection) => this.#markDirty(connection),
    });
    this.#directions = new Directions(options.id, [...options.members.keys()], this.groups, this.#door);
    this.metrics = nodeMetrics({
      groups: this.groups,
      commands: this.#commands,
      turn: this.#turn,
      disk: this.#disk,
      log,
      keeper: this.#keeper,
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
    this.#keeper.load(() => {
      this.#handlers.loaded();
      this.#open(done);
    });
  }

  #open(done: (error: Error | null, address: string) => void): void {
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
      if (this.#halted) return;
      const waiting = this.groups.handOver(now) && now < until;
      this.#turn.wake();
      if (waiting) this.#world.scheduler.after(5, wait);
      else this.#close(done);
    };
    wait();
  }

  /** Stops at once, whatever is under way, and closes everything. */
  halt(done: () => void): void {
    this.#halted = true;
    this.#turn.stop();
    this.#shut(done);
  }

  // --- what arrives -----------------------------------------------------------------------------------------------------------------

  #begin(): void {
    this.#born = true;
    this.#handlers.event('member', {
      cluster: this.#door.identity.cluster,
      incarnation: this.#door.identity.incarnation,
    });
    const now = this.#world.scheduler.now();
    for (const peer of this.#door.peers.ids()) {
      if (!this.#door.peers.isUp(peer)) continue;
      this.groups.multi.connected(peer, now);
    }
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
    if (this.#halted) return;
    if (!this.#born) {
      if (this.#early.length < EARLY_MAX) this.#early.push({ peer, message });
      return;
    }
    if (this.#fullDisk.ignores(message.kind)) return;
    // How far others are shows on the leader's card even when nothing of its own moves.
    if (message.kind === 'append_reply') this.#status.touch();
    try {
      if (!this.#keeper.receive(peer, message))
        this.groups.multi.receive(peer, message as PeerMessage, this.#world.scheduler.now());
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      this.#door.peers.cut(peer, 'BAD_MESSAGE', `append: ${error.message}`);
    }
    this.#turn.wake();
  }

  #fromClient(client: ClientConnection, message: Message): void {
    // Nothing answers a pong: it is no request.
    if (message.kind === 'pong' || this.#halted) return;
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
    if (this.#born && !this.#fullDisk.full) this.groups.multi.tick(now);
  }

  // While entries are applied, rows of the base are read: those that rotted must not be met again by the next process.
  #endOrDie(now: number): number {
    try {
      return this.#end(now);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#fatal(error);
      return Number.POSITIVE_INFINITY;
    }
  }

  #end(now: number): number {
    let deadline = Number.POSITIVE_INFINITY;
    if (this.#born) {
      this.#fullDisk.turn(now);
      deadline = this.#advance(now);
    }
    this.#status.turn(now);
    this.#flush();
    return Math.max(Math.min(deadline, this.#status.deadline()), this.#fullDisk.notBefore(now));
  }

  // What others wait for goes first: messages are on the wire and entries on their way to disk while this node applies what is committed.
  #advance(now: number): number {
    this.groups.propose(now);
    const output = this.groups.take();
    const { messages, changes, moved } = output;
    for (const { to, message } of messages) this.#door.peers.send(to, message);
    this.#keeper.take(output);
    this.#flush();
    this.#disk.pump();
    for (const change of changes) this.#handlers.event('role', { ...change });
    if (this.groups.apply()) this.#turn.wake();
    this.#commands.retry();
    this.#admin.turn(now);
    if (changes.length > 0) this.#announce();
    if (moved) this.#status.touch();
    const wanted = this.#keeper.turn();
    return Math.min(this.groups.deadline(), this.#commands.deadline(), this.#admin.deadline(), wanted);
  }

  #announce(): void {
    const leaders = this.#directions.leaders();
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

  #state() {
    return nodeState(this.groups, this.#door, this.#log, this.#keeper, {
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

  #readRun(place: unknown, done: (bytes: Buffer) => void, released = () => {}): void {
    this.#log.read(place as Place, (error, bytes) => {
      if (error instanceof ReleasedError) released();
      else if (error !== null) this.#fatal(error);
      else done(bytes);
    });
  }

  #fatal(error: Error): void {
    this.#halted = true;
    this.#turn.stop();
    this.#handlers.fatal(error);
  }

  #close(done: () => void): void {
    this.#end(this.#world.scheduler.now());
    this.#turn.stop();
    this.#disk.drain(() => {
      this.#flush();
      this.#shut(done);
    });
  }

  #shut(done: () => void): void {
    this.#door.close(() => this.#log.close(() => this.#keeper.close(done)));
  }
}
