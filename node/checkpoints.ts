/**
 * Checkpoints: what the state machines hold goes to the base, one group at a time, so that a start need not replay all of the log and the
 * log can be given back. Nothing of the log goes before the checkpoint that stands in for it is flushed; a part of it stays nevertheless,
 * for members that were away for a short while.
 */
import { type CheckpointHead, decodeHead, encodeHead } from './checkpoint-head.js';
import { Durations, Histogram } from './observe/histogram.js';
import type { GroupId } from './raft/types.js';
import type { Replica } from './replica.js';
import type { Cut } from './services/cut.js';
import { MACHINE_VERSION } from './services/group-machine.js';
import type { Base, BaseWrite } from './storage/base.js';
import type { Log } from './storage/log.js';

/** What a node may keep. */
export interface Budgets {
  /** Bytes of messages and of what is not in the base yet, in memory. */
  readonly memory_budget: number;
  /** Bytes of log on disk. */
  readonly log_budget: number;
}

/** Rows encoded in one turn, bytes: a millisecond's work, about. */
const SLICE_BYTES = 128 << 10;
/** A group is written down when so much of its log would have to be replayed, bytes, and never more than this share of its budget... */
const REPLAY_BYTES_MAX = 64 << 20;
const REPLAY_SHARE = 1 / 8;
/** ... or when what is not written down takes so much of the memory budget, or the log that it keeps of the log budget. */
const MEMORY_SHARE = 1 / 16;
const LOG_SHARE = 1 / 2;
/** More log than this share of its budget is not kept for members that are being sent snapshots either: they need another one then. */
const SENDING_SHARE = 2;
/** Runs of all groups whose places are kept in memory. Single commands make small ones: there may be many in little log. */
export const RUNS_MAX = 200_000;

/** What checkpoints need of their node. */
export interface CheckpointsHost {
  now(): number;
  replicas(): Iterable<Replica>;
  replica(group: GroupId): Replica | undefined;
  /** The log of a group behind this index is needed by others. */
  needs(group: GroupId): number;
  /** A checkpoint is flushed, or log was given back. */
  moved(): void;
  /** The base takes nothing more. */
  fatal(error: Error): void;
}

/** A checkpoint that is flushed, and its head as it stands in the base. */
interface Flushed {
  readonly head: CheckpointHead;
  readonly bytes: Buffer;
}

interface Writing {
  readonly replica: Replica;
  readonly head: CheckpointHead;
  /** The term that the replica was in. */
  readonly during: number;
  /** When it began, monotonic ms. */
  readonly since: number;
  readonly cut: Cut;
  readonly write: BaseWrite;
  /** Of rows that are told. */
  bytes: number;
  /** All rows are told. */
  told: boolean;
  /** It is being made durable. */
  committing: boolean;
}

export class Checkpoints {
  /** Written since this node was started. */
  written = 0;
  /** From their beginning until they were flushed. */
  readonly times = new Durations();
  /** Bytes of their rows. */
  readonly sizes = new Histogram();
  readonly #base: Base;
  readonly #log: Log;
  readonly #budgets: Budgets;
  readonly #host: CheckpointsHost;
  readonly #flushed = new Map<GroupId, Flushed>();
  /** Groups that are getting a state from elsewhere. */
  readonly #locked = new Set<GroupId>();
  /** Bytes that a group had applied when its last checkpoint began. */
  readonly #begunAt = new Map<GroupId, number>();
  /** Bytes that a group had applied when nothing was due of it: without more of them nothing is. */
  readonly #lookedAt = new Map<GroupId, number>();
  /** The greatest space that has been used. */
  #space: number;
  #writing: Writing | null = null;
  /** Waits until none of its group is under way. */
  #waiting: { readonly group: GroupId; readonly begin: () => void } | null = null;

  /** @throws StorageError FORMAT when a head in the base cannot be read */
  constructor(base: Base, log: Log, budgets: Budgets, host: CheckpointsHost) {
    this.#base = base;
    this.#log = log;
    this.#budgets = budgets;
    this.#host = host;
    for (const [group, bytes] of base.heads()) this.#flushed.set(group, { head: decodeHead(bytes), bytes });
    this.#space = Math.max(0, ...base.spaces(), ...[...this.#flushed.values()].map(({ head }) => head.space));
  }

  /** The newest flushed checkpoint of a group. */
  of(group: GroupId): Flushed | undefined {
    return this.#flushed.get(group);
  }

  /** Index of it; 0 when there is none. */
  index(group: GroupId): number {
    return this.#flushed.get(group)?.head.index ?? 0;
  }

  /** Runs of all groups. */
  get runs(): number {
    let runs = 0;
    for (const { raft } of this.#host.replicas()) runs += raft.log.runs;
    return runs;
  }

  /** A space of the base in which nothing stands. */
  newSpace(): number {
    return ++this.#space;
  }

  /** Does a slice of what is due. True when more is left for the next turn. */
  turn(): boolean {
    this.#writing ??= this.#begin();
    const more = this.#writing !== null && this.#goOn(this.#writing);
    this.#giveBack();
    return more;
  }

  /** Calls back once no checkpoint of the group is under way. If `begins` returns true, none begins before `installed`. */
  whenQuiet(group: GroupId, begins: () => boolean): void {
    const begin = () => {
      if (begins()) this.#locked.add(group);
    };
    if (this.#writing?.replica.raft.id === group) this.#waiting = { group, begin };
    else begin();
  }

  /** A state from elsewhere has come into the base, under this head; what the group had before is dropped. */
  installed(group: GroupId, head: CheckpointHead): void {
    const before = this.#flushed.get(group);
    this.#flushed.set(group, { head, bytes: encodeHead(head) });
    this.#locked.delete(group);
    if (before !== undefined) this.#drop(before.head.space);
  }

  /** Gives up the one under way, if it is not on its way to the disk. */
  close(): void {
    if (this.#writing !== null && !this.#writing.committing) this.#writing.write.abandon();
  }

  #begin(): Writing | null {
    const replica = this.#due();
    if (replica === null) return null;
    const { raft, machine } = replica;
    const index = replica.applied;
    const head: CheckpointHead = {
      space: this.#flushed.get(raft.id)?.head.space ?? this.newSpace(),
      index,
      term: raft.log.termAt(index) ?? 0,
      time: machine.time,
      configuration: raft.configurationAt(index),
      machine: MACHINE_VERSION,
    };
    this.#begunAt.set(raft.id, replica.appliedBytes);
    const write = this.#base.begin();
    const since = this.#host.now();
    const cut = machine.cut();
    return { replica, head, during: raft.term, since, cut, write, bytes: 0, told: false, committing: false };
  }

  /** The group to be written down next, or null. */
  #due(): Replica | null {
    const { log_budget } = this.#budgets;
    const pin = this.#log.pinned();
    if (pin !== null && this.#isTooMuch(pin.bytes)) {
      const replica = this.#host.replica(pin.group);
      if (replica !== undefined && this.index(pin.group) < pin.index && this.#mayBegin(replica)) return replica;
    }
    for (const replica of this.#host.replicas()) {
      if (replica.appliedBytes === this.#lookedAt.get(replica.raft.id)) continue;
      const replayed = replica.appliedBytes - (this.#begunAt.get(replica.raft.id) ?? 0);
      const long = replayed > Math.min(REPLAY_BYTES_MAX, log_budget * REPLAY_SHARE);
      const due = long || replica.machine.dirty > dirtyMax(this.#budgets);
      if (!due) this.#lookedAt.set(replica.raft.id, replica.appliedBytes);
      else if (this.#mayBegin(replica)) return replica;
    }
    return null;
  }

  #mayBegin(replica: Replica): boolean {
    const group = replica.raft.id;
    const free = !this.#locked.has(group) && this.#waiting?.group !== group && !replica.suspended;
    return free && replica.applied > this.index(group);
  }

  /** Tells the next rows, or makes them durable. True when more is left to tell. */
  #goOn(writing: Writing): boolean {
    const { cut, write, head, replica } = writing;
    if (writing.committing) return false;
    if (!writing.told) {
      const rows = cut.next(SLICE_BYTES);
      if (rows !== null && rows.length > 0) {
        writing.bytes += rows.length;
        write.add(head.space, rows);
      }
      writing.told = rows === null;
      if (!writing.told) return true;
    }
    // What follows a checkpoint belongs to a later term than any leader that lacks its entries: that has to outlive a crash as well.
    if (replica.raft.durableTerm < writing.during) return false;
    writing.committing = true;
    const { id } = replica.raft;
    const bytes = encodeHead(head);
    write.commit({ group: id, bytes }, (error) => {
      if (error !== null) this.#host.fatal(error);
      else this.#done(id, writing, bytes);
    });
    return false;
  }

  #done(group: GroupId, { head, cut, since, bytes: rows }: Writing, bytes: Buffer): void {
    cut.flushed();
    this.written++;
    this.times.recordMs(this.#host.now() - since);
    this.sizes.record(rows);
    this.#flushed.set(group, { head, bytes });
    this.#writing = null;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.begin();
    this.#host.moved();
  }

  /** Gives back the oldest segments of the log, down to what is kept for members that were away for a short while. */
  #giveBack(): void {
    for (let pin = this.#log.pinned(); pin !== null; pin = this.#log.pinned()) {
      const { group, index, bytes } = pin;
      const replica = this.#host.replica(group);
      if (replica === undefined || !this.#isTooMuch(bytes)) return;
      const kept = bytes > this.#budgets.log_budget * SENDING_SHARE ? index : this.#host.needs(group);
      if (this.index(group) < index || kept < index) return;
      replica.raft.compact(index, this.index(group));
      this.#log.release(group, index);
      this.#host.moved();
    }
  }

  #isTooMuch(bytes: number): boolean {
    return bytes > this.#budgets.log_budget * LOG_SHARE || this.runs > RUNS_MAX;
  }

  #drop(space: number): void {
    this.#base.drop(space, (error) => {
      if (error !== null) this.#host.fatal(error);
    });
  }
}

/** Bytes of a group that are not in the base, above which a checkpoint of it is due. */
export function dirtyMax({ memory_budget }: Budgets): number {
  return memory_budget * MEMORY_SHARE;
}
