/** The first message each way on a connection: who is there, whether the two understand each other, and what may follow. */
import { ConcordError, type ErrorDetails, isErrorCode } from './errors.js';
import {
  fromArray,
  MESSAGES,
  type Message,
  type MessageName,
  type MessageOf,
  PROTOCOL_VERSION,
  type Sender,
} from './messages.js';

/** What a connection is for, as a hello says it. */
export type Role = 'client' | 'peer';

/** True for the roles there are. */
export function isRole(role: string): role is Role {
  return role === 'client' || role === 'peer';
}

/** The hello in a decoded first message, or why it is refused: VERSION, HELLO_EXPECTED, BAD_MESSAGE. */
export function readHello(first: unknown): MessageOf<'hello'> | ConcordError {
  const message = readFirst(first, 'hello');
  if (message instanceof ConcordError) return message;
  if (message.kind !== 'hello') return new ConcordError('HELLO_EXPECTED', `expected hello, got ${message.kind}`);
  if (!isRole(message.role)) return new ConcordError('BAD_MESSAGE', `hello.role is ${JSON.stringify(message.role)}`);
  return message;
}

/** The welcome or refusal in a decoded first answer, or what is wrong with it: VERSION, HELLO_EXPECTED, BAD_MESSAGE. */
export function readWelcome(first: unknown): MessageOf<'welcome'> | MessageOf<'refused'> | ConcordError {
  const message = readFirst(first, 'welcome');
  if (message instanceof ConcordError || message.kind === 'welcome' || message.kind === 'refused') return message;
  return new ConcordError('HELLO_EXPECTED', `expected welcome, got ${message.kind}`);
}

function readFirst(first: unknown, kind: 'hello' | 'welcome'): Message | ConcordError {
  const version = otherVersion(first, kind);
  if (version !== null) return version;
  try {
    return fromArray(first);
  } catch (error) {
    return new ConcordError('BAD_MESSAGE', (error as Error).message);
  }
}

/** Hello and welcome keep number and version in their place for ever, so that any two versions can tell each other apart. */
function otherVersion(first: unknown, kind: 'hello' | 'welcome'): ConcordError | null {
  if (!Array.isArray(first) || first[0] !== MESSAGES[kind].number) return null;
  const theirs: unknown = first[1];
  if (typeof theirs !== 'number' || theirs === PROTOCOL_VERSION) return null;
  return new ConcordError('VERSION', `the other side speaks version ${theirs}, this one ${PROTOCOL_VERSION}`);
}

/** True when a side may send `kind` once hello is done, its messages being those of `sender`. */
export function mayFollow(kind: MessageName, sender: Sender): boolean {
  return MESSAGES[kind].sender === sender || kind === 'ping' || kind === 'pong' || kind === 'refused';
}

/** A `refused` message as an error. A code that this version does not know becomes INTERNAL and stays in the text. */
export function refusalOf(message: MessageOf<'refused'>): ConcordError {
  const details = isDetails(message.details) ? message.details : {};
  if (isErrorCode(message.code)) return new ConcordError(message.code, message.message, { details });
  return new ConcordError('INTERNAL', `${message.code}: ${message.message}`, { details });
}

function isDetails(value: unknown): value is ErrorDetails {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}
