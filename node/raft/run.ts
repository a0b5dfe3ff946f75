/**
 * A run: consecutive entries of one group and one term, encoded once by the leader. The same bytes are the record in every log and
 * the body of append messages.
 *
 *   u8 format (1) · u8 length of group · group (latin1) · u48 term · u48 first index · u48 cluster time · u16 state-machine version ·
 *   u32 count · count x u32 entry length · the entries: u8 kind, payload
 */
import type { GroupId, Proposal } from './types.js';

/** A run whose bytes may be elsewhere: in memory (`bytes`), on disk (`place`), or both. Only the log that holds it changes it. */
export interface Run {
  readonly group: GroupId;
  readonly term: number;
  /** Index of the first entry. */
  readonly first: number;
  /** Entries, at least one. Sinks when the log is cut in the middle of the run. */
  count: number;
  /** Cluster time at which the leader made it, ms. */
  readonly time: number;
  /** Length of the encoded form; of a run that was cut while not in memory, of what it was before. */
  size: number;
  /** null once dropped from memory. */
  bytes: Buffer | null;
  /** Where storage keeps it, opaque here; null until durable. May hold more entries than this run: it was cut since. */
  place: unknown;
}

/** Bytes that are no run. */
export class RunError extends Error {
  override readonly name = 'RunError';
}

const FORMAT = 1;
/** Version of the state machines whose entries a run holds. Rises when all members understand a newer one. */
export const MACHINE_VERSION = 1;

// Offsets behind the group's name.
const TERM = 0;
const FIRST = 6;
const TIME = 12;
const VERSION = 18;
const COUNT = 20;
const LENGTHS = 24;
/** What the smallest head takes. */
const HEAD_MIN = 2 + LENGTHS;

/** Index of the last entry. */
export function lastOf(run: Run): number {
  return run.first + run.count - 1;
}

/** Encodes entries as a run. There must be at least one. */
export function encodeRun(
  group: GroupId,
  term: number,
  first: number,
  time: number,
  entries: readonly Proposal[],
): Run {
  const count = entries.length;
  const head = 2 + group.length;
  let size = head + LENGTHS + 4 * count;
  for (const entry of entries) size += 1 + entry.payload.length;
  const bytes = Buffer.allocUnsafe(size);
  bytes[0] = FORMAT;
  bytes[1] = group.length;
  bytes.write(group, 2, 'latin1');
  bytes.writeUIntBE(term, head + TERM, 6);
  bytes.writeUIntBE(first, head + FIRST, 6);
  bytes.writeUIntBE(time, head + TIME, 6);
  bytes.writeUInt16BE(MACHINE_VERSION, head + VERSION);
  bytes.writeUInt32BE(count, head + COUNT);
  let at = head + LENGTHS;
  for (const entry of entries) at = bytes.writeUInt32BE(1 + entry.payload.length, at);
  for (const entry of entries) {
    bytes[at++] = entry.kind;
    at += entry.payload.copy(bytes, at);
  }
  return { group, term, first, count, time, size, bytes, place: null };
}

/** Reads a run's head and checks its shape. The run refers to `bytes`. @throws RunError when they are no run. */
export function decodeRun(bytes: Buffer): Run {
  if (bytes.length < HEAD_MIN) throw new RunError('shorter than a head');
  if (bytes[0] !== FORMAT)
    throw new RunError(`format ${bytes[0]} is unknown; run the same version of Concord everywhere`);
  const head = headOf(bytes);
  let at = head + LENGTHS;
  if (bytes.length < at) throw new RunError('shorter than its head');
  const group = bytes.toString('latin1', 2, head);
  const term = bytes.readUIntBE(head + TERM, 6);
  const first = bytes.readUIntBE(head + FIRST, 6);
  const time = bytes.readUIntBE(head + TIME, 6);
  const version = bytes.readUInt16BE(head + VERSION);
  const count = bytes.readUInt32BE(head + COUNT);
  if (version > MACHINE_VERSION) throw new RunError(`entries of version ${version}; run a newer version of Concord`);
  if (count === 0 || first === 0 || term === 0) throw new RunError('without entries, index or term');
  if (count > (bytes.length - at) / 5) throw new RunError('claims more entries than it has bytes');
  let end = at + 4 * count;
  for (let i = 0; i < count; i++, at += 4) {
    const length = bytes.readUInt32BE(at);
    if (length === 0) throw new RunError('an entry without a kind');
    end += length;
  }
  if (end !== bytes.length) throw new RunError('entries do not fill it');
  return { group, term, first, count, time, size: bytes.length, bytes, place: null };
}

/** Calls `visit` with each entry from index `from` to `to`: its kind byte and payload, a view into the run. */
export function eachEntry(
  bytes: Buffer,
  from: number,
  to: number,
  visit: (index: number, entry: Buffer, time: number) => void,
): void {
  const head = headOf(bytes);
  const first = bytes.readUIntBE(head + FIRST, 6);
  const time = bytes.readUIntBE(head + TIME, 6);
  const count = bytes.readUInt32BE(head + COUNT);
  let lengthAt = head + LENGTHS;
  let at = lengthAt + 4 * count;
  const last = Math.min(to, first + count - 1);
  for (let index = first; index <= last; index++, lengthAt += 4) {
    const length = bytes.readUInt32BE(lengthAt);
    if (index >= from) visit(index, bytes.subarray(at, at + length), time);
    at += length;
  }
}

/** The first entry of a run: its kind byte and payload. */
export function firstEntry(bytes: Buffer): Buffer {
  const head = headOf(bytes);
  const at = head + LENGTHS + 4 * bytes.readUInt32BE(head + COUNT);
  return bytes.subarray(at, at + bytes.readUInt32BE(head + LENGTHS));
}

/** The part of a run from index `from` to `to`, with bytes of its own; the run itself when that is all of it. It must be in memory. */
export function sliceRun(run: Run, from: number, to: number): Run {
  if (from === run.first && to === lastOf(run)) return run;
  const { bytes } = run;
  if (bytes === null) throw new RunError('not in memory');
  const head = headOf(bytes);
  const lengthsAt = head + LENGTHS + 4 * (from - run.first);
  const count = to - from + 1;
  let bodyAt = head + LENGTHS + 4 * run.count;
  let body = 0;
  for (let at = head + LENGTHS; at < lengthsAt; at += 4) bodyAt += bytes.readUInt32BE(at);
  for (let i = 0; i < count; i++) body += bytes.readUInt32BE(lengthsAt + 4 * i);
  const part = Buffer.allocUnsafe(head + LENGTHS + 4 * count + body);
  bytes.copy(part, 0, 0, head + LENGTHS);
  part.writeUIntBE(from, head + FIRST, 6);
  part.writeUInt32BE(count, head + COUNT);
  bytes.copy(part, head + LENGTHS, lengthsAt, lengthsAt + 4 * count);
  bytes.copy(part, head + LENGTHS + 4 * count, bodyAt, bodyAt + body);
  return { ...run, first: from, count, size: part.length, bytes: part, place: null };
}

// Where the fixed fields begin.
function headOf(bytes: Buffer): number {
  return 2 + (bytes[1] ?? 0);
}
