/**
 * Values to bytes and back: msgpack-lite without its extension types, behind a guard on both sides. Decoding scans first (scan.ts);
 * encoding refuses what msgpack-lite would change silently (a Map becomes {}, a Uint8Array a map of digits).
 */
import msgpack from 'msgpack-lite';
import { ConcordError } from './errors.js';
import { LIMITS } from './limits.js';
import { scan } from './scan.js';

/** The parts of msgpack-lite that its typings leave out. */
interface Writer {
  buffer: Buffer | undefined;
  buffers: Buffer[] | undefined;
  start: number;
  offset: number;
  write(value: unknown): void;
  read(): Buffer;
}
interface Reader {
  buffer: Buffer | undefined;
  offset: number;
  fetch(): unknown;
}
interface Codec extends msgpack.Codec {
  extPackers: unknown;
}
const { Encoder, Decoder } = msgpack as unknown as {
  readonly Encoder: new (options: msgpack.EncoderOptions) => Writer;
  readonly Decoder: new (options: msgpack.DecoderOptions) => Reader;
};

/** A larger encode buffer is dropped after its use. */
const KEPT_BYTES_MAX = 65_536;

const codec = msgpack.createCodec() as Codec;
// Packers are looked up by the name of a value's constructor: in a plain object, {constructor: {name: 'toString'}} would find one.
codec.extPackers = Object.create(null);
const writer = new Encoder({ codec });
const reader = new Decoder({ codec });

/**
 * The MessagePack bytes of `value`, in memory of their own. Holds null, booleans, numbers, strings, Buffers, arrays and plain
 * objects of these. @throws ConcordError INVALID that names what cannot be carried (see `checkEncodable`)
 */
export function encode(value: unknown): Buffer {
  checkEncodable(value);
  return Buffer.from(encodeBorrowed(value));
}

/** As `encode`, unchecked, and into memory that the next call writes over: for what is copied on at once. */
export function encodeBorrowed(value: unknown): Buffer {
  writer.start = 0;
  writer.offset = 0;
  try {
    writer.write(value);
    return writer.read();
  } catch (error) {
    // What was written of this value would come out in front of the next one.
    if (writer.buffers !== undefined) writer.buffers.length = 0;
    throw new ConcordError('INVALID', `this value cannot be encoded: ${(error as Error).message}`);
  } finally {
    if (writer.buffer !== undefined && writer.buffer.length > KEPT_BYTES_MAX) writer.buffer = undefined;
  }
}

/** The value in `bytes`, sharing no memory with them. @throws ConcordError BAD_MESSAGE when they are not exactly one safe value */
export function decode(bytes: Buffer): unknown {
  scan(bytes);
  reader.buffer = bytes;
  reader.offset = 0;
  try {
    return reader.fetch();
  } catch (error) {
    throw new ConcordError('BAD_MESSAGE', `not a message: ${(error as Error).message}`);
  } finally {
    reader.buffer = undefined;
  }
}

/**
 * Returns when `value` arrives as it is. @throws ConcordError INVALID for undefined, functions, symbols, BigInt, integers beyond
 * 2^53 - 1, strings with half a surrogate pair, objects that are not plain (Map, Set, Date, a Uint8Array that is no Buffer, ...),
 * the key `__proto__`, cycles or nesting deeper than LIMITS.depth_max, more than LIMITS.items_max items
 */
export function checkEncodable(value: unknown): void {
  path.length = 0;
  if (check(value, 0) > LIMITS.items_max) refuse('a value', `more than ${LIMITS.items_max} items`);
}

/** Keys and positions that lead to the value under check, for the error. One check runs at a time. */
const path: (string | number)[] = [];

/** Keys that set a prototype, or by which msgpack-lite would take a plain object for one of its own. */
const RESERVED_KEYS = new Set(['__proto__', '_isUint64BE', '_isInt64BE']);

/** Checks one value; `before` items were counted already. Returns the count with this value and what is in it. */
function check(value: unknown, before: number): number {
  switch (typeof value) {
    case 'boolean':
      break;
    case 'number':
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) refuse('an integer beyond 2^53 - 1');
      break;
    case 'string':
      checkText(value);
      break;
    case 'object':
      if (value === null || Buffer.isBuffer(value)) break;
      if (path.length === LIMITS.depth_max)
        refuse('a value', `nested deeper than ${LIMITS.depth_max}, or within itself`);
      return Array.isArray(value) ? checkArray(value, before + 1) : checkObject(value, before + 1);
    case 'undefined':
      refuse('undefined', 'use null');
      break;
    default:
      refuse(`a ${typeof value}`);
  }
  return before + 1;
}

function checkArray(value: readonly unknown[], before: number): number {
  let items = before;
  for (let i = 0; i < value.length && items <= LIMITS.items_max; i++) {
    path.push(i);
    items = check(value[i], items);
    path.pop();
  }
  return items;
}

function checkObject(value: object, before: number): number {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) refuse(`a ${className(value)}`, 'use a plain object');
  let items = before;
  for (const [key, inside] of Object.entries(value)) {
    if (items > LIMITS.items_max) break;
    path.push(key);
    if (RESERVED_KEYS.has(key)) refuse(`the key ${key}`);
    checkText(key);
    items = check(inside, items + 1);
    path.pop();
  }
  return items;
}

function checkText(text: string): void {
  if (/\p{Surrogate}/u.test(text)) refuse('half a surrogate pair');
}

function className(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'class instance';
}

function refuse(what: string, why?: string): never {
  const where = path.length === 0 ? '' : ` at ${path.join('.')}`;
  throw new ConcordError('INVALID', `${what}${where} cannot be carried${why === undefined ? '' : `: ${why}`}`);
}
