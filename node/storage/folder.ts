/** Folders whose names survive a power cut. */
import { dirname } from 'node:path';
import type { Done, Files } from '../world.js';

/** Makes a folder and those above it that are missing, and all their names durable. */
export function makeDurableFolder(files: Files, path: string, done: Done): void {
  const parent = dirname(path);
  const make = (error: Error | null) => {
    if (error) return done(error);
    files.makeFolder(path, (failed) => (failed ? done(failed) : files.syncFolder(parent, done)));
  };
  if (parent === path) {
    done(null);
    return;
  }
  files.list(parent, (error) => {
    if (error?.code === 'ENOENT') makeDurableFolder(files, parent, make);
    else make(error);
  });
}
