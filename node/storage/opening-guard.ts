/**
 * Notices a base that kills the process. LMDB believes the pages that it maps: one that rotted may end the process instead of an error, at
 * opening or while the rows are read back, and then again at every start. So a mark is made durable before a base is opened, and taken away
 * when everything is loaded. Who finds the marks of two attempts must not make a third before it knows what ended them: kills and power
 * cuts, which say nothing of the base and may meet all nodes alike, or the base itself.
 */
import type { Done, Files } from '../world.js';
import { makeDurableFolder } from './folder.js';

/** Attempts in a row that may come to no end. */
export const ATTEMPTS_MAX = 2;

/** Marks in the folder of the base, where they go with it when it is set aside. */
const MARKS = Array.from({ length: ATTEMPTS_MAX }, (_, i) => `opening-${i + 1}`);

/** An attempt to open and load a base. */
export interface Opening {
  /** So many attempts before came to no end: the base has to be inspected by somebody else first. */
  readonly suspect: boolean;
  /** All is loaded, it failed in an orderly way, or the base was set aside: takes the marks away that are still there. */
  ended(done: Done): void;
}

/** To be called before the base in `folder` is opened. The folder is made when it is missing. */
export function guardOpening(files: Files, folder: string, done: Done<Opening | null>): void {
  makeDurableFolder(files, folder, (folderError) => {
    if (folderError) return done(folderError, null);
    files.list(folder, (listError, names) => {
      if (listError) return done(listError, null);
      const next = MARKS.find((mark) => !names.includes(mark));
      const opening: Opening = { suspect: next === undefined, ended: (over) => unmark(files, folder, over) };
      if (next === undefined) return done(null, opening);
      mark(files, folder, next, (error) => done(error, error ? null : opening));
    });
  });
}

function mark(files: Files, folder: string, name: string, done: Done): void {
  files.open(`${folder}/${name}`, { create: true }, (openError, file) => {
    if (openError) return done(openError);
    file.close((closeError) => (closeError ? done(closeError) : files.syncFolder(folder, done)));
  });
}

/** Last mark first: an end cut short must not look like more attempts. */
function unmark(files: Files, folder: string, done: Done): void {
  const removeFrom = (at: number): void => {
    const name = MARKS[at];
    if (name === undefined) files.syncFolder(folder, (error) => done(error?.code === 'ENOENT' ? null : error));
    else removeIfThere(files, `${folder}/${name}`, (error) => (error ? done(error) : removeFrom(at - 1)));
  };
  removeFrom(MARKS.length - 1);
}

function removeIfThere(files: Files, path: string, done: Done): void {
  files.remove(path, (error) => done(error?.code === 'ENOENT' ? null : error));
}
