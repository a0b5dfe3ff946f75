/**
 * What has to be in order before LMDB may open its files: when an opening fails, lmdb 3.5.6 uses what it has freed, which ends the process.
 * So the reasons that can be foreseen are looked for first: no permission, no room, a file that is no such database.
 */
import type { Done, File, FileError, Files } from '../world.js';
import { StorageError } from './errors.js';
import { DATA_FILE } from './lmdb.js';

/** The file that LMDB maps to coordinate readers and writers. A hole in it on a full disk would end the process too. */
const LOCK_FILE = 'lock.mdb';
const LOCK_BYTES = 16 << 10;

/** What a new database needs at once, and a little more. */
const ROOM_FILE = 'room.tmp';
const ROOM_BYTES = 64 << 10;

/** The first two pages, of whatever size, lie within so many bytes. */
const HEAD_BYTES = 128 << 10;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 64 << 10;

/** Where things stand in a page that holds a root (mdb.c of lmdb 3.5.6, MDB_page_header and MDB_meta; little-endian). */
const ROOT_PAGE = { flags: 18, magic: 24, version: 28, page_bytes: 48, bytes: 168 } as const;
const IS_ROOT_PAGE = 0x08;
const MAGIC = 0xbeefc0de;
const VERSION = 2;

/** Looks at the files of the base in a folder and makes durable what they hold. Fails with what would keep LMDB from opening them. */
export function prepareFiles(files: Files, folder: string, done: Done): void {
  const path = `${folder}/${DATA_FILE}`;
  prepareLock(files, folder, (lockError) => {
    if (lockError) return done(lockError);
    files.open(path, {}, (openError, file) => {
      if (openError) return openError.code === 'ENOENT' ? findRoom(files, folder, done) : done(openError);
      const close = (error: FileError | null, empty = false) =>
        file.close((closeError) => {
          if (error || closeError || !empty) done(error ?? closeError);
          else findRoom(files, folder, done);
        });
      // A process that was killed may have left a root that no sync has covered: what is shown has to stay.
      file.sync((syncError) => {
        if (syncError) return close(syncError);
        file.read(0, HEAD_BYTES, (readError, head) => {
          if (readError) close(readError);
          else if (head.length === 0) close(null, true);
          else close(faultOf(head, path));
        });
      });
    });
  });
}

function faultOf(head: Buffer, path: string): StorageError | null {
  if (head.length < ROOT_PAGE.bytes) return new StorageError('ROT', path, 0, 'the file is cut short');
  const page_bytes = head.readUInt32LE(ROOT_PAGE.page_bytes);
  for (const at of [0, page_bytes]) {
    const page = head.subarray(at, at + ROOT_PAGE.bytes);
    if (page.length < ROOT_PAGE.bytes || (page.readUInt16LE(ROOT_PAGE.flags) & IS_ROOT_PAGE) === 0)
      return new StorageError('ROT', path, at, 'here should be a root of a database');
    if (page.readUInt32LE(ROOT_PAGE.magic) !== MAGIC)
      return new StorageError('ROT', path, at, 'the file is no database of LMDB');
    const version = page.readUInt32LE(ROOT_PAGE.version) & 0xffff;
    if (version !== VERSION)
      return new StorageError('FORMAT', path, at, `the database has format ${version}, known is ${VERSION}`);
    if (page_bytes < PAGE_BYTES_MIN || page_bytes > PAGE_BYTES_MAX)
      return new StorageError('ROT', path, at, `pages cannot have ${page_bytes} bytes`);
  }
  return null;
}

/** The lock file, with all its room on the disk. */
function prepareLock(files: Files, folder: string, done: Done): void {
  files.open(`${folder}/${LOCK_FILE}`, { create: true }, (openError, file) => {
    if (openError) return done(openError);
    file.size((sizeError, size) => {
      if (sizeError || size >= LOCK_BYTES) return file.close((closeError) => done(sizeError ?? closeError));
      fill(file, LOCK_BYTES, done);
    });
  });
}

function findRoom(files: Files, folder: string, done: Done): void {
  const path = `${folder}/${ROOM_FILE}`;
  files.open(path, { create: true }, (openError, file) => {
    if (openError) return done(openError);
    fill(file, ROOM_BYTES, (error) => files.remove(path, (removeError) => done(error ?? removeError)));
  });
}

/** Writes zeros, makes them durable and closes. */
function fill(file: File, bytes: number, done: Done): void {
  const close = (error: FileError | null) => file.close((closeError) => done(error ?? closeError));
  file.write(0, Buffer.alloc(bytes), (error) => (error ? close(error) : file.sync(close)));
}
