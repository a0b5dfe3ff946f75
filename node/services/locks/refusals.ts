/** Why somebody does not get a lock, in words and with the facts: what happened, to what, who is in the way. */
import { clip } from '../../../protocol/fields.js';
import { LIMITS } from '../../../protocol/limits.js';
import { lockModeName } from '../../../protocol/operations.js';
import { type Outcome, refusal } from '../machine.js';
import type { Cycle, Edge } from './deadlock.js';
import { holdsAgainst, type Item, type Owner, type Request } from './rows.js';

/** Holders that a refusal names. */
const HOLDERS_NAMED_MAX = 8;
/** Owners of a cycle that a refusal names; `length` tells how many there are. */
const CYCLE_NAMED_MAX = 100;
/** Of these, so many in its message. */
const CYCLE_TOLD_MAX = 8;

/** The name that a session's client gave itself. */
export type ClientOf = (session: number) => string;

/** Refusals of requests for locks. */
export class Refusals {
  private readonly clientOf: ClientOf;

  constructor(clientOf: ClientOf) {
    this.clientOf = clientOf;
  }

  /** A request that does not want to wait would have to. */
  wouldBlock(request: Request, time: number): Outcome {
    const { why, details } = this.obstacle(request, time);
    return refusal('WOULD_BLOCK', why, details);
  }

  /** A request has waited for as long as it wanted to. */
  timeout(request: Request, time: number): Outcome {
    const { why, details } = this.obstacle(request, time);
    return refusal('LOCK_TIMEOUT', `${why}, after ${time - request.since} ms`, details);
  }

  notHolder(lock: string): Outcome {
    return refusal('NOT_HOLDER', `this owner does not hold ${lock}`, { lock });
  }

  staleToken(lock: string, token: number): Outcome {
    return refusal('STALE_TOKEN', `${lock} has the token ${token} by now`, { lock, token });
  }

  /** Somebody else waits already to make a shared hold of that lock exclusive: neither could ever have it. */
  upgrade(item: Item, other: Item): Outcome {
    const edges = [item, other].map((one, i): Edge => {
      const next = i === 0 ? other : item;
      return { item: one, to: next.request.owner, held: 1 };
    });
    const why = `${item.lock.name} is shared, and another owner that shares it waits already to have it exclusively`;
    return refusal('DEADLOCK', why, { reason: 'upgrade', ...cycleDetails(edges, item.request.owner) });
  }

  /** The victim's request closed a circle of owners that wait for each other. */
  deadlock({ edges, victim }: Cycle): Outcome {
    const ordered = beginningWith(edges, victim);
    const told = ordered.slice(0, CYCLE_TOLD_MAX).map(({ item, to }) => {
      return `${nameOf(item.request.owner)} waits for ${item.lock.name} (${lockModeName(item.mode)}) because of ${nameOf(to)}`;
    });
    const more = ordered.length > told.length ? `, and so on: ${ordered.length} in all` : '';
    const why = clip(`a circle: ${told.join(', ')}${more}`, LIMITS.message_length_max);
    return refusal('DEADLOCK', why, { reason: 'cycle', ...cycleDetails(ordered, victim.owner) });
  }

  /** What is in the way of a request: of the first of its locks that it cannot have. */
  private obstacle(request: Request, time: number): { why: string; details: Record<string, unknown> } {
    const holders: unknown[] = [];
    let first: Item | undefined;
    for (const item of request.items) {
      if (item.covered) continue;
      const { lock, mode } = item;
      const against = holdsAgainst(lock, mode, request.owner, HOLDERS_NAMED_MAX - holders.length);
      for (const hold of against) {
        const { session, number } = hold.owner;
        const client = this.clientOf(session);
        holders.push({ session, client, owner: number, lock: lock.name, mode: hold.mode });
      }
      const blocked = against.length > 0 || lock.delayUntil > 0 || lock.queue?.isBlocked(mode, item.order);
      if (first === undefined && blocked) first = item;
    }
    if (first === undefined) return { why: 'the lock is not free', details: { holders } };
    const { lock, order } = first;
    const position = (lock.queue?.ahead(order) ?? 0) + 1;
    const delay_left_ms = Math.max(0, lock.delayUntil - time);
    const details = { lock: lock.name, holders, position, ...(delay_left_ms > 0 ? { delay_left_ms } : {}) };
    return { why: `${lock.name} ${this.why(first, time)}`, details };
  }

  private why({ lock, mode, request }: Item, time: number): string {
    const [holder] = holdsAgainst(lock, mode, request.owner, 1);
    if (holder !== undefined) {
      const { session } = holder.owner;
      return `is held by ${nameOf(holder.owner)} (${this.clientOf(session)}) in mode ${lockModeName(holder.mode)}`;
    }
    if (lock.delayUntil > 0) {
      return `is kept from everybody for ${Math.max(0, lock.delayUntil - time)} ms more: its holder's session ended`;
    }
    return 'is waited for by others';
  }
}

/** `holds`: the mode in which the owner holds what the one before it waits for; 0: it only stands before that one in line. */
function cycleDetails(edges: readonly Edge[], victim: Owner): Record<string, unknown> {
  const cycle = edges.slice(0, CYCLE_NAMED_MAX).map(({ item }, i) => {
    const { session, number } = item.request.owner;
    const before = edges[(i + edges.length - 1) % edges.length];
    return { session, owner: number, lock: item.lock.name, mode: item.mode, holds: before?.held ?? 0 };
  });
  return { birth: victim.birth, cycle, length: edges.length };
}

function beginningWith(edges: readonly Edge[], victim: Request): readonly Edge[] {
  const first = edges.findIndex(({ item }) => item.request === victim);
  return [...edges.slice(first), ...edges.slice(0, first)];
}

function nameOf({ session, number }: Owner): string {
  return `${session}/${number}`;
}
