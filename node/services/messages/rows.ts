/**
 * The rows of messages as the base has them. A chunk has one with the bodies, written when its messages are new and then left alone, and
 * one with what has become of them since, once there is something to say: today which of them are gone.
 */
import { tupleKey } from '../keys.js';

/** Gives the value of the row with that key in the base, or undefined when it has none. Synchronous. */
export type ReadRow = (key: Buffer) => Buffer | undefined;

/** (queue, base of the chunk, kind of row). */
export const CHUNK_KEY = tupleKey('string', 'number', 'number');

/** The kinds of rows of a chunk, in the order of their keys. */
export const KIND = { bodies: 0, states: 1 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** Of a value's form: its first byte. Each kind of row counts for itself. */
const BODIES_VERSION = 1;
const STATES_VERSION = 1;

/** Version and number of messages. */
const HEAD_BYTES = 3;
/** A number in a column. */
const NUMBER_BYTES = 4;
/** What stands in front of the bodies for each: its id, counted from the base, and its length. */
export const COLUMNS_BYTES = 2 * NUMBER_BYTES;

/** The key of a chunk's row, in memory of its own. */
export function chunkKey(queue: string, base: number, kind: Kind): Buffer {
  return CHUNK_KEY.encode([queue, base, kind]);
}

/** Writes the row with the bodies of so many messages, which are `bytes` long together: head, ids, lengths, bodies. */
export class BodiesWriter {
  readonly value: Buffer;
  private readonly lengths: number;
  private message = HEAD_BYTES;
  private at: number;

  /** `room` gives memory of so many bytes. */
  constructor(count: number, bytes: number, room: (bytes: number) => Buffer) {
    const bodies = HEAD_BYTES + count * COLUMNS_BYTES;
    this.value = room(bodies + bytes);
    this.lengths = count * NUMBER_BYTES;
    this.at = bodies;
    this.value[0] = BODIES_VERSION;
    this.value.writeUInt16LE(count, 1);
  }

  /** The next message. */
  add(offset: number, length: number): void {
    const { value, message } = this;
    value.writeUInt32LE(offset, message);
    value.writeUInt32LE(length, message + this.lengths);
    this.message = message + NUMBER_BYTES;
  }

  /** The next bodies, of one message or of several. */
  fill(bodies: Buffer): void {
    this.at += bodies.copy(this.value, this.at);
  }
}

/** A row with bodies, read. */
export class BodiesRow {
  /** Number of messages. */
  readonly count: number;
  /** Their bodies back to back: a slice of the value. */
  readonly bodies: Buffer;
  private readonly value: Buffer;

  /** @throws Error when it is no such row, or one of another form */
  constructor(value: Buffer) {
    checkVersion(value, BODIES_VERSION, 'messages are');
    const count = value.length < HEAD_BYTES ? 0 : value.readUInt16LE(1);
    const start = HEAD_BYTES + count * COLUMNS_BYTES;
    if (count === 0 || start > value.length) throw new Error('a row of messages ends too early');
    this.count = count;
    this.value = value;
    this.bodies = value.subarray(start);
    let bytes = 0;
    for (let slot = 0; slot < count; slot++) {
      if (slot > 0 && this.offset(slot) <= this.offset(slot - 1)) throw new Error('a row of messages is out of order');
      bytes += this.length(slot);
    }
    if (bytes !== this.bodies.length)
      throw new Error(`a row of messages has ${this.bodies.length} bytes of bodies instead of ${bytes}`);
  }

  offset(slot: number): number {
    return this.value.readUInt32LE(HEAD_BYTES + slot * NUMBER_BYTES);
  }

  length(slot: number): number {
    return this.value.readUInt32LE(HEAD_BYTES + (this.count + slot) * NUMBER_BYTES);
  }
}

/** The row that says which of so many messages are gone: a bit for each, in the order of the row with the bodies. */
export function statesValue(count: number, isGone: (slot: number) => boolean): Buffer {
  const value = Buffer.alloc(statesBytes(count));
  value[0] = STATES_VERSION;
  for (let slot = 0; slot < count; slot++) {
    if (!isGone(slot)) continue;
    const at = 1 + (slot >>> 3);
    value[at] = (value[at] as number) | (1 << (slot & 7));
  }
  return value;
}

/** Calls back for those of `count` messages that are gone. @throws Error when it is no such row, or one of another form */
export function eachGone(value: Buffer, count: number, visit: (slot: number) => void): void {
  checkVersion(value, STATES_VERSION, 'the states of messages are');
  if (value.length !== statesBytes(count)) throw new Error(`a row of states is not one of ${count} messages`);
  for (let slot = 0; slot < count; slot++) {
    if (((value[1 + (slot >>> 3)] as number) & (1 << (slot & 7))) !== 0) visit(slot);
  }
}

function statesBytes(count: number): number {
  return 1 + ((count + 7) >>> 3);
}

/** @throws Error */
function checkVersion(value: Buffer, known: number, what: string): void {
  if (value[0] !== known) throw new Error(`${what} stored in form ${value[0]}; this version reads form ${known}`);
}
