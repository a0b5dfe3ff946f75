/**
 * The envelope of a command: who sent it, where it goes, which number it has, and the operation with its argument as opaque bytes.
 * The client writes it once; leader, log and followers pass the same bytes along and each node reads every one, so reader and writer
 * are written by hand for this one shape. The bytes are those of the array [1, group, session, ..., body] in MessagePack.
 */
import { bytes as bytesField, FieldError, text, u32, u53 } from './fields.js';
import { LIMITS } from './limits.js';

/** First item of every envelope. */
export const ENVELOPE_VERSION = 1;

/** A command on its way to a group. */
export interface Envelope {
  readonly group: string;
  /** 0 for `session.open`, which has none yet. */
  readonly session: number;
  /** Number of the command in the lane of its session and group: 1, 2, 3, ...; 0 without a session. */
  readonly lane: number;
  /** Every lane number up to this one has been answered to the client: those replies may be forgotten. */
  readonly confirmed: number;
  /** From receipt on, ms: the leader refuses what it could not propose by then. */
  readonly deadline_ms: number;
  /** What it is about: a queue, a lock, a key; '' when the operation needs none. */
  readonly name: string;
  /** "lock:token", or ''. */
  readonly fence: string;
  /** On whose behalf, or ''. */
  readonly principal: string;
  /** Number of an operation (operations.ts). */
  readonly operation: number;
  /** Argument of the operation, encoded. */
  readonly body: Buffer;
}

/** The fields after the version, in the order in which they travel. */
export const ENVELOPE_FIELDS = {
  group: text(LIMITS.group_length_max),
  session: u53,
  lane: u53,
  confirmed: u53,
  deadline_ms: u32,
  name: text(LIMITS.name_length_max),
  fence: text(LIMITS.name_length_max),
  principal: text(LIMITS.name_length_max),
  operation: u32,
  body: bytesField(LIMITS.body_bytes_max),
};

/** The bytes of an envelope. @throws FieldError naming a field that is out of its bounds */
export function encodeEnvelope(e: Envelope): Buffer {
  for (const [name, field] of CHECKS) {
    try {
      field.check(e[name]);
    } catch (error) {
      throw new FieldError(`envelope.${name}: ${(error as Error).message}`);
    }
  }
  const texts = e.group.length + e.name.length + e.fence.length + e.principal.length;
  const bytes = Buffer.allocUnsafe(ITEMS * HEAD_BYTES_MAX + 3 * texts + e.body.length);
  let at = bytes.writeUInt8(0x90 + ITEMS, 0);
  at = putInteger(bytes, at, ENVELOPE_VERSION);
  at = putText(bytes, at, e.group);
  at = putInteger(bytes, at, e.session);
  at = putInteger(bytes, at, e.lane);
  at = putInteger(bytes, at, e.confirmed);
  at = putInteger(bytes, at, e.deadline_ms);
  at = putText(bytes, at, e.name);
  at = putText(bytes, at, e.fence);
  at = putText(bytes, at, e.principal);
  at = putInteger(bytes, at, e.operation);
  at = putBytes(bytes, at, e.body);
  return bytes.subarray(0, at);
}

/**
 * The envelope in `bytes`; its body shares their memory. Total: @throws FieldError for whatever is no envelope. Accepts any
 * MessagePack form of a number or length, as the codec does, not only the shortest.
 */
export function decodeEnvelope(bytes: Buffer): Envelope {
  const reader = new EnvelopeReader(bytes);
  reader.head();
  const group = reader.text(LIMITS.group_length_max);
  const session = reader.integer(Number.MAX_SAFE_INTEGER);
  const lane = reader.integer(Number.MAX_SAFE_INTEGER);
  const confirmed = reader.integer(Number.MAX_SAFE_INTEGER);
  const deadline_ms = reader.integer(U32_MAX);
  const name = reader.text(LIMITS.name_length_max);
  const fence = reader.text(LIMITS.name_length_max);
  const principal = reader.text(LIMITS.name_length_max);
  const operation = reader.integer(U32_MAX);
  const body = reader.rest(LIMITS.body_bytes_max);
  return { group, session, lane, confirmed, deadline_ms, name, fence, principal, operation, body };
}

const U32_MAX = 0xffff_ffff;
const CHECKS = Object.entries(ENVELOPE_FIELDS) as [keyof Envelope, (typeof ENVELOPE_FIELDS)[keyof Envelope]][];
const ITEMS = CHECKS.length + 1;
/** What an item takes besides its text or bytes: at most a lead byte and a float. The array's own head fits in what the version spares. */
const HEAD_BYTES_MAX = 9;

/** Up to this many bytes a string is read faster by hand than by the native decoder. */
const SHORT_TEXT = 16;

class EnvelopeReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  head(): void {
    const lead = this.#byte();
    const items =
      lead >> 4 === 9 ? lead & 0x0f : lead === 0xdc ? this.#unsigned(2) : lead === 0xdd ? this.#unsigned(4) : -1;
    if (items !== ITEMS) throw new FieldError(`an envelope is an array of ${ITEMS}`);
    if (this.integer(U32_MAX) !== ENVELOPE_VERSION) throw new FieldError('an envelope of another version');
  }

  /** An integer of 0 to `max`, in any form. */
  integer(max: number): number {
    const lead = this.#byte();
    const value = lead < 0x80 ? lead : this.#number(lead);
    if (value >= 0 && value <= max && Number.isInteger(value)) return value;
    throw this.#wrong(max === U32_MAX ? 'u32' : 'u53');
  }

  /** A string of at most `max` UTF-16 units. */
  text(max: number): string {
    const lead = this.#byte();
    if (lead === 0xa0) return '';
    const length =
      lead >> 5 === 5 ? lead & 0x1f : lead >= 0xd9 && lead <= 0xdb ? this.#unsigned(1 << (lead - 0xd9)) : -1;
    // A UTF-16 unit takes three bytes at most.
    if (length < 0 || length > 3 * max) throw this.#wrong(`text up to ${max}`);
    const start = this.#skip(length);
    const value = shortAscii(this.#bytes, start, this.#at) ?? this.#bytes.toString('utf8', start, this.#at);
    if (value.length > max) throw this.#wrong(`text up to ${max}`);
    return value;
  }

  /** Bytes, which have to be the last item. */
  rest(max: number): Buffer {
    const lead = this.#byte();
    const length = lead >= 0xc4 && lead <= 0xc6 ? this.#unsigned(1 << (lead - 0xc4)) : -1;
    if (length < 0 || length > max) throw this.#wrong(`bytes up to ${max}`);
    const start = this.#skip(length);
    if (this.#at !== this.#bytes.length) throw new FieldError('bytes after the envelope');
    return this.#bytes.subarray(start, this.#at);
  }

  #byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new FieldError('an envelope cut short');
    return value;
  }

  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw new FieldError('an envelope cut short');
    this.#at = start + length;
    return start;
  }

  #unsigned(width: number): number {
    return this.#bytes.readUIntBE(this.#skip(width), width);
  }

  /** The number behind `lead`; -1 when there is none. */
  #number(lead: number): number {
    switch (lead) {
      case 0xcc:
        return this.#byte();
      case 0xcd:
        return this.#bytes.readUInt16BE(this.#skip(2));
      case 0xce:
        return this.#bytes.readUInt32BE(this.#skip(4));
      case 0xcb:
        return this.#bytes.readDoubleBE(this.#skip(8));
      case 0xca:
        return this.#bytes.readFloatBE(this.#skip(4));
      case 0xcf:
        return this.#unsigned(4) * 2 ** 32 + this.#unsigned(4);
      case 0xd0:
        return this.#bytes.readInt8(this.#skip(1));
      case 0xd1:
        return this.#bytes.readInt16BE(this.#skip(2));
      case 0xd2:
        return this.#bytes.readInt32BE(this.#skip(4));
      case 0xd3:
        return this.#bytes.readInt32BE(this.#skip(4)) * 2 ** 32 + this.#unsigned(4);
      default:
        return -1;
    }
  }

  #wrong(holds: string): FieldError {
    return new FieldError(`expected ${holds} before byte ${this.#at} of an envelope`);
  }
}

/** The string in `bytes` when it is short and plain ASCII. */
function shortAscii(bytes: Buffer, start: number, end: number): string | undefined {
  if (end - start > SHORT_TEXT) return undefined;
  let value = '';
  for (let i = start; i < end; i++) {
    const unit = bytes[i] ?? 0;
    if (unit >= 0x80) return undefined;
    value += String.fromCharCode(unit);
  }
  return value;
}

/** Each puts one value at `at` and returns where the next one goes. */
function putInteger(bytes: Buffer, at: number, value: number): number {
  if (value < 0x80) return bytes.writeUInt8(value, at);
  if (value < 0x100) return bytes.writeUInt8(value, bytes.writeUInt8(0xcc, at));
  if (value < 0x1_0000) return bytes.writeUInt16BE(value, bytes.writeUInt8(0xcd, at));
  if (value <= U32_MAX) return bytes.writeUInt32BE(value, bytes.writeUInt8(0xce, at));
  return bytes.writeDoubleBE(value, bytes.writeUInt8(0xcb, at));
}

function putText(bytes: Buffer, at: number, value: string): number {
  const length = Buffer.byteLength(value);
  let next: number;
  if (length < 0x20) next = bytes.writeUInt8(0xa0 + length, at);
  else if (length < 0x100) next = bytes.writeUInt8(length, bytes.writeUInt8(0xd9, at));
  else next = bytes.writeUInt16BE(length, bytes.writeUInt8(0xda, at));
  return next + bytes.write(value, next);
}

function putBytes(bytes: Buffer, at: number, value: Buffer): number {
  const { length } = value;
  let next: number;
  // 255 takes the longer head, as msgpack-lite has it.
  if (length < 0xff) next = bytes.writeUInt8(length, bytes.writeUInt8(0xc4, at));
  else if (length < 0x1_0000) next = bytes.writeUInt16BE(length, bytes.writeUInt8(0xc5, at));
  else next = bytes.writeUInt32BE(length, bytes.writeUInt8(0xc6, at));
  return next + value.copy(bytes, next);
}
