/** Messages to frames and back: the catalogue and the codec together, but for the few that are done by hand. */
import { checkEncodable, decode, encodeBorrowed } from './codec.js';
import { any } from './fields.js';
import type { FrameWriter } from './frame.js';
import { addAppend, addAppendReply, addCommand, addReply, readHot } from './hot.js';
import { fromArray, MESSAGES, type Message, toArray } from './messages.js';

/** Messages with a field that holds any value: only those are checked before they are encoded, the others are right by their types. */
const OPEN_MESSAGES: ReadonlySet<string> = new Set(
  Object.entries(MESSAGES)
    .filter(([, type]) => Object.values(type.fields).some((field) => field === any))
    .map(([name]) => name),
);

/**
 * Adds a message to what is to be sent. @throws ConcordError INVALID when a field of any value holds what cannot be carried,
 * FRAME_TOO_BIG; nothing is added then
 */
export function addMessage(writer: FrameWriter, message: Message): void {
  switch (message.kind) {
    case 'command':
      addCommand(writer, message);
      break;
    case 'reply':
      addReply(writer, message);
      break;
    case 'append':
      addAppend(writer, message);
      break;
    case 'append_reply':
      addAppendReply(writer, message);
      break;
    default:
      writer.add(encodeMessage(message));
  }
}

/** The bytes of a message, in memory that the next call of any encoder writes over: copy them at once. @throws ConcordError INVALID */
export function encodeMessage(message: Message): Buffer {
  const fields = toArray(message);
  if (OPEN_MESSAGES.has(message.kind)) checkEncodable(fields);
  return encodeBorrowed(fields);
}

/**
 * The message in a frame's body. The Buffer of a command or a reply shares memory with it: whoever keeps that for long makes a copy.
 * All others have their own. @throws ConcordError BAD_MESSAGE, FieldError
 */
export function decodeMessage(body: Buffer): Message {
  return readHot(body) ?? fromArray(decode(body));
}
