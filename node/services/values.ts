/**
 * Arguments read and results written. The few shapes that every enqueue and dequeue meets are done by hand, several times faster
 * than by the codec; tests hold them equal to it. Whatever is not exactly such a shape goes the general way.
 */
import { decode } from '../../protocol/codec.js';
import { type ArgumentOf, OPERATIONS, type OperationName } from '../../protocol/operations.js';

/** MessagePack of null, true and false. Shared: never to be written to. */
export const NULL_VALUE = Buffer.from([0xc0]);
export const TRUE_VALUE = Buffer.from([0xc3]);
export const FALSE_VALUE = Buffer.from([0xc2]);

/** The argument of an operation, or undefined when the body holds anything else. */
export function readArgument<N extends OperationName>(name: N, body: Buffer): ArgumentOf<N> | undefined {
  try {
    return OPERATIONS[name].argument.check(decode(body)) as ArgumentOf<N>;
  } catch {
    return undefined;
  }
}

/** The bytes in a body that holds exactly [bin], a slice of it; undefined for anything else. */
export function readBytes(body: Buffer): Buffer | undefined {
  if (body.length < 3 || body[0] !== 0x91) return undefined;
  let start: number;
  let length: number;
  switch (body[1]) {
    case 0xc4:
      start = 3;
      length = body[2] as number;
      break;
    case 0xc5:
      if (body.length < 4) return undefined;
      start = 4;
      length = body.readUInt16BE(2);
      break;
    case 0xc6:
      if (body.length < 6) return undefined;
      start = 6;
      length = body.readUInt32BE(2);
      break;
    default:
      return undefined;
  }
  return body.length === start + length ? body.subarray(start) : undefined;
}

/** The integer in a body that holds exactly [u32] in its shortest form; undefined for anything else. */
export function readInteger(body: Buffer): number | undefined {
  if (body[0] !== 0x91) return undefined;
  const first = body[1];
  if (first === undefined) return undefined;
  switch (body.length) {
    case 2:
      return first < 0x80 ? first : undefined;
    case 3:
      return first === 0xcc ? body[2] : undefined;
    case 4:
      return first === 0xcd ? body.readUInt16BE(2) : undefined;
    case 6:
      return first === 0xce ? body.readUInt32BE(2) : undefined;
    default:
      return undefined;
  }
}

/** The MessagePack of an integer of 0 to 2^53 - 1. */
export function writeInteger(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(integerSize(value));
  putInteger(bytes, 0, value);
  return bytes;
}

/** The MessagePack of [integer, bin]: a message of a queue. */
export function writeMessage(id: number, body: Buffer): Buffer {
  // 255 takes the longer head, as msgpack-lite has it.
  const head = body.length < 0xff ? 2 : body.length < 0x10000 ? 3 : 5;
  const bytes = Buffer.allocUnsafe(1 + integerSize(id) + head + body.length);
  bytes[0] = 0x92;
  let at = putInteger(bytes, 1, id);
  if (head === 2) {
    bytes[at] = 0xc4;
    bytes[at + 1] = body.length;
  } else if (head === 3) {
    bytes[at] = 0xc5;
    bytes.writeUInt16BE(body.length, at + 1);
  } else {
    bytes[at] = 0xc6;
    bytes.writeUInt32BE(body.length, at + 1);
  }
  at += head;
  body.copy(bytes, at);
  return bytes;
}

function integerSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x100) return 2;
  if (value < 0x10000) return 3;
  return value < 0x100000000 ? 5 : 9;
}

/** Writes an integer at `at` and returns the offset behind it. Beyond 2^32 it travels as a float64, exact to 2^53. */
function putInteger(bytes: Buffer, at: number, value: number): number {
  if (value < 0x80) return bytes.writeUInt8(value, at);
  if (value < 0x100) {
    bytes[at] = 0xcc;
    return bytes.writeUInt8(value, at + 1);
  }
  if (value < 0x10000) {
    bytes[at] = 0xcd;
    return bytes.writeUInt16BE(value, at + 1);
  }
  if (value < 0x100000000) {
    bytes[at] = 0xce;
    return bytes.writeUInt32BE(value, at + 1);
  }
  bytes[at] = 0xcb;
  return bytes.writeDoubleBE(value, at + 1);
}
