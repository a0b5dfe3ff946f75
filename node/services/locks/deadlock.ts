/**
 * Deadlocks: owners that wait for each other in a circle, found in the very entry that closes it.
 *
 * Nothing is kept for that. A request waits for every other owner that holds one of its locks in a conflicting mode, and for every one
 * that stands before it in a queue with a conflicting wish. All edges that a command adds begin or end at its owner: its request comes
 * last in each queue, or before all but other conversions. A request that is granted adds none, for whoever is behind it waited for it
 * before. So a new circle goes through the owner of the command, and one search from there is enough.
 *
 * The search goes both ways at once, step by step: along those that the owner waits for, and back along those that wait for it. As soon
 * as either comes to an end there is no circle; so neither a lock for which thousands wait nor an owner that holds thousands makes it
 * long by itself. If there is one, the way forward finds a shortest.
 */
import { CONFLICTS, EXCLUSIVE, type Mode } from './modes.js';
import type { Hold, Item, Lock, Owner, Request } from './rows.js';

/** The owner of `item` cannot have it because of the owner `to`, which holds the lock in mode `held`, or (0) stands before it in line. */
export interface Edge {
  readonly item: Item;
  readonly to: Owner;
  readonly held: Mode | 0;
}

/** A circle: each edge leads to the owner of the next one's request. */
export interface Cycle {
  readonly edges: readonly Edge[];
  /** The waiting request of its youngest owner. */
  readonly victim: Request;
}

/** A shortest circle of waiting through the owner, if there is any. `step` is called for each thing that is looked at. */
export function findCycle(owner: Owner, step: () => void): Cycle | undefined {
  if (!couldBeWaitedFor(owner)) return undefined;
  const forward = search(owner, waitsFor, (edge) => edge.to);
  const back = search(owner, isWaitedForBy, (edge) => edge.item.request.owner);
  let backFound = false;
  for (;;) {
    step();
    const ahead = forward.next();
    if (ahead.done)
      return ahead.value === undefined ? undefined : { edges: ahead.value, victim: youngest(ahead.value) };
    if (backFound) continue;
    const behind = back.next();
    if (behind.done && behind.value === undefined) return undefined;
    backFound = behind.done === true;
  }
}

/** False for who holds nothing and stands last in every line: most of those that come to wait. */
function couldBeWaitedFor({ first, requests }: Owner): boolean {
  return first !== undefined || requests.length > 1;
}

/** The youngest owner's request. Owners may have been told the same birth. */
function youngest(edges: readonly Edge[]): Request {
  const requests = edges.map(({ item }) => item.request);
  return requests.reduce((a, b) => {
    const younger =
      b.owner.birth - a.owner.birth || b.owner.session - a.owner.session || b.owner.number - a.owner.number;
    return younger > 0 ? b : a;
  });
}

type EdgesOf = (owner: Owner, seen: Seen) => Generator<Edge | undefined>;

/** Breadth first from `start` along edges: the way back to it, or undefined. Yields at each step. */
function* search(start: Owner, edgesOf: EdgesOf, far: (edge: Edge) => Owner): Generator<undefined, Edge[] | undefined> {
  // Owners pass over themselves. What `start` passed over, others have to see: that is the edge that is looked for.
  const seenByStart = new Seen();
  const seenByOthers = new Seen();
  const owners = [start];
  const found = new Map<Owner, { readonly edge: Edge; readonly from: Owner }>();
  for (let i = 0; i < owners.length; i++) {
    const from = owners[i] as Owner;
    for (const edge of edgesOf(from, from === start ? seenByStart : seenByOthers)) {
      yield;
      if (edge === undefined) continue;
      const owner = far(edge);
      if (owner === start) {
        const way = [edge];
        for (let at = found.get(from); at !== undefined; at = found.get(at.from)) way.push(at.edge);
        return way.reverse();
      }
      if (found.has(owner)) continue;
      found.set(owner, { edge, from });
      owners.push(owner);
    }
  }
  return undefined;
}

/** What a search has looked at of each lock, and need not look at again. */
class Seen {
  private readonly holders = new Set<Lock>();
  private readonly lines = new Map<Lock, Record<Mode, number>>();

  /** True when asked about the lock's holders for the first time. */
  isFirst(lock: Lock): boolean {
    const { size } = this.holders;
    return this.holders.add(lock).size > size;
  }

  /** How many of the line of that mode were looked at, from one of its ends; `count` of them are, from now on. */
  inLine(lock: Lock, mode: Mode, count: number): number {
    let counts = this.lines.get(lock);
    if (counts === undefined) {
      counts = { 1: 0, 2: 0, 3: 0 };
      this.lines.set(lock, counts);
    }
    const before = counts[mode];
    counts[mode] = Math.max(before, count);
    return before;
  }
}

/** Edges from an owner, by its requests, their locks, holders and places; undefined: a step that led to none. */
function* waitsFor(owner: Owner, seen: Seen): Generator<Edge | undefined> {
  for (const { items } of owner.requests) {
    for (const item of items) {
      yield undefined;
      if (item.covered) continue;
      const { lock, mode, order } = item;
      for (const { owner: to, mode: held } of holdersAgainst(lock, mode, seen)) {
        yield to === owner ? undefined : { item, to, held };
      }
      for (const other of CONFLICTS[mode]) {
        const end = lock.queue?.aheadIn(other, order) ?? 0;
        for (let place = seen.inLine(lock, other, end); place < end; place++) {
          const to = lock.queue?.at(other, place)?.request.owner ?? owner;
          yield to === owner ? undefined : { item, to, held: 0 };
        }
      }
    }
  }
}

/** Edges to an owner. */
function* isWaitedForBy(to: Owner, seen: Seen): Generator<Edge | undefined> {
  for (let hold = to.first; hold !== undefined; hold = hold.next) {
    yield undefined;
    yield* edgesInto(to, hold.lock, hold.mode, hold.mode, -1, seen);
  }
  for (const { items } of to.requests) {
    for (const { lock, mode, order, covered } of items) {
      yield undefined;
      if (!covered) yield* edgesInto(to, lock, mode, 0, order, seen);
    }
  }
}

/** Edges of those who stand behind `order` in the lock's queue and cannot have it beside that mode. */
function* edgesInto(
  to: Owner,
  lock: Lock,
  mode: Mode,
  held: Mode | 0,
  order: number,
  seen: Seen,
): Generator<Edge | undefined> {
  const { queue } = lock;
  if (queue === undefined) return;
  for (const other of CONFLICTS[mode]) {
    const size = queue.sizeOf(other);
    const start = queue.aheadIn(other, order + 1);
    const end = size - seen.inLine(lock, other, size - start);
    for (let place = start; place < end; place++) {
      const item = queue.at(other, place);
      yield item === undefined || item.request.owner === to ? undefined : { item, to, held };
    }
  }
}

function holdersAgainst(lock: Lock, mode: Mode, seen: Seen): readonly Hold[] {
  const { holds, strong } = lock;
  if (mode === EXCLUSIVE) return seen.isFirst(lock) ? holds : [];
  return strong !== undefined && CONFLICTS[mode].includes(strong.mode) ? [strong] : [];
}
