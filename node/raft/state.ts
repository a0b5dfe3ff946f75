/** The state of one replica of one group, and the few changes that every part of the core makes to it. */
import type { LogStart, RaftLog } from './log.js';
import type { Progress } from './progress.js';
import { everyone } from './quorum.js';
import type { Run } from './run.js';
import {
  type Configuration,
  type GroupId,
  type HardState,
  invariant,
  type NodeId,
  type Outgoing,
  type PeerMessage,
  type RaftSettings,
  type Role,
} from './types.js';

/** Reproducible randomness, handed in. */
export interface Random {
  /** 0 to 2^32 - 1. */
  uint32(): number;
}

/**
 * How far a repair is (repair.ts). *Deaf*: takes part in nothing. *Filling*: has no vote. *Full*: holds again all that it can have promised.
 */
export interface Repair {
  phase: 'deaf' | 'filling' | 'full';
  /** The term in which the leader was asked for a read index; 0: not yet. What was asked in an earlier one no longer counts. */
  askedIn: number;
  /** When it was last asked. */
  askedAt: number;
  /** The log has to be durable and verified up to here; Infinity until the leader has told. */
  target: number;
}

/** Something to be made durable in one piece: hard state first, then a new start of the log, then runs. */
export interface Save {
  readonly sequence: number;
  readonly state: HardState | null;
  /** The log begins anew behind this entry. Of what is on disk only what follows the very same entry still counts. */
  readonly start: LogStart | null;
  readonly runs: readonly Run[];
}

/** A save under way. `last` sinks when entries that it holds are cut from the log: they may be overwritten on disk. */
export interface PendingSave {
  readonly sequence: number;
  /** The term that is on disk with it. */
  readonly term: number;
  last: number;
  readonly since: number;
}

/** A message that may leave only when save `sequence` is durable, and only while the replica is still in `term`. */
export interface Held {
  readonly sequence: number;
  readonly term: number;
  readonly outgoing: Outgoing;
}

/** A read that waits until a quorum has confirmed this leader. */
export interface WaitingRead {
  /** Who asked: '' for this node itself. */
  readonly from: NodeId;
  readonly context: number;
  /** Commit index when it arrived; -1 until this leader has committed in its term. */
  index: number;
  /** The heartbeat round whose answers confirm it: sent after its arrival. */
  readonly round: number;
}

/** A read that came to something: apply up to `index`, then answer; or refused: ask again. */
export interface ReadResult {
  readonly context: number;
  readonly index: number;
  readonly refused: boolean;
}

/** A running hand-over of leadership. */
export interface Transfer {
  readonly to: NodeId;
  readonly until: number;
  /** TimeoutNow has been sent: nothing may be answered from leadership alone any more. */
  told: boolean;
}

/** What has to leave the core. Emptied by whoever takes it. */
export interface Outbox {
  messages: Outgoing[];
  reads: ReadResult[];
  /** Runs to be read from disk for a follower. */
  loads: Run[];
  /** Followers that need what is purged here: each is to be sent a snapshot. */
  snapshots: NodeId[];
  /** A repair has come to its end: that is to be written down, then `repairDone` called. */
  repaired: boolean;
  /** Role, term, leader or what it takes part in changed. */
  changed: boolean;
  /** Why this replica gave up leadership, for the event log. */
  reason: string;
}

export interface ConfigurationAt {
  readonly index: number;
  readonly configuration: Configuration;
}

/** Fields in the order of the paper's figure 2, then what practice added. */
export interface State {
  readonly group: GroupId;
  readonly self: NodeId;
  readonly settings: RaftSettings;
  readonly random: Random;
  readonly log: RaftLog;

  term: number;
  vote: NodeId;
  commit: number;
  /** Told by the node; only for invariants and memory. */
  applied: number;
  /** Index of the newest checkpoint that is known to be flushed. */
  snapshot: number;

  role: Role;
  /** '' while unknown. */
  leader: NodeId;
  /** Newest last; the last one counts, committed or not (paper section 6). */
  readonly configurations: ConfigurationAt[];

  /** Monotonic ms of the event under way. */
  now: number;
  /** Cluster time, ms: on a leader it advances by elapsed time, elsewhere it is the latest that was heard in the term of the last entry. */
  time: number;
  /** That term. */
  timeTerm: number;
  timeAt: number;

  // Follower.
  /** When to look for a new leader. Infinity on leaders; who has no vote lets it pass. */
  electionAt: number;
  /** When the current leader was last heard: within `election_ms` of it no vote is given to others (thesis 4.2.3). */
  contactAt: number;
  /** Highest index that a leader of this term has verified to agree with its log. */
  verified: number;
  /** The leader waits to hear when that is durable. */
  ackOwed: boolean;

  /** Contexts of reads that were passed on to the leader, and when they last were, oldest first. */
  readonly forwarded: Map<number, number>;

  // Candidate.
  readonly votes: Map<NodeId, boolean>;
  /** Rounds lost in a row: spreads the next ones. */
  attempts: number;
  transferring: boolean;
  /** Peers with a link up. */
  readonly connected: Set<NodeId>;

  // Leader.
  readonly progress: Map<NodeId, Progress>;
  /** Index of the no-op that began this leader's term. */
  termStart: number;
  transfer: Transfer | null;
  uncommittedBytes: number;
  /** When commit or a voter's log last moved, or there was nothing to commit. */
  progressAt: number;
  quorumCheckAt: number;
  reads: WaitingRead[];

  // Storage.
  /** Hard state differs from what the last save holds. */
  stateDirty: boolean;
  /** The save that holds the newest hard state. */
  stateSave: number;
  /** The term on disk. */
  durableTerm: number;
  /** Where the log begins anew, if the disk does not know yet. */
  unsavedStart: LogStart | null;
  unsaved: Run[];
  saveSequence: number;
  savedSequence: number;
  readonly saves: PendingSave[];
  /** By receiver and kind: of each only the newest counts. */
  readonly held: Map<string, Held>;
  /** Runs being read from disk for followers. */
  readonly loading: Set<Run>;
  /** null: it is whole. */
  repair: Repair | null;

  readonly out: Outbox;
}

/** The configuration in force: the last one in the log. */
export function configurationOf(s: State): Configuration {
  const last = s.configurations.at(-1);
  invariant(last !== undefined, 'a group has a configuration');
  return last.configuration;
}

/** Everyone else in the group. */
export function others(s: State): NodeId[] {
  return everyone(configurationOf(s)).filter((id) => id !== s.self);
}

/** Sends at once. */
export function send(s: State, to: NodeId, message: PeerMessage): void {
  s.out.messages.push({ to, message });
}

/** An election timeout from now on, drawn anew (paper 5.2). */
export function armElection(s: State): void {
  s.electionAt = s.now + s.settings.election_ms + below(s, s.settings.election_ms);
}

/** A random number of milliseconds below `ms`. */
export function below(s: State, ms: number): number {
  return (s.random.uint32() / 0x1_0000_0000) * ms;
}

/** Becomes follower (or learner) of `term`. The vote is forgotten only when the term is new. */
export function follow(s: State, term: number, leader: NodeId, reason: string): void {
  invariant(term >= s.term, 'terms never go back');
  const wasLeader = s.role === 'leader';
  const role: Role = configurationOf(s).learners.includes(s.self) ? 'learner' : 'follower';
  if (term > s.term || role !== s.role || leader !== s.leader) s.out.changed = true;
  if (wasLeader) {
    s.out.reason = reason;
    stepDown(s);
  }
  if (term > s.term) enterTerm(s, term, '');
  if (leader !== s.leader) refuseForwarded(s);
  s.role = role;
  s.leader = leader;
  s.votes.clear();
  s.transferring = false;
  if (leader !== '') s.contactAt = s.now;
  armElection(s);
}

/** A new term, in which this replica has voted for `vote`, or for nobody yet (''). What was verified in the last one was by its leader. */
export function enterTerm(s: State, term: number, vote: NodeId): void {
  s.term = term;
  s.vote = vote;
  s.stateDirty = true;
  s.verified = 0;
  s.ackOwed = false;
}

/** Knows of no leader any more. */
export function forgetLeader(s: State): void {
  if (s.leader === '') return;
  s.leader = '';
  s.out.changed = true;
  refuseForwarded(s);
}

// Gives up the reads that were passed on to a leader that is no more: the node asks anew.
function refuseForwarded(s: State): void {
  for (const context of s.forwarded.keys()) s.out.reads.push({ context, index: 0, refused: true });
  s.forwarded.clear();
}

function stepDown(s: State): void {
  for (const read of s.reads.splice(0)) answerRead(s, read, true);
  s.progress.clear();
  s.out.snapshots = [];
  s.transfer = null;
  s.uncommittedBytes = 0;
}

/** Tells whoever asked that a read may be answered at its index, or that it was not confirmed. */
export function answerRead(s: State, read: WaitingRead, refused: boolean): void {
  const { context } = read;
  const index = refused ? 0 : read.index;
  if (read.from === '') s.out.reads.push({ context, index, refused });
  else send(s, read.from, { kind: 'read_index_reply', group: s.group, term: s.term, context, index, refused });
}

const CLUSTER_TIME_STEP_MS_MAX = 500;

/**
 * Cluster time now. A leader's advances by elapsed time, at most 500 ms a step: it may run late, never early. That is, between two entries
 * of a log no more of it passes than of real time, so that nothing runs out too soon.
 */
export function clusterTime(s: State): number {
  if (s.role === 'leader') {
    const elapsed = Math.floor(s.now - s.timeAt);
    s.time += Math.min(elapsed, CLUSTER_TIME_STEP_MS_MAX);
    s.timeAt += elapsed;
  }
  return s.time;
}

/**
 * The leader of `term`, which is the term of the last entry now, told the time. A new leader goes on from there, and from nobody else's
 * time: all its entries were in the log of that one, and none is ahead of it. What another leader told may be, for who came next need not
 * have heard it, and began behind.
 */
export function hearTime(s: State, term: number, time: number): void {
  s.time = term === s.timeTerm ? Math.max(s.time, time) : time;
  s.timeTerm = term;
}
