/**
 * Files that hold everything back: what is written until its sync, names until the sync of their folder. The process sees all of it;
 * killed, it leaves what a power cut would have left. A file or folder without a durable name lies in a folder aside, whose rests are
 * cleared at the next start. For tests and drills: names are looked up synchronously, so that calls about one name do not cross.
 */
import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Done, File, Files, OpenOptions } from '../world.js';
import { realFiles } from '../world-real.js';
import { HeldFile, later, type Place } from './held-file.js';

/** Names of one folder that are held at a time. */
const STEPS_MAX = 10_000;

/** Holds writes back. `aside` is a folder on the same file system that nobody else uses; what is in it is removed. */
export function holdWrites(aside: string): Files {
  fs.rmSync(aside, { recursive: true, force: true });
  fs.mkdirSync(aside, { recursive: true });
  return new HeldFiles(aside);
}

class Folder {
  place: Place | null;
  /** What this process has met here: null is gone. Grows with the names that it uses. */
  readonly names = new Map<string, HeldFile | Folder | null>();
  /** What the next sync does to the disk, in order. Invariant: carried out, the disk shows the names as they are seen. */
  readonly steps: (() => void)[] = [];

  /** Without a place it is the root. */
  constructor(place: Place | null) {
    this.place = place;
  }

  get real(): string {
    return this.place === null ? '/' : join(this.place.folder.real, this.place.name);
  }
}

class HeldFiles implements Files {
  readonly #aside: Folder;
  readonly #root = new Folder(null);
  #made = 0;

  constructor(aside: string) {
    this.#aside = this.#folderAt(aside);
  }

  makeFolder(path: string, done: Done): void {
    later(done, () => void this.#make(path));
  }

  list(path: string, done: Done<string[]>): void {
    later(done, () => {
      const folder = this.#folderAt(path);
      const names = new Set(fs.readdirSync(folder.real));
      for (const [name, named] of folder.names)
        if (named === null) names.delete(name);
        else names.add(name);
      return [...names].sort();
    });
  }

  open(path: string, options: OpenOptions, done: Done<File>): void {
    later(done, () => {
      const folder = this.#folderAt(dirname(path));
      const name = basename(path);
      const found = this.#find(folder, name);
      if (found instanceof Folder) throw failure('EISDIR', path);
      if (found !== null && options.exclusive) throw failure('EEXIST', path);
      if (found === null && !options.create && !options.exclusive) throw failure('ENOENT', path);
      return (found ?? this.#create(folder, name)).open(options.durable === true);
    });
  }

  rename(from: string, to: string, done: Done): void {
    later(done, () => {
      const [old, folder] = [this.#folderAt(dirname(from)), this.#folderAt(dirname(to))];
      const named = this.#find(old, basename(from));
      if (named === null) throw failure('ENOENT', from);
      if (from === to) return;
      const name = basename(to);
      if (named instanceof Folder && this.#find(folder, name) !== null) throw failure('EEXIST', to);
      old.names.set(basename(from), null);
      folder.names.set(name, named);
      hold(folder, () => settle(named, { folder, name }));
    });
  }

  remove(path: string, done: Done): void {
    later(done, () => {
      const folder = this.#folderAt(dirname(path));
      const name = basename(path);
      const named = this.#find(folder, name);
      if (named === null) throw failure('ENOENT', path);
      if (named instanceof Folder) throw failure('EISDIR', path);
      folder.names.set(name, null);
      hold(folder, () => fs.rmSync(join(folder.real, name), { force: true }));
    });
  }

  syncFolder(path: string, done: Done): void {
    try {
      const folder = this.#folderAt(path);
      for (let step = folder.steps[0]; step !== undefined; step = folder.steps[0]) {
        step();
        folder.steps.shift();
      }
      realFiles.syncFolder(folder.real, done);
    } catch (error) {
      later(done, () => {
        throw error;
      });
    }
  }

  #make(path: string): Folder {
    if (path === '/') return this.#root;
    const parent = this.#make(dirname(path));
    const name = basename(path);
    const found = this.#find(parent, name);
    if (found instanceof Folder) return found;
    if (found !== null) throw failure('EEXIST', path);
    const made = new Folder(this.#nameAside());
    fs.mkdirSync(made.real);
    parent.names.set(name, made);
    hold(parent, () => settle(made, { folder: parent, name }));
    return made;
  }

  #create(folder: Folder, name: string): HeldFile {
    const made = new HeldFile(this.#nameAside(), 0);
    fs.closeSync(fs.openSync(made.real, 'wx', 0o600));
    folder.names.set(name, made);
    // Renamed into another folder that was synced before, it is there already.
    hold(folder, () => made.place.folder === this.#aside && settle(made, { folder, name }));
    return made;
  }

  #nameAside(): Place {
    return { folder: this.#aside, name: String(++this.#made) };
  }

  /** @throws FileError ENOENT */
  #folderAt(path: string): Folder {
    if (path === '/') return this.#root;
    const found = this.#find(this.#folderAt(dirname(path)), basename(path));
    if (found instanceof Folder) return found;
    throw failure('ENOENT', path);
  }

  /** What has that name, here or on the disk. */
  #find(folder: Folder, name: string): HeldFile | Folder | null {
    const known = folder.names.get(name);
    if (known !== undefined) return known;
    const place = { folder, name };
    const stats = fs.statSync(join(folder.real, name), { throwIfNoEntry: false });
    if (stats === undefined) return null;
    const found = stats.isDirectory() ? new Folder(place) : new HeldFile(place, stats.size);
    folder.names.set(name, found);
    return found;
  }
}

/** @throws FileError ENOBUFS */
function hold(folder: Folder, step: () => void): void {
  if (folder.steps.length >= STEPS_MAX) throw failure('ENOBUFS', folder.real);
  folder.steps.push(step);
}

/** The name becomes durable. */
function settle(named: HeldFile | Folder, place: Place): void {
  fs.renameSync(named.real, join(place.folder.real, place.name));
  named.place = place;
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
