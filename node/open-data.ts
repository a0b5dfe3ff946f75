/**
 * Opens what a node has on its disk. What is damaged is put aside and begun anew: the node then has no vote and refills from the others
 * (repair.ts). That it has to is written down before anything is put aside.
 */
import { basename } from 'node:path';
import type { Damage } from '../protocol/client/types.js';
import { headsOf } from './checkpoint-head.js';
import { describeRun } from './groups.js';
import type { Found } from './node-options.js';
import type { Base } from './storage/base.js';
import { StorageError } from './storage/errors.js';
import { type Identity, writeIdentity } from './storage/identity.js';
import { openLog } from './storage/log.js';
import { guardOpening, type Opening } from './storage/opening-guard.js';
import { parseSegmentName } from './storage/segment.js';
import { setAside } from './storage/set-aside.js';
import type { Done, FileError, World } from './world.js';

/** How it is opened. */
export interface OpenOptions {
  /** The node's data folder. */
  readonly data: string;
  readonly segment_bytes: number;
  readonly event: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly fatal: (error: Error) => void;
}

/** What was found, and who the node is after that. */
export interface Opened extends Found {
  readonly identity: Identity;
  /** To be ended once the rows of the base have been read. */
  readonly opening: Opening;
}

/** Opens base and log. Fails when they are damaged and there is nobody to refill from, or for any other reason. */
export function openData(world: World, identity: Identity, options: OpenOptions, done: Done<Opened | null>): void {
  new Opener(world, identity, options, done).start();
}

/** Attempts to open what has been put aside before: the second finds nothing that could be damaged. */
const ASIDE_MAX = 2;

class Opener {
  readonly #world: World;
  readonly #options: OpenOptions;
  readonly #done: Done<Opened | null>;
  readonly #damaged: Damage[] = [];
  #identity: Identity;

  constructor(world: World, identity: Identity, options: OpenOptions, done: Done<Opened | null>) {
    this.#world = world;
    this.#identity = identity;
    this.#options = options;
    this.#done = done;
  }

  start(): void {
    const { files, bases } = this.#world;
    const folder = `${this.#options.data}/base`;
    guardOpening(files, folder, (guardError, opening) => {
      if (guardError !== null || opening === null) return this.#fail(guardError);
      if (!opening.suspect) return this.#openBase(folder, opening);
      // They may as well have been cut short from outside: power cuts and kills say nothing of the base.
      bases.inspect(folder, (error, sound) => {
        if (error !== null) return opening.ended(() => this.#fail(error));
        if (sound) return this.#openBase(folder, opening);
        const what = 'reading it does not come to its end';
        this.#refill('base', new StorageError('ROT', folder, 0, what), opening);
      });
    });
  }

  #openBase(folder: string, opening: Opening): void {
    this.#world.bases.open(folder, (error, base) => {
      if (error === null && base !== null) this.#openLog(base, opening);
      else if (isRot(error)) this.#refill('base', error, opening);
      else opening.ended(() => this.#fail(error));
    });
  }

  #openLog(base: Base, opening: Opening): void {
    const { files, scheduler } = this.#world;
    const { data, segment_bytes, fatal } = this.#options;
    const folder = `${data}/log`;
    const giveUp = (error: FileError | null) =>
      base.close(() => (isRot(error) ? this.#refill('log', error, opening) : opening.ended(() => this.#fail(error))));
    // Looked for before the log is opened, which would begin a new one.
    files.list(folder, (listError, names) => {
      if (listError !== null && listError.code !== 'ENOENT') return giveUp(listError);
      const missing = listError !== null || !names.some((name) => parseSegmentName(name)?.finished === true);
      if (missing && this.#identity.born && !this.#identity.repairing)
        return giveUp(new StorageError('ROT', folder, 0, 'the log is missing or empty'));
      let bases: ReturnType<typeof headsOf>;
      try {
        bases = headsOf(base);
      } catch (error) {
        return giveUp(error as FileError);
      }
      openLog({ files, scheduler, folder, segment_bytes, bases, describe: describeRun, fatal }, (error, opened) => {
        if (error !== null || opened === null) return giveUp(error);
        this.#done(null, { base, ...opened, damaged: this.#damaged, identity: this.#identity, opening });
      });
    });
  }

  #refill(part: Damage['part'], error: FileError, opening: Opening): void {
    const { data, event } = this.#options;
    // Of one who was never a member nobody expects anything. And who is alone has nobody to ask: what it held is gone.
    const alone = Object.keys(this.#identity.members).length === 0;
    if (!this.#identity.born || alone || this.#damaged.length === ASIDE_MAX) {
      this.#fail(error);
      return;
    }
    this.#identity = { ...this.#identity, repairing: true };
    writeIdentity(this.#world.files, data, this.#identity, (writeError) => {
      if (writeError !== null) return this.#fail(writeError);
      const aside: Done<string | null> = (asideError, path) => {
        if (asideError !== null) return this.#fail(asideError);
        this.#damaged.push({ part, aside: path === null ? '' : basename(path) });
        event('damaged', { part, error: error.message, aside: path });
        opening.ended((endError) => (endError === null ? this.start() : this.#fail(endError)));
      };
      const folder = `${data}/${part}`;
      if (part === 'base') this.#world.bases.setAside(folder, aside);
      else setAside(this.#world.files, folder, aside);
    });
  }

  #fail(error: FileError | null): void {
    this.#done(error ?? new Error('nothing was opened'), null);
  }
}

function isRot(error: FileError | null): error is FileError {
  return error?.code === 'ROT';
}
