/** The typed handle of a queue: values in, values out. */
import { decode, encode } from '../codec.js';
import { ConcordError } from '../errors.js';
import type { ArgumentOf, OperationName } from '../operations.js';
import type { Runner } from './call.js';
import type { CallOptions, Queue, Receipt } from './types.js';

/** What a handle needs of its client. `ask` asks without changing anything. */
export interface QueueOwner extends Runner {
  readonly timeout_ms: number;
  ask<T, N extends OperationName>(
    name: N,
    argument: ArgumentOf<N>,
    options: CallOptions | undefined,
    take: (receipt: Receipt) => T,
  ): Promise<T>;
}

/** The queue `default`. */
export function queueOf(owner: QueueOwner): Queue {
  return {
    enqueue(value, options) {
      let body: Buffer;
      try {
        body = encode(value);
      } catch (error) {
        return Promise.reject(error as ConcordError);
      }
      return owner.run('queue.enqueue', [body], options, takeNumber);
    },
    dequeue(options) {
      const wait_ms = options?.wait_ms ?? 0;
      const timeout_ms = (options?.timeout_ms ?? owner.timeout_ms) + wait_ms;
      return owner.run('queue.dequeue', [wait_ms], { ...options, timeout_ms }, takeMessage);
    },
    size(options) {
      return owner.ask('queue.size', [], options, takeNumber);
    },
  };
}

function takeNumber({ value, node }: Receipt): number {
  if (typeof value === 'number') return value;
  throw new ConcordError('INTERNAL', `${node} answered with no number`);
}

function takeMessage({ value, node }: Receipt): { id: number; body: unknown } | undefined {
  if (value === null) return undefined;
  const [id, body] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof id !== 'number' || !Buffer.isBuffer(body))
    throw new ConcordError('INTERNAL', `${node} answered with no message`);
  return { id, body: decode(body) };
}
