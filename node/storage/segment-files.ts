/** Open files of the segments: the one that is written to, and those that are read from, kept open while they are few. */
import type { Done, File, FileError, Files } from '../world.js';
import { segmentPath } from './segment.js';

/** Files kept open without being used. */
const IDLE_FILES_MAX = 8;

interface Entry {
  /** null while it is being opened. */
  file: File | null;
  /** Who uses it; an entry in use is never closed. */
  users: number;
  waiting: ((error: FileError | null, file: File | null) => void)[];
  /** Called once the file is closed, as soon as nobody uses it. */
  retired: (() => void) | null;
}

export class SegmentFiles {
  private readonly files: Files;
  private readonly folder: string;
  /** By segment, the one used last at the end. */
  private readonly entries = new Map<number, Entry>();
  private reads = 0;
  private closing: (() => void) | null = null;

  constructor(files: Files, folder: string) {
    this.files = files;
    this.folder = folder;
  }

  /** Takes over the file of a segment that is open. It stays open until it is let go, and no longer than others after that. */
  add(segment: number, file: File): void {
    this.entries.set(segment, { file, users: 1, waiting: [], retired: null });
  }

  /** Nothing more is written to the segment. */
  letGo(segment: number): void {
    this.release(segment);
  }

  /** Reads from a segment's file. */
  read(segment: number, offset: number, length: number, done: Done<Buffer>): void {
    this.reads++;
    const over: Done<Buffer> = (error, bytes) => {
      this.reads--;
      done(error, bytes);
      this.closeWhenQuiet();
    };
    this.use(segment, (openError, file) => {
      if (file === null) return over(openError, Buffer.alloc(0));
      file.read(offset, length, (error, bytes) => {
        this.release(segment);
        over(error, bytes);
      });
    });
  }

  /** Closes a segment's file once the reads that are under way in it are over. It must not be read any more. */
  retire(segment: number, done: () => void): void {
    const entry = this.entries.get(segment);
    if (entry === undefined) {
      done();
      return;
    }
    entry.retired = done;
    this.closeRetired(segment, entry);
  }

  /** Waits for the reads that are under way, then closes what is open. Nothing may be read from then on. */
  close(done: () => void): void {
    this.closing = done;
    this.closeWhenQuiet();
  }

  private closeWhenQuiet(): void {
    const done = this.closing;
    if (done === null || this.reads > 0) return;
    this.closing = null;
    this.closeAll(done);
  }

  private closeAll(done: () => void): void {
    const [first] = this.entries;
    if (first === undefined) {
      done();
      return;
    }
    this.entries.delete(first[0]);
    const { file } = first[1];
    if (file === null) this.closeAll(done);
    else file.close(() => this.closeAll(done));
  }

  private use(segment: number, then: (error: FileError | null, file: File | null) => void): void {
    const entry = this.entries.get(segment);
    if (entry === undefined) {
      this.open(segment, then);
      return;
    }
    this.entries.delete(segment);
    this.entries.set(segment, entry);
    entry.users++;
    if (entry.file === null) entry.waiting.push(then);
    else then(null, entry.file);
  }

  private open(segment: number, then: (error: FileError | null, file: File | null) => void): void {
    const entry: Entry = { file: null, users: 1, waiting: [then], retired: null };
    this.entries.set(segment, entry);
    this.files.open(segmentPath(this.folder, segment), {}, (error, file) => {
      if (error) {
        this.entries.delete(segment);
        entry.retired?.();
      } else entry.file = file;
      for (const waiting of entry.waiting.splice(0)) waiting(error, error ? null : file);
    });
  }

  private release(segment: number): void {
    const entry = this.entries.get(segment);
    if (entry === undefined) return;
    entry.users--;
    this.closeRetired(segment, entry);
    this.trim();
  }

  private closeRetired(segment: number, { file, users, retired }: Entry): void {
    if (retired === null || users > 0 || file === null) return;
    this.entries.delete(segment);
    file.close(() => retired());
  }

  private trim(): void {
    for (const [segment, entry] of this.entries) {
      if (this.entries.size <= IDLE_FILES_MAX) return;
      if (entry.users > 0 || entry.file === null) continue;
      this.entries.delete(segment);
      entry.file.close(() => {});
    }
  }
}
