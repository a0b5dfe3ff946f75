/**
 * One replica of one Raft group: events in, an outbox out. It knows no disk, socket or clock; `now` is monotonic milliseconds.
 * The state lies in state.ts; what happens to it in election.ts, leadership.ts, replication.ts and following.ts, reads.ts,
 * heartbeat.ts, links.ts and durability.ts.
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
import { appendOwn, commitReached, onAppendReply, onLoaded, replicateAll } from './replication.js';
import type { Run } from './run.js';
import { type GroupOptions, initialState } from './start.js';
import { clusterTime, follow, type Outbox, type Save, type State } from './state.js';
import type { GroupId, GroupMessage, Heartbeat, NodeId, Proposal } from './types.js';
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
  }

  /** A run asked for in the outbox has been read from disk. */
  loaded(run: Run, bytes: Buffer, now: number): void {
    onLoaded(this.#at(now), run, bytes);
  }

  /** The state machine has applied up to `index`. */
  applied(index: number): void {
    this.#s.applied = index;
    this.#s.log.shrink(index);
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
