/** The entries that a group's log holds for its state machine: one kind byte, then the payload of that kind. */
import { decode, encode } from '../../protocol/codec.js';
import { decodeEnvelope, type Envelope } from '../../protocol/envelope.js';
import { list, tuple, u53 } from '../../protocol/fields.js';

/** Kind bytes. 0 to 15 belong to the consensus core. Numbers are never used twice. */
export const ENTRY_KINDS = {
  /** A command of a session that has a lane here: its envelope. */
  command: 16,
  /** A command of a session that may have none: the index of `c` at which it was seen alive (48 bits), the envelope. */
  firstCommand: 17,
  /** Sessions have ended by an index of `c`: [index, ids]. In shards. */
  sweep: 18,
  /** Sessions have not been renewed in time: [ids]. In group `c`. */
  expire: 19,
  /** Nothing: lets cluster time pass, so that waits run out. */
  tick: 20,
  /** Nobody who holds a lock has a token below it: [floor]. In shards. */
  fences: 21,
} as const;

/** Sessions that one sweep or expiry may name; the rest waits for the next entry. */
export const ENTRY_SESSIONS_MAX = 10_000;

/** An entry as it is applied. The body of an envelope is a slice of the entry's bytes. */
export type Entry =
  | { readonly kind: 'command'; readonly envelope: Envelope }
  | { readonly kind: 'firstCommand'; readonly alive: number; readonly envelope: Envelope }
  | { readonly kind: 'sweep'; readonly horizon: number; readonly sessions: readonly number[] }
  | { readonly kind: 'expire'; readonly sessions: readonly number[] }
  | { readonly kind: 'tick' }
  | { readonly kind: 'fences'; readonly floor: number };

const INDEX_BYTES = 6;
const SWEEP = tuple(u53, list(u53, ENTRY_SESSIONS_MAX));
const EXPIRE = list(u53, ENTRY_SESSIONS_MAX);
const FENCES = tuple(u53);
const TICK: Entry = { kind: 'tick' };

/** The entry of a command, around the bytes of its envelope as they came from the client. */
export function commandEntry(envelope: Buffer): Buffer {
  return withHead(ENTRY_KINDS.command, 1, envelope);
}

/** The entry of a command whose session may have no lane in this shard. `alive`: an index of `c`, below 2^48, that showed it open. */
export function firstCommandEntry(alive: number, envelope: Buffer): Buffer {
  const bytes = withHead(ENTRY_KINDS.firstCommand, 1 + INDEX_BYTES, envelope);
  bytes.writeUIntBE(alive, 1, INDEX_BYTES);
  return bytes;
}

/** The entry that removes sessions from a shard: each of them has ended by the index `horizon` of `c`. At most ENTRY_SESSIONS_MAX. */
export function sweepEntry(horizon: number, sessions: readonly number[]): Buffer {
  return withHead(ENTRY_KINDS.sweep, 1, encode([horizon, sessions]));
}

/** The entry that ends sessions of `c` whose time ran out. At most ENTRY_SESSIONS_MAX. */
export function expireEntry(sessions: readonly number[]): Buffer {
  return withHead(ENTRY_KINDS.expire, 1, encode(sessions));
}

/** The entry that lets cluster time pass. */
export function tickEntry(): Buffer {
  return Buffer.from([ENTRY_KINDS.tick]);
}

/** The entry by which a shard refuses tokens below `floor` and forgets them. */
export function fencesEntry(floor: number): Buffer {
  return withHead(ENTRY_KINDS.fences, 1, encode([floor]));
}

/** The entry in `bytes`, or undefined when its kind is not known here or its payload is not of that kind. */
export function decodeEntry(bytes: Buffer): Entry | undefined {
  try {
    switch (bytes[0]) {
      case ENTRY_KINDS.command:
        return { kind: 'command', envelope: decodeEnvelope(bytes, 1) };
      case ENTRY_KINDS.firstCommand:
        return {
          kind: 'firstCommand',
          alive: bytes.readUIntBE(1, INDEX_BYTES),
          envelope: decodeEnvelope(bytes, 1 + INDEX_BYTES),
        };
      case ENTRY_KINDS.sweep: {
        const [horizon, sessions] = SWEEP.check(decode(bytes.subarray(1)));
        return { kind: 'sweep', horizon, sessions };
      }
      case ENTRY_KINDS.expire:
        return { kind: 'expire', sessions: EXPIRE.check(decode(bytes.subarray(1))) };
      case ENTRY_KINDS.tick:
        return bytes.length === 1 ? TICK : undefined;
      case ENTRY_KINDS.fences: {
        const [floor] = FENCES.check(decode(bytes.subarray(1)));
        return { kind: 'fences', floor };
      }
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

function withHead(kind: number, head: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(head + payload.length);
  bytes[0] = kind;
  payload.copy(bytes, head);
  return bytes;
}
