/** Reads one segment from its start, batch by batch, and judges where it ends: cleanly, in a batch cut short, or in damage. */
import type { Done, File } from '../world.js';
import { StorageError } from './errors.js';
import {
  type BatchHead,
  decodeBatchHead,
  decodeRecords,
  isZero,
  type LogRecord,
  SECTOR_BYTES,
  zeroSectors,
} from './record.js';
import { HEADER_BYTES, type Segment } from './segment.js';

/** What a segment came to. */
export interface Scan {
  readonly batches: number;
  /** Number of the batch after them; null when it may be any. */
  readonly next: number | null;
  /** Where the last whole batch starts. */
  readonly last: number;
  /** Where the next batch belongs. */
  readonly end: number;
  /** Behind `end`, up to here, stand remains of a batch that was never acknowledged. Equal to `end` when there are none. */
  readonly torn_to: number;
}

/** Read at once, unless a batch is longer. */
const WINDOW_BYTES = 1 << 20;

/** What the segments before this one came to. */
export interface Before {
  /** Number of the batch that comes next; null when those before it are gone: it may be any. */
  readonly next: number | null;
  /** Where it would stand, had it been written there; null before the first segment. */
  readonly end: { readonly path: string; readonly offset: number } | null;
}

/**
 * Calls `visit` with the records of each whole batch, whose views are gone afterwards. Ends with ROT where a batch is wrong and not
 * merely cut short: where all its sectors are there, or anything stands after it.
 */
export function scanSegment(
  segment: Segment,
  before: Before,
  visit: (records: LogRecord[]) => StorageError | null,
  done: Done<Scan>,
): void {
  const { id, size, path, file } = segment;
  const window = new Window(file);
  let { next } = before;
  let batches = 0;
  let last = HEADER_BYTES;
  let at = HEADER_BYTES;

  const finish = (torn_to: number) => done(null, { batches, next, last, end: at, torn_to });
  const fail = (error: Error) => done(error, { batches, next, last, end: at, torn_to: at });
  const rot = (offset: number, what: string) => fail(new StorageError('ROT', path, offset, what));

  /** Reads on until bytes are needed that are not in the window. */
  const proceed = (): void => {
    while (at < size) {
      const sector = window.view(at, SECTOR_BYTES);
      if (sector === null) {
        load(SECTOR_BYTES);
        return;
      }
      if (isZero(sector)) {
        checkRest(at, true);
        return;
      }
      const head = headIn(sector);
      if (head instanceof StorageError) {
        fail(head);
        return;
      }
      const bytes = window.view(at, head.length);
      if (bytes === null) {
        load(head.length);
        return;
      }
      const records = decodeRecords(bytes, head, id, at);
      if (typeof records === 'number') {
        judge(bytes, head, records);
        return;
      }
      const refused = visit(records);
      if (refused !== null) {
        fail(refused);
        return;
      }
      last = at;
      at += head.length;
      next = head.number + 1;
      batches++;
    }
    finish(at);
  };

  /** The head of the batch that is due at `at`, or what is wrong with it. */
  const headIn = (sector: Buffer): BatchHead | StorageError => {
    const head = decodeBatchHead(sector, id, at);
    if (head === null) return new StorageError('ROT', path, at, 'the head of a batch is damaged');
    if (at + head.length > size) return new StorageError('ROT', path, at, 'a batch is longer than its segment');
    if (next === null || head.number === next) return head;
    if (batches === 0 && head.number > next && before.end !== null)
      return new StorageError('ROT', before.end.path, before.end.offset, `batch ${next} is missing`);
    return new StorageError('ROT', path, at, `here stands batch ${head.number}, expected was ${next}`);
  };

  const load = (length: number): void => {
    window.load(at, Math.min(Math.max(length, WINDOW_BYTES), size - at), (error) => (error ? fail(error) : proceed()));
  };

  /** A batch that is wrong at `where`: cut short if it lacks a sector and nothing follows. */
  const judge = (bytes: Buffer, head: BatchHead, where: number): void => {
    if (zeroSectors(bytes) <= head.zero_sectors) rot(at + where, 'a record is damaged');
    else checkRest(at + head.length, false);
  };

  /**
   * From `from` on nothing but zeros may stand; after a sector of zeros where a head belongs (`remains`), also what was written of
   * the batch that belongs there. A later batch shows that this one had been acknowledged.
   */
  const checkRest = (from: number, remains: boolean, torn_to = from): void => {
    if (from >= size) {
      finish(torn_to);
      return;
    }
    file.read(from, Math.min(WINDOW_BYTES, size - from), (error, bytes) => {
      if (error) return fail(error);
      let end = torn_to;
      for (let i = 0; i < bytes.length; i += SECTOR_BYTES) {
        // Mostly there is nothing more in it.
        if (isZero(bytes, i)) break;
        const sector = bytes.subarray(i, i + SECTOR_BYTES);
        if (isZero(sector)) continue;
        if (!remains || followsLater(sector, from + i)) return rot(at, 'a batch before the last one is damaged');
        end = from + i + sector.length;
      }
      checkRest(from + bytes.length, remains, end);
    });
  };

  const followsLater = (sector: Buffer, offset: number): boolean =>
    (decodeBatchHead(sector, id, offset)?.number ?? 0) >= (next ?? 1);

  proceed();
}

/** The part of a file that is in memory. */
class Window {
  private readonly file: File;
  private start = 0;
  private bytes: Buffer = Buffer.alloc(0);

  constructor(file: File) {
    this.file = file;
  }

  /** The bytes, or null when they have to be loaded. */
  view(offset: number, length: number): Buffer | null {
    const from = offset - this.start;
    return from < 0 || from + length > this.bytes.length ? null : this.bytes.subarray(from, from + length);
  }

  load(offset: number, length: number, done: Done): void {
    this.file.read(offset, length, (error, bytes) => {
      if (error) return done(error);
      this.start = offset;
      this.bytes = bytes;
      done(bytes.length < length ? new Error(`byte ${offset + bytes.length} cannot be read`) : null);
    });
  }
}
