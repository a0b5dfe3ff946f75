/**
 * Simulated bases: what they hold outlives processes as a simulated disk does. A commit is first written, which a new process may find, and
 * then flushed, which a power cut leaves alone. Latencies come from a seed; faults are those of the node's disk, met by the path of a base's
 * file: `sync` fails or is slow for a transaction, `open` for an opening, and the room left is the disk's.
 */

import type { Base, Bases, Head } from '../../node/storage/base.js';
import type { Done } from '../../node/world.js';
import type { Random, Scheduler } from '../../protocol/env.js';
import { type Deliver, later, type Machine, type Medium, SimBase } from './base.js';
import { checkedValue, EMPTY, type State } from './base-state.js';
import type { Faults } from './faults.js';

/** The file by whose path faults find a base. */
const FILE = 'data.mdb';

/** Longest time that an opening takes, ms. */
const OPEN_MS_MAX = 30;

export interface SimBasesOptions {
  readonly scheduler: Scheduler;
  /** Draws latencies. */
  readonly random: Random;
  /** Those of the disk on which the bases lie. */
  readonly faults: Faults;
  /** A head, and all that was committed before, has become durable. */
  readonly flushed?: (head: Head, state: State) => void;
}

/** All bases of one machine. */
export class SimBases {
  readonly #options: SimBasesOptions;
  readonly #media = new Map<string, Medium>();
  /** Counts processes: what an earlier one was handed is dead. */
  #life = 0;

  constructor(options: SimBasesOptions) {
    this.#options = options;
  }

  /** The bases as a new process sees them, until `kill` or `crash`. `deliver` brings it what its calls came to. */
  mount(deliver: Deliver = (task) => task()): Bases {
    const life = this.#life;
    const alive = () => this.#life === life;
    const machine: Machine = { ...this.#options, alive, deliver };
    return {
      open: (folder, done) => {
        if (alive()) openBase(machine, this.#medium(folder), done);
      },
      inspect: (folder, done) => {
        if (alive())
          later(machine, OPEN_MS_MAX, () => machine.deliver(() => done(null, isSound(this.#medium(folder)))));
      },
      setAside: (folder, done) => {
        if (alive()) later(machine, OPEN_MS_MAX, () => machine.deliver(() => done(null, this.#setAside(folder))));
      },
    };
  }

  /** The process dies: a transaction that was not written is gone, one that was lives on, flushed or not. */
  kill(): void {
    this.#life++;
  }

  /** The power goes. A transaction that was written and not flushed is lost or kept, as `random` has it or as `fate` says. */
  crash({ random, fate }: { readonly random: Random; readonly fate?: 'lost' | 'kept' }): void {
    this.kill();
    for (const medium of this.#media.values()) {
      if (medium.written === medium.flushed) continue;
      const met = fate ?? (random.uint32() % 2 === 0 ? 'lost' : 'kept');
      if (met === 'lost') this.#options.faults.count('un-flushed transaction lost');
      medium.flushed = met === 'lost' ? medium.flushed : medium.written;
      medium.written = medium.flushed;
    }
  }

  /** A bit of a stored row rots, on the medium and for everybody who reads it from now on; false when there is no row. */
  rot(folder: string, random: Random): boolean {
    const rows = [...this.#medium(folder).written.spaces.values()].flat();
    const row = rows[random.uint32() % Math.max(1, rows.length)];
    if (row === undefined) return false;
    const bit = random.uint32() % (row.sealed.length * 8);
    row.sealed[bit >>> 3] = (row.sealed[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    this.#options.faults.count('row rotted');
    return true;
  }

  /** The head of a group that a power cut would leave in a folder. */
  headOf(folder: string, group: string): Buffer | undefined {
    return this.#media.get(folder)?.flushed.heads.get(group);
  }

  /** Folders that hold a base, sorted. */
  folders(): string[] {
    return [...this.#media.keys()].sort();
  }

  /** The folder and what is in it are gone. */
  erase(folder: string): void {
    const medium = this.#media.get(folder);
    if (medium !== undefined) this.#options.faults.free_bytes += medium.bytes;
    this.#media.delete(folder);
  }

  #setAside(folder: string): string | null {
    const medium = this.#media.get(folder);
    if (medium === undefined) return null;
    let number = 1;
    while (this.#media.has(`${folder}.damaged-${number}`)) number++;
    const path = `${folder}.damaged-${number}`;
    this.#media.delete(folder);
    this.#media.set(path, { ...medium, path: `${path}/${FILE}` });
    return path;
  }

  #medium(folder: string): Medium {
    const found = this.#media.get(folder) ?? { path: `${folder}/${FILE}`, written: EMPTY, flushed: EMPTY, bytes: 0 };
    this.#media.set(folder, found);
    return found;
  }
}

/** What a process found written is flushed before it sees it. */
function openBase(machine: Machine, medium: Medium, done: Done<Base | null>): void {
  const failure = machine.faults.failureOf({ operation: 'open', path: medium.path });
  later(machine, OPEN_MS_MAX, () => {
    if (failure === null) medium.flushed = medium.written;
    machine.deliver(() => (failure ? done(failure, null) : done(null, new SimBase(machine, medium))));
  });
}

function isSound({ path, written }: Medium): boolean {
  try {
    for (const [space, rows] of written.spaces) for (const row of rows) checkedValue(space, row, path);
    return true;
  } catch {
    return false;
  }
}
