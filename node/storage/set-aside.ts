/** A folder that must not be used any more is kept for whoever wants to know why. */
import { basename, dirname } from 'node:path';
import type { Done, Files } from '../world.js';

/** Renames a folder, durably; tells its new path, or null when there is none to rename. Nothing in it may be open. */
export function setAside(files: Files, folder: string, done: Done<string | null>): void {
  const parent = dirname(folder);
  files.list(parent, (listError, names) => {
    if (listError) return done(listError.code === 'ENOENT' ? null : listError, null);
    const path = `${parent}/${freeName(basename(folder), names)}`;
    files.rename(folder, path, (error) => {
      if (error && error.code !== 'ENOENT') return done(error, null);
      // Even if there was none: an earlier attempt may have died before its sync.
      files.syncFolder(parent, (syncError) => done(syncError, error || syncError ? null : path));
    });
  });
}

function freeName(name: string, taken: readonly string[]): string {
  let number = 1;
  while (taken.includes(`${name}.damaged-${number}`)) number++;
  return `${name}.damaged-${number}`;
}
