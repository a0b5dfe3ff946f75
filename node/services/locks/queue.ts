/** The requests in line for one lock, apart by mode: who stands before whom, and whether anybody does who would conflict. */
import { CONFLICTS, EXCLUSIVE, MODES, type Mode, SHARED, UPDATE } from './modes.js';
import type { Item } from './rows.js';

/** Gaps at the front of a line before it is moved up. */
const GAPS_MAX = 64;

/** A queue. Its places are the items' orders; no two are the same. */
export class LockQueue {
  private readonly lines: Readonly<Record<Mode, Line>> = { 1: new Line(), 2: new Line(), 3: new Line() };

  get size(): number {
    return this.lines[SHARED].size + this.lines[UPDATE].size + this.lines[EXCLUSIVE].size;
  }

  add(item: Item): void {
    this.lines[item.mode].add(item);
  }

  remove(item: Item): void {
    this.lines[item.mode].remove(item);
  }

  /** The first of those that ask for that mode. */
  first(mode: Mode): Item | undefined {
    return this.lines[mode].at(0);
  }

  /** True when somebody in front of `order` asks for a mode that conflicts with this one. */
  isBlocked(mode: Mode, order: number): boolean {
    for (const other of CONFLICTS[mode]) {
      const first = this.first(other);
      if (first !== undefined && first.order < order) return true;
    }
    return false;
  }

  /** How many stand in front of `order`. */
  ahead(order: number): number {
    return this.aheadIn(SHARED, order) + this.aheadIn(UPDATE, order) + this.aheadIn(EXCLUSIVE, order);
  }

  /** How many of those that ask for that mode stand in front of `order`. */
  aheadIn(mode: Mode, order: number): number {
    return this.lines[mode].ahead(order);
  }

  /** How many ask for that mode. */
  sizeOf(mode: Mode): number {
    return this.lines[mode].size;
  }

  /** The one at that place among those that ask for that mode, from 0. */
  at(mode: Mode, place: number): Item | undefined {
    return this.lines[mode].at(place);
  }

  /** Those that ask for that mode and stand in front of `order`, as they stand now. */
  before(mode: Mode, order: number): readonly Item[] {
    return this.lines[mode].before(order);
  }

  /** In front of the first that asks for mode X, those who may come next: all that ask for S, the first that asks for U. As they stand now. */
  beforeExclusive(): readonly Item[] {
    const end = this.first(EXCLUSIVE)?.order ?? Number.POSITIVE_INFINITY;
    const shared = this.before(SHARED, end);
    const update = this.first(UPDATE);
    if (update === undefined || update.order > end) return shared;
    const place = this.aheadIn(SHARED, update.order);
    return [...shared.slice(0, place), update, ...shared.slice(place)];
  }

  /** The first `count` of all. */
  front(count: number): Item[] {
    const items = MODES.flatMap((mode) => this.lines[mode].slice(count));
    return items.sort((a, b) => a.order - b.order).slice(0, count);
  }
}

/** Items of one mode by their order. Whoever leaves from the front leaves a gap, so that a long line is not moved each time. */
class Line {
  private items: (Item | undefined)[] = [];
  private gaps = 0;

  get size(): number {
    return this.items.length - this.gaps;
  }

  at(place: number): Item | undefined {
    return this.items[this.gaps + place];
  }

  add(item: Item): void {
    const place = this.ahead(item.order);
    if (place === this.size) this.items.push(item);
    else this.items.splice(this.gaps + place, 0, item);
  }

  remove(item: Item): void {
    const place = this.ahead(item.order);
    if (this.at(place) !== item) return;
    if (place > 0) {
      this.items.splice(this.gaps + place, 1);
      return;
    }
    this.items[this.gaps++] = undefined;
    if (this.gaps < GAPS_MAX || this.gaps < this.size) return;
    this.items = this.items.slice(this.gaps);
    this.gaps = 0;
  }

  /** How many stand in front of `order`. */
  ahead(order: number): number {
    let low = 0;
    let high = this.size;
    // Most come last.
    if (high > 0 && (this.at(high - 1) as Item).order < order) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.at(middle) as Item).order < order) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  before(order: number): readonly Item[] {
    return this.slice(this.ahead(order));
  }

  slice(count: number): readonly Item[] {
    return this.items.slice(this.gaps, this.gaps + count) as Item[];
  }
}
