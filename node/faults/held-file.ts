/** A file whose writes stay in memory until they are synced. Reads see them; a process that is killed takes them along. */
import fs from 'node:fs';
import { join } from 'node:path';
import type { Done, File, FileError } from '../world.js';
import { realFile } from '../world-real.js';

/** Bytes of one file held at a time. A write beyond fails: whoever writes so much without a sync means no log. */
export const HELD_BYTES_MAX = 256 << 20;

/** Where a file or folder lies on the disk. */
export interface Place {
  readonly folder: { readonly real: string };
  readonly name: string;
}

interface Piece {
  readonly offset: number;
  readonly data: Buffer;
}

/** A file by itself, whatever names it has and however often it is open. */
export class HeldFile {
  place: Place;
  #length: number;
  #users = 0;
  #disk: File | null = null;
  /** Written since the last sync began. */
  #held: Piece[] = [];
  #held_bytes = 0;
  /** On their way to the disk: a read that began before they are there needs them. */
  #flushing: Piece[] = [];
  #syncing = false;
  #waiting: Done[] = [];

  constructor(place: Place, length: number) {
    this.place = place;
    this.#length = length;
  }

  get real(): string {
    return join(this.place.folder.real, this.place.name);
  }

  get length(): number {
    return this.#length;
  }

  /** One more user. @throws the operating system's error */
  open(durable: boolean): File {
    this.#disk ??= realFile(fs.openSync(this.real, 'r+'));
    this.#users++;
    return new Handle(this, durable);
  }

  /** @throws FileError ENOBUFS */
  write(offset: number, data: Buffer): void {
    if (this.#held_bytes + data.length > HELD_BYTES_MAX)
      throw Object.assign(new Error(`more than ${HELD_BYTES_MAX} bytes wait for a sync`), { code: 'ENOBUFS' });
    this.#held.push({ offset, data: Buffer.from(data) });
    this.#held_bytes += data.length;
    this.#length = Math.max(this.#length, offset + data.length);
  }

  read(offset: number, length: number, done: Done<Buffer>): void {
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, this.#length - offset)));
    const pieces = [...this.#flushing, ...this.#held];
    this.#onDisk().read(offset, bytes.length, (error, found) => {
      if (error) return done(error, found);
      found.copy(bytes);
      for (const piece of pieces) lay(piece, bytes, offset);
      done(null, bytes);
    });
  }

  /** Writes what is held, in order, then syncs. Calls that come meanwhile share the next one. */
  sync(done: Done): void {
    this.#waiting.push(done);
    if (!this.#syncing) this.#flush();
  }

  close(done: Done): void {
    const disk = this.#onDisk();
    this.#users--;
    if (this.#users > 0) {
      setImmediate(() => done(null));
      return;
    }
    this.#disk = null;
    disk.close(done);
  }

  #flush(): void {
    const waiting = this.#waiting;
    const disk = this.#onDisk();
    this.#waiting = [];
    this.#flushing = this.#held;
    this.#held = [];
    this.#held_bytes = 0;
    this.#syncing = true;
    const end: Done = (error) => {
      this.#flushing = [];
      this.#syncing = false;
      for (const done of waiting) done(error);
      if (this.#waiting.length > 0 && !this.#syncing) this.#flush();
    };
    writeAll(disk, this.#flushing, 0, (error) => (error ? end(error) : disk.sync(end)));
  }

  // Only handles that are open get here.
  #onDisk(): File {
    if (this.#disk === null) throw new Error(`${this.real} is not open`);
    return this.#disk;
  }
}

class Handle implements File {
  /** null once closed. */
  #file: HeldFile | null;
  readonly #durable: boolean;

  constructor(file: HeldFile, durable: boolean) {
    this.#file = file;
    this.#durable = durable;
  }

  size(done: Done<number>): void {
    const file = this.#opened(done);
    if (file === null) return;
    setImmediate(() => done(null, file.length));
  }

  read(offset: number, length: number, done: Done<Buffer>): void {
    this.#opened(done)?.read(offset, length, done);
  }

  write(offset: number, data: Buffer, done: Done): void {
    const file = this.#opened(done);
    if (file === null) return;
    const written: Done = (error) => (error ? done(error) : file.sync(done));
    later(this.#durable ? written : done, () => file.write(offset, data));
  }

  sync(done: Done): void {
    this.#opened(done)?.sync(done);
  }

  close(done: Done): void {
    const file = this.#opened(done);
    this.#file = null;
    file?.close(done);
  }

  #opened<T>(done: Done<T>): HeldFile | null {
    if (this.#file === null)
      later(done, () => {
        throw Object.assign(new Error('the file is closed'), { code: 'EBADF' });
      });
    return this.#file;
  }
}

/** Does `work` now and tells its outcome later, as every call of Files does. */
export function later<T>(done: Done<T>, work: () => T): void {
  let settle: () => void;
  try {
    const value = work();
    settle = () => done(null, value);
  } catch (error) {
    settle = () => done(error as FileError, undefined as T);
  }
  setImmediate(settle);
}

/** The part of a piece that `bytes`, which stand at `offset`, have room for. */
function lay(piece: Piece, bytes: Buffer, offset: number): void {
  const from = Math.max(0, offset - piece.offset);
  const at = Math.max(0, piece.offset - offset);
  if (from < piece.data.length && at < bytes.length) piece.data.copy(bytes, at, from);
}

function writeAll(disk: File, pieces: readonly Piece[], next: number, done: Done): void {
  const piece = pieces[next];
  if (piece === undefined) done(null);
  else disk.write(piece.offset, piece.data, (error) => (error ? done(error) : writeAll(disk, pieces, next + 1, done)));
}
