/** The body of a command or read: its argument, checked and encoded. */
import { encode } from '../codec.js';
import { ConcordError } from '../errors.js';
import type { Field } from '../fields.js';
import { LIMITS } from '../limits.js';
import { OPERATIONS, type OperationName } from '../operations.js';
import { BYTES_HEAD_MAX, putBytes } from '../put.js';

/** The encoded argument of an operation. @throws ConcordError INVALID, TOO_BIG */
export function bodyOf(name: OperationName, form: 'command' | 'read', argument: unknown): Buffer {
  const operation: { form: string; argument: Field<unknown> } | undefined = OPERATIONS[name];
  if (operation?.form !== form) throw new ConcordError('INVALID', `${name} is no ${form}`);
  try {
    operation.argument.check(argument);
  } catch (error) {
    throw new ConcordError('INVALID', `${name}: ${(error as Error).message}`);
  }
  const body = isBytes(argument) ? encodeBytes(argument[0]) : encode(argument);
  if (body.length <= LIMITS.body_bytes_max) return body;
  throw new ConcordError('TOO_BIG', `${body.length} bytes; at most ${LIMITS.body_bytes_max} are allowed`);
}

/** The argument of an enqueue, which is met more often than any other. */
function isBytes(argument: unknown): argument is readonly [Buffer] {
  return Array.isArray(argument) && argument.length === 1 && Buffer.isBuffer(argument[0]);
}

/** The same bytes as `encode([bytes])`, by hand. */
function encodeBytes(bytes: Buffer): Buffer {
  const into = Buffer.allocUnsafe(1 + BYTES_HEAD_MAX + bytes.length);
  into[0] = 0x91;
  return into.subarray(0, putBytes(into, 1, bytes));
}
