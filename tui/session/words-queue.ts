/** The words about the queue: enqueue, dequeue, size. */
import { open } from 'node:fs/promises';
import { decode, encode } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import { DEFAULT_QUEUE } from '../../protocol/operations.js';
import type { CommandOf } from '../grammar/words.js';
import { type Answer, answerOf, type Call } from './call.js';

/** {queue, id}. */
export async function enqueue(command: CommandOf<'enqueue'>, call: Call): Promise<Answer> {
  const { file } = command.flags;
  const body = encode(file === undefined ? command.arguments.x : await readBytes(file));
  if (body.length > LIMITS.body_bytes_max) throw tooBig(`this value has ${body.length} bytes`);
  const cluster = await call.cluster();
  const receipt = await cluster.command('queue.enqueue', [body], call.asking(call.node));
  return answerOf(receipt, { queue: DEFAULT_QUEUE, id: receipt.value });
}

/** The first value; of an empty queue null, and not found. */
export async function dequeue(command: CommandOf<'dequeue'>, call: Call): Promise<Answer> {
  const wait_ms = command.flags.wait ?? 0;
  const cluster = await call.cluster();
  const receipt = await cluster.command('queue.dequeue', [wait_ms], call.asking(call.node, wait_ms));
  if (receipt.value === null) return { ...answerOf(receipt, null), found: false };
  const [, body] = receipt.value as [number, Buffer];
  return answerOf(receipt, decode(body));
}

/** The number of values that wait. */
export async function size(command: CommandOf<'size'>, call: Call): Promise<Answer> {
  const { queue } = command.arguments;
  if (queue !== undefined && queue !== DEFAULT_QUEUE)
    throw new ConcordError('INVALID', `there is no queue ${queue}: there is ${DEFAULT_QUEUE}`);
  const cluster = await call.cluster();
  const receipt = await cluster.read('queue.size', [], call.asking(call.node));
  return answerOf(receipt, receipt.value);
}

/** The bytes of a file, reading no more than can be sent. */
async function readBytes(path: string): Promise<Buffer> {
  const buffer = Buffer.alloc(LIMITS.body_bytes_max + 1);
  let length = 0;
  try {
    await using file = await open(path);
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await file.read(buffer, length, buffer.length - length, null)).bytesRead;
    }
  } catch (error) {
    throw new ConcordError('INVALID', `${path} cannot be read: ${(error as Error).message}`);
  }
  if (length === buffer.length) throw tooBig(`${path} has more`);
  return buffer.subarray(0, length);
}

function tooBig(what: string): ConcordError {
  return new ConcordError('TOO_BIG', `a body holds at most ${LIMITS.body_bytes_max} bytes: ${what}`);
}
