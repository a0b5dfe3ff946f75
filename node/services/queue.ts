/** One queue: messages in the order of their numbers, given to those who ask for one, or wait in line for the next. */
import { tuple, u53 } from '../../protocol/fields.js';
import { LIMITS } from '../../protocol/limits.js';
import { stringKey } from './keys.js';
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
import type { Backlog } from './messages/backlog.js';
import { MESSAGES_TABLE, type Messages } from './messages/messages.js';
import type { RowForm } from './stored-table.js';
import type { Table } from './table.js';
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

const HEAD = tuple(u53);
const HEAD_ROW: RowForm<unknown, number> = {
  pack: (next) => [next],
  unpack: (packed) => HEAD.check(packed)[0],
};

/** What the queues of a shard share. */
export interface QueueRows {
  /** Name of a queue -> number of its next message, from 1. */
  readonly heads: Table<string, number>;
  readonly messages: Messages;
  readonly waiters: Waiters;
}

/** Opens the tables of queues, and puts the store of their messages, which is empty, among them. */
export function openQueueRows(tables: Tables, messages: Messages): QueueRows {
  tables.add(MESSAGES_TABLE, messages);
  return {
    heads: tables.open('queues', stringKey, HEAD_ROW),
    messages,
    waiters: new Waiters(tables, 'queues.waiters'),
  };
}

/** A queue. Commands wait in it only while it has no messages. */
export class Queue {
  private readonly name: string;
  private readonly limits: QueueLimits;
  private readonly heads: Table<string, number>;
  private readonly messages: Backlog;
  private readonly waiters: Waiters;

  constructor(name: string, { heads, messages, waiters }: QueueRows, limits: QueueLimits = QUEUE_LIMITS) {
    this.name = name;
    this.limits = limits;
    this.heads = heads;
    this.messages = messages.of(name);
    this.waiters = waiters;
  }

  /** Messages ready. */
  get size(): number {
    return this.messages.size;
  }

  /** Appends a message, or hands it to the first command in line: its id. The body is copied. */
  enqueue(body: Buffer, effects: Effects): Outcome {
    const { limits, messages, name } = this;
    if (body.length > limits.body_bytes_max)
      return refusal('TOO_BIG', `a body holds at most ${limits.body_bytes_max} bytes`);
    if (messages.size >= limits.messages_max) return this.full(`${limits.messages_max} messages`);
    if (messages.bytes + body.length > limits.bytes_max) return this.full(`${limits.bytes_max} bytes`);
    const id = this.heads.get(name) ?? 1;
    this.heads.put(name, id + 1);
    if (!this.handOver(id, body, effects)) messages.append(id, body);
    return result(writeInteger(id));
  }

  /** Takes the first message; from an empty queue null at once, or with `wait_ms` > 0 a place in the line. */
  dequeue(session: number, lane: number, wait_ms: number, at: Position, effects: Effects): Outcome {
    const first = this.messages.first();
    if (first !== undefined) {
      this.messages.remove(first.id);
      return result(writeMessage(first.id, first.body));
    }
    if (wait_ms === 0) return result(NULL_VALUE);
    if (!effects.mayWait(session)) return TOO_MANY_PENDING;
    if (this.waiters.lengthOf(this.name) >= this.limits.waiters_max)
      return refusal('WAIT_LIMIT', 'too many commands wait for this queue');
    this.waiters.add(this.name, at.index, { session, lane, deadline: at.time + wait_ms });
    return PENDING;
  }

  /** What it keeps. */
  holdings(): Holdings {
    const { messages_max, bytes_max, waiters_max } = this.limits;
    return {
      queue_messages: { held: this.messages.size, limit: messages_max },
      queue_bytes: { held: this.messages.bytes, limit: bytes_max },
      queue_waiters: { held: this.waiters.lengthOf(this.name), limit: waiters_max },
    };
  }

  private handOver(id: number, body: Buffer, effects: Effects): boolean {
    for (;;) {
      const waiter = this.waiters.shift(this.name);
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
