/** The promises of Raft (paper, figure 3) and what they rest on, checked from outside: on every log, every disk and every message. */

import type { RaftGroup } from '../../node/raft/group.js';
import type { MultiRaft } from '../../node/raft/multi.js';
import { eachEntry, lastOf, type Run } from '../../node/raft/run.js';
import type { GroupMessage, NodeId, PeerMessage } from '../../node/raft/types.js';
import type { GroupDisk } from './raft-disk.js';

/** A node as the checks see it. */
export interface Witness {
  readonly id: NodeId;
  readonly disk: ReadonlyMap<string, GroupDisk>;
  readonly multi: MultiRaft | null;
  /** All that it has applied of a group. */
  state(group: string): readonly string[];
}

interface Committed {
  /** Of the entry. */
  readonly term: number;
  /** In which it was committed. */
  readonly during: number;
}

export class Broken extends Error {
  override readonly name = 'Broken';
}

export class Checks {
  readonly #witnesses: () => readonly Witness[];
  /** By group and term. */
  readonly #leaders = new Map<string, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  /** By group, index and term: what the entry holds and which term comes before it. */
  readonly #entries = new Map<string, string>();
  readonly #seen = new WeakMap<Run, number>();
  /** By group: every committed entry, from index 0 on. */
  readonly #committed = new Map<string, Committed[]>();
  readonly #commits = new WeakMap<RaftGroup, number>();
  readonly #terms = new WeakMap<RaftGroup, number>();
  /** By group: what was applied by whoever applied it first. */
  readonly #applied = new Map<string, string[]>();
  readonly #appliedAt = new WeakMap<RaftGroup, number>();

  constructor(witnesses: () => readonly Witness[]) {
    this.#witnesses = witnesses;
  }

  /** Index of the last entry of `group` known to be committed by anyone. */
  committed(group: string): number {
    return this.#entriesOf(group).length - 1;
  }

  /** Looks at a node after something happened to it. @throws Broken, InvariantError */
  after(node: Witness): void {
    for (const raft of node.multi?.groups.values() ?? []) {
      raft.check();
      const before = this.#terms.get(raft) ?? 0;
      if (raft.term < before) throw new Broken(`${node.id}: term ${raft.term} after ${before}`);
      this.#terms.set(raft, raft.term);
      this.#logMatching(node.id, raft);
      this.#stateMachineSafety(node, raft);
      this.#sameState(node, raft);
      if (raft.leads) this.#elected(node.id, raft);
    }
  }

  /** Looks at a message that leaves a node: what it promises must be on that node's disk. */
  leaving(node: Witness, to: NodeId, message: PeerMessage): void {
    if (message.kind === 'heartbeat' || message.kind === 'heartbeat_reply') return;
    const disk = node.disk.get(message.group);
    if (disk === undefined) return;
    const broken = (what: string) =>
      new Broken(`${node.id} says ${message.kind} to ${to} in term ${message.term}: ${what}`);
    const { term, vote } = disk.state;
    const promises = promiseOf(message);
    if (promises === 'vote' && (term !== message.term || vote !== voteIn(message, node.id, to)))
      throw broken(`on its disk it voted for ${vote || 'nobody'} in ${term}`);
    if (promises === 'term' && term < message.term) throw broken(`on its disk is term ${term}`);
    if (message.kind === 'vote_reply' && promises === 'vote') this.#votesOnce(node.id, to, message.group, message.term);
    if (message.kind === 'append_reply' && promises === 'term') {
      const log = node.multi?.groups.get(message.group)?.log;
      for (let index = message.match; index > 0 && index > message.match - 3; index--)
        if (!disk.holds(index, log?.termAt(index) ?? -1)) throw broken(`entry ${index} is not on its disk`);
    }
  }

  /** A repair is over: nobody may count on it for what it does not hold. */
  repaired(node: Witness, raft: RaftGroup): void {
    for (const other of this.#witnesses()) {
      const leader = other.multi?.groups.get(raft.id);
      const match = leader?.matches()[node.id] ?? 0;
      if (leader === undefined || !leader.leads || leader.term < raft.term || match < leader.log.start.index) continue;
      if (node.disk.get(raft.id)?.holds(match, leader.log.termAt(match) ?? -1) !== true)
        throw new Broken(
          `${other.id} leads ${raft.id} in ${leader.term} and believes that ${node.id} has entry ${match}`,
        );
    }
  }

  #logMatching(id: NodeId, raft: RaftGroup): void {
    const first = Math.max(raft.log.first, Math.min(raft.commit, this.#commits.get(raft) ?? 0) + 1);
    let previous = raft.log.termAt(first - 1) ?? 0;
    for (let index = first; index <= raft.log.last; ) {
      const run = raft.log.runAt(index);
      if (run === undefined) throw new Broken(`${id}: no entry ${index} of ${raft.log.last}`);
      if (this.#seen.get(run) !== run.count && run.bytes !== null) {
        let before = index === run.first ? previous : run.term;
        eachEntry(run.bytes, index, lastOf(run), (at, entry, time) => {
          const what = `${before}:${time}:${entry.toString('base64')}`;
          const key = `${raft.id}/${at}/${run.term}`;
          const known = this.#entries.get(key);
          if (known === undefined) this.#entries.set(key, what);
          else if (known !== what) throw new Broken(`Log Matching: ${id} holds something else at ${key}`);
          before = run.term;
        });
        if (index === run.first) this.#seen.set(run, run.count);
      }
      previous = run.term;
      index = lastOf(run) + 1;
    }
  }

  #stateMachineSafety(node: Witness, raft: RaftGroup): void {
    const committed = this.#entriesOf(raft.id);
    const before = this.#commits.get(raft) ?? 0;
    if (raft.commit < before) throw new Broken(`${node.id}: commit ${raft.commit} after ${before}`);
    for (let index = before + 1; index <= raft.commit; index++) {
      const known = committed[index];
      // What a checkpoint stands for is compared as state.
      if (index < raft.log.start.index && known !== undefined) continue;
      const term = raft.log.termAt(index) ?? -1;
      if (known === undefined) {
        this.#onQuorum(node.id, raft, index, term);
        committed.push({ term, during: raft.term });
      } else if (known.term !== term)
        throw new Broken(`State Machine Safety: ${node.id} commits ${raft.id}/${index} of ${term}, not ${known.term}`);
    }
    this.#commits.set(raft, raft.commit);
  }

  // However it came by its state, by entries or by a snapshot, it is that of all others at the same index.
  #sameState(node: Witness, raft: RaftGroup): void {
    const state = node.state(raft.id);
    const known = this.#applied.get(raft.id) ?? [];
    this.#applied.set(raft.id, known);
    for (let i = this.#appliedAt.get(raft) ?? 0; i < state.length; i++) {
      const entry = state[i] ?? '';
      if (known[i] === undefined) known.push(entry);
      else if (known[i] !== entry)
        throw new Broken(`${node.id} applies something else as entry ${i + 1} of ${raft.id}`);
    }
    this.#appliedAt.set(raft, state.length);
  }

  // Who counts is decided by the committer's configuration: a majority of it must have the entry on disk.
  #onQuorum(id: NodeId, raft: RaftGroup, index: number, term: number): void {
    const holders = new Set(
      this.#witnesses()
        .filter(({ disk }) => disk.get(raft.id)?.held(index, term))
        .map((witness) => witness.id),
    );
    const { voters, outgoing } = raft.view().configuration;
    for (const half of [voters, outgoing])
      if (half.length > 0 && half.filter((one) => holders.has(one)).length * 2 <= half.length)
        throw new Broken(
          `${id} commits ${raft.id}/${index} that only ${[...holders].join()} of ${half.join()} hold durably`,
        );
  }

  #elected(id: NodeId, raft: RaftGroup): void {
    const key = `${raft.id}/${raft.term}`;
    const known = this.#leaders.get(key);
    if (known === id) return;
    if (known !== undefined) throw new Broken(`Election Safety: ${known} and ${id} lead ${key}`);
    this.#leaders.set(key, id);
    this.#entriesOf(raft.id).forEach(({ term, during }, index) => {
      // A leader may come to know late that it has won: what others committed in later terms it need not have.
      if (during < raft.term && index >= raft.log.start.index && raft.log.termAt(index) !== term)
        throw new Broken(`Leader Completeness: ${id} leads ${key} without entry ${index}, committed in ${during}`);
    });
  }

  #votesOnce(id: NodeId, to: NodeId, group: string, term: number): void {
    const key = `${group}/${term}/${id}`;
    const known = this.#votes.get(key) ?? to;
    if (known !== to) throw new Broken(`${id} votes for ${known} and ${to} in term ${term} of ${group}`);
    this.#votes.set(key, to);
  }

  #entriesOf(group: string): Committed[] {
    const entries = this.#committed.get(group) ?? [{ term: 0, during: -1 }];
    this.#committed.set(group, entries);
    return entries;
  }
}

function promiseOf(message: GroupMessage): 'vote' | 'term' | 'nothing' {
  switch (message.kind) {
    case 'vote_request':
      return message.pre ? 'nothing' : 'vote';
    case 'vote_reply':
      return message.granted && !message.pre ? 'vote' : 'nothing';
    case 'append':
    case 'timeout_now':
      return 'term';
    case 'append_reply':
      return message.rejected ? 'nothing' : 'term';
    default:
      return 'nothing';
  }
}

function voteIn(message: GroupMessage, self: NodeId, to: NodeId): NodeId {
  return message.kind === 'vote_request' ? self : to;
}
