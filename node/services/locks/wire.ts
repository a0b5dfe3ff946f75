/**
 * Arguments of the commands that come most, read by hand, and results written by hand: several times faster than by the codec. Tests
 * hold them equal to it.
 */
import { FieldError } from '../../../protocol/fields.js';
import { LIMITS } from '../../../protocol/limits.js';
import type { ArgumentOf } from '../../../protocol/operations.js';
import { putCount, putInteger, putText } from '../../../protocol/put.js';
import { Reader } from '../../../protocol/reader.js';
import type { Mode } from './modes.js';
import type { Item, Lock } from './rows.js';

const { name_length_max, note_length_max, locks_per_request_max } = LIMITS;
/** What a grant takes besides its name: a list of three, a text, two integers. */
const GRANT_BYTES_MAX = 24;
/** Up to this many bytes a loop copies faster than a call. */
const LOOP_BYTES_MAX = 24;

/** Written into first: what a result takes is known afterwards only, and one allocation is cheaper than one and its cut. */
const scratch = Buffer.allocUnsafeSlow(8 + locks_per_request_max * (GRANT_BYTES_MAX + 3 * name_length_max));
const reader = new Reader('the argument');

/** The argument of `lock.acquire`, or undefined when the body holds anything else. */
export function readAcquire(body: Buffer): ArgumentOf<'lock.acquire'> | undefined {
  return read(body, 7, () => {
    const owner = reader.u53();
    const locks: [string, number][] = [];
    for (let left = reader.list(locks_per_request_max); left > 0; left--) {
      if (reader.list(2) !== 2) throw new FieldError('expected a lock and its mode');
      locks.push([reader.text(name_length_max), reader.u32()]);
    }
    return [owner, locks, reader.u32(), reader.u32(), reader.u32(), reader.u53(), reader.text(note_length_max)];
  });
}

/** The argument of `lock.release`, or undefined when the body holds anything else. */
export function readRelease(body: Buffer): ArgumentOf<'lock.release'> | undefined {
  return read(body, 4, () => [reader.u53(), reader.text(name_length_max), reader.u53(), reader.u32()]);
}

/** The MessagePack of [lock, mode, token]. */
export function writeGrant(lock: Lock, mode: Mode): Buffer {
  return written(putGrant(0, lock, mode));
}

/** The MessagePack of what was granted for these items, a list of such. `modeHeld` says in which mode it is held. */
export function writeGrants(items: readonly Item[], modeHeld: (item: Item) => Mode): Buffer {
  let at = putCount(scratch, 0, items.length);
  for (const item of items) at = putGrant(at, item.lock, modeHeld(item));
  return written(at);
}

/** The MessagePack of a few integers of 0 to 2^53 - 1, a list. */
export function writeIntegers(integers: readonly number[]): Buffer {
  let at = putCount(scratch, 0, integers.length);
  for (const integer of integers) at = putInteger(scratch, at, integer);
  return written(at);
}

function read<T>(body: Buffer, items: number, argument: () => T): T | undefined {
  try {
    reader.begin(body, 0, items);
    const value = argument();
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
}

function putGrant(at: number, { name, token }: Lock, mode: Mode): number {
  const behindName = putText(scratch, putCount(scratch, at, 3), name);
  return putInteger(scratch, putInteger(scratch, behindName, mode), token);
}

function written(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  if (length > LOOP_BYTES_MAX) scratch.copy(bytes, 0, 0, length);
  else for (let i = 0; i < length; i++) bytes[i] = scratch[i] as number;
  return bytes;
}
