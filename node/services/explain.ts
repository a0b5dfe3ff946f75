/** An entry of the log in words, for people who look at the log: short, one line, safe to print. */
import { decode } from '../../protocol/codec.js';
import type { Envelope } from '../../protocol/envelope.js';
import { type OperationName, operationName } from '../../protocol/operations.js';
import { durationText } from './durations.js';
import { decodeEntry } from './entry.js';
import { lockText } from './explain-locks.js';
import { readArgument } from './values.js';

/** One entry in words. */
export interface Explanation {
  readonly kind: 'command' | 'sweep' | 'expire' | 'tick' | 'fences' | 'unknown';
  /** 0 when it is no command of a session. */
  readonly session: number;
  /** `enqueue(5)`, `dequeue`, `open session cli-1 10s`: at most 80 characters, none of them a control character. */
  readonly command: string;
  /** Length of the entry. */
  readonly bytes: number;
}

const COMMAND_LENGTH_MAX = 80;
/** Values in more bytes than this are not decoded to be shown. */
const SHOWN_BYTES_MAX = 1024;
/** Bytes of a byte string that are shown. */
const SHOWN_HEX_MAX = 32;

/** The entry in words. Total. */
export function explainEntry(bytes: Buffer): Explanation {
  const entry = decodeEntry(bytes);
  const explain = (kind: Explanation['kind'], session: number, text: string): Explanation => ({
    kind,
    session,
    command: printable(text),
    bytes: bytes.length,
  });
  switch (entry?.kind) {
    case 'command':
    case 'firstCommand':
      return explain('command', entry.envelope.session, commandText(entry.envelope));
    case 'sweep':
      return explain('sweep', 0, `sweep ${countOf(entry.sessions.length)} ended by ${entry.horizon}`);
    case 'expire':
      return explain('expire', 0, `expire ${countOf(entry.sessions.length)}: ${entry.sessions.slice(0, 16).join(' ')}`);
    case 'tick':
      return explain('tick', 0, 'tick');
    case 'fences':
      return explain('fences', 0, `tokens below ${entry.floor} are nobody's`);
    case undefined:
      return explain('unknown', 0, `unknown entry of kind ${bytes[0] ?? 'none'}`);
  }
}

function commandText(envelope: Envelope): string {
  const name = operationName(envelope.operation);
  const text =
    name === undefined ? `operation ${envelope.operation}` : (operationText(name, envelope) ?? `${name} (malformed)`);
  return envelope.fence === '' ? text : `${text} --fence ${envelope.fence}`;
}

/** Undefined when the argument is not of the operation. */
function operationText(name: OperationName, { lane, body }: Envelope): string | undefined {
  switch (name) {
    case 'queue.enqueue': {
      const argument = readArgument(name, body);
      return argument && `enqueue(${valueText(argument[0])})`;
    }
    case 'queue.dequeue': {
      const argument = readArgument(name, body);
      return argument && (argument[0] === 0 ? 'dequeue' : `dequeue --wait ${durationText(argument[0])}`);
    }
    case 'session.open': {
      const argument = readArgument(name, body);
      return argument && `open session ${argument[0]} ${durationText(argument[1])}`;
    }
    case 'session.close': {
      const argument = readArgument(name, body);
      return argument && `close session ${argument[0]}`;
    }
    case 'lane.void':
      return `void command ${lane}`;
    case 'lane.confirm': {
      const argument = readArgument(name, body);
      return argument && `confirm ${argument[0].slice(0, 16).join(' ')}`;
    }
    case 'session.list':
    case 'queue.size':
      return name;
    default:
      return lockText(name, body);
  }
}

function countOf(sessions: number): string {
  return sessions === 1 ? '1 session' : `${sessions} sessions`;
}

/** A value as it would be typed. */
function valueText(bytes: Buffer): string {
  if (bytes.length > SHOWN_BYTES_MAX) return `${bytes.length} bytes`;
  try {
    return JSON.stringify(showable(decode(bytes)));
  } catch {
    return hex(bytes);
  }
}

/** The value with byte strings in hexadecimal. */
function showable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return hex(value);
  if (Array.isArray(value)) return value.map(showable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, showable(inside)]));
}

function hex(bytes: Buffer): string {
  return `hex:${bytes.toString('hex', 0, SHOWN_HEX_MAX)}${bytes.length > SHOWN_HEX_MAX ? '…' : ''}`;
}

/** One line without what could move a cursor, hide or reorder text. */
function printable(text: string): string {
  const characters = [...text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, '\ufffd')];
  if (characters.length <= COMMAND_LENGTH_MAX) return characters.join('');
  return `${characters.slice(0, COMMAND_LENGTH_MAX - 1).join('')}…`;
}
