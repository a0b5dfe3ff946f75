/**
 * What the log holds: of which groups, up to which of their entries, in which segments. It is told of records once they are durable, in
 * their order: by recovery, then by the log. So it knows which segments nobody needs any more, in a few bytes for each segment and group.
 */
import { Extent } from './extent.js';
import type { Mark, RunHead, Start, WrittenStart } from './record.js';

/** A segment and what somebody may need of it. */
interface Holding {
  readonly segment: number;
  /** Bytes in use; 0 while it is the newest. */
  bytes: number;
  /**
   * By group, the greatest index of an entry that stands here. Entries that were replaced or went with a start do not count: no group has
   * to go on for its share of the log to be given back.
   */
  readonly held: Map<string, number>;
}

/** Who keeps the oldest segment that somebody needs. */
export interface Pin {
  readonly group: string;
  /** Once entries of the group are released up to here, it needs the segment no more. */
  readonly index: number;
  /** Bytes of log from that segment on. */
  readonly bytes: number;
}

export class Inventory {
  /** Bytes in use in all segments but the newest. */
  sealed_bytes = 0;
  private readonly extents = new Map<string, Extent>();
  /** Oldest first; the last one is being written to. */
  private readonly holdings: Holding[] = [];

  /** The oldest segment; 0 while there is none. */
  get oldest(): number {
    return this.holdings[0]?.segment ?? 0;
  }

  /** The newest segment; 0 while there is none. */
  get newest(): number {
    return this.holdings.at(-1)?.segment ?? 0;
  }

  /** What follows stands in `segment`; the one before it is complete, with so many bytes. */
  begin(segment: number, bytes_before: number): void {
    const before = this.holdings.at(-1);
    if (before !== undefined) before.bytes = bytes_before;
    this.sealed_bytes += before?.bytes ?? 0;
    this.holdings.push({ segment, bytes: 0, held: new Map() });
  }

  /** The log of a group as far as it is known. */
  extent(group: string): Extent {
    let extent = this.extents.get(group);
    if (extent === undefined) {
      extent = new Extent();
      this.extents.set(group, extent);
    }
    return extent;
  }

  /** Where the log of each group ends. */
  marks(): Mark[] {
    const ends = [...this.extents].map(([group, { last }]) => ({ group, index: last }));
    return ends.filter(({ index }) => index > 0);
  }

  /** What a start means for the log as it is now. */
  resolve(start: Start): WrittenStart {
    return { ...start, keeps: this.extent(start.group).termAt(start.index) === start.term };
  }

  start(start: WrittenStart): void {
    const { group, index, keeps } = start;
    this.extent(group).start(start);
    for (const { held } of this.holdings) if (!keeps || (held.get(group) ?? 0) <= index) held.delete(group);
  }

  run(run: RunHead): void {
    const { group, first } = run;
    const extent = this.extent(group);
    if (first <= extent.last) this.cut(group, first - 1);
    extent.run(run);
    this.holdings.at(-1)?.held.set(group, extent.last);
  }

  release(group: string, index: number): void {
    this.extent(group).release(index);
  }

  /** True when the oldest segment is complete and nobody needs it. */
  get spent(): boolean {
    const [first] = this.holdings;
    return first !== undefined && this.holdings.length > 1 && this.keeper(first) === null;
  }

  /** The oldest segment is gone. */
  shift(): void {
    this.sealed_bytes -= this.holdings.shift()?.bytes ?? 0;
  }

  /** Who keeps the oldest segment that is needed; null when that is the newest one. `bytes` are those of the newest. */
  pin(bytes: number): Pin | null {
    let rest = this.sealed_bytes + bytes;
    for (const holding of this.holdings.slice(0, -1)) {
      const keeper = this.keeper(holding);
      if (keeper !== null) return { ...keeper, bytes: rest };
      rest -= holding.bytes;
    }
    return null;
  }

  /** Entries of the group behind `last` are replaced. */
  private cut(group: string, last: number): void {
    const { floor } = this.extent(group);
    for (const { held } of this.holdings)
      if ((held.get(group) ?? 0) > last) {
        if (last > floor) held.set(group, last);
        else held.delete(group);
      }
  }

  private keeper({ held }: Holding): { group: string; index: number } | null {
    for (const [group, index] of held) if (index > this.extent(group).released) return { group, index };
    return null;
  }
}
