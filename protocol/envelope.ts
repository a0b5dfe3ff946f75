/**
 * The envelope of a command: who sent it, where it goes, which number it has, and the operation with its argument as opaque bytes.
 * The client writes it once; leader, log and followers pass the same bytes along and each node reads every one, so reader and writer
 * are written by hand for this one shape. The bytes are those of the array [1, group, session, ..., body] in MessagePack.
 */
import { bytes as bytesField, FieldError, text, u32, u53 } from './fields.js';
import { LIMITS } from './limits.js';
import { putBytes, putInteger, putText } from './put.js';
import { Reader } from './reader.js';

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
  fence: text(LIMITS.fence_length_max),
  principal: text(LIMITS.name_length_max),
  operation: u32,
  body: bytesField(LIMITS.body_bytes_max),
};

/** The bytes of an envelope. @throws FieldError naming a field that is out of its bounds */
export function encodeEnvelope(e: Envelope): Buffer {
  checkEnvelope(e);
  const texts = e.group.length + e.name.length + e.fence.length + e.principal.length;
  const bytes = Buffer.allocUnsafe(ITEMS * HEAD_BYTES_MAX + 3 * texts + e.body.length);
  bytes[0] = 0x90 + ITEMS;
  let at = putInteger(bytes, 1, ENVELOPE_VERSION);
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
 * The envelope in `bytes` from offset `from` on; its body shares their memory. Total: @throws FieldError for whatever is no envelope.
 * Accepts any MessagePack form of a number or length, as the codec does, not only the shortest.
 */
export function decodeEnvelope(bytes: Buffer, from = 0): Envelope {
  reader.begin(bytes, from, ITEMS);
  if (reader.u32() !== ENVELOPE_VERSION) throw new FieldError('an envelope of another version');
  const group = reader.text(LIMITS.group_length_max);
  const session = reader.u53();
  const lane = reader.u53();
  const confirmed = reader.u53();
  const deadline_ms = reader.u32();
  const name = reader.text(LIMITS.name_length_max);
  const fence = reader.text(LIMITS.fence_length_max);
  const principal = reader.text(LIMITS.name_length_max);
  const operation = reader.u32();
  const body = reader.rest(LIMITS.body_bytes_max);
  return { group, session, lane, confirmed, deadline_ms, name, fence, principal, operation, body };
}

const CHECKS = Object.entries(ENVELOPE_FIELDS) as [keyof Envelope, (typeof ENVELOPE_FIELDS)[keyof Envelope]][];
const ITEMS = CHECKS.length + 1;
/** What an item takes besides its text or bytes: at most a lead byte and a float. The array's own head fits in what the version spares. */
const HEAD_BYTES_MAX = 9;

const reader = new Reader('an envelope');

function checkEnvelope(e: Envelope): void {
  if (fits(e)) return;
  for (const [name, field] of CHECKS) {
    try {
      field.check(e[name]);
    } catch (error) {
      throw new FieldError(`envelope.${name}: ${(error as Error).message}`);
    }
  }
}

/** True when every field is within its bounds: what the fields' own checks find out one by one. */
function fits(e: Envelope): boolean {
  return (
    isText(e.group, LIMITS.group_length_max) &&
    isU53(e.session) &&
    isU53(e.lane) &&
    isU53(e.confirmed) &&
    e.deadline_ms >>> 0 === e.deadline_ms &&
    isText(e.name, LIMITS.name_length_max) &&
    isText(e.fence, LIMITS.fence_length_max) &&
    isText(e.principal, LIMITS.name_length_max) &&
    e.operation >>> 0 === e.operation &&
    Buffer.isBuffer(e.body) &&
    e.body.length <= LIMITS.body_bytes_max
  );
}

function isText(value: unknown, max: number): boolean {
  return typeof value === 'string' && value.length <= max;
}

function isU53(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
