/** What befalls the disk on order: it is full, or its syncs are slow. A wrapper of Files that stands between a node and its world. */
import type { Scheduler } from '../../protocol/env.js';
import type { Done, File, FileError, Files, OpenOptions } from '../world.js';

/** Files that can be broken. */
export class FaultyFiles implements Files {
  readonly #files: Files;
  readonly #scheduler: Scheduler;
  /** No file can grow. What was given room before can still be written. */
  full = false;
  /** No sync takes less, ms. */
  sync_ms = 0;

  constructor(files: Files, scheduler: Scheduler) {
    this.#files = files;
    this.#scheduler = scheduler;
  }

  makeFolder(path: string, done: Done): void {
    this.#files.makeFolder(path, done);
  }

  list(path: string, done: Done<string[]>): void {
    this.#files.list(path, done);
  }

  open(path: string, options: OpenOptions, done: Done<File>): void {
    const durable = options.durable === true;
    this.#files.open(path, options, (error, file) => done(error, error ? file : this.#wrap(file, durable)));
  }

  rename(from: string, to: string, done: Done): void {
    this.#files.rename(from, to, done);
  }

  remove(path: string, done: Done): void {
    this.#files.remove(path, done);
  }

  syncFolder(path: string, done: Done): void {
    this.#sync((ended) => this.#files.syncFolder(path, ended), done);
  }

  #wrap(file: File, durable: boolean): File {
    const write: File['write'] = (offset, data, done) => this.#write(file, offset, data, done);
    return {
      size: (done) => file.size(done),
      read: (offset, length, done) => file.read(offset, length, done),
      write: durable ? (offset, data, done) => this.#sync((ended) => write(offset, data, ended), done) : write,
      sync: (done) => this.#sync((ended) => file.sync(ended), done),
      close: (done) => file.close(done),
    };
  }

  #write(file: File, offset: number, data: Buffer, done: Done): void {
    if (!this.full) {
      file.write(offset, data, done);
      return;
    }
    file.size((error, size) => {
      if (error) done(error);
      else if (offset + data.length > size) this.#refuse(done);
      else file.write(offset, data, done);
    });
  }

  /** As long as the disk takes, and no less than it was told to. */
  #sync(sync: (ended: Done) => void, done: Done): void {
    if (this.sync_ms === 0) {
      sync(done);
      return;
    }
    let left = 2;
    let failed: FileError | null = null;
    const end = (error: FileError | null) => {
      failed = error ?? failed;
      if (--left === 0) done(failed);
    };
    this.#scheduler.after(this.sync_ms, () => end(null));
    sync(end);
  }

  #refuse(done: Done): void {
    const error = Object.assign(new Error('ENOSPC: no space left on device, by a fault that is on'), {
      code: 'ENOSPC',
    });
    this.#scheduler.defer(() => done(error));
  }
}
