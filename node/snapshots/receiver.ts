/**
 * The follower's side of snapshots. Rows go into a space of the base that no head knows; one flushed transaction with the head puts it in
 * the place of the old one. A crash before it leaves what was there, and a space to be dropped; after it, the new state is there whole.
 */
import { type Message, type MessageOf, SNAPSHOT_STATE } from '../../protocol/messages.js';
import { type CheckpointHead, decodeHead, encodeHead } from '../checkpoint-head.js';
import type { GroupId, NodeId } from '../raft/types.js';
import type { Base, BaseWrite } from '../storage/base.js';
import type { Done } from '../world.js';
import { Joiner } from './chunks.js';

/** Rows in one transaction, bytes. */
const WRITE_BYTES = 4 << 20;
/** Transactions of one snapshot under way: above it nothing is acknowledged, and so nothing more comes. */
const WRITES_MAX = 2;

/** What a receiver needs of its node. */
export interface ReceiverHost {
  now(): number;
  send(to: NodeId, message: Message): void;
  /** The leader of that term has spoken. False when it leads no more, for all this node knows. */
  heard(group: GroupId, from: NodeId, term: number): boolean;
  /** The group could use a state as of `index`. */
  wants(group: GroupId, index: number): boolean;
  /** Such a state, of a leader of that term, may take the place of the group's own, now that its rows are here. */
  mayInstall(group: GroupId, index: number, leaderTerm: number): boolean;
  /** A space of the base in which nothing stands. */
  newSpace(): number;
  /** Calls back once no checkpoint of the group is under way. If `begins` returns true, none may begin until the snapshot is installed. */
  whenQuiet(group: GroupId, begins: () => boolean): void;
  /** The base holds this state now, of a leader of that term; its rows had so many bytes, and began to come at `since`, monotonic ms. */
  installed(group: GroupId, head: CheckpointHead, leaderTerm: number, bytes: number, since: number): void;
  /** The base takes nothing more. */
  fatal(error: Error): void;
}

interface Incoming {
  readonly group: GroupId;
  readonly from: NodeId;
  /** In which it leads. */
  readonly term: number;
  readonly transfer: number;
  readonly space: number;
  /** When it was offered, monotonic ms. */
  readonly since: number;
  /** Messages of rows that have come. */
  received: number;
  /** Bytes of rows that have come. */
  receivedBytes: number;
  readonly joiner: Joiner;
  write: BaseWrite;
  /** Bytes in `write`. */
  bytes: number;
  /** Transactions under way. */
  writes: number;
  /** An acknowledgement waits for one of them. */
  owed: boolean;
  /** Given up. */
  over: boolean;
}

export class SnapshotReceiver {
  /** That came into force, and that were given up, since this node was started. */
  installed = 0;
  failed = 0;
  /** Bytes of rows that came. */
  receivedBytes = 0;
  readonly #base: Base;
  readonly #host: ReceiverHost;
  readonly #incoming = new Map<GroupId, Incoming>();

  constructor(base: Base, host: ReceiverHost) {
    this.#base = base;
    this.#host = host;
  }

  /** Snapshots that are coming in. */
  get receiving(): number {
    return this.#incoming.size;
  }

  /** A snapshot of that group is coming in. */
  isReceiving(group: GroupId): boolean {
    return this.#incoming.has(group);
  }

  onOffer(from: NodeId, { group, term, transfer, index }: MessageOf<'snapshot_offer'>): void {
    if (!this.#host.heard(group, from, term)) return;
    const known = this.#incoming.get(group);
    // Transfers count from 1 in every life of a leader, but it leads in another term then.
    if (known?.from === from && known.term === term && known.transfer === transfer) {
      // What came is acknowledged when there is room for more.
      if (!known.owed) this.#acknowledge(known, true);
      return;
    }
    if (!this.#host.wants(group, index)) {
      this.#decline(from, group, transfer);
      return;
    }
    if (known !== undefined) this.#giveUp(known, known.from !== from);
    const incoming: Incoming = {
      group,
      from,
      term,
      transfer,
      space: this.#host.newSpace(),
      since: this.#host.now(),
      received: 0,
      receivedBytes: 0,
      joiner: new Joiner(),
      write: this.#base.begin(),
      bytes: 0,
      writes: 0,
      owed: false,
      over: false,
    };
    this.#incoming.set(group, incoming);
    this.#acknowledge(incoming, true);
  }

  onRows(from: NodeId, { group, transfer, sequence, rows, head }: MessageOf<'snapshot_rows'>): void {
    const incoming = this.#incoming.get(group);
    if (incoming?.from !== from || incoming.transfer !== transfer) {
      this.#decline(from, group, transfer);
      return;
    }
    // What was sent again had come after all.
    if (sequence !== incoming.received + 1) return;
    incoming.received = sequence;
    incoming.receivedBytes += rows.length;
    this.receivedBytes += rows.length;
    if (head.length > 0) {
      this.#finish(incoming, head);
      return;
    }
    const whole = incoming.joiner.join(rows);
    if (whole.length > 0) incoming.write.add(incoming.space, whole);
    incoming.bytes += whole.length;
    if (incoming.bytes >= WRITE_BYTES) this.#commit(incoming);
    if (incoming.writes < WRITES_MAX) this.#acknowledge(incoming, false);
    else incoming.owed = true;
  }

  /** The group is in that term now: no leader of an earlier one sends anything more. */
  overtaken(group: GroupId, term: number): void {
    const incoming = this.#incoming.get(group);
    if (incoming !== undefined && incoming.term < term) this.#giveUp(incoming, false);
  }

  close(): void {
    for (const incoming of this.#incoming.values()) {
      incoming.over = true;
      incoming.write.abandon();
    }
    this.#incoming.clear();
  }

  #commit(incoming: Incoming): void {
    const { write } = incoming;
    incoming.write = this.#base.begin();
    incoming.bytes = 0;
    incoming.writes++;
    const done: Done = (error) => {
      if (error !== null) this.#host.fatal(error);
      incoming.writes--;
      if (incoming.over || !incoming.owed) return;
      incoming.owed = false;
      this.#acknowledge(incoming, false);
    };
    write.commit(null, done);
  }

  #finish(incoming: Incoming, bytes: Buffer): void {
    const { group, space } = incoming;
    let head: CheckpointHead;
    try {
      if (!incoming.joiner.complete) throw new Error('the last row has no end');
      head = { ...decodeHead(bytes), space };
    } catch {
      // Written by a version of Concord that this one does not know: another member may have one that it knows.
      this.#giveUp(incoming);
      return;
    }
    this.#host.whenQuiet(group, () => {
      if (incoming.over) return false;
      if (!this.#host.mayInstall(group, head.index, incoming.term)) {
        this.#giveUp(incoming);
        return false;
      }
      incoming.write.commit({ group, bytes: encodeHead(head) }, (error) => {
        if (incoming.over) return;
        this.#incoming.delete(group);
        if (error !== null) {
          this.#host.fatal(error);
          return;
        }
        this.installed++;
        this.#host.installed(group, head, incoming.term, incoming.receivedBytes, incoming.since);
        this.#tell(incoming.from, incoming, SNAPSHOT_STATE.installed, false);
      });
      return true;
    });
  }

  #giveUp(incoming: Incoming, told = true): void {
    incoming.over = true;
    this.failed++;
    this.#incoming.delete(incoming.group);
    incoming.write.abandon();
    this.#base.drop(incoming.space, (error) => {
      if (error !== null) this.#host.fatal(error);
    });
    if (told) this.#decline(incoming.from, incoming.group, incoming.transfer);
  }

  #acknowledge(incoming: Incoming, again: boolean): void {
    this.#tell(incoming.from, incoming, SNAPSHOT_STATE.coming, again);
  }

  #decline(to: NodeId, group: GroupId, transfer: number): void {
    this.#tell(to, { group, transfer, received: 0 }, SNAPSHOT_STATE.declined, false);
  }

  #tell(to: NodeId, what: Pick<Incoming, 'group' | 'transfer' | 'received'>, state: number, again: boolean): void {
    const { group, transfer, received } = what;
    this.#host.send(to, { kind: 'snapshot_ack', group, transfer, received, again, state });
  }
}
