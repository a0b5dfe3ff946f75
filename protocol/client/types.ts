/** What a program sees of a cluster: the types of the client library. */
import type { Env } from '../env.js';
import type { ArgumentOf, OperationName } from '../operations.js';

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
  readonly last: number;
  /** On a leader: the highest index known to be durable on each member. */
  readonly match: Readonly<Record<string, number>>;
  /** How long it has been in this role, ms. */
  readonly since_ms: number;
  readonly voters: readonly string[];
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
  readonly bytes: { readonly log: number };
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
  /** Calls back with the state of every member as it is pushed, at most once per `interval_ms` and node. Returns the way to stop. */
  observe(listener: (news: Observation) => void, options?: { readonly interval_ms?: number }): () => void;
  /** Ends the session and closes the connections. Calls under way end in CLOSED. */
  close(): Promise<void>;
}
