/** The service of a shard that keeps its queues: reads commands, finds the queue, answers. There is one queue so far, `default`. */
import { DEFAULT_QUEUE, OPERATIONS } from '../../protocol/operations.js';
import {
  type Command,
  type CommandId,
  type Effects,
  type Holdings,
  type Outcome,
  type Position,
  refusal,
  result,
  type Service,
} from './machine.js';
import { Messages } from './messages/messages.js';
import { openQueueRows, Queue, type QueueLimits } from './queue.js';
import type { Tables } from './tables.js';
import { NULL_VALUE, readArgument, readBytes, readInteger, writeInteger } from './values.js';
import type { Waiters } from './waiters.js';

const ENQUEUE = OPERATIONS['queue.enqueue'].number;
const DEQUEUE = OPERATIONS['queue.dequeue'].number;
const SIZE = OPERATIONS['queue.size'].number;

const NO_SUCH_QUEUE = refusal('INVALID', 'there is no queue of that name');

/** Queues by name; '' is the default one. */
export class Queues implements Service {
  private readonly standard: Queue;
  /** Those who wait for messages, whatever the queue. */
  private readonly waiters: Waiters;

  /** `messages`: the store in which it keeps them, empty. */
  constructor(tables: Tables, messages = new Messages(), limits?: QueueLimits) {
    const rows = openQueueRows(tables, messages);
    this.standard = new Queue(DEFAULT_QUEUE, rows, limits);
    this.waiters = rows.waiters;
  }

  restored(): void {
    this.waiters.restored();
  }

  serves(operation: number): boolean {
    return operation === ENQUEUE || operation === DEQUEUE || operation === SIZE;
  }

  growing(operation: number): boolean {
    return operation === ENQUEUE;
  }

  apply(command: Command, at: Position, effects: Effects): Outcome {
    const queue = this.named(command.name);
    if (queue === undefined) return NO_SUCH_QUEUE;
    switch (command.operation) {
      case ENQUEUE: {
        const body = readBytes(command.body) ?? readArgument('queue.enqueue', command.body)?.[0];
        if (body === undefined) return refusal('INVALID', 'enqueue takes one value, as bytes');
        return queue.enqueue(body, effects);
      }
      case DEQUEUE: {
        const wait_ms = readInteger(command.body) ?? readArgument('queue.dequeue', command.body)?.[0];
        if (wait_ms === undefined) return refusal('INVALID', 'dequeue takes the milliseconds to wait');
        return queue.dequeue(command.session, command.lane, wait_ms, at, effects);
      }
      default:
        return refusal('INVALID', 'this is a read, not a command');
    }
  }

  read(operation: number, body: Buffer, name: string): Outcome {
    const queue = this.named(name);
    if (queue === undefined) return NO_SUCH_QUEUE;
    if (operation !== SIZE) return refusal('INVALID', 'this is a command, not a read');
    if (readArgument('queue.size', body) === undefined) return refusal('INVALID', 'size takes no argument');
    return result(writeInteger(queue.size));
  }

  abandon(commands: readonly CommandId[]): void {
    for (const { session, lane } of commands) this.waiters.abandon(session, lane);
  }

  sessionsEnded(sessions: readonly number[]): void {
    for (const session of sessions) this.waiters.endSession(session);
  }

  /** Answers null to those whose time is up. */
  advance(at: Position, effects: Effects): void {
    for (;;) {
      const waiter = this.waiters.shiftExpired(at.time);
      if (waiter === undefined) return;
      effects.settle(waiter.session, waiter.lane, result(NULL_VALUE));
    }
  }

  deadline(): number {
    return this.waiters.deadline();
  }

  holdings(): Holdings {
    return this.standard.holdings();
  }

  private named(name: string): Queue | undefined {
    return name === '' || name === DEFAULT_QUEUE ? this.standard : undefined;
  }
}
