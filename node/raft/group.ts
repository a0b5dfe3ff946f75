/**
 * One replica of one Raft group: events in, an outbox out. It knows no disk, socket or clock; `now` is monotonic milliseconds.
 * The state lies in state.ts; what happens to it in election.ts, leadership.ts, replication.ts and following.ts, reads.ts,
 * heartbeat.ts, links.ts, durability.ts, snapshots.ts and repair.ts.
 */
import { onSaved, takeSave } from './durability.js';
import { campaign, campaignAsHeir, onVoteReply, onVoteRequest, ownVoteSaved } from './election.js';
import { acknowledge, onAppend } from './following.js';
import { heartbeatFor, onHeartbeat, onHeartbeatReply } from './heartbeat.js';
import { checkInvariants } from './invariants.js';
import { beginTransfer, bestHeir, tellHeir, watchDeadline, watchOver } from './leadership.js';
import { linkDown, linkUp } from './links.js';
import type { RaftLog } from './log.js';
import { confirmReads, onReadIndex, onReadIndexReply, read } from './reads.js';
import { endRepair, enterRepairTerm, settleRepair } from './repair.js';
import { appendOwn, commitReached, onAppendReply, onLoaded, replicateAll } from './replication.js';
import type { Run } from './run.js';
import {
  compact,
  configurationAt,
  install,
  mayInstall,
  type Snapshot,
  snapshotFailed,
  snapshotSent,
} from './snapshots.js';
import { type GroupOptions, initialState } from './start.js';
import { clusterTime, follow, type Outbox, type Save, type State } from './state.js';
import type { Configuration, GroupId, GroupMessage, Heartbeat, NodeId, Proposal } from './types.js';
import { type Load, loadOf, matchesOf, type View, viewOf } from './view.js';

/** Why a proposal was not taken. */
export type Refusal = 'not leader' | 'handing over' | 'too much uncommitted';

export class RaftGroup {
  readonly #s: State;

  constructor(options: GroupOptions) {
    this.#s = initialState(options);
  }

  // --- what happens -------------------------------------------------------------------------------------------------------------

  /** A message from another replica. `round` is the number of the next heartbeat round. @throws RunError on a malformed run. */
  receive(from: NodeId, message: GroupMessage, round: number, now: number): void {
    const s = this.#at(now);
    if (s.repair?.phase === 'deaf') return;
    switch (message.kind) {
      case 'vote_request':
        onVoteRequest(s, from, message);
        break;
      case 'vote_reply':
        onVoteReply(s, from, message);
        break;
      case 'append':
        onAppend(s, from, message);
        break;
      case 'append_reply':
        if (onAppendReply(s, from, message)) tellHeir(s);
        break;
      case 'timeout_now':
        if (message.term === s.term && s.leader === from) campaignAsHeir(s);
        break;
      case 'read_index':
        onReadIndex(s, from, message, round);
        break;
      case 'read_index_reply':
        onReadIndexReply(s, message);
        break;
    }
    confirmReads(s);
  }

  /** Appends entries to the log. Returns the index of the first, or why not. */
  propose(entries: readonly Proposal[], now: number): number | Refusal {
    const s = this.#at(now);
    if (s.role !== 'leader') return 'not leader';
    if (s.transfer !== null) return 'handing over';
    if (s.uncommittedBytes > s.settings.uncommitted_bytes_max) return 'too much uncommitted';
    const first = appendOwn(s, entries);
    replicateAll(s);
    return first;
  }

  /** Asks for the index at which a read may be answered; the result comes in the outbox under `context`, fresh for every attempt. */
  read(context: number, round: number, now: number): void {
    read(this.#at(now), '', context, round);
  }

  /** Begins handing leadership to another voter. False when it cannot. */
  transfer(to: NodeId, now: number): boolean {
    return beginTransfer(this.#at(now), to);
  }

  /** Whom to hand over to: the voter with the longest durable log of those that are connected and were heard lately, or ''. */
  heir(now: number): NodeId {
    return bestHeir(this.#at(now));
  }

  /** Stops leading: the node must not, for example because its disk is full. */
  resign(reason: string, now: number): void {
    const s = this.#at(now);
    if (s.role === 'leader') follow(s, s.term, '', reason);
  }

  /** A link to a peer is up. What is sent over it arrives in order, and nothing sent before does. */
  connected(peer: NodeId, now: number): void {
    linkUp(this.#at(now), peer);
  }

  /** The link to a peer is down. */
  disconnected(peer: NodeId, now: number): void {
    linkDown(this.#at(now), peer);
  }

  /** The deadline has passed (the caller has made sure that no message was waiting). */
  tick(now: number): void {
    const s = this.#at(now);
    if (s.role === 'leader') watchOver(s);
    else if (now >= s.electionAt) campaign(s);
  }

  /** A save is durable, and with it all earlier ones; its runs have their places. */
  saved(sequence: number, now: number): void {
    const s = this.#at(now);
    onSaved(s, sequence);
    acknowledge(s);
    ownVoteSaved(s);
    commitReached(s);
    confirmReads(s);
    settleRepair(s);
  }

  /** A run asked for in the outbox has been read from disk. */
  loaded(run: Run, bytes: Buffer, now: number): void {
    onLoaded(this.#at(now), run, bytes);
  }

  /**
   * The state machine has applied up to `index`. With `paused` it will not go on for a while: what comes meanwhile is not kept in memory
   * for it once it is durable.
   */
  applied(index: number, paused = false): void {
    this.#s.applied = index;
    this.#s.log.shrink(paused ? Number.POSITIVE_INFINITY : index);
  }

  /**
   * Gives up entries up to `index`; runs that end behind it stay whole. `checkpoint`, not below it, is the index of a flushed one. Afterwards
   * storage may let go what lies at or below `log.start`.
   */
  compact(index: number, checkpoint = index): void {
    compact(this.#s, index, checkpoint);
  }

  /** A follower that was named in the outbox has made a snapshot as of `index` its own. */
  snapshotSent(peer: NodeId, index: number, now: number): void {
    snapshotSent(this.#at(now), peer, index);
  }

  /** The snapshot for a follower that was named in the outbox came to nothing: it will be named again. */
  snapshotFailed(peer: NodeId, now: number): void {
    snapshotFailed(this.#at(now), peer);
  }

  /**
   * May a snapshot of the leader of `leaderTerm` take the place of what this replica has? To be asked when its rows are durable, before
   * they count. Its offer is to be passed to `heartbeat` (with commit 0) before, for the term has to be durable.
   */
  mayInstall(index: number, leaderTerm: number): boolean {
    return mayInstall(this.#s, index, leaderTerm);
  }

  /**
   * The rows of a snapshot count: this replica has applied up to its index. Between a `mayInstall` that was true and this, the state machine
   * must apply nothing: false, and nothing has changed, when it has got there by itself.
   */
  install(snapshot: Snapshot, now: number): boolean {
    return install(this.#at(now), snapshot);
  }

  /**
   * The greatest term of all other members. Each has to be asked over a link that came up after this replica's start; one under repair
   * answers with the term on its disk. From now on this replica follows, without a vote.
   */
  repairTerm(term: number, now: number): void {
    enterRepairTerm(this.#at(now), term);
  }

  /** That the repair is over has been written down: from now on this replica votes again. */
  repairDone(): void {
    endRepair(this.#s);
  }

  /** What a leader says to `peer` in heartbeat `round`, or null when it does not lead it. */
  heartbeatFor(peer: NodeId, round: number, now: number): Heartbeat['groups'][number] | null {
    return heartbeatFor(this.#at(now), peer, round);
  }

  /** A leader's heartbeat. Returns null when this replica follows it in that term, else its own term. */
  heartbeat(from: NodeId, term: number, commit: number, time: number, now: number): number | null {
    return onHeartbeat(this.#at(now), from, term, commit, time);
  }

  /** A peer answered round `round`, which was sent at `sentAt`: it follows (`stray` null), or is in term `stray`. */
  heartbeatReply(from: NodeId, round: number, sentAt: number, stray: number | null, now: number): void {
    onHeartbeatReply(this.#at(now), from, round, sentAt, stray);
  }

  // --- what comes out ---------------------------------------------------------------------------------------------------------------

  /** What is to be made durable now, or null. At most one save of a group is to be under way per batch; they complete in order. */
  takeSave(now: number): Save | null {
    return takeSave(this.#s, now);
  }

  /** Everything else that came out since the last time. */
  take(): Outbox {
    const s = this.#s;
    const taken = { ...s.out };
    s.out.messages = [];
    s.out.reads = [];
    s.out.loads = [];
    s.out.snapshots = [];
    s.out.repaired = false;
    s.out.changed = false;
    s.out.reason = '';
    return taken;
  }

  /** Monotonic time at which `tick` is due. */
  deadline(): number {
    return this.#s.role === 'leader' ? watchDeadline(this.#s) : this.#s.electionAt;
  }

  /** True when reads wait for a round that has not been sent yet. */
  wantsRound(nextRound: number): boolean {
    return (this.#s.reads.at(-1)?.round ?? 0) >= nextRound;
  }

  view(): View {
    return viewOf(this.#s);
  }

  /** On a leader: the highest durable index of every member, itself included. */
  matches(): Record<NodeId, number> {
    return matchesOf(this.#s);
  }

  /** How full its queues are. */
  load(): Load {
    return loadOf(this.#s);
  }

  /** The configuration in force at an entry that is not purged: for a checkpoint there. */
  configurationAt(index: number): Configuration {
    return configurationAt(this.#s, index);
  }

  /** @throws InvariantError when the state contradicts the algorithm. */
  check(): void {
    checkInvariants(this.#s);
  }

  // Cheap looks at single facts, for the hot path.

  get id(): GroupId {
    return this.#s.group;
  }
  get leads(): boolean {
    return this.#s.role === 'leader';
  }
  get term(): number {
    return this.#s.term;
  }
  /** The term on disk. A checkpoint may be flushed only when this has reached `term` as it was at the cut (snapshots.ts, mayInstall). */
  get durableTerm(): number {
    return this.#s.durableTerm;
  }
  /** It has lost part of what it held and has no vote. */
  get repairing(): boolean {
    return this.#s.repair !== null;
  }
  /** Whom it voted for in `term`, '' for nobody. */
  get vote(): NodeId {
    return this.#s.vote;
  }
  get leader(): NodeId {
    return this.#s.leader;
  }
  get commit(): number {
    return this.#s.commit;
  }
  /** True on a leader whose no-op is committed. */
  get settled(): boolean {
    return this.#s.role === 'leader' && this.#s.commit >= this.#s.termStart;
  }
  /** Cluster time, ms. A leader's goes on between events: asked for often enough, it loses nothing to its steps. */
  timeAt(now: number): number {
    return clusterTime(this.#at(now));
  }
  get log(): RaftLog {
    return this.#s.log;
  }

  #at(now: number): State {
    this.#s.now = Math.max(this.#s.now, now);
    return this.#s;
  }
}
