/** What can be wrong with files of ours that the operating system gives back without complaint. */
import type { FileError } from '../world.js';

/** ROT: bytes are not what was written, or missing. FORMAT: written by a version of Concord that this one does not understand. */
export type StorageCode = 'ROT' | 'FORMAT';

const ADVICE: Record<StorageCode, string> = {
  ROT: 'The data of this node is damaged: a member of a cluster puts it aside and refills from the others, one that is alone needs it as it was.',
  FORMAT: 'Run the version of Concord that wrote it, or a newer one that still reads it.',
};

/** A file that must not be used as it is. */
export class StorageError extends Error implements FileError {
  override readonly name = 'StorageError';
  readonly code: StorageCode;
  readonly path: string;
  /** Where in the file, bytes from its start. */
  readonly offset: number;

  constructor(code: StorageCode, path: string, offset: number, what: string) {
    super(`${path}, byte ${offset}: ${what}. ${ADVICE[code]}`);
    this.code = code;
    this.path = path;
    this.offset = offset;
  }
}

/** A place of the log that was given back: a checkpoint stands in for what was there. */
export class ReleasedError extends Error implements FileError {
  override readonly name = 'ReleasedError';
  readonly code = 'RELEASED';

  constructor(path: string) {
    super(`${path} was given back: a checkpoint stands in for its entries`);
  }
}
