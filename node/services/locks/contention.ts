/** For which locks is waited most: a few names of however many there are. */

/** Names that are counted. */
const NAMES_MAX = 64;
/** Names that are told. */
export const CONTENDED_TOLD_MAX = 20;

/** How a lock was waited for. */
export interface Contended {
  readonly lock: string;
  /** Requests that stood in line for it. */
  readonly waits: number;
  /** How long they stood there together, ms of cluster time. */
  readonly wait_ms: number;
}

/**
 * The space-saving count of Metwally, Agrawal and El Abbadi (2005), by time waited: a name that is not counted takes the row of the
 * one with the least, and its numbers too. So a lock that is waited for a lot is always there, with never less than the truth, and
 * with at most as much more as that least row had.
 */
export class Contention {
  private readonly rows = new Map<string, { waits: number; wait_ms: number }>();

  /** A request stood in line for the lock for so long. */
  waited(lock: string, ms: number): void {
    const row = this.rows.get(lock) ?? this.add(lock);
    row.waits++;
    row.wait_ms += ms;
  }

  /** Those that were waited for longest, by that. */
  top(): Contended[] {
    const all = [...this.rows].map(([lock, { waits, wait_ms }]) => ({ lock, waits, wait_ms }));
    return all.sort((a, b) => b.wait_ms - a.wait_ms || b.waits - a.waits).slice(0, CONTENDED_TOLD_MAX);
  }

  private add(lock: string): { waits: number; wait_ms: number } {
    let row = { waits: 0, wait_ms: 0 };
    if (this.rows.size >= NAMES_MAX) {
      const [least] = [...this.rows].reduce((a, b) => (b[1].wait_ms < a[1].wait_ms ? b : a));
      row = this.rows.get(least) ?? row;
      this.rows.delete(least);
    }
    this.rows.set(lock, row);
    return row;
  }
}
