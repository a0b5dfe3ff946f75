/**
 * One replica of one Raft group: events in, an outbox out. It knows no disk, socket or clock; `now` is monotonic milliseconds.
 * The state lies in state.ts, what happens to it in election.ts, leadership.ts, replication.ts and reads.ts.
 */
import { campaign, campaignAsHeir, expectElection, onVoteReply, onVoteRequest, ownVoteSaved } from './election.js';
import { checkInvariants } from './invariants.js';
import { beginTransfer, bestHeir, tellHeir, watchDeadline, watchOver } from './leadership.js';
import { RaftLog } from './log.js';
import { isQuorum } from './quorum.js';
import { confirmReads, onReadIndex, onReadIndexReply, read } from './reads.js';
import {
  acknowledge,
  advanceCommit,
  appendOwn,
  commitReached,
  heardLeader,
  onAppend,
  onAppendReply,
  probe,
  replicate,
  replicateAll,
} from './replication.js';
import type { Run } from './run.js';
import {
  type ConfigurationAt,
  clusterTime,
  configurationOf,
  follow,
  forgetLeader,
  type Outbox,
  type Random,
  type Save,
  type State,
  send,
} from './state.js';
import type { Configuration, GroupId, GroupMessage, HardState, NodeId, Proposal, RaftSettings, Role } from './types.js';

/** What a replica starts from. */
export interface GroupOptions {
  readonly group: GroupId;
  readonly self: NodeId;
  /** The configuration before the first entry. */
  readonly configuration: Configuration;
  readonly settings: RaftSettings;
  readonly random: Random;
  /** What was found on disk. */
  readonly hardState: HardState;
  readonly runs: readonly Run[];
  /** Configurations found in `runs`, in order. */
  readonly configurations: readonly ConfigurationAt[];
  readonly now: number;
}

/** Why a proposal was not taken. */
export type Refusal = 'not leader' | 'handing over' | 'too much uncommitted';

/** A replica as others see it. */
export interface View {
  readonly group: GroupId;
  readonly role: Role;
  readonly term: number;
  readonly leader: NodeId;
  readonly commit: number;
  readonly last: number;
  readonly durable: number;
  readonly configuration: Configuration;
}

export class RaftGroup {
  readonly #s: State;

  constructor(options: GroupOptions) {
    const log = new RaftLog(options.runs, options.settings.log_cache_bytes_max);
    this.#s = {
      group: options.group,
      self: options.self,
      settings: options.settings,
      random: options.random,
      log,
      term: options.hardState.term,
      vote: options.hardState.vote,
      commit: 0,
      applied: 0,
      role: 'follower',
      leader: '',
      configurations: [{ index: 0, configuration: options.configuration }, ...options.configurations],
      now: options.now,
      time: log.lastTime,
      timeAt: options.now,
      electionAt: 0,
      contactAt: Number.NEGATIVE_INFINITY,
      verified: 0,
      ackOwed: false,
      forwarded: new Set(),
      votes: new Map(),
      attempts: 0,
      transferring: false,
      connected: new Set(),
      progress: new Map(),
      termStart: 0,
      firstRound: 0,
      transfer: null,
      uncommittedBytes: 0,
      progressAt: options.now,
      quorumCheckAt: 0,
      reads: [],
      stateDirty: false,
      stateSave: 0,
      unsaved: [],
      saveSequence: 0,
      savedSequence: 0,
      saves: [],
      held: [],
      out: { messages: [], reads: [], loads: [], changed: true, reason: '' },
    };
    follow(this.#s, this.#s.term, '', '');
    // A group of one need not wait for silence.
    if (isQuorum(options.configuration, (id) => id === options.self)) this.#s.electionAt = options.now;
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
    this.#after();
  }

  /** Appends entries to the log. Returns the index of the first, or why not. */
  propose(entries: readonly Proposal[], now: number): number | Refusal {
    const s = this.#at(now);
    if (s.role !== 'leader') return 'not leader';
    if (s.transfer !== null) return 'handing over';
    if (s.uncommittedBytes > s.settings.uncommitted_bytes_max) return 'too much uncommitted';
    const first = appendOwn(s, entries);
    replicateAll(s);
    this.#after();
    return first;
  }

  /** Asks for the index at which a read may be answered; the result comes in the outbox under `context`, fresh for every attempt. */
  read(context: number, round: number, now: number): void {
    read(this.#at(now), '', context, round);
    this.#after();
  }

  /** Begins handing leadership to another voter. False when it cannot. */
  transfer(to: NodeId, now: number): boolean {
    const begun = beginTransfer(this.#at(now), to);
    this.#after();
    return begun;
  }

  /** Whom to hand over to: the connected voter with the longest durable log, or ''. */
  get heir(): NodeId {
    return bestHeir(this.#s);
  }

  /** Stops leading: the node must not, for example because its disk is full. */
  resign(reason: string, now: number): void {
    const s = this.#at(now);
    if (s.role === 'leader') follow(s, s.term, '', reason);
    this.#after();
  }

  /** A link to a peer is up. */
  connected(peer: NodeId, now: number): void {
    const s = this.#at(now);
    s.connected.add(peer);
    const progress = s.progress.get(peer);
    if (progress !== undefined) {
      progress.connected = true;
      probe(s, peer);
    }
    // No leader is known, and whoever was asked before the link was there did not hear it: ask once a majority can be asked.
    const leaderless = s.role !== 'leader' && s.leader === '';
    if (leaderless && isQuorum(configurationOf(s), (id) => id === s.self || s.connected.has(id))) expectElection(s);
    this.#after();
  }

  /** The link to a peer is down: evidence, where silence would only be a hint. */
  disconnected(peer: NodeId, now: number): void {
    const s = this.#at(now);
    s.connected.delete(peer);
    const progress = s.progress.get(peer);
    if (progress !== undefined) {
      progress.connected = false;
      progress.probe(progress.match === 0 ? s.log.last + 1 : progress.match + 1);
    }
    if (s.leader === peer) {
      forgetLeader(s);
      if (s.role === 'follower') expectElection(s);
    }
    this.#after();
  }

  /** The deadline has passed (the caller has made sure that no message was waiting). */
  tick(now: number): void {
    const s = this.#at(now);
    if (s.role === 'leader') {
      watchOver(s);
    } else if (now >= s.electionAt) campaign(s);
    this.#after();
  }

  /** A save is durable, and with it all earlier ones. */
  saved(sequence: number, now: number): void {
    const s = this.#at(now);
    s.savedSequence = sequence;
    let durable = 0;
    while ((s.saves[0]?.sequence ?? Number.POSITIVE_INFINITY) <= sequence)
      durable = Math.max(durable, s.saves.shift()?.last ?? 0);
    s.log.saved(durable);
    const released = s.held.filter((held) => held.sequence <= sequence);
    if (released.length > 0) {
      s.held.splice(0, s.held.length, ...s.held.filter((held) => held.sequence > sequence));
      for (const held of released) if (held.term === s.term) send(s, held.outgoing.to, held.outgoing.message);
    }
    acknowledge(s);
    ownVoteSaved(s);
    commitReached(s);
    this.#after();
  }

  /** A run asked for in the outbox has been read from disk. */
  loaded(run: Run, bytes: Buffer, now: number): void {
    const s = this.#at(now);
    s.log.load(run, bytes);
    for (const [id, progress] of s.progress) {
      if (!progress.loading) continue;
      progress.loading = false;
      replicate(s, id);
    }
    this.#after();
  }

  /** The state machine has applied up to `index`. */
  applied(index: number): void {
    this.#s.applied = index;
    this.#s.log.shrink(index);
  }

  // --- heartbeats, for all groups at once (multi.ts) -------------------------------------------------------------------------------

  /** What a leader says to `peer` in heartbeat `round`, or null when it does not lead it. */
  heartbeatFor(peer: NodeId, round: number, now: number): [GroupId, number, number, number] | null {
    const s = this.#at(now);
    const progress = s.progress.get(peer);
    if (s.role !== 'leader' || progress === undefined) return null;
    if (s.firstRound === 0) s.firstRound = round;
    // Never beyond what this peer is known to hold: its log may differ after that.
    return [s.group, s.term, Math.min(progress.match, s.commit), clusterTime(s)];
  }

  /** A leader's heartbeat. Returns null when this replica follows it in that term, else its own term. */
  heartbeat(from: NodeId, term: number, commit: number, time: number, now: number): number | null {
    const s = this.#at(now);
    if (term < s.term) return s.term;
    heardLeader(s, from, term);
    s.time = Math.max(s.time, time);
    advanceCommit(s, Math.min(commit, s.log.last));
    this.#after();
    return null;
  }

  /** A peer answered round `round`, which was sent at `sentAt`: it follows (`stray` null), or is in term `stray`. */
  heartbeatReply(from: NodeId, round: number, sentAt: number, stray: number | null, now: number): void {
    const s = this.#at(now);
    const progress = s.progress.get(from);
    if (stray !== null && stray > s.term) follow(s, stray, '', `${from} is in term ${stray}`);
    else if (
      s.role === 'leader' &&
      stray === null &&
      progress !== undefined &&
      s.firstRound > 0 &&
      round >= s.firstRound
    ) {
      progress.round = Math.max(progress.round, round);
      progress.contactAt = Math.max(progress.contactAt, sentAt);
      // It hears us and owes an answer for long: the append or its answer was lost.
      const owed = progress.inFlight > 0 || progress.next <= s.log.last;
      if (owed && !progress.loading && sentAt - progress.sentAt > s.settings.resend_ms) probe(s, from);
      confirmReads(s);
    }
    this.#after();
  }

  /** True when reads wait for a round that has not been sent yet. */
  wantsRound(nextRound: number): boolean {
    return (this.#s.reads.at(-1)?.round ?? 0) >= nextRound;
  }

  // --- what comes out ---------------------------------------------------------------------------------------------------------------

  /** What is to be made durable now, or null. At most one save of a group is to be under way per batch; they complete in order. */
  takeSave(now: number): Save | null {
    const s = this.#s;
    if (!s.stateDirty && s.unsaved.length === 0) return null;
    const sequence = ++s.saveSequence;
    const state: HardState | null = s.stateDirty ? { term: s.term, vote: s.vote } : null;
    const runs = s.unsaved;
    if (s.stateDirty) s.stateSave = sequence;
    s.stateDirty = false;
    s.unsaved = [];
    s.saves.push({ sequence, last: s.log.last, since: now });
    return { sequence, state, runs };
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

  view(): View {
    const s = this.#s;
    return {
      group: s.group,
      role: s.role,
      term: s.term,
      leader: s.leader,
      commit: s.commit,
      last: s.log.last,
      durable: s.log.durable,
      configuration: configurationOf(s),
    };
  }

  /** Cheap looks at single facts, for the hot path. */
  get id(): GroupId {
    return this.#s.group;
  }
  get leads(): boolean {
    return this.#s.role === 'leader';
  }
  get term(): number {
    return this.#s.term;
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
  /** Cluster time, ms. */
  get time(): number {
    return clusterTime(this.#s);
  }
  get log(): RaftLog {
    return this.#s.log;
  }
  /** On a leader: the highest durable index of every member, itself included. */
  matches(): Record<NodeId, number> {
    const s = this.#s;
    const matches: Record<NodeId, number> = {};
    if (s.role !== 'leader') return matches;
    matches[s.self] = s.log.durable;
    for (const [id, progress] of s.progress) matches[id] = progress.match;
    return matches;
  }

  /** @throws InvariantError when the state contradicts the algorithm. */
  check(): void {
    checkInvariants(this.#s);
  }

  #at(now: number): State {
    this.#s.now = Math.max(this.#s.now, now);
    return this.#s;
  }

  // Reads may have become answerable by whatever just happened.
  #after(): void {
    if (this.#s.reads.length > 0) confirmReads(this.#s);
  }
}
