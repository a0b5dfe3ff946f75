/**
 * Segments: the files of the log. Each starts with one sector of its own and is full of zeros behind it before it gets its name,
 * so that appending to it changes no metadata of the file system and shows what a power cut left out. All numbers are big-endian:
 *
 *   "CONCORDL" · u32 version of the format · u32 crc of the 12 bytes so far, the same in every version ·
 *   u32 number of the segment · u48 length of the file · zeros · u32 crc of the sector so far
 */
import { crc32 } from 'node:zlib';
import type { Scheduler } from '../../protocol/env.js';
import type { Done, File, Files } from '../world.js';
import { StorageError } from './errors.js';
import { SECTOR_BYTES, zeros } from './record.js';

/** An open segment. What is written to its file is durable at once. */
export interface Segment {
  /** 1, 2, 3, ... */
  readonly id: number;
  /** Length of the file, a multiple of SECTOR_BYTES. */
  readonly size: number;
  readonly path: string;
  readonly file: File;
}

/** Where the first batch of a segment stands. */
export const HEADER_BYTES = SECTOR_BYTES;

/** 2: each segment starts with marks, without which those before it could not be given back. */
const FORMAT_VERSION = 2;
const MAGIC = Buffer.from('CONCORDL');
/** Zeros written at once: a log's sync must not find much of somebody else's before it. */
const SLICE_BYTES = 1 << 20;
/** Between slices, unless somebody waits for them. Without it, appends to the log take five times as long meanwhile. */
const PAUSE_MS = 5;

/** How zeros are written beside the other work of a node. Asked between slices. */
export interface Pace {
  readonly scheduler: Scheduler;
  /** true: the work is given up, with the code ECANCELED. */
  readonly cancelled?: () => boolean;
  /** true: nobody else needs the disk more. Always so when left out. */
  readonly urgent?: () => boolean;
}

/** The name of a segment's file, for good or, while it is being made, for the time being. */
export function segmentPath(folder: string, id: number, ending: 'log' | 'tmp' = 'log'): string {
  return `${folder}/${String(id).padStart(10, '0')}.${ending}`;
}

/** What a file's name says; null for a file that is not the log's. */
export function parseSegmentName(name: string): { id: number; finished: boolean } | null {
  const match = /^(\d{10,})\.(log|tmp)$/.exec(name);
  return match === null ? null : { id: Number(match[1]), finished: match[2] === 'log' };
}

/** Makes segment `id`, in place of one of that number if there is any. After an error it takes no room. */
export function createSegment(
  options: Pace & {
    readonly files: Files;
    readonly folder: string;
    readonly id: number;
    /** Length of the file, a multiple of SECTOR_BYTES. */
    readonly size: number;
  },
  done: Done<Segment | null>,
): void {
  const { files, folder, id, size } = options;
  const path = segmentPath(folder, id);
  const temporary = segmentPath(folder, id, 'tmp');
  const make: Done<File> = (openError, file) => {
    if (openError) return done(openError, null);
    const discard = (error: Error) => file.close(() => files.remove(temporary, () => done(error, null)));
    fill(file, options, (fillError) => {
      if (fillError) return discard(fillError);
      files.rename(temporary, path, (renameError) => {
        if (renameError) return discard(renameError);
        files.syncFolder(folder, (syncError) => {
          if (syncError) file.close(() => done(syncError, null));
          else done(null, { id, size, path, file });
        });
      });
    });
  };
  // What an attempt on a full disk may have left goes first: a segment is never made from a used file.
  files.remove(temporary, () => files.open(temporary, { exclusive: true, durable: true }, make));
}

/** Opens segment `id` and checks its header. @throws StorageError by `done` */
export function openSegment(files: Files, folder: string, id: number, done: Done<Segment | null>): void {
  const path = segmentPath(folder, id);
  files.open(path, { durable: true }, (openError, file) => {
    if (openError) return done(openError, null);
    const refuse = (error: Error) => file.close(() => done(error, null));
    file.read(0, HEADER_BYTES, (readError, bytes) => {
      if (readError) return refuse(readError);
      const size = decodeHeader(bytes, path, id);
      if (typeof size !== 'number') return refuse(size);
      file.size((sizeError, actual) => {
        if (sizeError) return refuse(sizeError);
        if (actual !== size) return refuse(new StorageError('ROT', path, actual, `the file should have ${size} bytes`));
        done(null, { id, size, path, file });
      });
    });
  });
}

/**
 * Removes segment `id`, which must be the first and not open, for good. One after the other: were two removals on their way to the disk
 * at once, the later could outlive a power cut without the earlier, and the row of segments would have a hole as after damage.
 */
export function removeSegment(files: Files, folder: string, id: number, done: Done): void {
  files.remove(segmentPath(folder, id), (error) => (error ? done(error) : files.syncFolder(folder, done)));
}

/** Writes zeros from `from` to `to` of a segment's file, slice by slice. */
export function writeZeros(file: File, from: number, to: number, pace: Pace, done: Done): void {
  if (from >= to) {
    done(null);
    return;
  }
  if (pace.cancelled?.()) {
    done(Object.assign(new Error('given up'), { code: 'ECANCELED' }));
    return;
  }
  const slice = zeros(Math.min(SLICE_BYTES, to - from));
  const next = () => writeZeros(file, from + slice.length, to, pace, done);
  const pause: Done = (error) => {
    if (error) done(error);
    else if (from + slice.length < to && pace.urgent?.() === false) pace.scheduler.after(PAUSE_MS, next);
    else pace.scheduler.defer(next);
  };
  file.write(from, slice, pause);
}

/** Writes the header last: whatever has one is whole. */
function fill(file: File, segment: Pace & { readonly id: number; readonly size: number }, done: Done): void {
  const { id, size } = segment;
  const header: Done = (error) => (error ? done(error) : file.write(0, encodeHeader(id, size), done));
  writeZeros(file, 0, size, segment, header);
}

function encodeHeader(id: number, size: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32BE(FORMAT_VERSION, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 12)), 12);
  bytes.writeUInt32BE(id, 16);
  bytes.writeUIntBE(size, 20, 6);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4);
  return bytes;
}

/** The length that the header tells, or what is wrong with it. */
function decodeHeader(bytes: Buffer, path: string, id: number): number | StorageError {
  const rot = (what: string) => new StorageError('ROT', path, 0, what);
  if (bytes.length < HEADER_BYTES) return rot('the file is shorter than its header');
  if (!MAGIC.equals(bytes.subarray(0, 8))) return rot('this is no segment of a log');
  if (bytes.readUInt32BE(12) !== crc32(bytes.subarray(0, 12))) return rot('the header is damaged');
  const version = bytes.readUInt32BE(8);
  if (version !== FORMAT_VERSION)
    return new StorageError('FORMAT', path, 8, `the log has format ${version}, known is ${FORMAT_VERSION}`);
  if (bytes.readUInt32BE(HEADER_BYTES - 4) !== crc32(bytes.subarray(0, HEADER_BYTES - 4)))
    return rot('the header is damaged');
  if (bytes.readUInt32BE(16) !== id) return rot(`this is segment ${bytes.readUInt32BE(16)}`);
  return bytes.readUIntBE(20, 6);
}
