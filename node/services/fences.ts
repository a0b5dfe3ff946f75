/**
 * What a group knows of fencing tokens: for each lock that a fenced command named here, the greatest token of such a command, and a
 * floor below which nobody who still holds anything has a token. A fenced command with a lesser token is refused, a fenced read like
 * a write: whoever reads fenced before writing fenced thus never overwrites a later holder.
 */
import { type Fence, fenceText } from '../../protocol/fence.js';
import { stringKey, tupleKey } from './keys.js';
import { type Holdings, type Outcome, refusal } from './machine.js';
import { numberRow } from './stored-table.js';
import { type Index, makeIndex, type Table } from './table.js';
import type { Tables } from './tables.js';

/** Locks whose tokens a group remembers. At the limit a fenced command for any other is refused LOCK_LIMIT until some are forgotten. */
export const FENCE_MARKS_MAX = 200_000;
/** Locks that one rise of the floor forgets; the rest waits for the next. */
export const FORGOTTEN_MAX = 10_000;
/** Locks that are forgotten when one is added: two go for one, so a group whose floor rises by itself gets rid of them too. */
const FORGOTTEN_PER_NEW = 2;

const FLOOR = 'floor';

type Mark = readonly [token: number, lock: string];

const markKey = tupleKey('number', 'string');

/** The lowest token that a holder can have, told of the state before the entry at `index`. */
export type Floor = (index: number) => number;

/** The tokens seen by one group. */
export class Fences {
  /** lock -> greatest token seen, its mark. */
  private readonly seen: Table<string, number>;
  /** Told from that: the same by token. */
  private readonly byToken: Index<Mark, true> = makeIndex(markKey.compare);
  private readonly numbers: Table<string, number>;
  private readonly marks_max: number;
  private readonly ownFloor: Floor | undefined;

  /** `ownFloor`: of the group that keeps the locks itself; any other is told its floor by `raise`. */
  constructor(tables: Tables, marks_max: number = FENCE_MARKS_MAX, ownFloor?: Floor) {
    this.seen = tables.open('fences.seen', stringKey, numberRow);
    this.numbers = tables.open('fences.numbers', stringKey, numberRow);
    this.marks_max = marks_max;
    this.ownFloor = ownFloor;
  }

  /** The marks were read back. */
  restored(): void {
    for (const [lock, token] of this.seen.scan()) this.byToken.put([token, lock], true);
  }

  /** Locks whose tokens are remembered. */
  get size(): number {
    return this.seen.size;
  }

  /** The lowest token remembered, or Infinity. */
  get lowest(): number {
    return this.byToken.first()?.[0][0] ?? Number.POSITIVE_INFINITY;
  }

  /** Tokens below it are refused, whatever was seen. */
  floor(index: number): number {
    return this.ownFloor?.(index) ?? this.numbers.get(FLOOR) ?? 0;
  }

  /** Why a command with this fence is not done in the entry at `index`; undefined when it may be: then its token has been seen. */
  see(fence: Fence, index: number): Outcome | undefined {
    const { lock, token } = fence;
    const mark = this.seen.get(lock) ?? 0;
    const floor = this.floor(index);
    if (token < mark || token < floor) return fenced(fence, mark, floor);
    if (token === mark) return undefined;
    if (mark > 0) {
      this.byToken.delete([mark, lock]);
    } else {
      this.forget(floor, FORGOTTEN_PER_NEW);
      if (this.seen.size >= this.marks_max)
        return refusal('LOCK_LIMIT', `this group remembers the tokens of the ${this.marks_max} locks that it may`);
    }
    this.seen.put(lock, token);
    this.byToken.put([token, lock], true);
    return undefined;
  }

  /**
   * Raises the floor, if it is lower, and forgets what lies below it. Nothing is lost by that: what a mark below the floor would
   * refuse, a token lower still, the floor refuses.
   */
  raise(floor: number): void {
    if (floor > this.floor(0)) this.numbers.put(FLOOR, floor);
    this.forget(this.floor(0), FORGOTTEN_MAX);
  }

  /** What is kept. */
  holdings(): Holdings {
    return { fence_marks: { held: this.seen.size, limit: this.marks_max } };
  }

  private forget(floor: number, count_max: number): void {
    for (let count = 0; count < count_max; count++) {
      const first = this.byToken.first();
      if (first === undefined || first[0][0] >= floor) return;
      this.byToken.delete(first[0]);
      this.seen.delete(first[0][1]);
    }
  }
}

/** The refusal of a token that is too old. `seen`: the greatest of its lock, 0 when none is remembered. */
export function fenced(fence: Fence, seen: number, floor = 0): Outcome {
  const why = fence.token < seen ? `${seen} was seen here` : `nobody holds a token below ${floor}`;
  return refusal('FENCED', `${fenceText(fence)} is too old: ${why}`, { ...fence, seen });
}
