/** One queue: messages in the order of their numbers, and the dequeues that wait for one. */
import { LIMITS } from '../../protocol/limits.js';
import {
  type Effects,
  type Holdings,
  NO_ROOM,
  type Outcome,
  PENDING,
  type Position,
  refusal,
  result,
  TOO_MANY_PENDING,
} from './machine.js';
import { bytesOf, type Kept, Slabs } from './slabs.js';
import { compareNumbers, compareStrings, type Table } from './table.js';
import type { Tables } from './tables.js';
import { NULL_VALUE, writeInteger, writeMessage } from './values.js';
import { Waiters } from './waiters.js';

/** What a queue may grow to. */
export interface QueueLimits {
  /** Bytes of one body; then TOO_BIG. */
  readonly body_bytes_max: number;
  /** Messages ready; then QUEUE_FULL. */
  readonly messages_max: number;
  /** Bytes of their bodies; then QUEUE_FULL. */
  readonly bytes_max: number;
  /** Dequeues in line; then WAIT_LIMIT. */
  readonly waiters_max: number;
}

/** The limits of a queue that sets none. */
export const QUEUE_LIMITS: QueueLimits = {
  body_bytes_max: LIMITS.body_bytes_max,
  messages_max: 1_000_000,
  bytes_max: 1 << 30,
  waiters_max: 100_000,
};

/** What a queue knows besides its messages. */
interface Head {
  /** Number of the next message, from 1. */
  next: number;
  /** Bytes of all bodies. */
  bytes: number;
}

/** A queue. Commands wait in it only while it has no messages. */
export class Queue {
  private readonly name: string;
  private readonly limits: QueueLimits;
  private readonly heads: Table<string, Head>;
  private readonly head: Head;
  /** number -> body. */
  private readonly messages: Table<number, Kept>;
  private readonly waiters: Waiters;
  private readonly slabs = new Slabs();

  constructor(name: string, tables: Tables, limits: QueueLimits = QUEUE_LIMITS) {
    this.name = name;
    this.limits = limits;
    this.heads = tables.open('queues', compareStrings, (head: Head) => [head.next, head.bytes]);
    this.head = this.heads.get(name) ?? { next: 1, bytes: 0 };
    this.messages = tables.open(`queue.${name}.messages`, compareNumbers, bytesOf);
    this.waiters = new Waiters(tables, `queue.${name}.waiters`);
  }

  /** Messages ready. */
  get size(): number {
    return this.messages.size;
  }

  /** Appends a message, or hands it to the first command in line: its id. The body is copied. */
  enqueue(body: Buffer, effects: Effects): Outcome {
    const { head, limits } = this;
    if (body.length > limits.body_bytes_max)
      return refusal('TOO_BIG', `a body holds at most ${limits.body_bytes_max} bytes`);
    if (this.messages.size >= limits.messages_max) return this.full(`${limits.messages_max} messages`);
    if (head.bytes + body.length > limits.bytes_max) return this.full(`${limits.bytes_max} bytes`);
    const id = head.next++;
    if (!this.handOver(id, body, effects)) {
      this.messages.put(id, this.slabs.keep(body));
      head.bytes += body.length;
    }
    this.heads.put(this.name, head);
    return result(writeInteger(id));
  }

  /** Takes the first message; from an empty queue null at once, or with `wait_ms` > 0 a place in the line. */
  dequeue(session: number, lane: number, wait_ms: number, at: Position, effects: Effects): Outcome {
    const first = this.messages.first();
    if (first !== undefined) {
      const [id, body] = first;
      this.messages.delete(id);
      this.head.bytes -= body.length;
      this.heads.put(this.name, this.head);
      return result(writeMessage(id, bytesOf(body)));
    }
    if (wait_ms === 0) return result(NULL_VALUE);
    if (!effects.mayWait(session)) return TOO_MANY_PENDING;
    if (this.waiters.size >= this.limits.waiters_max)
      return refusal('WAIT_LIMIT', 'too many commands wait for this queue');
    this.waiters.add(at.index, { session, lane, deadline: at.time + wait_ms });
    return PENDING;
  }

  /** Takes a dequeue out of the line; false when it is not in it. */
  abandon(session: number, lane: number): boolean {
    return this.waiters.abandon(session, lane);
  }

  /** Takes the dequeues of a session out of the line. */
  endSession(session: number): void {
    this.waiters.endSession(session);
  }

  /** Answers null to the dequeues whose time is up. */
  expire(time: number, effects: Effects): void {
    for (;;) {
      const waiter = this.waiters.shiftExpired(time);
      if (waiter === undefined) return;
      effects.settle(waiter.session, waiter.lane, result(NULL_VALUE));
    }
  }

  /** The cluster time at which the first dequeue in line gives up, or Infinity. */
  deadline(): number {
    return this.waiters.deadline();
  }

  /** What it keeps. */
  holdings(): Holdings {
    const { messages_max, bytes_max, waiters_max } = this.limits;
    return {
      queue_messages: { held: this.messages.size, limit: messages_max },
      queue_bytes: { held: this.head.bytes, limit: bytes_max },
      queue_waiters: { held: this.waiters.size, limit: waiters_max },
    };
  }

  private handOver(id: number, body: Buffer, effects: Effects): boolean {
    for (;;) {
      const waiter = this.waiters.shift();
      if (waiter === undefined) return false;
      const { session, lane } = waiter;
      if (effects.hasRoom(session)) {
        effects.settle(session, lane, result(writeMessage(id, body)));
        return true;
      }
      effects.settle(session, lane, NO_ROOM);
    }
  }

  private full(holds: string): Outcome {
    return refusal('QUEUE_FULL', `queue ${this.name} holds the ${holds} that it may`, { queue: this.name });
  }
}
