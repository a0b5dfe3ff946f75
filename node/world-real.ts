/** The real world: time, sockets and randomness of this machine (protocol/tcp.ts) and its file system. */
import fs from 'node:fs';
import { realEnv } from '../protocol/tcp.js';
import { realProcess } from './observe/process.js';
import { lmdbBases } from './storage/lmdb-base.js';
import type { Done, File, FileError, Files, OpenOptions, World } from './world.js';

/** What a node in a process of its own is handed. */
export function realWorld(): World {
  return { ...realEnv(), files: realFiles, bases: lmdbBases(realFiles), process: realProcess() };
}

/** Files are the node's alone: others of the machine have no business in them. */
const FILE_MODE = 0o600;

/** Linux syncs what it writes to a file opened like this as fdatasync does, the disk's cache included; others promise less by it. */
const WRITES_DURABLY = process.platform === 'linux' ? fs.constants.O_DSYNC : 0;

/** The file system of this machine. Every call goes through the thread pool; none blocks the event loop. */
export const realFiles: Files = {
  makeFolder(path, done) {
    fs.mkdir(path, { recursive: true }, (error) => finish(done, error));
  },

  list(path, done) {
    fs.readdir(path, (error, names) => (error ? fail(done, error) : done(null, names.sort())));
  },

  open(path, options, done) {
    const opened = (error: FileError | null, fd: number) =>
      error ? fail(done, error) : done(null, new RealFile(fd, options.durable === true && WRITES_DURABLY === 0));
    fs.open(path, flagsOf(options), FILE_MODE, opened);
  },

  rename(from, to, done) {
    fs.rename(from, to, (error) => finish(done, error));
  },

  remove(path, done) {
    fs.unlink(path, (error) => finish(done, error));
  },

  syncFolder(path, done) {
    fs.open(path, fs.constants.O_RDONLY, (openError, fd) => {
      if (openError) return fail(done, openError);
      fs.fsync(fd, (syncError) => fs.close(fd, (closeError) => finish(done, syncError ?? closeError)));
    });
  },
};

/** A file that is open already, by its descriptor. */
export function realFile(fd: number): File {
  return new RealFile(fd, false);
}

function flagsOf({ create, exclusive, durable }: OpenOptions): number {
  const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;
  return O_RDWR | (create || exclusive ? O_CREAT : 0) | (exclusive ? O_EXCL : 0) | (durable ? WRITES_DURABLY : 0);
}

class RealFile implements File {
  /** null once closed: the number may belong to another file by then. */
  private fd: number | null;
  /** A write is not over before a sync. */
  private readonly syncs: boolean;

  constructor(fd: number, syncs: boolean) {
    this.fd = fd;
    this.syncs = syncs;
  }

  size(done: Done<number>): void {
    const fd = this.opened(done);
    if (fd === null) return;
    fs.fstat(fd, (error, stats) => (error ? fail(done, error) : done(null, stats.size)));
  }

  read(offset: number, length: number, done: Done<Buffer>): void {
    const fd = this.opened(done);
    if (fd !== null) readAll(fd, Buffer.allocUnsafe(length), 0, offset, done);
  }

  write(offset: number, data: Buffer, done: Done): void {
    const fd = this.opened(done);
    if (fd === null) return;
    const written: Done = (error) => (error ? done(error) : this.sync(done));
    writeAll(fd, data, 0, offset, this.syncs ? written : done);
  }

  sync(done: Done): void {
    const fd = this.opened(done);
    if (fd !== null) fs.fdatasync(fd, (error) => finish(done, error));
  }

  close(done: Done): void {
    const fd = this.opened(done);
    if (fd === null) return;
    this.fd = null;
    fs.close(fd, (error) => finish(done, error));
  }

  private opened<T>(done: Done<T>): number | null {
    if (this.fd === null)
      setImmediate(() => fail(done, Object.assign(new Error('the file is closed'), { code: 'EBADF' })));
    return this.fd;
  }
}

/** A read may give less than was asked for; only 0 bytes mean the end of the file. */
function readAll(fd: number, buffer: Buffer, filled: number, offset: number, done: Done<Buffer>): void {
  fs.read(fd, buffer, filled, buffer.length - filled, offset + filled, (error, count) => {
    if (error && error.code !== 'EINTR') return fail(done, error);
    const total = filled + (error ? 0 : count);
    if (total === buffer.length || (!error && count === 0)) return done(null, buffer.subarray(0, total));
    readAll(fd, buffer, total, offset, done);
  });
}

/** A write may take less than it was given: near a full disk, or when a signal comes. */
function writeAll(fd: number, data: Buffer, written: number, offset: number, done: Done): void {
  fs.write(fd, data, written, data.length - written, offset + written, (error, count) => {
    if (error && error.code !== 'EINTR') return fail(done, error);
    const total = written + (error ? 0 : count);
    if (total === data.length) return done(null);
    writeAll(fd, data, total, offset, done);
  });
}

function finish(done: Done, error: FileError | null | undefined): void {
  done(error ?? null);
}

/** With an error there is no value: a receiver looks at the error first. */
function fail<T>(done: Done<T>, error: FileError): void {
  done(error, undefined as T);
}
