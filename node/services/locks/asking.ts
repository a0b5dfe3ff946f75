/** The commands that ask for locks: acquire and convert. */
import type { ArgumentOf } from '../../../protocol/operations.js';
import { type Command, type Outcome, refusal, result, TOO_MANY_PENDING } from '../machine.js';
import type { AcquireResult, LockCounts } from './counts.js';
import { findCycle } from './deadlock.js';
import type { Granting, Moment } from './granting.js';
import type { LockLimits } from './limits.js';
import { EXCLUSIVE, isMode, type Mode, SHARED } from './modes.js';
import { lockNameProblem } from './names.js';
import type { Refusals } from './refusals.js';
import { holdOf, type Item, isConversion, type Lock, type Owner, orderOf, type Request } from './rows.js';
import type { LockState } from './state.js';
import { writeGrant } from './wire.js';

export class Asking {
  private readonly state: LockState;
  private readonly granting: Granting;
  private readonly refusals: Refusals;
  private readonly counts: LockCounts;
  private readonly limits: LockLimits;

  constructor(granting: Granting, refusals: Refusals, counts: LockCounts, limits: LockLimits) {
    this.state = granting.state;
    this.granting = granting;
    this.refusals = refusals;
    this.counts = counts;
    this.limits = limits;
  }

  /** `lock.acquire`: all of the locks, now or, if it may wait, later; or none. */
  acquire(command: Command, argument: ArgumentOf<'lock.acquire'>, now: Moment): Outcome {
    const [number, locks, wait_ms, hold_ms, delay_ms, birth, note] = argument;
    const { index } = now.at;
    const wrong = wrongIn(locks);
    if (wrong !== undefined) return refusal('INVALID', wrong);
    const owner = this.state.owner(command.session, number, index);
    const request = requestOf(command, owner, wait_ms, now, { form: 'acquire', hold_ms, delay_ms, note });
    for (const [name, mode] of locks) {
      const lock = this.state.lock(name, index);
      const hold = holdOf(lock, owner);
      if (hold !== undefined && hold.count >= this.limits.reentrancy_max) {
        const details = { lock: name, count: hold.count };
        return this.refuse(request, refusal('REENTRANCY_LIMIT', `${name} is held ${hold.count} times`, details));
      }
      // Checked by `wrongIn`.
      add(request, lock, mode as Mode, hold?.mode);
    }
    return this.ask(request, birth, wait_ms, now);
  }

  /** `lock.convert`: a weaker mode at once, a stronger one now or, if it may wait, later. */
  convert(command: Command, argument: ArgumentOf<'lock.convert'>, now: Moment): Outcome {
    const [number, name, mode, wait_ms, birth] = argument;
    const { index } = now.at;
    if (!isMode(mode)) return refusal('INVALID', MODE_RULE);
    const owner = this.state.owner(command.session, number, index);
    const lock = this.state.lock(name, index);
    const hold = holdOf(lock, owner);
    if (hold === undefined) return this.refusals.notHolder(name);
    if (hold.mode > mode) {
      // Given in this very entry: the token could not rise, and the one who asks cannot know yet that it holds.
      if (lock.token === index) return this.refusals.notHolder(name);
      this.granting.weaken(hold, mode, now);
      this.granting.serve(now);
    }
    if (hold.mode === mode) return result(writeGrant(lock, mode));
    const request = requestOf(command, owner, wait_ms, now, CONVERSION);
    add(request, lock, mode, hold.mode);
    return this.ask(request, birth, wait_ms, now);
  }

  private ask(request: Request, birth: number, wait_ms: number, now: Moment): Outcome {
    const limit = this.overLimit(request);
    if (limit !== undefined) return this.refuse(request, limit);
    const { owner } = request;
    if (this.granting.mayHave(request)) {
      if (birth > 0) this.state.age(owner, birth);
      const outcome = this.granting.grant(request, now);
      this.counts.acquired(request, 'granted');
      // What it waits for besides may have become a circle: a conversion passes those who wait.
      if (owner.requests.length > 0) this.breakCircles(owner, now);
      return outcome;
    }
    const upgrade = secondUpgrade(request);
    if (upgrade !== undefined) return this.refuse(request, this.refusals.upgrade(...upgrade), 'deadlock');
    const { time } = now.at;
    if (wait_ms === 0) return this.refuse(request, this.refusals.wouldBlock(request, time), 'would_block');
    const full = this.overWaits(request, now);
    if (full !== undefined) return this.refuse(request, full);
    if (birth > 0) this.state.age(owner, birth);
    return this.granting.wait(request, () => this.breakCircles(owner, now));
  }

  private refuse(request: Request, outcome: Outcome, as: AcquireResult = 'refused'): Outcome {
    if (as === 'deadlock') this.counts.deadlocks++;
    this.counts.acquired(request, as);
    return outcome;
  }

  /** While the owner waits for itself in the end: the youngest on the way gives up. */
  private breakCircles(owner: Owner, now: Moment): void {
    while (owner.requests.length > 0) {
      const cycle = findCycle(owner, () => this.counts.searched++);
      if (cycle === undefined) return;
      this.counts.deadlocks++;
      this.counts.acquired(cycle.victim, 'deadlock');
      this.granting.fail(cycle.victim, this.refusals.deadlock(cycle), now);
      this.granting.serve(now);
    }
  }

  private overLimit({ session, items }: Request): Outcome | undefined {
    const { state } = this;
    const { locks_max, holds_max, session_holds_max } = this.limits;
    let added = 0;
    let made = 0;
    for (const { lock, covered } of items) {
      if (covered) continue;
      added++;
      if (isUnknown(lock)) made++;
    }
    if (added === 0) return undefined;
    if (made > 0 && state.locks.size + made > locks_max)
      return limit(`there are the ${locks_max} locks that there may be`);
    if (state.claimed + added > holds_max) return limit(`there are the ${holds_max} holds and waits that there may be`);
    if (state.claimedBy(session) + added > session_holds_max)
      return limit(`the session has the ${session_holds_max} holds and waits that it may`);
    return undefined;
  }

  private overWaits({ session, items }: Request, { effects }: Moment): Outcome | undefined {
    const { waiters_max, lock_waiters_max } = this.limits;
    if (!effects.mayWait(session)) return TOO_MANY_PENDING;
    if (this.state.requests.size >= waiters_max) return refusal('WAIT_LIMIT', 'too many commands wait for locks');
    const full = items.find(({ lock }) => (lock.queue?.size ?? 0) >= lock_waiters_max);
    return full && refusal('WAIT_LIMIT', `too many commands wait for ${full.lock.name}`, { lock: full.lock.name });
  }
}

const MODE_RULE = 'a mode is 1 (s), 2 (u) or 3 (x)';

function limit(why: string): Outcome {
  return refusal('LOCK_LIMIT', why);
}

/** What is wrong with the locks that are asked for. */
function wrongIn(locks: readonly (readonly [string, number])[]): string | undefined {
  if (locks.length === 0) return 'acquire takes at least one lock';
  for (let i = 0; i < locks.length; i++) {
    const [name, mode] = locks[i] as readonly [string, number];
    if (!isMode(mode)) return MODE_RULE;
    const problem = lockNameProblem(name);
    if (problem !== undefined) return problem;
    for (let j = 0; j < i; j++) if (locks[j]?.[0] === name) return `${name} is named twice`;
  }
  return undefined;
}

/** In what an acquire and a conversion differ. */
type Wish = Pick<Request, 'form' | 'hold_ms' | 'delay_ms' | 'note'>;

const CONVERSION: Wish = { form: 'convert', hold_ms: 0, delay_ms: 0, note: '' };

/** The request of a command, for nothing yet. */
function requestOf({ session, lane }: Command, owner: Owner, wait_ms: number, { at }: Moment, wish: Wish): Request {
  const { index, time } = at;
  return { session, lane, owner, place: index, since: time, deadline: time + wait_ms, items: [], ...wish };
}

function add(request: Request, lock: Lock, mode: Mode, held: Mode | undefined): void {
  const order = orderOf(request.place, held !== undefined);
  request.items.push({ request, lock, mode, order, covered: held !== undefined && held >= mode });
}

/** True for a lock that has no row. */
function isUnknown({ holds, queue, delayUntil }: Lock): boolean {
  return holds.length === 0 && queue === undefined && delayUntil === 0;
}

/** The item that makes shared exclusive, and that of another owner of the same lock that waits to do so already. */
function secondUpgrade({ owner, items }: Request): [Item, Item] | undefined {
  for (const item of items) {
    const { lock, mode } = item;
    if (mode !== EXCLUSIVE || !isUpgrade(item)) continue;
    const waiting = lock.queue?.before(EXCLUSIVE, orderOf(0, false)) ?? [];
    const other = waiting.find((one) => one.request.owner !== owner && isUpgrade(one));
    if (other !== undefined) return [item, other];
  }
  return undefined;
}

function isUpgrade(item: Item): boolean {
  return isConversion(item) && holdOf(item.lock, item.request.owner)?.mode === SHARED;
}
