/** Single MessagePack values put into a buffer by hand, each in its shortest form, as msgpack-lite has it. Each returns where the next one goes. */

const U32_MAX = 0xffff_ffff;
/** `putBytes` and `putCount` take at most this besides the bytes and items. */
export const BYTES_HEAD_MAX = 5;
/** Up to this many bytes a loop copies faster than a call. */
const LOOP_BYTES_MAX = 24;

/** An integer of 0 to 2^53 - 1. Beyond 2^32 - 1 it travels as a float64, which holds it exactly. */
export function putInteger(into: Buffer, at: number, value: number): number {
  if (value < 0x80) return into.writeUInt8(value, at);
  if (value < 0x100) return into.writeUInt8(value, into.writeUInt8(0xcc, at));
  if (value < 0x1_0000) return into.writeUInt16BE(value, into.writeUInt8(0xcd, at));
  if (value <= U32_MAX) return into.writeUInt32BE(value, into.writeUInt8(0xce, at));
  return into.writeDoubleBE(value, into.writeUInt8(0xcb, at));
}

/** The head of an array of so many items, at most 2^32 - 1. */
export function putCount(into: Buffer, at: number, count: number): number {
  if (count < 0x10) return into.writeUInt8(0x90 + count, at);
  if (count < 0x1_0000) return into.writeUInt16BE(count, into.writeUInt8(0xdc, at));
  return into.writeUInt32BE(count, into.writeUInt8(0xdd, at));
}

/** true or false: one byte. */
export function putFlag(into: Buffer, at: number, value: boolean): number {
  into[at] = value ? 0xc3 : 0xc2;
  return at + 1;
}

/** A string of less than 2^16 bytes. */
export function putText(into: Buffer, at: number, value: string): number {
  if (value.length <= LOOP_BYTES_MAX && isAscii(value)) {
    into[at] = 0xa0 + value.length;
    for (let i = 0; i < value.length; i++) into[at + 1 + i] = value.charCodeAt(i);
    return at + 1 + value.length;
  }
  const length = Buffer.byteLength(value);
  let next: number;
  if (length < 0x20) next = into.writeUInt8(0xa0 + length, at);
  else if (length < 0x100) next = into.writeUInt8(length, into.writeUInt8(0xd9, at));
  else next = into.writeUInt16BE(length, into.writeUInt8(0xda, at));
  return next + into.write(value, next);
}

/** Bytes, at most 2^32 - 1 of them. */
export function putBytes(into: Buffer, at: number, value: Buffer): number {
  const { length } = value;
  let next: number;
  // 255 takes the longer head, as msgpack-lite has it.
  if (length < 0xff) next = into.writeUInt8(length, into.writeUInt8(0xc4, at));
  else if (length < 0x1_0000) next = into.writeUInt16BE(length, into.writeUInt8(0xc5, at));
  else next = into.writeUInt32BE(length, into.writeUInt8(0xc6, at));
  if (length > LOOP_BYTES_MAX) return next + value.copy(into, next);
  for (let i = 0; i < length; i++) into[next++] = value[i] ?? 0;
  return next;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}
