/**
 * A run: consecutive entries of one group and one term, encoded once by the leader. The same bytes are the record in every log and
 * the body of append messages.
 *
 *   u8 format (1) · u8 length of group · group (latin1) · u48 term · u48 first index · u48 cluster time · u16 state-machine version ·
 *   u32 count · count x u32 entry length · the entries: u8 kind, payload
 */
import type { GroupId, Proposal } from './types.js';

/** A run whose bytes may be elsewhere: in memory (`bytes`), on disk (`place`), or both. */
export interface Run {
  readonly group: GroupId;
  readonly term: number;
  /** Index of the first entry. */
  readonly first: number;
  /** Entries, at least one. */
  readonly count: number;
  /** Cluster time at which the leader made it, ms. */
  readonly time: number;
  /** Length of the encoded form. */
  readonly size: number;
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
const FIXED = 1 + 1 + 6 + 6 + 6 + 2 + 4;

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
  const head = FIXED + group.length + 4 * entries.length;
  let size = head;
  for (const entry of entries) size += 1 + entry.payload.length;
  const bytes = Buffer.allocUnsafe(size);
  let at = writeHead(bytes, group, term, first, time, entries.length);
  for (const entry of entries) at = bytes.writeUInt32BE(1 + entry.payload.length, at);
  for (const entry of entries) {
    bytes[at++] = entry.kind;
    at += entry.payload.copy(bytes, at);
  }
  return { group, term, first, count: entries.length, time, size, bytes, place: null };
}

/** Reads a run's head and checks its shape. The run refers to `bytes`. @throws RunError when they are no run. */
export function decodeRun(bytes: Buffer): Run {
  if (bytes.length < FIXED) throw new RunError('shorter than a head');
  if (bytes[0] !== FORMAT)
    throw new RunError(`format ${bytes[0]} is unknown; run the same version of Concord everywhere`);
  const groupLength = bytes[1] ?? 0;
  let at = 2 + groupLength;
  if (bytes.length < FIXED + groupLength) throw new RunError('shorter than its head');
  const group = bytes.toString('latin1', 2, at);
  const term = bytes.readUIntBE(at, 6);
  const first = bytes.readUIntBE(at + 6, 6);
  const time = bytes.readUIntBE(at + 12, 6);
  const count = bytes.readUInt32BE(at + 20);
  at += 24;
  if (count === 0 || first === 0) throw new RunError('without entries');
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
  const groupLength = bytes[1] ?? 0;
  const head = 2 + groupLength;
  const first = bytes.readUIntBE(head + 6, 6);
  const time = bytes.readUIntBE(head + 12, 6);
  const count = bytes.readUInt32BE(head + 20);
  let lengthAt = head + 24;
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
  const head = 2 + (bytes[1] ?? 0);
  const count = bytes.readUInt32BE(head + 20);
  const at = head + 24 + 4 * count;
  return bytes.subarray(at, at + bytes.readUInt32BE(head + 24));
}

/** The part of a run from index `from` to `to`; itself when that is all of it. Its bytes must be in memory. */
export function sliceRun(run: Run, from: number, to: number): Run {
  if (from === run.first && to === lastOf(run)) return run;
  if (run.bytes === null) throw new RunError('not in memory');
  const entries: Proposal[] = [];
  eachEntry(run.bytes, from, to, (_, entry) => entries.push({ kind: entry[0] ?? 0, payload: entry.subarray(1) }));
  return encodeRun(run.group, run.term, from, run.time, entries);
}

function writeHead(bytes: Buffer, group: GroupId, term: number, first: number, time: number, count: number): number {
  bytes[0] = FORMAT;
  bytes[1] = group.length;
  let at = 2 + bytes.write(group, 2, 'latin1');
  at = bytes.writeUIntBE(term, at, 6);
  at = bytes.writeUIntBE(first, at, 6);
  at = bytes.writeUIntBE(time, at, 6);
  at = bytes.writeUInt16BE(MACHINE_VERSION, at);
  return bytes.writeUInt32BE(count, at);
}
