/** Takes segments that nobody needs away from the front of the log, one at a time. */
import type { Done, Files } from '../world.js';
import type { Inventory } from './inventory.js';
import { removeSegment } from './segment.js';
import type { SegmentFiles } from './segment-files.js';

interface RemovalOptions {
  readonly files: Files;
  readonly folder: string;
  readonly inventory: Inventory;
  /** Those that are read from. */
  readonly open: SegmentFiles;
}

export class Removal {
  /** A segment is being removed. */
  busy = false;
  private readonly options: RemovalOptions;
  /** The newest segment that is gone or about to go. */
  private last = 0;

  constructor(options: RemovalOptions) {
    this.options = options;
  }

  /** True when the segment is gone or about to go: it must not be read any more. */
  took(segment: number): boolean {
    return segment <= this.last;
  }

  /** Removes the oldest segment for good if nobody needs it. Without effect otherwise, or while one is being removed. */
  next(done: Done): void {
    const { files, folder, inventory, open } = this.options;
    if (this.busy || !inventory.spent) return;
    const { oldest } = inventory;
    this.busy = true;
    this.last = oldest;
    const over: Done = (error) => {
      this.busy = false;
      if (!error) inventory.shift();
      done(error);
    };
    // Whoever reads in it may finish.
    open.retire(oldest, () => removeSegment(files, folder, oldest, over));
  }
}
