/** What a program sees of a cluster: the types of the client library. */
import type { Env } from '../env.js';
import type { ArgumentOf, LockMode, OperationName } from '../operations.js';

export type { LockMode } from '../operations.js';

/** How to reach a cluster. */
export interface ConnectOptions {
  /** Addresses "host:port" of one or more nodes; the others are learned from them. */
  readonly nodes: readonly string[];
  /** Refuse nodes of another cluster. Default: any. */
  readonly cluster?: string;
  /** A name for this client, shown by `sessions`. Default: a random one. */
  readonly clientId?: string;
  /** Follow redirects and wait out elections. Default true; false answers NOT_LEADER and NO_LEADER as they come. */
  readonly follow?: boolean;
  /** TTL of the session, ms, 1,000 to 3,600,000. Default 10,000. */
  readonly ttl_ms?: number;
  /** Time allowed for a call that names none, ms. Default 5,000. */
  readonly timeout_ms?: number;
  /** Time, sockets, randomness. Default: the real ones. */
  readonly env?: Env;
}

/** What every call takes. */
export interface CallOptions {
  /** Time allowed, ms. After it the call ends in DEADLINE (it did not happen) or TIMEOUT (it may have). */
  readonly timeout_ms?: number;
  /** Gives the call up: CANCELLED, indefinite once it was sent. */
  readonly signal?: AbortSignal;
  /** The node to ask: reads and admin words are served by it; a command tries it first. */
  readonly node?: string;
  /**
   * "lock:token": the group that serves the call refuses it (FENCED) once it has seen a greater token of that lock, and has seen this
   * one from then on. A fenced read goes through the log, as a command. Not for admin words: no group serves them.
   */
  readonly fence?: string;
  /** Hears of the answer just before the caller does: which node gave it, and at which index. Errors are not told. */
  readonly onReceipt?: (receipt: Receipt) => void;
}

/** A value and where it came from. */
export interface Receipt<T = unknown> {
  readonly value: T;
  /** The node that answered. */
  readonly node: string;
  /** The group that served it; '' for admin words. */
  readonly group: string;
  readonly term: number;
  /** Index of the command's entry, or the applied index a read was answered at. */
  readonly index: number;
  /** From call to answer, ms. */
  readonly ms: number;
}

/** A member as this client knows it. */
export interface Member {
  readonly id: string;
  readonly address: string;
  /** This client has a connection to it. */
  readonly connected: boolean;
}

/** News about a node, for whoever watches the cluster. */
export type Observation =
  | { readonly kind: 'up'; readonly node: string; readonly address: string }
  | { readonly kind: 'down'; readonly node: string; readonly address: string; readonly reason: string }
  /** A delta of the node's state, all of it when `whole`. */
  | { readonly kind: 'status'; readonly node: string; readonly whole: boolean; readonly state: NodeStateDelta };

/** State of one replica of a group, as its node tells it. */
export interface GroupState {
  readonly role: 'leader' | 'follower' | 'candidate' | 'precandidate' | 'learner';
  readonly term: number;
  /** '' while there is none. */
  readonly leader: string;
  readonly commit: number;
  readonly applied: number;
  /** Index of the first entry that the log still has, or would have: a checkpoint stands in for those before. */
  readonly first: number;
  readonly last: number;
  /** Index of the newest flushed checkpoint; 0 while there is none. */
  readonly checkpoint: number;
  /** Part of what it held was damaged: it has no vote until it holds again all that it can have acknowledged. */
  readonly repairing: boolean;
  /** It is getting a snapshot in place of entries that the others have no more; what it is getting cannot be read here yet. */
  readonly installing: boolean;
  /** The last snapshot that it got since its node was started. */
  readonly installed: Installed | null;
  /** On a leader: members that it is sending a snapshot. */
  readonly sending: readonly string[];
  /** On a leader: the highest index known to be durable on each member. */
  readonly match: Readonly<Record<string, number>>;
  /** How long it has been in this role, ms. */
  readonly since_ms: number;
  readonly voters: readonly string[];
}

/** A snapshot that a replica got. */
export interface Installed {
  /** The last entry that it stands for. */
  readonly index: number;
  /** Rows that came. */
  readonly bytes: number;
  /** From the offer until it was in force. */
  readonly ms: number;
}

/** What was wrong with the data of a node, found when it was opened. */
export interface Damage {
  readonly part: 'log' | 'base';
  /** The name in the node's data folder under which it was kept; '' when there was nothing to keep. */
  readonly aside: string;
}

/** A node that refills from the others. */
export interface RepairState {
  /** Members that it has to hear before it can begin. */
  readonly unheard: readonly string[];
  /** What was found by this process; empty when an earlier one has found it. */
  readonly damaged: readonly Damage[];
}

/** A fault that is in force on a node, put there through its fault doors. What does not belong to the fault is null. */
export interface Fault {
  /** `slow` without a peer is the disk. */
  readonly fault: 'partition' | 'slow' | 'lose' | 'fill';
  /** The member at the other end of the link. */
  readonly peer: string | null;
  /** partition: what is dropped, as this node sees it. */
  readonly way: 'both' | 'out' | 'in' | null;
  /** slow: how much later what it sends leaves, or how long a sync takes at least, ms. */
  readonly ms: number | null;
  /** lose: of what it sends. */
  readonly percent: number | null;
}

/** State of one node. */
export interface NodeState {
  readonly node: string;
  readonly cluster: string;
  readonly address: string;
  readonly pid: number;
  readonly version: string;
  readonly started_ms: number;
  readonly leads: number;
  readonly members: readonly { readonly id: string; readonly address: string; readonly connected: boolean }[];
  readonly groups: Readonly<Record<string, GroupState>>;
  readonly sessions: number;
  readonly clients: number;
  readonly space: 'ok' | 'low' | 'full';
  /** On disk. */
  readonly bytes: { readonly log: number; readonly base: number };
  /** null while nothing of what it has is under repair. */
  readonly repair: RepairState | null;
  /** Only of a node with fault doors: what is in force. */
  readonly faults?: readonly Fault[];
}

/** What changed: top-level keys, and changed groups whole. */
export type NodeStateDelta = Partial<NodeState>;

/** The session of a client. */
export interface SessionInfo {
  /** Index of the entry that opened it; 0 before there is one. */
  readonly id: number;
  readonly state: 'none' | 'opening' | 'open' | 'suspended' | 'ended';
}

/** A queue. */
export interface Queue {
  /** Appends a value (anything MessagePack holds; Buffers as bytes). Resolves with the message's id once durable on a majority. */
  enqueue(value: unknown, options?: CallOptions): Promise<number>;
  /** Takes the first message, or undefined when there is none within `wait_ms` (default 0: at once). */
  dequeue(options?: CallOptions & { readonly wait_ms?: number }): Promise<{ id: number; body: unknown } | undefined>;
  /** Number of messages ready: a linearizable read. */
  size(options?: CallOptions): Promise<number>;
}

/** How locks are acquired. Times in ms. */
export interface AcquireOptions extends CallOptions {
  /** Of locks that name none. Default x. */
  readonly mode?: LockMode;
  /** How long to wait for others, besides the time for the call. Then LOCK_TIMEOUT; with 0 WOULD_BLOCK at once. Default 30,000. */
  readonly wait_ms?: number;
  /** After so long the cluster takes the lock away, even from a session that lives. Default 0: never. */
  readonly hold_ms?: number;
  /** So long nobody else gets the lock when the session ends while it is held. Default 0. */
  readonly delay_ms?: number;
  /** For people who look at who holds it. */
  readonly note?: string;
}

/** Something that the session holds. Its end is told by `signal`, and by `state` to whoever asks. */
export interface Held extends AsyncDisposable {
  readonly name: string;
  /** lost: the cluster took it away, or may have given it to another by now, for nothing was heard of it for too long. */
  readonly state: 'held' | 'released' | 'lost';
  /** Aborted, with a ConcordError LOCK_LOST, when it is lost. `signal.aborted` looks at the clock: it is true in time also where no timer could run. */
  readonly signal: AbortSignal;
  /**
   * Gives it back. That is done whatever becomes of this call: given up, it ends in TIMEOUT or CANCELLED and the library goes on.
   * A second call has the result of the first. @throws ConcordError LOCK_LOST when it was not ours any more; whatever else is definite
   * leaves it held.
   */
  release(options?: CallOptions): Promise<void>;
}

/** A lock that is held: one of these for each time it was acquired. */
export interface Lock extends Held {
  /** Of all that its owner has of this lock. */
  readonly mode: LockMode;
  /** Greater than that of whoever held it in a way that excludes this one. Changes with `convert` to and from x. */
  readonly token: number;
  /** "name:token", for the option `fence` of any call. */
  readonly fence: string;
  /** Changes the mode: up after waiting for others, at most `wait_ms` (default 30,000), down at once. @throws ConcordError DEADLOCK, LOCK_LOST */
  convert(mode: LockMode, options?: CallOptions & { readonly wait_ms?: number }): Promise<void>;
}

/** An owner of locks: what it holds it may acquire again, and convert; any other owner, also of this process, is excluded. */
export interface LockContext {
  /** Its number, unique in this client. */
  readonly owner: number;
  /**
   * Acquires all of them or none. After a DEADLOCK the next attempt counts as begun when the first was, so that it is not always the
   * youngest. @throws ConcordError WOULD_BLOCK, LOCK_TIMEOUT, DEADLOCK, LOCK_LOST
   */
  acquire(locks: string | readonly (string | readonly [string, LockMode])[], options?: AcquireOptions): Promise<Lock[]>;
  /** What it holds, in the order in which it was acquired. */
  readonly held: readonly Lock[];
}

/** The lock of one name. */
export interface NamedLock {
  /** Acquires it for an owner of its own, or for that of `context`. As `LockContext.acquire`. */
  acquire(options?: AcquireOptions & { readonly context?: LockContext }): Promise<Lock>;
}

/** Permits of a semaphore that are held. */
export interface Permits extends Held {
  readonly permits: number;
}

/** The semaphore of one name. */
export interface Semaphore {
  /** Takes `permits` (default 1) together, after whoever asked before, within `wait_ms` (default 30,000). */
  acquire(permits?: number, options?: CallOptions & { readonly wait_ms?: number }): Promise<Permits>;
}

/**
 * What befell a lock without its holder's doing. asked: somebody wants it, and it is taken away in `ms`. held_too_long, revoked: the
 * cluster took it away. lost: the session may have ended, or has.
 */
export interface LockNews {
  readonly kind: 'held_too_long' | 'revoked' | 'asked' | 'lost';
  readonly lock: string;
  readonly token: number;
  readonly owner: number;
  readonly ms: number;
}

/** A cluster one is connected to. */
export interface Cluster extends AsyncDisposable {
  readonly clientId: string;
  /** The session as it stands. It is opened by the first command. */
  readonly session: SessionInfo;
  /** Every known member. */
  readonly members: readonly Member[];
  /** The member that leads the group as far as this client knows, or ''. */
  leaderOf(group: string): string;
  /** Runs a command of the catalogue exactly once. @throws ConcordError */
  command<N extends OperationName>(name: N, argument: ArgumentOf<N>, options?: CallOptions): Promise<Receipt>;
  /** Answers a linearizable read of the catalogue. @throws ConcordError */
  read<N extends OperationName>(name: N, argument: ArgumentOf<N>, options?: CallOptions): Promise<Receipt>;
  /** Asks one node: `status`, `log`, `transfer`, `sessions`, `metrics`, or a fault word. @throws ConcordError */
  admin(word: string, argument: unknown, options?: CallOptions): Promise<Receipt>;
  queue(): Queue;
  lock(name: string): NamedLock;
  /** A new owner of locks. It lasts as long as the client, from session to session. */
  lockContext(): LockContext;
  /**
   * Runs `run` while the lock is held, and releases it whatever happens. When it was lost meanwhile the promise is rejected with
   * LOCK_LOST, after `run` has ended: `lock.signal` tells it to. Else as `run` ends.
   */
  withLock<T>(
    name: string,
    run: (lock: Lock) => T | Promise<T>,
    options?: AcquireOptions & { readonly context?: LockContext },
  ): Promise<T>;
  semaphore(name: string): Semaphore;
  /** Calls back once with each piece of news of locks that this client holds or held. Returns the way to stop. */
  onLockNews(listener: (news: LockNews) => void): () => void;
  /** Calls back with the state of every member as it is pushed, at most once per `interval_ms` and node. Returns the way to stop. */
  observe(listener: (news: Observation) => void, options?: { readonly interval_ms?: number }): () => void;
  /** Ends the session and closes the connections. Calls under way end in CLOSED. */
  close(): Promise<void>;
}
