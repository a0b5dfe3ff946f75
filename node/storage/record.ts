/**
 * The format of the log: batches of records. All numbers are big-endian. A batch is what one write and one sync make durable; it
 * starts at a sector and fills whole sectors, with zeros behind its last record:
 *
 *   u32 "CBAT" · u32 bytes of records · u32 number of records · u32 sectors of this batch that are all zero · u48 number of the
 *   batch, counted from 1 through all segments · u16 0 · u32 crc of the head so far · the records
 *
 * and each record:
 *
 *   u32 crc of what follows · u8 kind · u8 length of group · u16 0 · u32 length of body · group (UTF-8) · body
 *
 * Body of a hard state: u48 term, vote (UTF-8). Body of a run: opaque here. Body of a mark: u48 index. Body of a start: u48 index, u48
 * term, u8 1 if entries behind the index stay, else 0. A crc starts from the place of what it covers, so that bytes written to a wrong
 * place never pass.
 *
 * Segments are full of zeros before they are used, and a disk writes sectors whole. So a batch that was cut short by a power cut
 * has sectors that are zero and should not be: more of them than its head tells. A batch without such a sector is complete; if it
 * is wrong nevertheless, its bytes have changed since.
 */
import { crc32 } from 'node:zlib';

/** What a disk writes as a whole. Newer disks write more at once, which does no harm. */
export const SECTOR_BYTES = 512;

/** Kinds of records. Numbers are never used twice. */
export const RECORD = { state: 1, run: 2, mark: 3, start: 4 } as const;

/** Term and vote of a group: durable before a vote or an entry of that term leaves the node. */
export interface HardState {
  readonly group: string;
  /** 0 to 2^48 - 1. */
  readonly term: number;
  /** '' while there is none in `term`. */
  readonly vote: string;
}

/** What the log has to know of a run. */
export interface RunHead {
  readonly group: string;
  /** Index of the first entry. */
  readonly first: number;
  /** Entries, at least one. */
  readonly count: number;
  readonly term: number;
}

/** An entry up to which a snapshot stands in for the log of a group. */
export interface Start {
  readonly group: string;
  readonly index: number;
  readonly term: number;
}

/** What is appended as one: all of it is there after a crash, or nothing. Its parts take effect in this order. */
export interface Batch {
  readonly states: readonly HardState[];
  /** The log of the group goes up to `index`; all of it unless its entry at `index` has that term. What stands in has to be durable. */
  readonly starts: readonly Start[];
  /** Each continues its group's log, or replaces it from its first entry on. */
  readonly runs: readonly (RunHead & { readonly bytes: Buffer })[];
}

/** Where the log of a group ended when a segment was begun: tells what is missing once those before it are gone. */
export interface Mark {
  readonly group: string;
  /** Of the last entry. */
  readonly index: number;
}

/** A start with what it means for the log it is written to. */
export interface WrittenStart extends Start {
  /** Entries behind `index` stay. */
  readonly keeps: boolean;
}

/** A batch as it is written. */
export interface WrittenBatch extends Batch {
  /** Only in the first batch of a segment: one for each group with entries. */
  readonly marks: readonly Mark[];
  readonly starts: readonly WrittenStart[];
}

/** Where a record stands. `length` counts the whole record: `recordOverhead` more than its body. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

export interface BatchHead {
  /** Length of the whole batch in the file, a multiple of SECTOR_BYTES. */
  readonly length: number;
  /** Bytes of records. */
  readonly payload: number;
  readonly records: number;
  readonly zero_sectors: number;
  readonly number: number;
}

/** A record that has passed its check. `body` is a view. */
export interface LogRecord {
  readonly kind: number;
  readonly group: string;
  readonly body: Buffer;
  readonly place: Place;
}

const MAGIC = 0x43424154;
const BATCH_HEAD_BYTES = 28;
const RECORD_HEAD_BYTES = 12;
const TERM_BYTES = 6;
const INDEX_BYTES = 6;
const START_BYTES = INDEX_BYTES + TERM_BYTES + 1;
const ZEROS = Buffer.alloc(1 << 20);

/** Bytes of a record beside its body. */
export function recordOverhead(group: string): number {
  return RECORD_HEAD_BYTES + Buffer.byteLength(group);
}

/** Length of a batch in the file, a multiple of SECTOR_BYTES. */
export function batchLength(batch: WrittenBatch): number {
  let length = BATCH_HEAD_BYTES;
  for (const { group, vote } of batch.states) length += recordOverhead(group) + TERM_BYTES + Buffer.byteLength(vote);
  for (const { group } of batch.marks) length += recordOverhead(group) + INDEX_BYTES;
  for (const { group } of batch.starts) length += recordOverhead(group) + START_BYTES;
  for (const { group, bytes } of batch.runs) length += recordOverhead(group) + bytes.length;
  return wholeSectors(length);
}

/** `bytes`, rounded up to whole sectors. */
export function wholeSectors(bytes: number): number {
  return Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES;
}

/** Encodes a batch that will stand at `offset` of `segment`; `into` has just its length. Returns the places of its runs. */
export function encodeBatch(
  into: Buffer,
  batch: WrittenBatch,
  number: number,
  segment: number,
  offset: number,
): Place[] {
  let at = BATCH_HEAD_BYTES;
  let records = 0;
  /** Writes a record; `fill` writes its body, from an offset on. */
  const add = (kind: number, group: string, length: number, fill: (body: number) => void): Place => {
    const start = at;
    const body = writeRecordHead(into, start, kind, group, length);
    fill(body);
    at = body + length;
    into.writeUInt32BE(crc32(into.subarray(start + 4, at), seed(segment, offset + start)), start);
    records++;
    return { segment, offset: offset + start, length: at - start };
  };
  for (const { group, term, vote } of batch.states)
    add(RECORD.state, group, TERM_BYTES + Buffer.byteLength(vote), (body) =>
      into.write(vote, into.writeUIntBE(term, body, TERM_BYTES)),
    );
  for (const { group, index } of batch.marks)
    add(RECORD.mark, group, INDEX_BYTES, (body) => into.writeUIntBE(index, body, INDEX_BYTES));
  for (const { group, index, term, keeps } of batch.starts)
    add(RECORD.start, group, START_BYTES, (body) => {
      const behind = into.writeUIntBE(term, into.writeUIntBE(index, body, INDEX_BYTES), TERM_BYTES);
      into.writeUInt8(keeps ? 1 : 0, behind);
    });
  const places = batch.runs.map(({ group, bytes }) =>
    add(RECORD.run, group, bytes.length, (body) => bytes.copy(into, body)),
  );
  into.fill(0, at);
  into.writeUInt32BE(MAGIC, 0);
  into.writeUInt32BE(at - BATCH_HEAD_BYTES, 4);
  into.writeUInt32BE(records, 8);
  into.writeUInt32BE(zeroSectors(into), 12);
  into.writeUIntBE(number, 16, 6);
  into.writeUInt16BE(0, 22);
  into.writeUInt32BE(crc32(into.subarray(0, BATCH_HEAD_BYTES - 4), seed(segment, offset)), BATCH_HEAD_BYTES - 4);
  return places;
}

/** The head of the batch at `offset` of `segment`, or null when none stands there. `bytes` is its first sector or more. */
export function decodeBatchHead(bytes: Buffer, segment: number, offset: number): BatchHead | null {
  if (bytes.readUInt32BE(0) !== MAGIC) return null;
  const crc = crc32(bytes.subarray(0, BATCH_HEAD_BYTES - 4), seed(segment, offset));
  if (bytes.readUInt32BE(BATCH_HEAD_BYTES - 4) !== crc) return null;
  const payload = bytes.readUInt32BE(4);
  return {
    length: wholeSectors(BATCH_HEAD_BYTES + payload),
    payload,
    records: bytes.readUInt32BE(8),
    zero_sectors: bytes.readUInt32BE(12),
    number: bytes.readUIntBE(16, 6),
  };
}

/** The records of a whole batch; or where it is wrong, counted from its start. Every byte of the batch is checked. */
export function decodeRecords(bytes: Buffer, head: BatchHead, segment: number, offset: number): LogRecord[] | number {
  const records: LogRecord[] = [];
  const end = BATCH_HEAD_BYTES + head.payload;
  let at = BATCH_HEAD_BYTES;
  while (at < end) {
    const record = decodeRecord(bytes.subarray(at, end), segment, offset + at);
    if (record === null) return at;
    records.push(record);
    at += record.place.length;
  }
  if (records.length !== head.records) return 0;
  return isZero(bytes.subarray(end)) ? records : end;
}

/** The record with which `bytes` start, which stand at `offset` of `segment`; null when they are none, or damaged. */
export function decodeRecord(bytes: Buffer, segment: number, offset: number): LogRecord | null {
  if (bytes.length < RECORD_HEAD_BYTES) return null;
  const groupEnd = RECORD_HEAD_BYTES + (bytes[5] ?? 0);
  const length = groupEnd + bytes.readUInt32BE(8);
  if (length > bytes.length) return null;
  if (bytes.readUInt32BE(0) !== crc32(bytes.subarray(4, length), seed(segment, offset))) return null;
  return {
    kind: bytes[4] ?? 0,
    group: bytes.toString('utf8', RECORD_HEAD_BYTES, groupEnd),
    body: bytes.subarray(groupEnd, length),
    place: { segment, offset, length },
  };
}

/** The hard state in a record of that kind. */
export function decodeState({ group, body }: LogRecord): HardState {
  return { group, term: body.readUIntBE(0, TERM_BYTES), vote: body.toString('utf8', TERM_BYTES) };
}

/** The mark in a record of that kind. */
export function decodeMark({ group, body }: LogRecord): Mark {
  return { group, index: body.readUIntBE(0, INDEX_BYTES) };
}

/** The start in a record of that kind. */
export function decodeStart({ group, body }: LogRecord): WrittenStart {
  const index = body.readUIntBE(0, INDEX_BYTES);
  const term = body.readUIntBE(INDEX_BYTES, TERM_BYTES);
  return { group, index, term, keeps: body[INDEX_BYTES + TERM_BYTES] === 1 };
}

/** How many sectors of `bytes` are all zero. */
export function zeroSectors(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += SECTOR_BYTES) if (isZero(bytes, at, at + SECTOR_BYTES)) count++;
  return count;
}

/** True when `bytes` from `from` to `to` are all zero. */
export function isZero(bytes: Buffer, from = 0, to = bytes.length): boolean {
  for (let at = from; at < to; at += ZEROS.length) {
    // Most sectors that are not zero show it at once.
    if (bytes[at] !== 0) return false;
    const end = Math.min(at + ZEROS.length, to);
    if (bytes.compare(ZEROS, 0, end - at, at, end) !== 0) return false;
  }
  return true;
}

/** Zeros, at most 1 MiB of them, to write. Not to be changed. */
export function zeros(length: number): Buffer {
  return ZEROS.subarray(0, length);
}

/** Where a crc starts: different for any two places of one segment, and at one offset of any two segments. */
function seed(segment: number, offset: number): number {
  return (Math.imul(segment, 0x9e3779b1) + offset) >>> 0;
}

/** Writes all of a record's head but its crc, and the group. Returns where the body goes. */
function writeRecordHead(into: Buffer, at: number, kind: number, group: string, length: number): number {
  const groupLength = into.write(group, at + RECORD_HEAD_BYTES);
  into[at + 4] = kind;
  into[at + 5] = groupLength;
  into.writeUInt16BE(0, at + 6);
  into.writeUInt32BE(length, at + 8);
  return at + RECORD_HEAD_BYTES + groupLength;
}
