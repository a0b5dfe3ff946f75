/**
 * The leader's side of snapshots: the newest checkpoint of a group, row by row as it stood when the sending began, for a member that needs
 * entries which the leader's log no longer has. What got lost on the way is sent again; a new leader, or a new start, begins anew.
 */
import { type Message, type MessageOf, SNAPSHOT_STATE } from '../../protocol/messages.js';
import type { CheckpointHead } from '../checkpoint-head.js';
import type { GroupId, NodeId } from '../raft/types.js';
import type { Base } from '../storage/base.js';
import { Chunks } from './chunks.js';

/** Messages of rows under way to one member. */
export const CHUNKS_IN_FLIGHT_MAX = 8;
/** Snapshots that a node sends at a time; other members wait. */
export const SENDING_MAX = 2;
/** Bytes of rows that a node sends in a second: commands go first. */
const BYTES_PER_S_MAX = 48 << 20;
/** What may go at once after a rest, ms of that. */
const BURST_MS = 20;
/** A member that says nothing is asked how far it is after this, then after twice as long and so on, ms: something was lost on the way. */
const SILENCE_MS_MIN = 1000;
const SILENCE_MS_MAX = 8000;
/** One that has said nothing for so long, ms, is given up: others wait for its place, and log is kept for it. */
const DEAD_MS = 30_000;
/** When it takes longer, or the base grows by more meanwhile, it is given up: a reader keeps all that is written over. */
const HELD_MS_MAX = 600_000;
const GROWTH_BYTES_MAX = 1 << 30;

/** What is to be sent: a checkpoint, and its head as it stands in the base. */
export interface Sendable {
  readonly head: CheckpointHead;
  readonly bytes: Buffer;
}

/** What a sender needs of its node. */
export interface SenderHost {
  now(): number;
  /** Of this node's replica. */
  term(group: GroupId): number;
  /** The newest flushed checkpoint of a group. */
  checkpoint(group: GroupId): Sendable | undefined;
  send(to: NodeId, message: Message): void;
  /** The member has the state up to `index`; what was sent of it, and for how long. */
  sent(group: GroupId, to: NodeId, index: number, bytes: number, ms: number): void;
  /** It did not get it. If it still needs one it will be asked for again. */
  failed(group: GroupId, to: NodeId): void;
  /** Rows of this node's own base are damaged. */
  fatal(error: Error): void;
}

interface Transfer {
  readonly id: number;
  readonly group: GroupId;
  readonly to: NodeId;
  readonly what: Sendable;
  readonly chunks: Chunks;
  readonly since: number;
  /** Size of the base at the beginning. */
  readonly bytes: number;
  /** The member wants it. */
  accepted: boolean;
  /** Not acknowledged; the first has number `received` + 1. */
  unacknowledged: Message[];
  received: number;
  /** Of rows that were sent, once each. */
  sent: number;
  /** The last chunk, with the head, is among them. */
  complete: boolean;
  /** When the member is asked how far it is, and how long it may be silent after that. */
  askAt: number;
  silence_ms: number;
  heardAt: number;
}

export class SnapshotSender {
  /** That were installed, and that came to nothing, since this node was started. */
  sent = 0;
  failed = 0;
  /** Bytes of rows sent. */
  sentBytes = 0;
  readonly #base: Base;
  readonly #host: SenderHost;
  /** By group and member. */
  readonly #transfers = new Map<string, Transfer>();
  #id = 0;
  /** Bytes that may be sent, as of when. */
  #allowance = 0;
  #allowedAt = 0;

  constructor(base: Base, host: SenderHost) {
    this.#base = base;
    this.#host = host;
  }

  /** Transfers under way. */
  get sending(): number {
    return this.#transfers.size;
  }

  /** Messages of rows under way. */
  get inFlight(): number {
    return [...this.#transfers.values()].reduce((sum, { unacknowledged }) => sum + unacknowledged.length, 0);
  }

  /** Members that are being sent a snapshot of the group, sorted. */
  members(group: GroupId): NodeId[] {
    return [...this.#transfers.values()].flatMap((one) => (one.group === group ? [one.to] : [])).sort();
  }

  /** The oldest entry behind which the log of a group is still needed by a member that is being sent a snapshot; Infinity: none. */
  needs(group: GroupId): number {
    let index = Number.POSITIVE_INFINITY;
    for (const one of this.#transfers.values()) if (one.group === group) index = Math.min(index, one.what.head.index);
    return index;
  }

  /** A member needs a snapshot, or has come back while one was on its way. */
  begin(group: GroupId, to: NodeId): void {
    const known = this.#transfers.get(key(group, to));
    if (known !== undefined) {
      this.#offer(known);
      return;
    }
    const what = this.#host.checkpoint(group);
    if (what === undefined || this.#transfers.size >= SENDING_MAX) {
      this.#host.failed(group, to);
      return;
    }
    const now = this.#host.now();
    const transfer: Transfer = {
      id: ++this.#id,
      group,
      to,
      what,
      chunks: new Chunks(this.#base.read(what.head.space, null)),
      since: now,
      bytes: this.#base.bytes(),
      accepted: false,
      unacknowledged: [],
      received: 0,
      sent: 0,
      complete: false,
      askAt: now + SILENCE_MS_MIN,
      silence_ms: SILENCE_MS_MIN,
      heardAt: now,
    };
    this.#transfers.set(key(group, to), transfer);
    this.#offer(transfer);
  }

  onAck(from: NodeId, { group, transfer: id, received, again, state }: MessageOf<'snapshot_ack'>): void {
    const transfer = this.#transfers.get(key(group, from));
    if (transfer?.id !== id) return;
    if (state === SNAPSHOT_STATE.installed) {
      this.#end(transfer);
      this.sent++;
      const { what, sent, since } = transfer;
      this.#host.sent(group, from, what.head.index, sent, this.#host.now() - since);
      return;
    }
    const arrived = received - transfer.received;
    // Overtaken by a later one. But who answers an offer knows less than it did: it has started anew, and what it had is gone.
    if (state === SNAPSHOT_STATE.coming && arrived < 0 && !again) return;
    if (state === SNAPSHOT_STATE.declined || arrived < 0 || arrived > transfer.unacknowledged.length) {
      this.#fail(transfer);
      return;
    }
    transfer.heardAt = this.#host.now();
    if (arrived > 0 || !transfer.accepted) {
      transfer.silence_ms = SILENCE_MS_MIN;
      transfer.askAt = transfer.heardAt + SILENCE_MS_MIN;
    }
    transfer.accepted = true;
    transfer.received = received;
    transfer.unacknowledged.splice(0, arrived);
    if (again) for (const message of transfer.unacknowledged) this.#host.send(from, message);
  }

  /** This node does not lead the group any more. */
  stopped(group: GroupId): void {
    for (const transfer of [...this.#transfers.values()]) if (transfer.group === group) this.#giveUp(transfer);
  }

  /** Sends what may be sent. Returns when it wants to be called again, monotonic ms. */
  turn(): number {
    if (this.#transfers.size === 0) return Number.POSITIVE_INFINITY;
    const now = this.#host.now();
    const earned = (now - this.#allowedAt) * (BYTES_PER_S_MAX / 1000);
    this.#allowance = Math.min(this.#allowance + earned, BURST_MS * (BYTES_PER_S_MAX / 1000));
    this.#allowedAt = now;
    let next = Number.POSITIVE_INFINITY;
    for (const transfer of [...this.#transfers.values()]) {
      const { since, heardAt, bytes } = transfer;
      const isTooMuch = now - since > HELD_MS_MAX || this.#base.bytes() - bytes > GROWTH_BYTES_MAX;
      if (isTooMuch || now - heardAt > DEAD_MS) {
        this.#fail(transfer);
        continue;
      }
      if (now >= transfer.askAt) {
        transfer.silence_ms = Math.min(2 * transfer.silence_ms, SILENCE_MS_MAX);
        transfer.askAt = now + transfer.silence_ms;
        this.#offer(transfer);
      }
      next = Math.min(next, this.#fill(transfer) ? now + BURST_MS / 2 : transfer.askAt);
    }
    return next;
  }

  close(): void {
    for (const transfer of [...this.#transfers.values()]) this.#end(transfer);
  }

  // True when only the allowance kept it from sending more.
  #fill(transfer: Transfer): boolean {
    const { id, group, to, what, chunks, unacknowledged } = transfer;
    while (transfer.accepted && !transfer.complete && unacknowledged.length < CHUNKS_IN_FLIGHT_MAX) {
      if (this.#allowance <= 0) return true;
      const rows = this.#take(chunks);
      if (rows === undefined) return false;
      transfer.complete = rows === null;
      const message: Message = {
        kind: 'snapshot_rows',
        group,
        transfer: id,
        sequence: transfer.received + unacknowledged.length + 1,
        rows: rows ?? NOTHING,
        head: rows === null ? what.bytes : NOTHING,
      };
      unacknowledged.push(message);
      this.#allowance -= message.rows.length;
      transfer.sent += message.rows.length;
      this.sentBytes += message.rows.length;
      this.#host.send(to, message);
    }
    return false;
  }

  #take(chunks: Chunks): Buffer | null | undefined {
    try {
      return chunks.take();
    } catch (error) {
      this.#host.fatal(error as Error);
      return undefined;
    }
  }

  #offer({ id, group, to, what: { head } }: Transfer): void {
    const { index, term: indexTerm } = head;
    this.#host.send(to, {
      kind: 'snapshot_offer',
      group,
      term: this.#host.term(group),
      transfer: id,
      index,
      indexTerm,
    });
  }

  #fail(transfer: Transfer): void {
    this.#giveUp(transfer);
    this.#host.failed(transfer.group, transfer.to);
  }

  #giveUp(transfer: Transfer): void {
    this.failed++;
    this.#end(transfer);
  }

  #end(transfer: Transfer): void {
    this.#transfers.delete(key(transfer.group, transfer.to));
    transfer.chunks.close();
  }
}

const NOTHING = Buffer.alloc(0);

function key(group: GroupId, to: NodeId): string {
  return `${group} ${to}`;
}
