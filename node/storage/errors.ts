/** What can be wrong with files of ours that the operating system gives back without complaint. */
import type { FileError } from '../world.js';

/** ROT: bytes are not what was written, or missing. FORMAT: written by a version of Concord that this one does not understand. */
export type StorageCode = 'ROT' | 'FORMAT';

const ADVICE: Record<StorageCode, string> = {
  ROT: 'The data of this node is damaged: keep the folder for inspection and bring the node back as a new member.',
  FORMAT: 'Run the version of Concord that wrote it, or a newer one.',
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
