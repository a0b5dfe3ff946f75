/** The words of the consensus core: who takes part, what travels, what comes out. Field names follow the Raft paper, figure 2. */

/** Name of a node: "n1". */
export type NodeId = string;

/** Name of a Raft group: "c", "s0". */
export type GroupId = string;

/** Part a replica plays in its group. A precandidate asks whether it could win before it disturbs anyone (thesis 9.6). */
export type Role = 'follower' | 'precandidate' | 'candidate' | 'leader' | 'learner';

/** Who takes part in a group. While `outgoing` is not empty the group is in joint consensus: both halves must agree. */
export interface Configuration {
  readonly voters: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

/** What must be durable before a vote or an entry of its term leaves the node. */
export interface HardState {
  readonly term: number;
  /** '' while it has voted for nobody in `term`. */
  readonly vote: NodeId;
}

/** An entry to be proposed. Kinds 0-15 belong to the core, the rest to the state machine. */
export interface Proposal {
  readonly kind: number;
  readonly payload: Buffer;
}

/** Appended by a new leader: what came before is committed once this is (paper 5.4.2, 8). */
export const NOOP = 0;
/** Carries a Configuration. */
export const CONFIGURATION = 1;

/** Asks for a vote; with `pre`, only whether it would be granted. `transfer`: the leader itself asked for this election. */
export interface VoteRequest {
  readonly kind: 'vote_request';
  readonly group: GroupId;
  readonly term: number;
  readonly pre: boolean;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly transfer: boolean;
}

export interface VoteReply {
  readonly kind: 'vote_reply';
  readonly group: GroupId;
  /** Of a granted pre-vote the term asked for, else the voter's own. */
  readonly term: number;
  readonly pre: boolean;
  readonly granted: boolean;
}

/** AppendEntries. `runs` are encoded (run.ts) and continue the log after (previousIndex, previousTerm). */
export interface Append {
  readonly kind: 'append';
  readonly group: GroupId;
  readonly term: number;
  readonly previousIndex: number;
  readonly previousTerm: number;
  readonly commit: number;
  readonly runs: Buffer[];
}

/** `match`: durable and equal to the leader's up to here; of a rejection, the previousIndex that was rejected. */
export interface AppendReply {
  readonly kind: 'append_reply';
  readonly group: GroupId;
  readonly term: number;
  readonly rejected: boolean;
  readonly match: number;
  /** Of a rejection: the follower's last entry that could still agree with the leader. */
  readonly hintIndex: number;
  readonly hintTerm: number;
  /** It is under repair: it has no vote, and what it acknowledged before may be lost. */
  readonly repairing: boolean;
}

/** The leader asks its heir to start an election at once (thesis 3.10). */
export interface TimeoutNow {
  readonly kind: 'timeout_now';
  readonly group: GroupId;
  readonly term: number;
}

/** A follower asks for an index up to which it must have applied before it answers a read (thesis 6.4). */
export interface ReadIndex {
  readonly kind: 'read_index';
  readonly group: GroupId;
  readonly term: number;
  /** Fresh for every attempt: an answer to an older one must not count. */
  readonly context: number;
}

export interface ReadIndexReply {
  readonly kind: 'read_index_reply';
  readonly group: GroupId;
  readonly term: number;
  readonly context: number;
  readonly index: number;
  readonly refused: boolean;
}

/** What one replica of a group says to another. */
export type GroupMessage = VoteRequest | VoteReply | Append | AppendReply | TimeoutNow | ReadIndex | ReadIndexReply;

/** Heartbeat for all groups that the sender leads: [group, term, commit, cluster time]. */
export interface Heartbeat {
  readonly kind: 'heartbeat';
  readonly round: number;
  readonly groups: [GroupId, number, number, number][];
}

/** `strays`: the groups that do not follow the sender in that term, with their own term. */
export interface HeartbeatReply {
  readonly kind: 'heartbeat_reply';
  readonly round: number;
  readonly strays: [GroupId, number][];
}

/** Anything that travels between cores. */
export type PeerMessage = GroupMessage | Heartbeat | HeartbeatReply;

/** A message on its way. */
export interface Outgoing {
  readonly to: NodeId;
  readonly message: PeerMessage;
}

/** Times and sizes of the core. */
export interface RaftSettings {
  /** Silence of the leader after which a follower looks for a new one, ms; drawn from this to twice this. */
  readonly election_ms: number;
  /** Interval of heartbeats, ms. */
  readonly heartbeat_ms: number;
  /** Appends under way to one follower. */
  readonly appends_in_flight_max: number;
  /** Bytes under way to one follower. */
  readonly append_bytes_in_flight_max: number;
  /** Bytes of runs in one append message (one run may exceed it). */
  readonly append_bytes_max: number;
  /** Runs in one append message: small ones come by the thousand when a follower catches up. */
  readonly append_runs_max: number;
  /** Bytes of entries in one run (one entry may exceed it). */
  readonly run_bytes_max: number;
  /** Bytes proposed and not committed above which proposals are refused. */
  readonly uncommitted_bytes_max: number;
  /** Bytes of runs kept in memory per group; older ones are read back from disk when a follower lags. */
  readonly log_cache_bytes_max: number;
  /** An append unanswered for this long while its peer answers heartbeats is sent again, ms. */
  readonly resend_ms: number;
  /** Reads waiting for confirmation in one group. */
  readonly reads_max: number;
}

export const DEFAULT_RAFT_SETTINGS: RaftSettings = {
  election_ms: 1000,
  heartbeat_ms: 100,
  appends_in_flight_max: 8,
  append_bytes_in_flight_max: 8 << 20,
  append_bytes_max: 512 << 10,
  append_runs_max: 1024,
  run_bytes_max: 256 << 10,
  uncommitted_bytes_max: 32 << 20,
  log_cache_bytes_max: 32 << 20,
  resend_ms: 500,
  reads_max: 65_536,
};

/** A broken promise of the core: the process must not go on. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Holds in production as well: what the algorithm rests on. */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) throw new InvariantError(what);
}
