/** Files of segments that are full: opened when something is read from them, and kept open while they are few. */
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
}

export class SealedFiles {
  private readonly files: Files;
  private readonly folder: string;
  /** By segment, the one used last at the end. */
  private readonly entries = new Map<number, Entry>();

  constructor(files: Files, folder: string) {
    this.files = files;
    this.folder = folder;
  }

  /** Takes over the file of a segment that is open already. */
  add(segment: number, file: File): void {
    this.entries.set(segment, { file, users: 0, waiting: [] });
    this.trim();
  }

  /** Reads from a segment's file. */
  read(segment: number, offset: number, length: number, done: Done<Buffer>): void {
    this.use(segment, (openError, file) => {
      if (file === null) return done(openError, Buffer.alloc(0));
      file.read(offset, length, (error, bytes) => {
        this.release(segment);
        done(error, bytes);
      });
    });
  }

  /** Closes what is open. Nothing may be read any more. */
  close(done: () => void): void {
    const [first] = this.entries;
    if (first === undefined) {
      done();
      return;
    }
    this.entries.delete(first[0]);
    const { file } = first[1];
    if (file === null) this.close(done);
    else file.close(() => this.close(done));
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
    const entry: Entry = { file: null, users: 1, waiting: [then] };
    this.entries.set(segment, entry);
    this.files.open(segmentPath(this.folder, segment), {}, (error, file) => {
      if (error) this.entries.delete(segment);
      else entry.file = file;
      for (const waiting of entry.waiting.splice(0)) waiting(error, error ? null : file);
    });
  }

  private release(segment: number): void {
    const entry = this.entries.get(segment);
    if (entry === undefined) return;
    entry.users--;
    this.trim();
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
