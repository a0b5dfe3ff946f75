/** A base over LMDB: this thread only reads it, one of its own (base-writer.ts) does all the writing. */
import type { Done, FileError, Files } from '../world.js';
import type { Base, Bases, BaseWrite, Head, Row, RowReader } from './base.js';
import type { SpaceRows } from './base-orders.js';
import {
  BASE_FORMAT,
  FORMAT_KEY,
  groupOf,
  HEAD_RANGE,
  keyOf,
  ROW_RANGE,
  rangeBehind,
  rowKey,
  spaceOf,
  unseal,
} from './base-rows.js';
import { type BaseWriter, startWriter } from './base-writer.js';
import { StorageError } from './errors.js';
import { makeDurableFolder } from './folder.js';
import { inspectBase } from './inspect-base.js';
import { DATA_FILE, errorOf, failureOf, type Lmdb, openLmdb, type View, viewOf } from './lmdb.js';
import { prepareFiles } from './lmdb-file.js';
import { setAside } from './set-aside.js';

/** Bases on the disk of this machine. `files` makes their folders, and names durable. */
export function lmdbBases(files: Files): Bases {
  return {
    inspect: inspectBase,
    setAside: (folder, done) => setAside(files, folder, done),
    open(folder, done) {
      const failed = (error: FileError) => done(error, null);
      makeDurableFolder(files, folder, (folderError) => {
        if (folderError) return failed(folderError);
        prepareFiles(files, folder, (prepareError) => {
          if (prepareError) return failed(prepareError);
          startWriter(folder, (startError, writer) => {
            if (writer === null) return done(startError, null);
            files.syncFolder(folder, (error) => {
              if (error) writer.close(() => failed(error));
              else openReading(folder, writer, done);
            });
          });
        });
      });
    },
  };
}

function openReading(folder: string, writer: BaseWriter, done: Done<Base | null>): void {
  let base: LmdbBase;
  try {
    base = new LmdbBase(folder, writer);
  } catch (error) {
    const failure = error instanceof StorageError ? error : errorOf(failureOf(error), folder);
    writer.close(() => done(failure, null));
    return;
  }
  done(null, base);
}

class LmdbBase implements Base {
  readonly #folder: string;
  readonly #writer: BaseWriter;
  readonly #db: Lmdb;
  readonly #heads: Map<string, Buffer>;
  readonly #spaces: readonly number[];
  readonly #readers = new Set<LmdbReader>();
  #closed = false;

  /** @throws StorageError, or an error of lmdb */
  constructor(folder: string, writer: BaseWriter) {
    this.#folder = folder;
    this.#writer = writer;
    this.#db = openLmdb(folder, { readOnly: true });
    try {
      checkFormat(this.#db, this.#path);
      this.#heads = readHeads(this.#db, this.#path);
      this.#spaces = findSpaces(this.#db);
    } catch (error) {
      void this.#db.close();
      throw error;
    }
  }

  get full(): boolean {
    return this.#writer.full;
  }

  get #path(): string {
    return `${this.#folder}/${DATA_FILE}`;
  }

  heads(): ReadonlyMap<string, Buffer> {
    return this.#heads;
  }

  spaces(): readonly number[] {
    return this.#spaces;
  }

  bytes(): number {
    return this.#writer.bytes;
  }

  get(space: number, key: Buffer): Buffer | undefined {
    const at = rowKey(space, key);
    const sealed = this.#reading(() => this.#db.get(at));
    return sealed && unseal(at, sealed, this.#path);
  }

  read(space: number, after: Buffer | null): RowReader {
    const reader = this.#reading(
      () => new LmdbReader(this.#db, this.#folder, space, after, () => this.#readers.delete(reader)),
    );
    this.#readers.add(reader);
    return reader;
  }

  begin(): BaseWrite {
    let rows: SpaceRows[] = [];
    return {
      add: (space, packed) => {
        rows.push({ space, packed: owned(packed) });
      },
      commit: (head, done) => {
        this.#order(done, (over) => this.#writer.commit(rows, head, over), head);
        rows = [];
      },
      abandon: () => {
        rows = [];
      },
    };
  }

  drop(space: number, done: Done): void {
    this.#order(done, (over) => this.#writer.drop(space, over), null);
  }

  close(done: () => void): void {
    this.#closed = true;
    this.#writer.close(() => {
      for (const reader of this.#readers) reader.close();
      this.#db.close().then(done, done);
    });
  }

  #order(done: Done, give: (over: Done) => void, head: Head | null): void {
    if (this.#closed) {
      const error = errorOf({ code: 'EBADF', message: 'it is closed' }, this.#folder);
      setImmediate(() => done(error));
      return;
    }
    give((error) => {
      // What this turn has read from so far does not show it.
      this.#db.resetReadTxn();
      if (error === null && head !== null) this.#heads.set(head.group, head.bytes);
      done(error);
    });
  }

  /** @throws StorageError, or FileError with a word for the folder */
  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw errorOf(failureOf(error), this.#folder);
    }
  }
}

/** Sees the base as it was when the reader was made. */
class LmdbReader implements RowReader {
  readonly #db: Lmdb;
  readonly #folder: string;
  readonly #space: number;
  readonly #view: View;
  readonly #closed: () => void;
  #after: Buffer | null;
  #open = true;

  constructor(db: Lmdb, folder: string, space: number, after: Buffer | null, closed: () => void) {
    this.#db = db;
    this.#folder = folder;
    this.#space = space;
    this.#after = after;
    this.#view = viewOf(db);
    this.#closed = closed;
  }

  next(bytes_max: number): Row[] {
    const rows: Row[] = [];
    if (!this.#open) return rows;
    const range = { ...rangeBehind(this.#space, this.#after), transaction: this.#view };
    let bytes = 0;
    try {
      for (const { key: stored, value: sealed } of this.#db.getRange(range)) {
        const key = keyOf(stored);
        const value = unseal(stored, sealed, `${this.#folder}/${DATA_FILE}`);
        rows.push({ key, value });
        bytes += key.length + value.length;
        if (bytes >= bytes_max) break;
      }
    } catch (error) {
      throw error instanceof StorageError ? error : errorOf(failureOf(error), this.#folder);
    }
    this.#after = rows.at(-1)?.key ?? this.#after;
    return rows;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#view.done();
    this.#closed();
  }
}

/** A buffer that can be handed to another thread: small ones share their memory with others. */
function owned(packed: Buffer): Uint8Array {
  return packed.buffer.byteLength > Buffer.poolSize ? packed : new Uint8Array(packed);
}

/** @throws StorageError */
function checkFormat(db: Lmdb, path: string): void {
  const sealed = db.get(FORMAT_KEY);
  if (sealed === undefined) throw new StorageError('ROT', path, 0, 'the base does not say in which format it is');
  const version = unseal(FORMAT_KEY, sealed, path);
  const found = version.length === 4 ? version.readUInt32BE() : 'unknown';
  if (found !== BASE_FORMAT)
    throw new StorageError('FORMAT', path, 0, `the base has format ${found}, known is ${BASE_FORMAT}`);
}

/** @throws StorageError */
function readHeads(db: Lmdb, path: string): Map<string, Buffer> {
  const heads = new Map<string, Buffer>();
  for (const { key, value } of db.getRange(HEAD_RANGE)) heads.set(groupOf(key), Buffer.from(unseal(key, value, path)));
  return heads;
}

function findSpaces(db: Lmdb): number[] {
  const spaces: number[] = [];
  for (let start = ROW_RANGE.start; ; ) {
    const [first] = db.getKeys({ ...ROW_RANGE, start, limit: 1 });
    if (first === undefined) return spaces;
    spaces.push(spaceOf(first));
    start = rangeBehind(spaceOf(first), null).end;
  }
}
