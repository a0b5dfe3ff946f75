/** Messages to the bytes of a frame's body and back: the catalogue and the codec together. */
import { checkEncodable, decode, encodeBorrowed } from './codec.js';
import { any } from './fields.js';
import { fromArray, MESSAGES, type Message, toArray } from './messages.js';

/** Messages with a field that holds any value: only those are checked before they are encoded, the others are right by their types. */
const OPEN_MESSAGES: ReadonlySet<string> = new Set(
  Object.entries(MESSAGES)
    .filter(([, type]) => Object.values(type.fields).some((field) => field === any))
    .map(([name]) => name),
);

/**
 * The bytes of a message, in memory that the next call of any encoder writes over: copy them at once.
 * @throws ConcordError INVALID when a field of any value holds what cannot be carried
 */
export function encodeMessage(message: Message): Buffer {
  const fields = toArray(message);
  if (OPEN_MESSAGES.has(message.kind)) checkEncodable(fields);
  return encodeBorrowed(fields);
}

/** The message in a frame's body, sharing no memory with it. @throws ConcordError BAD_MESSAGE, FieldError */
export function decodeMessage(body: Buffer): Message {
  return fromArray(decode(body));
}
