/** A queue's operations, and what their answers tell of each other before any order is looked for. */
import { deduced, isOk, type OkOperation, type Operation } from './history.js';

export type QueueInput =
  /** Bodies of a history are unique: a body says which call it came from. */
  | { readonly op: 'enqueue'; readonly body: string }
  /** With `wait_ms` > 0 it is answered later, but empty only at an instant at which the queue is. */
  | { readonly op: 'dequeue'; readonly wait_ms?: number }
  | { readonly op: 'size' };

export interface QueueMessage {
  readonly id: number;
  readonly body: string;
}

/** Id of an enqueue, message of a dequeue or null from an empty queue, number of a size. */
export type QueueOutput = number | QueueMessage | null;

export type QueueOperation = Operation<QueueInput, QueueOutput>;

/** What answers tell of messages, whenever they came. */
export interface QueueFacts {
  /** id -> body, of every message that an answer names. */
  readonly bodies: ReadonlyMap<number, string>;
  /** Ids that some dequeue was answered with. */
  readonly received: ReadonlySet<number>;
  /** Greatest id that an answer names; 0 when none does. */
  readonly last: number;
  /** Some answer says a size. */
  readonly sized: boolean;
}

/** What becomes of the history. */
export interface Gathered {
  readonly facts: QueueFacts;
  readonly operations: readonly QueueOperation[];
  readonly contradictions: readonly string[];
}

type Ok = OkOperation<QueueInput, QueueOutput>;

/**
 * Gathers the facts. Whichever order explains the history, ids and bodies are paired one to one, a message is received
 * once, and only if it was enqueued; where answers say otherwise, there is no order. An unknown enqueue whose body was
 * received did run, got that id, and took effect before the dequeue that received it returned: it becomes an answered
 * one. Nothing else is concluded here: a body that nobody saw may still be behind a missing id, and a message that
 * nobody received may have been taken by a dequeue whose answer was lost. @throws RangeError when two calls have a body
 */
export function gather(operations: readonly QueueOperation[]): Gathered {
  const calls = callsByBody(operations);
  const pairs = new Pairs();
  const receipts = new Map<number, Ok>();
  const contradictions: string[] = [];
  let sized = false;
  for (const operation of operations.filter(isOk)) {
    const { input, output } = operation;
    if (input.op === 'size') sized = true;
    if (input.op === 'enqueue' && typeof output === 'number') {
      if (pairs.enqueued.has(output))
        contradictions.push(`id ${output} was given twice, the second time to ${input.body}`);
      pairs.enqueued.add(output);
      contradictions.push(...pairs.add(output, input.body));
    }
    if (input.op === 'dequeue' && typeof output === 'object' && output !== null) {
      const { id, body } = output;
      const call = calls.get(body);
      if (call === undefined) contradictions.push(`${told(operation)}, which nobody enqueued`);
      else if (call.ending === 'refused') contradictions.push(`${told(operation)}, the enqueue of which was refused`);
      const first = receipts.get(id);
      if (first !== undefined)
        contradictions.push(`${told(operation)}, and so was ${first.client} at ${first.return} ms`);
      if (first === undefined || operation.returned < first.returned) receipts.set(id, operation);
      contradictions.push(...pairs.add(id, body));
    }
  }
  const received = new Set(receipts.keys());
  const last = [...pairs.bodies.keys()].reduce((a, b) => Math.max(a, b), 0);
  return {
    facts: { bodies: pairs.bodies, received, last, sized },
    operations: operations.map((operation) => settled(operation, pairs, receipts)),
    contradictions,
  };
}

function callsByBody(operations: readonly QueueOperation[]): Map<string, QueueOperation> {
  const calls = new Map<string, QueueOperation>();
  for (const operation of operations) {
    if (operation.input.op !== 'enqueue') continue;
    const { body } = operation.input;
    if (calls.has(body)) throw new RangeError(`${body} is enqueued by two calls: bodies have to be unique`);
    calls.set(body, operation);
  }
  return calls;
}

/** Ids and bodies, one to one. */
class Pairs {
  readonly bodies = new Map<number, string>();
  readonly ids = new Map<string, number>();
  /** Ids that an enqueue was answered with. */
  readonly enqueued = new Set<number>();

  /** Adds a pair; what it contradicts, if anything. */
  add(id: number, body: string): string[] {
    const otherBody = this.bodies.get(id) ?? body;
    const otherId = this.ids.get(body) ?? id;
    this.bodies.set(id, otherBody);
    this.ids.set(body, otherId);
    if (otherBody !== body) return [`message ${id} has two bodies, ${otherBody} and ${body}`];
    if (otherId !== id) return [`${body} has two ids, ${otherId} and ${id}`];
    return [];
  }
}

function told({ client, output, return: at }: Ok): string {
  const what = typeof output === 'object' && output !== null ? `${output.id} ${output.body}` : '';
  return `${client} was given ${what} at ${at} ms`;
}

function settled(operation: QueueOperation, { ids }: Pairs, receipts: ReadonlyMap<number, Ok>): QueueOperation {
  if (operation.ending !== 'unknown' || operation.input.op !== 'enqueue') return operation;
  const id = ids.get(operation.input.body);
  const receipt = id === undefined ? undefined : receipts.get(id);
  return id === undefined || receipt === undefined ? operation : deduced(operation, id, receipt);
}
