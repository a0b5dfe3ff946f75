/** How rows, heads and the format stand in a base: keys that keep spaces apart, values sealed with a checksum. */
import { crc32 } from 'node:zlib';
import { StorageError } from './errors.js';

/** Version of what is written here. */
export const BASE_FORMAT = 1;

/** Greatest number of a space. */
export const SPACE_MAX = 2 ** 48 - 1;

/** First byte of a key. */
const KIND = { format: 1, head: 2, row: 3 } as const;

const SPACE_BYTES = 6;
const ROW_PREFIX_BYTES = 1 + SPACE_BYTES;
const CRC_BYTES = 4;

/** Key under which the format version stands. */
export const FORMAT_KEY = Buffer.from([KIND.format]);

/** Keys from `start` up to, but without, `end`. */
export interface KeyRange {
  readonly start: Buffer;
  readonly end: Buffer;
}

/** Keys of all heads, and of all rows. */
export const HEAD_RANGE: KeyRange = { start: Buffer.from([KIND.head]), end: Buffer.from([KIND.head + 1]) };
export const ROW_RANGE: KeyRange = { start: Buffer.from([KIND.row]), end: Buffer.from([KIND.row + 1]) };

export function headKey(group: string): Buffer {
  return Buffer.concat([HEAD_RANGE.start, Buffer.from(group)]);
}

/** The group of a head's key. */
export function groupOf(stored: Buffer): string {
  return stored.toString('utf8', 1);
}

/** @throws RangeError for a space that is no integer of 0 to SPACE_MAX */
export function rowKey(space: number, key: Buffer): Buffer {
  const stored = Buffer.allocUnsafe(ROW_PREFIX_BYTES + key.length);
  stored[0] = KIND.row;
  stored.writeUIntBE(space, 1, SPACE_BYTES);
  key.copy(stored, ROW_PREFIX_BYTES);
  return stored;
}

/** The space of a row's key. */
export function spaceOf(stored: Buffer): number {
  return stored.readUIntBE(1, SPACE_BYTES);
}

/** The key of a row as its space knows it; a view. */
export function keyOf(stored: Buffer): Buffer {
  return stored.subarray(ROW_PREFIX_BYTES);
}

/** Keys of all rows of a space that lie behind `after`; null: all. */
export function rangeBehind(space: number, after: Buffer | null): KeyRange {
  // Nothing sorts between a key and the same key with a zero behind it.
  const start = after === null ? rowKey(space, NO_KEY) : Buffer.concat([rowKey(space, after), ZERO]);
  return { start, end: space === SPACE_MAX ? ROW_RANGE.end : rowKey(space + 1, NO_KEY) };
}

const NO_KEY = Buffer.alloc(0);
const ZERO = Buffer.alloc(1);

/** A value as it is stored: behind a checksum of key and value, so that a row in the wrong place is noticed like one that rotted. */
export function seal(stored: Buffer, value: Buffer, into = Buffer.allocUnsafe(sealedBytes(value))): Buffer {
  into.writeUInt32BE(crc32(value, crc32(stored)), 0);
  value.copy(into, CRC_BYTES);
  return into;
}

export function sealedBytes(value: Buffer): number {
  return CRC_BYTES + value.length;
}

/** The value in what `seal` gave; a view. @throws StorageError ROT when it is not what was sealed under this key */
export function unseal(stored: Buffer, sealed: Buffer, path: string): Buffer {
  const value = sealed.subarray(CRC_BYTES);
  if (sealed.length < CRC_BYTES || sealed.readUInt32BE(0) !== crc32(value, crc32(stored)))
    throw new StorageError('ROT', path, 0, `the row ${stored.toString('hex', 0, 32)} is not what was written`);
  return value;
}
