/** What a node is handed: time, sockets, randomness (protocol/env.ts) and files. Real form: world-real.ts; simulated: test/simulation. */
import type { Env } from '../protocol/env.js';
import type { ProcessProbe } from './observe/process.js';
import type { Bases } from './storage/base.js';

/** Receives the outcome of an asynchronous call: an error, or null and the value. Called exactly once, never inside the call. */
export type Done<T = void> = (error: FileError | null, value: T) => void;

/** An error of the operating system; `code` is its name: ENOENT, EEXIST, ENOSPC, EIO, ... */
export interface FileError extends Error {
  readonly code?: string | undefined;
}

/** An open file. Several reads may be under way; writes and syncs are the owner's to order. */
export interface File {
  /** Length in bytes. */
  size(done: Done<number>): void;
  /** Reads up to `length` bytes at `offset`; fewer at the end of the file. */
  read(offset: number, length: number, done: Done<Buffer>): void;
  /** Writes all of `data` at `offset`. The file owns the buffer until `done`. Not durable before `sync`, unless opened so. */
  write(offset: number, data: Buffer, done: Done): void;
  /** fdatasync. After an error nothing that was written since the last success may be trusted. */
  sync(done: Done): void;
  close(done: Done): void;
}

/** How a file is opened. */
export interface OpenOptions {
  /** Makes the file when it is missing. */
  readonly create?: boolean;
  /** Makes it, and fails with EEXIST when it is not missing. */
  readonly exclusive?: boolean;
  /** Every write is a sync of what it wrote too, in one call. An error of such a write is one of a sync. */
  readonly durable?: boolean;
}

/** A file system. Paths are absolute. Names become durable only by `syncFolder`. */
export interface Files {
  /** Makes a folder and its parents; no error when it exists. */
  makeFolder(path: string, done: Done): void;
  /** Names in a folder, sorted. ENOENT when there is none. */
  list(path: string, done: Done<string[]>): void;
  /** Opens for reading and writing. */
  open(path: string, options: OpenOptions, done: Done<File>): void;
  rename(from: string, to: string, done: Done): void;
  remove(path: string, done: Done): void;
  syncFolder(path: string, done: Done): void;
}

/** Everything that a node needs from outside. */
export interface World extends Env {
  readonly files: Files;
  /** Where state stands that outgrows memory. Left out where nothing is kept but the log. */
  readonly bases: Bases;
  /** The process that the node runs in, where it has one of its own. */
  readonly process?: ProcessProbe;
}
