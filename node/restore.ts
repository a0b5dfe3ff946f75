/** A state machine gets back what a checkpoint says: its rows from the base, some in each turn. */
import type { Scheduler } from '../protocol/env.js';
import type { CheckpointHead } from './checkpoint-head.js';
import type { GroupMachine } from './services/group-machine.js';
import type { Base } from './storage/base.js';

/** Rows taken over in one go, bytes of keys and values. */
const SLICE_BYTES = 256 << 10;

/** What a machine is restored from. */
export interface Source {
  readonly scheduler: Scheduler;
  readonly base: Base;
  /** The base is being closed: nothing more is read, and `done` does not come. */
  closed(): boolean;
}

/** Feeds a machine that holds nothing. `done` comes later, with an error when rows are damaged or cannot be understood. */
export function restore(
  { scheduler, base, closed }: Source,
  machine: GroupMachine,
  head: CheckpointHead,
  done: (error: Error | null) => void,
): void {
  const reader = base.read(head.space, null);
  const step = () => {
    // A base that is closed ends its readers: that is not the end of the rows.
    if (closed()) return;
    try {
      const rows = reader.next(SLICE_BYTES);
      for (const { key, value } of rows) machine.feed(key, value);
      if (rows.length > 0) {
        scheduler.defer(step);
        return;
      }
      machine.restored(head.time);
    } catch (error) {
      reader.close();
      done(error as Error);
      return;
    }
    reader.close();
    done(null);
  };
  scheduler.defer(step);
}
