/**
 * How we open LMDB, and what its errors mean.
 *
 * What we rely on. A transaction writes no page that the last one reaches: it writes new ones, syncs them (fdatasync), and only then writes
 * the root into one of two pages in turn, through a descriptor that syncs each write. So a power cut leaves the old root or the new one, each
 * with all it points to. That holds with `overlappingSync: false`; by default lmdb writes the root first and tells from the machine's boot id
 * whether to trust it, which `safeRestore` does for files that an earlier form of us may have left. `transactionSync` takes everything back
 * when its callback throws, the asynchronous forms of this package do not. Its callback must return nothing: given a promise, and `put`
 * returns one, it commits later.
 */
import os from 'node:os';
import { open, type RootDatabase } from 'lmdb';
import type { FileError } from '../world.js';
import { StorageError } from './errors.js';

/** What stands under keys that are bytes: bytes. */
export type Lmdb = RootDatabase<Buffer, Buffer>;

/** The database as it was at a moment. While one is open, the pages that it reaches are not used again. */
export type View = ReturnType<Lmdb['useReadTransaction']>;

/** A view of the database as it is now. Its `done` is to be called exactly once. */
export function viewOf(db: Lmdb): View {
  // Called by name it would pass for a hook of React.
  return db['useReadTransaction']();
}

/** The file in a base's folder that holds it. */
export const DATA_FILE = 'data.mdb';

/** Bases are the node's alone. */
const FILE_MODE = 0o600;

/** Address space for the file. It costs nothing; beyond it LMDB maps the file once more and keeps the mappings from before. */
const MAP_BYTES = 16 * 2 ** 30;

/**
 * Opens the database in a folder. All threads of this process share it; the one that writes has to be first.
 * @throws what `failureOf` explains
 */
export function openLmdb(folder: string, { readOnly }: { readonly readOnly: boolean }): Lmdb {
  const options = {
    path: folder,
    noSubdir: false,
    encoding: 'binary' as const,
    keyEncoding: 'binary' as const,
    maxDbs: 1,
    mapSize: MAP_BYTES,
    overlappingSync: false,
    safeRestore: true,
    permissionsMode: FILE_MODE,
    readOnly,
  };
  return open(options);
}

/** An error as it travels between threads. */
export interface Failure {
  /** As of FileError, or of StorageError. */
  readonly code: string;
  readonly message: string;
}

/** Codes of LMDB itself that say what is the matter with the file. */
const OF_LMDB: ReadonlyMap<number, string> = new Map([
  [-30797, 'ROT'], // a page is missing
  [-30796, 'ROT'], // a page is of the wrong kind
  [-30795, 'EIO'], // an earlier write of the root failed
  [-30794, 'FORMAT'],
  [-30793, 'ROT'], // no file of LMDB
  [-30787, 'ROT'], // a tree is deeper than can be
  [-30782, 'ROT'], // what came before in this view failed
  [-30792, 'ENOSPC'], // the mapping cannot grow
  [-30779, 'ROT'], // what is wrong is not known; a page is not what it should be
]);

/** What an error of lmdb means. */
export function failureOf(error: unknown): Failure {
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown };
  const name = typeof code === 'number' ? (OF_LMDB.get(code) ?? errnoName(code)) : code;
  // To what the system says lmdb adds what it happened to notice last.
  const what = typeof code === 'number' ? String(message).replace(/:.*/s, '') : String(message ?? error);
  return { code: typeof name === 'string' ? name : 'LMDB', message: what };
}

/** The error that a caller gets for a failure with the base in `folder`. */
export function errorOf({ code, message }: Failure, folder: string): FileError {
  if (code === 'ROT' || code === 'FORMAT') return new StorageError(code, `${folder}/${DATA_FILE}`, 0, message);
  return Object.assign(new Error(`The base in ${folder} cannot be used: ${message}`), { code });
}

function errnoName(code: number): string | undefined {
  return Object.entries(os.constants.errno).find(([, errno]) => errno === code)?.[0];
}
