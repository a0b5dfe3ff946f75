/**
 * A machine is cut now and then while it applies what was committed. From the rows that were told since the beginning another one is put
 * together, which applies what came after the cut: it has to be in the same state.
 */
import type { Cut } from '../../node/services/cut.js';
import type { GroupMachine } from '../../node/services/group-machine.js';
import type { Position } from '../../node/services/machine.js';
import { BrokenPromise } from './promise.js';

/** Entries before the first cut. Each further one comes after twice as many as the one before. */
const FIRST_CUT = 16;
/** Of a cut so much is told after each entry, bytes. */
const SLICE_BYTES = 512;
/** Stands for the length of a value: the row is gone. */
const GONE = 0xffffffff;

/** Looks on while a machine applies entries. */
export class Rebirth {
  readonly #machine: GroupMachine;
  readonly #make: () => GroupMachine;
  /** What was told so far: keys in hex. */
  readonly #base = new Map<string, Buffer>();
  #cut: { readonly rows: Cut; readonly time: number } | undefined;
  /** Entries since the cut. */
  #since: { readonly entry: Buffer; readonly at: Position }[] = [];
  #applied = 0;
  #cutAt = FIRST_CUT;

  /** `make`: a machine like this one, over empty tables. */
  constructor(machine: GroupMachine, make: () => GroupMachine) {
    this.#machine = machine;
    this.#make = make;
  }

  /** An entry has been applied. @throws BrokenPromise */
  applied(entry: Buffer, at: Position): void {
    this.#applied++;
    if (this.#cut !== undefined) {
      this.#since.push({ entry, at });
      this.#tell(this.#cut);
    } else if (this.#applied >= this.#cutAt) {
      this.#cutAt = 2 * this.#applied;
      this.#cut = { rows: this.#machine.cut(), time: at.time };
    }
  }

  #tell({ rows, time }: { readonly rows: Cut; readonly time: number }): void {
    const slice = rows.next(SLICE_BYTES);
    if (slice !== null) {
      this.#keep(slice);
      return;
    }
    rows.flushed();
    this.#cut = undefined;
    const reborn = this.#make();
    for (const key of [...this.#base.keys()].sort())
      reborn.feed(Buffer.from(key, 'hex'), this.#base.get(key) as Buffer);
    reborn.restored(time);
    for (const { entry, at } of this.#since) reborn.applyEntry(entry, at);
    this.#since = [];
    if (reborn.fingerprint() !== this.#machine.fingerprint())
      throw new BrokenPromise('Replicas: a machine that is put together from a cut comes to another state');
  }

  #keep(slice: Buffer): void {
    for (let at = 0; at < slice.length; ) {
      const start = at + 8;
      const end = start + slice.readUInt32BE(at);
      const length = slice.readUInt32BE(at + 4);
      const key = slice.toString('hex', start, end);
      at = length === GONE ? end : end + length;
      if (length === GONE) this.#base.delete(key);
      else this.#base.set(key, slice.subarray(end, at));
    }
  }
}
