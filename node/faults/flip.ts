/** One bit of a file turned over, durably: what a disk does to data that lies there for long. */
import type { Done, File, Files } from '../world.js';

/** The byte as it was and as it is. */
export interface Flipped {
  readonly before: number;
  readonly after: number;
}

/** Turns over bit 0 (the lowest) to 7 of the byte at `offset`. Fails when there is no such byte. */
export function flipBit(files: Files, path: string, offset: number, bit: number, done: Done<Flipped>): void {
  files.open(path, {}, (openError, file) => {
    if (openError) return done(openError, NONE);
    flip(file, offset, bit, (error, flipped) => file.close((closeError) => done(error ?? closeError, flipped)));
  });
}

const NONE: Flipped = { before: 0, after: 0 };

function flip(file: File, offset: number, bit: number, done: Done<Flipped>): void {
  file.read(offset, 1, (readError, bytes) => {
    const [before] = readError ? [] : bytes;
    if (before === undefined) return done(readError ?? new Error('the file ends before it'), NONE);
    const after = before ^ (1 << bit);
    file.write(offset, Buffer.from([after]), (writeError) => {
      if (writeError) return done(writeError, NONE);
      file.sync((error) => done(error, { before, after }));
    });
  });
}
