/**
 * The guard in front of the codec. Walks over MessagePack bytes without decoding them and refuses what the codec must never see:
 * counts that are claimed and not there (each would be allocated), deep nesting, extension types, keys that are no strings or set
 * a prototype, integers that would be rounded, and anything but exactly one value.
 */
import { ConcordError } from './errors.js';
import { LIMITS } from './limits.js';

/** What follows a lead byte. */
const FIXED = 0;
const TEXT = 1;
const BYTES = 2;
const ARRAY = 3;
const MAP = 4;
const INT64 = 5;
const REFUSED = 6;

/** Per lead byte: one of the above. */
const SHAPES = new Uint8Array(256);
/** Per lead byte: payload bytes when FIXED, else width of the length that follows; 0 when the length is in the lead byte. */
const WIDTHS = new Uint8Array(256);
/** Per lead byte: the bits that hold the length when it is in the lead byte. */
const MASKS = new Uint8Array(256);

function define(first: number, last: number, shape: number, width = 0, mask = 0): void {
  SHAPES.fill(shape, first, last + 1);
  WIDTHS.fill(width, first, last + 1);
  MASKS.fill(mask, first, last + 1);
}
define(0x00, 0x7f, FIXED); // small positive integer
define(0x80, 0x8f, MAP, 0, 0x0f);
define(0x90, 0x9f, ARRAY, 0, 0x0f);
define(0xa0, 0xbf, TEXT, 0, 0x1f);
define(0xc0, 0xc0, FIXED); // nil
define(0xc1, 0xc1, REFUSED); // never used by MessagePack
define(0xc2, 0xc3, FIXED); // false, true
define(0xc4, 0xc4, BYTES, 1);
define(0xc5, 0xc5, BYTES, 2);
define(0xc6, 0xc6, BYTES, 4);
define(0xc7, 0xc9, REFUSED); // ext
define(0xca, 0xca, FIXED, 4); // float
define(0xcb, 0xcb, FIXED, 8);
define(0xcc, 0xcc, FIXED, 1); // unsigned integers
define(0xcd, 0xcd, FIXED, 2);
define(0xce, 0xce, FIXED, 4);
define(0xcf, 0xcf, INT64, 8);
define(0xd0, 0xd0, FIXED, 1); // signed integers
define(0xd1, 0xd1, FIXED, 2);
define(0xd2, 0xd2, FIXED, 4);
define(0xd3, 0xd3, INT64, 8);
define(0xd4, 0xd8, REFUSED); // fixext
define(0xd9, 0xd9, TEXT, 1);
define(0xda, 0xda, TEXT, 2);
define(0xdb, 0xdb, TEXT, 4);
define(0xdc, 0xdc, ARRAY, 2);
define(0xdd, 0xdd, ARRAY, 4);
define(0xde, 0xde, MAP, 2);
define(0xdf, 0xdf, MAP, 4);
define(0xe0, 0xff, FIXED); // small negative integer

const PROTO = Buffer.from('__proto__');

/** Values still to come at the levels around the current one, and whether those are maps. One scan runs at a time. */
const outerLeft = new Uint32Array(LIMITS.depth_max + 1);
const outerMap = new Uint8Array(LIMITS.depth_max + 1);

/**
 * Returns when `bytes` are exactly one MessagePack value that is safe to decode, of at most LIMITS.items_max items nested at most
 * LIMITS.depth_max deep. @throws ConcordError BAD_MESSAGE that says what is wrong and where
 */
export function scan(bytes: Buffer): void {
  const end = bytes.length;
  let at = 0;
  let items = 0;
  let depth = 0;
  let left = 1;
  let inMap = 0;
  for (;;) {
    while (left === 0) {
      if (depth === 0) {
        if (at < end) refuse(`${end - at} bytes after the value`, at);
        return;
      }
      depth--;
      left = outerLeft[depth] ?? 0;
      inMap = outerMap[depth] ?? 0;
    }
    // Keys and values alternate, so a key is due whenever an even number is left.
    const isKey = inMap === 1 && (left & 1) === 0;
    left--;
    if (++items > LIMITS.items_max) refuse(`more than ${LIMITS.items_max} items`, at);
    if (at >= end) refuse('cut short', at);

    const lead = bytes[at++] ?? 0;
    const shape = SHAPES[lead] ?? REFUSED;
    const width = WIDTHS[lead] ?? 0;
    if (end - at < width) refuse('cut short', at);
    if (isKey && shape !== TEXT) refuse('a key that is no string', at - 1);
    if (shape === FIXED) {
      at += width;
      continue;
    }
    if (shape === REFUSED) refuse(`type 0x${lead.toString(16)}`, at - 1);
    if (shape === INT64) {
      if (!isSafe(bytes, at, lead === 0xd3)) refuse('an integer beyond 2^53 - 1', at - 1);
      at += width;
      continue;
    }

    const length = width === 0 ? lead & (MASKS[lead] ?? 0) : bytes.readUIntBE(at, width);
    at += width;
    if (shape === ARRAY || shape === MAP) {
      const inside = shape === MAP ? 2 * length : length;
      // Every item takes a byte or more.
      if (inside > end - at) refuse(`${length} items are claimed and not there`, at);
      if (depth === LIMITS.depth_max) refuse(`nested deeper than ${LIMITS.depth_max}`, at);
      outerLeft[depth] = left;
      outerMap[depth] = inMap;
      depth++;
      left = inside;
      inMap = shape === MAP ? 1 : 0;
      continue;
    }
    if (length > end - at) refuse(`${length} bytes are claimed and not there`, at);
    if (isKey && length === PROTO.length && bytes.compare(PROTO, 0, length, at, at + length) === 0)
      refuse('the key __proto__', at);
    at += length;
  }
}

/** True when the 64-bit integer at `at` is within 2^53 - 1 of zero. */
function isSafe(bytes: Buffer, at: number, signed: boolean): boolean {
  if (!signed) return bytes.readUInt32BE(at) < 0x20_0000;
  const high = bytes.readInt32BE(at);
  if (high >= -0x20_0000 && high < 0x20_0000) return high > -0x20_0000 || bytes.readUInt32BE(at + 4) > 0;
  return false;
}

function refuse(what: string, at: number): never {
  throw new ConcordError('BAD_MESSAGE', `not a message: ${what}, at byte ${at}`);
}
