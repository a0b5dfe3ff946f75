/**
 * The two messages that every command meets, `command` and `reply`, written and read by hand: several times faster than by the codec
 * and the catalogue, and to the same bytes and fields (tests hold them equal).
 */
import { FieldError } from './fields.js';
import type { FrameWriter } from './frame.js';
import { LIMITS } from './limits.js';
import { MESSAGES, type MessageOf } from './messages.js';
import { putBytes, putFlag, putInteger, putText } from './put.js';
import { Reader } from './reader.js';

const COMMAND = MESSAGES.command.number;
const COMMAND_ITEMS = 1 + Object.keys(MESSAGES.command.fields).length;
const REPLY = MESSAGES.reply.number;
const REPLY_ITEMS = 1 + Object.keys(MESSAGES.reply.fields).length;
/** More than all but bytes and text of either message takes. */
const HEAD_BYTES_MAX = 64;

/** Adds a frame with a `command`. @throws ConcordError FRAME_TOO_BIG, and nothing is added */
export function addCommand(writer: FrameWriter, { correlation, envelope }: MessageOf<'command'>): void {
  const into = writer.begin(HEAD_BYTES_MAX + envelope.length);
  let at = begin(into, writer.position, COMMAND_ITEMS, COMMAND);
  at = putInteger(into, at, correlation);
  writer.end(putBytes(into, at, envelope));
}

/** Adds a frame with a `reply`. @throws ConcordError FRAME_TOO_BIG, and nothing is added */
export function addReply(writer: FrameWriter, message: MessageOf<'reply'>): void {
  const { correlation, group, term, index, ok, result } = message;
  const into = writer.begin(HEAD_BYTES_MAX + 3 * group.length + result.length);
  let at = begin(into, writer.position, REPLY_ITEMS, REPLY);
  at = putInteger(into, at, correlation);
  at = putText(into, at, group);
  at = putInteger(into, at, term);
  at = putInteger(into, at, index);
  at = putFlag(into, at, ok);
  writer.end(putBytes(into, at, result));
}

/** The `command` or `reply` in a frame's body, its Buffer sharing that memory; undefined for whatever else the body is. */
export function readHot(body: Buffer): MessageOf<'command'> | MessageOf<'reply'> | undefined {
  try {
    if (body[1] === COMMAND) return readCommand(body);
    if (body[1] === REPLY) return readReply(body);
  } catch (error) {
    // Not well formed: the general way says so in its own words.
    if (!(error instanceof FieldError)) throw error;
  }
  return undefined;
}

const reader = new Reader('a message');

function readCommand(body: Buffer): MessageOf<'command'> {
  reader.begin(body, 0, COMMAND_ITEMS);
  reader.u32();
  const correlation = reader.u32();
  return { kind: 'command', correlation, envelope: reader.rest(LIMITS.envelope_bytes_max) };
}

function readReply(body: Buffer): MessageOf<'reply'> {
  reader.begin(body, 0, REPLY_ITEMS);
  reader.u32();
  const correlation = reader.u32();
  const group = reader.text(LIMITS.group_length_max);
  const term = reader.u53();
  const index = reader.u53();
  const ok = reader.flag();
  return { kind: 'reply', correlation, group, term, index, ok, result: reader.rest(LIMITS.frame_bytes_max) };
}

/** The head of an array, and the number of a message. */
function begin(into: Buffer, at: number, items: number, number: number): number {
  into[at] = 0x90 + items;
  return putInteger(into, at + 1, number);
}
