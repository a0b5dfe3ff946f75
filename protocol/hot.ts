/**
 * The messages that every command meets, `command` and `reply`, `append` and `append_reply`, written and read by hand: several times
 * faster than by the codec and the catalogue, and to the same bytes and fields (tests hold them equal).
 */
import { FieldError } from './fields.js';
import type { FrameWriter } from './frame.js';
import { LIMITS } from './limits.js';
import { MESSAGES, type MessageOf } from './messages.js';
import { BYTES_HEAD_MAX, putBytes, putCount, putFlag, putInteger, putText } from './put.js';
import { Reader } from './reader.js';

const COMMAND = MESSAGES.command.number;
const COMMAND_ITEMS = 1 + Object.keys(MESSAGES.command.fields).length;
const REPLY = MESSAGES.reply.number;
const REPLY_ITEMS = 1 + Object.keys(MESSAGES.reply.fields).length;
const APPEND = MESSAGES.append.number;
const APPEND_ITEMS = 1 + Object.keys(MESSAGES.append.fields).length;
const APPEND_REPLY = MESSAGES.append_reply.number;
const APPEND_REPLY_ITEMS = 1 + Object.keys(MESSAGES.append_reply.fields).length;
/** More than all but bytes and text of any of them takes. */
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

/** Adds a frame with an `append`. @throws ConcordError FRAME_TOO_BIG, and nothing is added */
export function addAppend(writer: FrameWriter, message: MessageOf<'append'>): void {
  const { group, term, previousIndex, previousTerm, commit, runs } = message;
  let bytes_max = HEAD_BYTES_MAX + 3 * group.length;
  for (const run of runs) bytes_max += BYTES_HEAD_MAX + run.length;
  const into = writer.begin(bytes_max);
  let at = begin(into, writer.position, APPEND_ITEMS, APPEND);
  at = putText(into, at, group);
  at = putInteger(into, at, term);
  at = putInteger(into, at, previousIndex);
  at = putInteger(into, at, previousTerm);
  at = putInteger(into, at, commit);
  at = putCount(into, at, runs.length);
  for (const run of runs) at = putBytes(into, at, run);
  writer.end(at);
}

/** Adds a frame with an `append_reply`. */
export function addAppendReply(writer: FrameWriter, message: MessageOf<'append_reply'>): void {
  const { group, term, rejected, match, hintIndex, hintTerm, repairing } = message;
  const into = writer.begin(HEAD_BYTES_MAX + 3 * group.length);
  let at = begin(into, writer.position, APPEND_REPLY_ITEMS, APPEND_REPLY);
  at = putText(into, at, group);
  at = putInteger(into, at, term);
  at = putFlag(into, at, rejected);
  at = putInteger(into, at, match);
  at = putInteger(into, at, hintIndex);
  at = putInteger(into, at, hintTerm);
  writer.end(putFlag(into, at, repairing));
}

/** A message that is written and read by hand. */
export type HotMessage = MessageOf<'command'> | MessageOf<'reply'> | MessageOf<'append'> | MessageOf<'append_reply'>;

/**
 * The message in a frame's body when it is one of these; undefined for whatever else the body is. The Buffer of a command or a reply
 * shares that memory, the runs of an append have their own: they are kept, each for as long as its group wants it.
 */
export function readHot(body: Buffer): HotMessage | undefined {
  try {
    switch (body[1]) {
      case COMMAND:
        return readCommand(body);
      case REPLY:
        return readReply(body);
      case APPEND:
        return readAppend(body);
      case APPEND_REPLY:
        return readAppendReply(body);
      default:
    }
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

function readAppend(body: Buffer): MessageOf<'append'> {
  reader.begin(body, 0, APPEND_ITEMS);
  reader.u32();
  const group = reader.text(LIMITS.group_length_max);
  const term = reader.u53();
  const previousIndex = reader.u53();
  const previousTerm = reader.u53();
  const commit = reader.u53();
  const runs: Buffer[] = [];
  for (let left = reader.list(LIMITS.runs_per_append_max); left > 0; left--)
    runs.push(Buffer.from(reader.view(LIMITS.frame_bytes_max)));
  reader.end();
  return { kind: 'append', group, term, previousIndex, previousTerm, commit, runs };
}

function readAppendReply(body: Buffer): MessageOf<'append_reply'> {
  reader.begin(body, 0, APPEND_REPLY_ITEMS);
  reader.u32();
  const group = reader.text(LIMITS.group_length_max);
  const term = reader.u53();
  const rejected = reader.flag();
  const match = reader.u53();
  const hintIndex = reader.u53();
  const hintTerm = reader.u53();
  const repairing = reader.flag();
  reader.end();
  return { kind: 'append_reply', group, term, rejected, match, hintIndex, hintTerm, repairing };
}

/** The head of an array, and the number of a message. */
function begin(into: Buffer, at: number, items: number, number: number): number {
  into[at] = 0x90 + items;
  return putInteger(into, at + 1, number);
}
