/** What a reply holds: a value, or the refusal of a state machine. */
import { decode } from '../codec.js';
import { ConcordError } from '../errors.js';
import { REFUSAL } from '../operations.js';
import { errorOf } from './treatment.js';

/** The value in a reply or an outcome of `node`, or its refusal; INTERNAL when it cannot be read. No value is itself an error. */
export function readReply(reply: { readonly ok: boolean; readonly result: Buffer }, node: string): unknown {
  try {
    const value = decode(reply.result);
    if (reply.ok) return value;
    const [code, message, details] = REFUSAL.check(value);
    return errorOf(code, message, details);
  } catch (error) {
    return new ConcordError('INTERNAL', `${node} sent a result that cannot be read: ${(error as Error).message}`);
  }
}
