/** One replica by itself, for tests: the test plays its peers, its clock and its disk by hand. Nothing happens unless it is told to. */
import { expect } from 'chai';
import { RaftGroup } from '../../node/raft/group.js';
import { decodeRun, encodeRun, lastOf, type Run } from '../../node/raft/run.js';
import type { Checkpoint, Snapshot } from '../../node/raft/snapshots.js';
import type { ConfigurationAt, ReadResult, Save } from '../../node/raft/state.js';
import {
  type Append,
  type AppendReply,
  type Configuration,
  DEFAULT_RAFT_SETTINGS,
  type GroupMessage,
  type HardState,
  NOOP,
  type NodeId,
  type Outgoing,
  type Proposal,
  type RaftSettings,
  type VoteReply,
  type VoteRequest,
} from '../../node/raft/types.js';
import { seededRandom } from '../simulation/time.js';

/** The group of all tests. */
export const GROUP = 'g';
/** Kind of the entries that tests propose. */
export const WORD = 16;

export interface CoreOptions {
  readonly id?: NodeId;
  readonly members?: readonly NodeId[];
  readonly configuration?: Configuration;
  readonly settings?: Partial<RaftSettings>;
  readonly hardState?: HardState;
  /** Terms of the entries that are on its disk, one run each. */
  readonly log?: readonly number[];
  /** Or the runs themselves. */
  readonly runs?: readonly Run[];
  /** Configurations in those. */
  readonly configurations?: readonly ConfigurationAt[];
  /** What it starts from. */
  readonly start?: Checkpoint;
  readonly repairing?: boolean;
  readonly seed?: number;
}

export class Core {
  readonly id: NodeId;
  readonly raft: RaftGroup;
  now = 10_000;
  /** What left it and has not been looked at, in order. */
  sent: Outgoing[] = [];
  reads: ReadResult[] = [];
  /** Runs that it wants read from its disk. */
  loads: Run[] = [];
  /** Followers that it wants sent a snapshot. */
  snapshots: NodeId[] = [];
  /** How often it said that it is whole again. */
  repaired = 0;
  /** Saves that were begun and are not durable yet. */
  readonly saving: Save[] = [];
  #round = 0;

  constructor(options: CoreOptions = {}) {
    const members = options.members ?? ['n1', 'n2', 'n3'];
    this.id = options.id ?? 'n1';
    const runs = options.runs ?? logOf(options.log ?? []);
    const lastTerm = runs.at(-1)?.term ?? 0;
    this.raft = new RaftGroup({
      group: GROUP,
      self: this.id,
      configuration: options.configuration ?? { voters: members, outgoing: [], learners: [] },
      settings: { ...DEFAULT_RAFT_SETTINGS, ...options.settings },
      random: seededRandom(options.seed ?? 1),
      hardState: options.hardState ?? { term: lastTerm, vote: '' },
      runs: runs.map((run) => ({ ...run, bytes: null, place: run.bytes })),
      configurations: options.configurations ?? [],
      start: options.start ?? null,
      repairing: options.repairing ?? false,
      now: this.now,
    });
    this.#collect();
  }

  // --- what happens to it ---

  hear(from: NodeId, message: GroupMessage): this {
    this.raft.receive(from, message, this.#round + 1, this.now);
    return this.#collect();
  }

  /** A heartbeat of `from`. Returns what the answer says of this group. */
  heartbeat(from: NodeId, term: number, commit = 0, time = 0): number | null {
    const stray = this.raft.heartbeat(from, term, commit, time, this.now);
    this.#collect();
    return stray;
  }

  link(...peers: NodeId[]): this {
    for (const peer of peers) this.raft.connected(peer, this.now);
    return this.#collect();
  }

  unlink(peer: NodeId): this {
    this.raft.disconnected(peer, this.now);
    return this.#collect();
  }

  /** Lets time pass; timers that run out do so at their time. */
  pass(ms: number): this {
    const end = this.now + ms;
    while (this.raft.deadline() <= end) {
      this.now = Math.max(this.now, this.raft.deadline());
      this.raft.tick(this.now);
      this.#collect();
    }
    this.now = end;
    return this;
  }

  /** Lets the election timer run out. */
  timeOut(): this {
    return this.pass(this.raft.deadline() - this.now);
  }

  propose(...words: string[]): number | string {
    const result = this.raft.propose(words.map(word), this.now);
    this.#collect();
    return result;
  }

  /** Asks for a read; its result comes to `reads`. */
  read(context: number): this {
    this.raft.read(context, this.#round + 1, this.now);
    return this.#collect();
  }

  /** Cluster time as it knows it. */
  get time(): number {
    return this.raft.timeAt(this.now);
  }

  /** Whom it would hand over to. */
  get heir(): NodeId {
    return this.raft.heir(this.now);
  }

  transfer(to: NodeId): boolean {
    const begun = this.raft.transfer(to, this.now);
    this.#collect();
    return begun;
  }

  /** Sends a heartbeat round to all of `peers`; returns its number and what it told each. */
  beat(...peers: NodeId[]): { round: number; rows: ReturnType<RaftGroup['heartbeatFor']>[] } {
    this.#round++;
    return { round: this.#round, rows: peers.map((peer) => this.raft.heartbeatFor(peer, this.#round, this.now)) };
  }

  /** `from` answers a round, the last one if nothing is said, sent just now. */
  answerRound(from: NodeId, options: { round?: number; sentAt?: number; stray?: number } = {}): this {
    const { round = this.#round, sentAt = this.now, stray = null } = options;
    this.raft.heartbeatReply(from, round, sentAt, stray, this.now);
    return this.#collect();
  }

  // --- its disk ---

  /** Begins a save, if there is anything to save. */
  startSave(): this {
    const save = this.raft.takeSave(this.now);
    if (save !== null) this.saving.push(save);
    return this;
  }

  /** The oldest save becomes durable. */
  finishSave(): this {
    const save = this.saving.shift();
    if (save === undefined) throw new Error('no save is under way');
    for (const run of save.runs) run.place = run.bytes;
    this.raft.saved(save.sequence, this.now);
    return this.#collect();
  }

  /** Everything becomes durable. */
  sync(): this {
    for (this.startSave(); this.saving.length > 0; this.startSave()) this.finishSave();
    return this;
  }

  /** Reads from disk what it asked for, all or as many as said. */
  load(count = this.loads.length): this {
    for (const run of this.loads.splice(0, count)) {
      this.raft.loaded(run, run.place as Buffer, this.now);
      this.#collect();
    }
    return this;
  }

  /** A snapshot as of `index`, whose last entry is of `term`, counts. */
  install(index: number, term: number, more: Partial<Snapshot> = {}): boolean {
    const { configuration } = this.raft.view();
    const installed = this.raft.install({ index, term, time: 0, configuration, leaderTerm: term, ...more }, this.now);
    this.#collect();
    return installed;
  }

  /** What it wanted sent to `peer` is there. */
  snapshotSent(peer: NodeId, index: number): this {
    this.raft.snapshotSent(peer, index, this.now);
    return this.#collect();
  }

  snapshotFailed(peer: NodeId): this {
    this.raft.snapshotFailed(peer, this.now);
    return this.#collect();
  }

  /** A checkpoint as of what is applied is flushed, and the log up to `index` goes. */
  compact(index: number): this {
    this.raft.compact(index, Math.max(index, this.raft.view().snapshot));
    return this.#collect();
  }

  repairTerm(term: number): this {
    this.raft.repairTerm(term, this.now);
    return this.#collect();
  }

  repairDone(): this {
    this.raft.repairDone();
    return this.#collect();
  }

  /** Everything that is committed has been applied. */
  apply(): this {
    this.raft.applied(this.raft.commit);
    return this;
  }

  // --- what came of it ---

  /** Takes what was sent of one kind, to one peer or to all. */
  take<K extends GroupMessage['kind']>(kind: K, to?: NodeId): Extract<GroupMessage, { kind: K }>[] {
    const wanted = (one: Outgoing) => one.message.kind === kind && (to === undefined || one.to === to);
    const taken = this.sent.filter(wanted);
    this.sent = this.sent.filter((one) => !wanted(one));
    return taken.map(({ message }) => message as Extract<GroupMessage, { kind: K }>);
  }

  /** The one message of a kind to a peer. */
  only<K extends GroupMessage['kind']>(kind: K, to?: NodeId): Extract<GroupMessage, { kind: K }> {
    const taken = this.take(kind, to);
    expect(taken, `messages ${kind}`).to.have.length(1);
    return taken[0] as Extract<GroupMessage, { kind: K }>;
  }

  /** The terms of its log's entries, from the first that is there on. */
  get terms(): number[] {
    const { first, last } = this.raft.log;
    return Array.from({ length: last - first + 1 }, (_, i) => this.raft.log.termAt(first + i) ?? 0);
  }

  get role(): string {
    return this.raft.view().role;
  }

  #collect(): this {
    const { messages, reads, loads, snapshots, repaired } = this.raft.take();
    this.snapshots.push(...snapshots);
    if (repaired) this.repaired++;
    this.sent.push(...messages);
    this.reads.push(...reads);
    this.loads.push(...loads);
    this.raft.check();
    return this;
  }
}

/** A replica that leads its next term, its no-op on its disk but on no other; nothing it sent until then is kept. */
export function leader(options: CoreOptions = {}): Core {
  const core = new Core(options);
  const peers = others(core);
  core.link(...peers).timeOut();
  for (const peer of peers) core.hear(peer, grant(core.raft.term + 1, true));
  core.sync();
  for (const peer of peers) core.hear(peer, grant(core.raft.term));
  expect(core.role).to.equal('leader');
  core.sync();
  core.sent = [];
  return core;
}

/** A leader whose no-op everyone holds and knows to be committed. */
export function settledLeader(options: CoreOptions = {}): Core {
  const core = leader(options);
  for (const peer of others(core)) core.hear(peer, ack(core.raft.term, core.raft.log.last));
  core.apply();
  core.sent = [];
  return core;
}

/** A follower of `from` that has heard from it just now. */
export function follower(from: NodeId, options: CoreOptions = {}): Core {
  const core = new Core(options);
  core.link(...others(core));
  core.heartbeat(from, core.raft.term === 0 ? 1 : core.raft.term);
  core.sync();
  core.sent = [];
  return core;
}

/** Makes an entry of a word. */
export function word(text: string): Proposal {
  return { kind: WORD, payload: Buffer.from(text) };
}

/** A checkpoint of the usual three as of an entry. */
export function checkpoint(index: number, term: number, more: Partial<Checkpoint> = {}): Checkpoint {
  return { index, term, time: 0, configuration: { voters: ['n1', 'n2', 'n3'], outgoing: [], learners: [] }, ...more };
}

/** A run of words. */
export function run(term: number, first: number, words: readonly string[], time = 0): Run {
  return encodeRun(GROUP, term, first, time, words.map(word));
}

/** One run for each entry of these terms. */
export function logOf(terms: readonly number[], first = 1): Run[] {
  return terms.map((term, i) =>
    encodeRun(GROUP, term, first + i, 0, [{ kind: NOOP, payload: Buffer.from(`${first + i}`) }]),
  );
}

/** An append of runs that follow (`previousIndex`, `previousTerm`). */
export function append(
  term: number,
  previousIndex: number,
  previousTerm: number,
  runs: readonly Run[] = [],
  commit = 0,
): Append {
  const bytes = runs.map((one) => one.bytes ?? Buffer.alloc(0));
  return { kind: 'append', group: GROUP, term, previousIndex, previousTerm, commit, runs: bytes };
}

export function ack(term: number, match: number): AppendReply {
  return replyOf(term, false, match, 0, 0);
}

export function reject(term: number, match: number, hintIndex: number, hintTerm: number): AppendReply {
  return replyOf(term, true, match, hintIndex, hintTerm);
}

/** The same answer of a replica under repair. */
export function repairing(reply: AppendReply): AppendReply {
  return { ...reply, repairing: true };
}

export function request(
  term: number,
  lastIndex: number,
  lastTerm: number,
  flags: { pre?: boolean; transfer?: boolean } = {},
): VoteRequest {
  const { pre = false, transfer = false } = flags;
  return { kind: 'vote_request', group: GROUP, term, pre, lastIndex, lastTerm, transfer };
}

export function grant(term: number, pre = false): VoteReply {
  return { kind: 'vote_reply', group: GROUP, term, pre, granted: true };
}

export function refuse(term: number, pre = false): VoteReply {
  return { kind: 'vote_reply', group: GROUP, term, pre, granted: false };
}

/** Index of the last entry of an append, or of what it follows. */
export function endOf(message: Append): number {
  const last = message.runs.at(-1);
  return last === undefined ? message.previousIndex : lastOf(decodeRun(last));
}

function others(core: Core): NodeId[] {
  const { voters, outgoing, learners } = core.raft.view().configuration;
  return [...new Set([...voters, ...outgoing, ...learners])].filter((id) => id !== core.id);
}

function replyOf(term: number, rejected: boolean, match: number, hintIndex: number, hintTerm: number): AppendReply {
  return { kind: 'append_reply', group: GROUP, term, rejected, match, hintIndex, hintTerm, repairing: false };
}
