/**
 * What must hold after every event: the promises of Raft (paper, figure 3) and what they rest on, seen from outside, on every log and in
 * every message between nodes. Cheap to ask: a replica is looked at only when it has moved.
 */
import { crc32 } from 'node:zlib';
import type { Node } from '../../node/node.js';
import type { RaftGroup } from '../../node/raft/group.js';
import type { RaftLog } from '../../node/raft/log.js';
import { eachEntry, lastOf, type Run } from '../../node/raft/run.js';
import type { Replica } from '../../node/replica.js';
import type { Message } from '../../protocol/messages.js';
import { BrokenPromise } from './promise.js';
import type { CommittedEntry } from './shadow.js';
import { FASTEST_CLOCK } from './time.js';

/** Terms that fit beside an index in one number. */
const TERMS_MAX = 2 ** 20;
/** Cluster time is cut to whole ones, ms. */
const CUT_MS = 1;

/** What is known of a group, whoever said it. */
interface Ledger {
  /** Election Safety: who leads in a term. */
  readonly leaders: Map<number, string>;
  /** Who voted for whom, by term and voter. */
  readonly votes: Map<string, string>;
  /**
   * Log Matching: by index and term the entry, and a digest of it and of the term before it. If those are one and the same wherever an
   * entry of that index and term stands, so are all entries before it.
   */
  readonly entries: Map<number, Known>;
  /** From index 0 on, what is committed. */
  readonly committed: Committed[];
  /** How far cluster time was behind the fastest clock there may be, at most, when a committed entry was made, ms. */
  behind: number;
  /** Runs that have been compared, with the entries that they held then. */
  readonly compared: WeakMap<Run, number>;
}

interface Known {
  readonly digest: number;
  readonly entry: Buffer;
  /** Cluster time, ms. */
  readonly time: number;
  /** True time at which its leader made it, ms. */
  readonly madeAt: number;
}

interface Committed {
  /** Term of the entry. */
  readonly term: number;
  /** Term in which it was first seen committed. */
  readonly during: number;
}

/** What the judge is told from outside. */
export interface Court {
  /** Tells of what changed, one line a change. */
  note(line: string): void;
  /** True time, ms. */
  now(): number;
  /** Index of the checkpoint that a power cut would leave of a node's replica, 0 for none. */
  checkpoint(id: string, group: string): number;
  /** Something was done to the disk of this node that repair has to mend. */
  isDamaged(id: string): boolean;
}

/** A replica as it was looked at last. */
interface Seen {
  readonly replica: Replica;
  readonly raft: RaftGroup;
  term: number;
  leads: boolean;
  commit: number;
  applied: number;
  last: number;
  lastTerm: number;
  start: number;
  repairing: boolean;
  /** What had been committed when its repair began: it has to hold that before it votes. */
  readonly owed: number;
  /** Its log has been compared with others up to here. */
  compared: number;
}

/** What a node has said that it must not forget, by group. */
interface Word {
  term: number;
  /** The term in which it voted last, and for whom. */
  votedIn: number;
  vote: string;
}

const NOTHING: Pick<Known, 'entry' | 'time'> = { entry: Buffer.alloc(0), time: 0 };

export class Judge {
  readonly #ledgers = new Map<string, Ledger>();
  readonly #lives = new Map<string, { readonly node: Node; readonly seen: readonly Seen[] }>();
  readonly #words = new Map<string, Word>();
  readonly #court: Court;

  constructor(court: Court) {
    this.#court = court;
  }

  /** Highest index of `group` that is known to be committed. */
  committed(group: string): number {
    return this.#ledger(group).committed.length - 1;
  }

  /** What is committed in `group` behind entry `from`, up to entry `to`, in order. */
  entries(group: string, from = 0, to = this.committed(group)): CommittedEntry[] {
    const { committed, entries } = this.#ledger(group);
    return committed.slice(from + 1, to + 1).map(({ term }, i) => {
      const index = from + 1 + i;
      const { entry, time } = entries.get(index * TERMS_MAX + term) ?? NOTHING;
      return { entry, at: { index, term, time } };
    });
  }

  /** Looks at a node that has done something. @throws BrokenPromise, InvariantError */
  look(id: string, node: Node): void {
    let life = this.#lives.get(id);
    if (life?.node !== node) life = this.#begun(id, node);
    for (const seen of life.seen) {
      const { raft, replica } = seen;
      const { log } = raft;
      if (
        raft.commit !== seen.commit ||
        log.last !== seen.last ||
        replica.applied !== seen.applied ||
        raft.term !== seen.term ||
        raft.leads !== seen.leads ||
        log.lastTerm !== seen.lastTerm ||
        log.start.index !== seen.start ||
        raft.repairing !== seen.repairing
      )
        this.#moved(id, seen);
    }
  }

  /** Forgets that a node was there: its disk is another one now. */
  forget(id: string): void {
    this.#lives.delete(id);
    for (const key of this.#words.keys()) if (key.startsWith(`${id}/`)) this.#words.delete(key);
  }

  /** A frame leaves a node for another. What it promises must not be forgotten. @throws BrokenPromise */
  sent(from: string, to: string, message: Message): void {
    switch (message.kind) {
      case 'vote_request':
        this.#mayVote(from, message.group);
        if (!message.pre) this.#voted(from, from, message.group, message.term);
        break;
      case 'vote_reply':
        if (message.granted) this.#mayVote(from, message.group);
        if (!message.pre && message.granted) this.#voted(from, to, message.group, message.term);
        break;
      case 'append':
        this.#promised(from, message.group, message.term);
        break;
      case 'append_reply': {
        if (message.rejected) break;
        this.#promised(from, message.group, message.term);
        const raft = this.#raft(from, message.group);
        if (raft !== undefined && message.match > raft.log.durable)
          throw new BrokenPromise(
            `${from} ${message.group}: acknowledges ${message.match}, durable is ${raft.log.durable}`,
          );
        break;
      }
      default:
        break;
    }
  }

  // A node has started: what it said and what was durable must still be there.
  #begun(id: string, node: Node): { node: Node; seen: readonly Seen[] } {
    const before = this.#lives.get(id)?.seen ?? [];
    for (const { raft: old } of before) {
      const raft = node.groups.replica(old.id)?.raft;
      if (raft === undefined) continue;
      if (raft.repairing) {
        // What it promised counts no more, and whoever it told has lost its link.
        this.#words.delete(`${id}/${old.id}`);
        continue;
      }
      const { durable } = old.log;
      if (!this.#keeps(old.log, raft.log))
        throw new BrokenPromise(`${id} ${old.id}: durable entry ${durable} of term ${old.log.termAt(durable)} is gone`);
      const word = this.#words.get(`${id}/${old.id}`);
      if (word === undefined) continue;
      if (raft.term < word.term) throw new BrokenPromise(`${id} ${old.id}: term ${word.term} is forgotten`);
      if (raft.term === word.votedIn && raft.vote !== word.vote)
        throw new BrokenPromise(`${id} ${old.id}: its vote for ${word.vote} in term ${word.votedIn} is forgotten`);
    }
    const seen = [...node.groups.replicas()].map((replica) => ({
      replica,
      raft: replica.raft,
      term: 0,
      leads: false,
      commit: 0,
      applied: 0,
      last: 0,
      lastTerm: 0,
      start: 0,
      repairing: false,
      owed: replica.raft.repairing ? this.committed(replica.raft.id) : 0,
      compared: 0,
    }));
    const life = { node, seen };
    this.#lives.set(id, life);
    return life;
  }

  // What was durable before a start is there after it, or in a checkpoint. One that came from another takes away what contradicts it.
  #keeps(old: RaftLog, now: RaftLog): boolean {
    const { durable } = old;
    const { index, term } = now.start;
    if (index > durable) return true;
    const contradicted = index > old.start.index && old.termAt(index) !== term;
    return contradicted || now.termAt(durable) === old.termAt(durable);
  }

  #moved(id: string, seen: Seen): void {
    const { raft, replica } = seen;
    const { log } = raft;
    raft.check();
    if (raft.repairing && !this.#court.isDamaged(id))
      throw new BrokenPromise(`${id} ${raft.id} is under repair, and nothing was damaged`);
    if (raft.term < seen.term) throw new BrokenPromise(`${id} ${raft.id}: term ${raft.term} after ${seen.term}`);
    if (raft.commit < seen.commit)
      throw new BrokenPromise(`${id} ${raft.id}: commit ${raft.commit} after ${seen.commit}`);
    if (replica.applied < seen.applied)
      throw new BrokenPromise(`${id} ${raft.id}: applied ${replica.applied} after ${seen.applied}`);
    if (seen.repairing && !raft.repairing && log.durable < seen.owed)
      throw new BrokenPromise(`${id} ${raft.id}: repaired up to ${log.durable}, ${seen.owed} was committed before`);
    const begins = seen.repairing && raft.repairing && seen.term !== raft.term;
    if (begins) this.#forgetVotes(id, raft);
    const sameOffice = seen.leads && raft.leads && seen.term === raft.term;
    if (sameOffice && log.start.index <= seen.last && log.termAt(seen.last) !== seen.lastTerm)
      throw new BrokenPromise(`Leader Append-Only: ${id} lost entry ${seen.last} of ${raft.id}, which it leads`);
    this.#compare(id, seen);
    if (raft.leads && !(seen.leads && seen.term === raft.term)) this.#elected(id, raft);
    if (raft.commit > seen.commit) this.#commits(id, seen);
    if (log.start.index !== seen.start) this.#purged(id, raft);
    if (raft.leads) this.#checkMatches(id, raft);
    if (raft.commit !== seen.commit || log.last !== seen.last || replica.applied !== seen.applied)
      this.#court.note(`${id} ${raft.id} last ${log.last} commit ${raft.commit} applied ${replica.applied}`);
    seen.term = raft.term;
    seen.leads = raft.leads;
    seen.commit = raft.commit;
    seen.applied = replica.applied;
    seen.last = log.last;
    seen.lastTerm = log.lastTerm;
    seen.start = log.start.index;
    seen.repairing = raft.repairing;
  }

  // What a log begins behind is committed, and in a checkpoint that no power cut takes away.
  #purged(id: string, raft: RaftGroup): void {
    const { index, term } = raft.log.start;
    const known = this.#ledger(raft.id).committed[index];
    if (known?.term !== term)
      throw new BrokenPromise(
        `${id} ${raft.id}: the log begins behind entry ${index} of term ${term}, committed is one of ${known?.term}`,
      );
    const checkpoint = this.#court.checkpoint(id, raft.id);
    if (checkpoint < index)
      throw new BrokenPromise(`${id} ${raft.id}: purged up to ${index}, the checkpoint on disk is at ${checkpoint}`);
  }

  // Those in later terms than it enters were heard by nobody, or by those only who are not there any more.
  #forgetVotes(id: string, raft: RaftGroup): void {
    const { votes } = this.#ledger(raft.id);
    for (const key of [...votes.keys()])
      if (key.endsWith(`/${id}`) && Number(key.split('/', 1)[0]) > raft.term) votes.delete(key);
  }

  #mayVote(id: string, group: string): void {
    if (this.#raft(id, group)?.repairing) throw new BrokenPromise(`${id} votes in ${group} while it is under repair`);
  }

  // Log Matching: what was read back from disk to be applied, and what was appended.
  #compare(id: string, seen: Seen): void {
    const { log } = seen.raft;
    seen.compared = Math.max(seen.compared, log.start.index);
    for (let run = log.runAt(seen.compared + 1); run !== undefined; run = log.runAt(lastOf(run) + 1)) {
      if (lastOf(run) > seen.replica.applied) break;
      seen.compared = lastOf(run);
      this.#compareRun(id, log, run);
    }
    for (let run = log.runAt(log.last); run !== undefined; run = log.runAt(run.first - 1))
      if (!this.#compareRun(id, log, run)) break;
  }

  // False when there was nothing to compare.
  #compareRun(id: string, log: RaftLog, run: Run): boolean {
    const { entries, compared } = this.#ledger(run.group);
    if (run.bytes === null || compared.get(run) === run.count) return false;
    compared.set(run, run.count);
    const { term } = run;
    const first = Math.max(run.first, log.first);
    let before = log.termAt(first - 1) ?? 0;
    eachEntry(run.bytes, first, lastOf(run), (index, entry, time) => {
      const digest = crc32(entry, (before * 31 + time) >>> 0);
      const key = index * TERMS_MAX + term;
      const known = entries.get(key);
      if (known === undefined) entries.set(key, { digest, entry: Buffer.from(entry), time, madeAt: this.#court.now() });
      else if (known.digest !== digest)
        throw new BrokenPromise(`Log Matching: ${id} holds another entry ${index} of term ${term} in ${run.group}`);
      before = term;
    });
    return true;
  }

  #elected(id: string, raft: RaftGroup): void {
    const { leaders, votes, committed } = this.#ledger(raft.id);
    const leader = leaders.get(raft.term) ?? id;
    if (leader !== id) throw new BrokenPromise(`Election Safety: ${leader} and ${id} lead ${raft.id} in ${raft.term}`);
    leaders.set(raft.term, id);
    const { voters } = raft.view().configuration;
    const given = voters.filter((voter) => voter === id || votes.get(`${raft.term}/${voter}`) === id);
    if (given.length * 2 <= voters.length)
      throw new BrokenPromise(`${id} leads ${raft.id} in ${raft.term} with the votes of ${given.join()} only`);
    // One that learns late that it has won need not have what was committed in later terms.
    const index = committed.findLastIndex(({ during }) => during < raft.term);
    if (index > raft.log.start.index && raft.log.termAt(index) !== committed[index]?.term)
      throw new BrokenPromise(`Leader Completeness: ${id} leads ${raft.id} in ${raft.term} without entry ${index}`);
  }

  #commits(id: string, seen: Seen): void {
    const { raft } = seen;
    const { committed } = this.#ledger(raft.id);
    const { commit, log } = raft;
    for (let index = seen.commit + 1; index <= commit; index++) {
      const term = log.termAt(index);
      const known = committed[index];
      if (term === undefined) {
        // It came with a snapshot, or is in a checkpoint: others have committed it.
        if (known === undefined)
          throw new BrokenPromise(`${id} ${raft.id}: has entry ${index} from nobody who committed it`);
      } else if (known === undefined) {
        committed.push({ term, during: raft.term });
        this.#checkTime(raft.id, index, term);
      } else if (known.term !== term)
        throw new BrokenPromise(
          `State Machine Safety: ${id} commits entry ${index} of ${raft.id} of term ${term}, others that of ${known.term}`,
        );
    }
    const term = log.termAt(commit) ?? -1;
    if (raft.leads && seen.leads && seen.term === raft.term && term !== raft.term)
      throw new BrokenPromise(`${id} ${raft.id}: commits entry ${commit} of term ${term} by counting, in ${raft.term}`);
    const holders = [...this.#lives.keys()].filter((other) => {
      const theirs = this.#raft(other, raft.id)?.log;
      // Who is under repair may have lost what it told the leader, and has no vote to go with it (node/raft/repair.ts).
      if (this.#raft(other, raft.id)?.repairing) return true;
      if (theirs === undefined || theirs.durable < commit) return false;
      return theirs.start.index > commit || theirs.termAt(commit) === term;
    });
    const { voters } = raft.view().configuration;
    if (voters.filter((voter) => holders.includes(voter)).length * 2 <= voters.length)
      throw new BrokenPromise(
        `${id} ${raft.id}: commits entry ${commit}, durable only on ${holders.join() || 'nobody'}`,
      );
  }

  // Cluster time may run late, never early: between two entries no more of it passes than of true time, whoever made them.
  #checkTime(group: string, index: number, term: number): void {
    const ledger = this.#ledger(group);
    const known = ledger.entries.get(index * TERMS_MAX + term);
    if (known === undefined) return;
    const behind = known.madeAt * FASTEST_CLOCK - known.time;
    const early = ledger.behind - behind;
    if (early > CUT_MS)
      throw new BrokenPromise(
        `cluster time of ${group} jumps ahead: entry ${index} comes ${early.toFixed(1)} ms early`,
      );
    ledger.behind = Math.max(ledger.behind, behind);
  }

  // What a leader believes of another's log. Who has gone on to a later term may have cut it since.
  #checkMatches(id: string, raft: RaftGroup): void {
    for (const [other, match] of Object.entries(raft.matches())) {
      const theirs = this.#raft(other, raft.id);
      if (match === 0 || theirs === undefined || theirs.term !== raft.term || theirs.repairing) continue;
      const purged = Math.max(theirs.log.start.index, raft.log.start.index) > match;
      if (theirs.log.durable < match || (!purged && theirs.log.termAt(match) !== raft.log.termAt(match)))
        throw new BrokenPromise(`${id} leads ${raft.id} and believes that ${other} has entry ${match}`);
    }
  }

  #voted(voter: string, candidate: string, group: string, term: number): void {
    const { votes } = this.#ledger(group);
    const known = votes.get(`${term}/${voter}`) ?? candidate;
    if (known !== candidate)
      throw new BrokenPromise(`${voter} votes for ${known} and ${candidate} in term ${term} of ${group}`);
    votes.set(`${term}/${voter}`, candidate);
    this.#promised(voter, group, term);
    const word = this.#word(voter, group);
    word.votedIn = term;
    word.vote = candidate;
  }

  #promised(id: string, group: string, term: number): void {
    const word = this.#word(id, group);
    word.term = Math.max(word.term, term);
  }

  #word(id: string, group: string): Word {
    const key = `${id}/${group}`;
    const word = this.#words.get(key) ?? { term: 0, votedIn: 0, vote: '' };
    this.#words.set(key, word);
    return word;
  }

  // The newest life counts, whether it is over or not: what was durable then is what is on the disk.
  #raft(id: string, group: string): RaftGroup | undefined {
    return this.#lives.get(id)?.seen.find(({ raft }) => raft.id === group)?.raft;
  }

  #ledger(group: string): Ledger {
    let ledger = this.#ledgers.get(group);
    if (ledger === undefined) {
      ledger = {
        leaders: new Map(),
        votes: new Map(),
        entries: new Map(),
        committed: [{ term: 0, during: -1 }],
        behind: Number.NEGATIVE_INFINITY,
        compared: new WeakMap(),
      };
      this.#ledgers.set(group, ledger);
    }
    return ledger;
  }
}
