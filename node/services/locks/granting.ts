/** Who gets a lock, and when: the rules of granting, of letting go, and of looking at queues again after either. */
import { type Effects, NO_ROOM, type Outcome, PENDING, type Position, result } from '../machine.js';
import type { LockCounts } from './counts.js';
import { EXCLUSIVE, type Mode } from './modes.js';
import type { LockQueue } from './queue.js';
import type { Refusals } from './refusals.js';
import { type Hold, holdOf, type Item, isConversion, isHeldAgainst, type Lock, type Request } from './rows.js';
import type { LockState } from './state.js';
import { writeGrant, writeGrants } from './wire.js';

/** The entry that is being applied. */
export interface Moment {
  readonly at: Position;
  readonly effects: Effects;
}

/** What every part of the locks works with. */
export class Granting {
  readonly state: LockState;
  private readonly counts: LockCounts;
  private readonly refusals: Refusals;
  /** Locks whose queues have to be looked at: something was let go of, or somebody left. */
  private touched: Lock[] = [];
  /** The request of the command under way, once it stands in line, and what it has come to. */
  private current: Request | undefined;
  private outcome: Outcome = PENDING;

  constructor(state: LockState, counts: LockCounts, refusals: Refusals) {
    this.state = state;
    this.counts = counts;
    this.refusals = refusals;
  }

  /** True when nothing keeps the owner from having all that the request asks for. */
  mayHave({ items }: Request): boolean {
    for (const item of items) if (!mayHave(item)) return false;
    return true;
  }

  /** Gives a request all that it asks for, and tells it in the form of its answer. */
  grant(request: Request, { at }: Moment): Outcome {
    for (const item of request.items) this.give(item, at);
    const [first] = request.items;
    if (request.form === 'convert' && first !== undefined) return result(writeGrant(first.lock, modeHeld(first)));
    return result(writeGrants(request.items, modeHeld));
  }

  /**
   * Puts the request of the command under way in line, then does `settle`. Its outcome may come about in that: a deadlock that is
   * broken refuses it or lets it have what it asks for.
   */
  wait(request: Request, settle: () => void): Outcome {
    this.state.enqueue(request);
    this.current = request;
    this.outcome = PENDING;
    settle();
    this.current = undefined;
    return this.outcome;
  }

  /** Takes a request out of line, with that outcome. */
  fail(request: Request, outcome: Outcome, now: Moment): void {
    this.leave(request, now.at.time);
    this.tell(request, outcome, now);
  }

  /** Takes a request out of line. */
  leave(request: Request, time: number): void {
    this.state.dequeue(request);
    this.counts.waited(request, time);
    for (const { lock } of request.items) this.touch(lock);
  }

  /**
   * Ends a hold. What its owner has asked for on top of it falls: an upgrade promises that the lock was held all the time.
   *
   * Should the hold have been given in this very entry (time passed, then the command came, or more was due at that time), its token
   * cannot rise by the next grant, for that is the entry's index. So nobody is given the lock before a later entry: a millisecond of
   * cluster time has to pass, because all that is due by this entry's time happens in it.
   */
  end(hold: Hold, now: Moment): void {
    const { lock, owner } = hold;
    const { index, time } = now.at;
    const fresh = lock.token === index;
    this.state.unhold(hold);
    this.counts.held(hold, time);
    if (fresh) this.state.delay(lock, Math.max(lock.delayUntil, time + 1));
    else if (hold.mode === EXCLUSIVE) this.state.renew(lock, index);
    this.touch(lock);
    for (const request of owner.requests) {
      if (request.items.some((item) => item.lock === lock && (item.covered || isConversion(item))))
        this.fail(request, this.refusals.notHolder(lock.name), now);
    }
  }

  /** Makes a hold weaker. */
  weaken(hold: Hold, mode: Mode, now: Moment): void {
    const { lock, owner } = hold;
    const left = hold.mode === EXCLUSIVE;
    this.state.convert(hold, mode);
    if (left) this.state.renew(lock, now.at.index);
    this.touch(lock);
    for (const request of owner.requests) {
      if (request.items.some((item) => item.lock === lock && item.covered && item.mode > mode))
        this.fail(request, this.refusals.notHolder(lock.name), now);
    }
  }

  /** The lock's delay is over. */
  undelay(lock: Lock): void {
    this.state.delay(lock, 0);
    this.touch(lock);
  }

  /** Gives whatever can be given since locks were let go of or requests left. Called after each thing that happens. */
  serve(now: Moment): void {
    if (this.touched.length === 0) return;
    // A request that is looked at may leave: it touches further locks.
    for (let i = 0; i < this.touched.length; i++) {
      const lock = this.touched[i] as Lock;
      lock.touched = false;
      while (lock.queue !== undefined && lock.delayUntil === 0 && this.pass(lock, lock.queue, now));
    }
    this.touched = [];
  }

  /**
   * Looks at those in the queue who could be next, and at nobody else: those in front of the first who wants it exclusively, then at
   * that one; while somebody has it exclusively, at what its owner asks for besides. False when none of them was served.
   */
  private pass(lock: Lock, queue: LockQueue, now: Moment): boolean {
    const { strong } = lock;
    if (strong?.mode === EXCLUSIVE) return this.serveAny(strong.owner.requests, now);
    const exclusive = queue.first(EXCLUSIVE);
    let served = false;
    for (const { request } of queue.beforeExclusive()) if (this.tryToServe(request, now)) served = true;
    return served || (exclusive !== undefined && this.tryToServe(exclusive.request, now));
  }

  private serveAny(requests: readonly Request[], now: Moment): boolean {
    let served = false;
    for (const request of requests) if (this.tryToServe(request, now)) served = true;
    return served;
  }

  /** Serves a request if it may have all, and before it those that its owner made earlier: what they say counts for a new hold. */
  private tryToServe(request: Request, now: Moment): boolean {
    this.counts.looked++;
    if (!this.mayHave(request)) return false;
    for (const earlier of request.owner.requests) {
      if (earlier.place < request.place && this.mayHave(earlier)) this.answer(earlier, now);
    }
    // Among several it may have been served as an earlier one by now.
    if (request.owner.requests.includes(request)) this.answer(request, now);
    return true;
  }

  private answer(request: Request, now: Moment): void {
    const { owner, session } = request;
    if (!now.effects.hasRoom(session)) {
      this.counts.acquired(request, 'refused');
      this.fail(request, NO_ROOM, now);
      return;
    }
    const outcome = this.grant(request, now);
    this.state.dequeue(request);
    // Whoever conflicts with the wish conflicts with the hold too, but for its own owner.
    if (owner.requests.length > 0) for (const { lock } of request.items) this.touch(lock);
    this.counts.waited(request, now.at.time);
    this.counts.acquired(request, 'waited');
    this.tell(request, outcome, now);
  }

  private tell(request: Request, outcome: Outcome, { effects }: Moment): void {
    if (request === this.current) this.outcome = outcome;
    else effects.settle(request.session, request.lane, outcome);
  }

  private give({ request, lock, mode }: Item, { index, time }: Position): void {
    const hold = holdOf(lock, request.owner);
    if (hold === undefined) {
      this.state.hold(lock, request.owner, mode, request, time, index);
      return;
    }
    const again = request.form === 'acquire' ? 1 : 0;
    this.state.count(hold, hold.count + again, Math.max(hold.delay_ms, request.delay_ms));
    if (mode <= hold.mode) return;
    this.state.convert(hold, mode);
    if (mode === EXCLUSIVE) this.state.renew(lock, index);
  }

  private touch(lock: Lock): void {
    if (lock.touched) return;
    lock.touched = true;
    this.touched.push(lock);
  }
}

/** True when nothing keeps the owner from this lock: no hold of another, no delay, and nobody in front who would conflict. */
function mayHave({ request, lock, mode, order, covered }: Item): boolean {
  if (covered) return true;
  if (lock.delayUntil > 0 || isHeldAgainst(lock, mode, request.owner)) return false;
  return lock.queue === undefined || !lock.queue.isBlocked(mode, order);
}

function modeHeld({ lock, request, mode }: Item): Mode {
  return holdOf(lock, request.owner)?.mode ?? mode;
}
