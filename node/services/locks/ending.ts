/** How holds and waits come to their end: released, taken away, run out, gone with their sessions. */
import { type ArgumentOf, LOCK_NEWS } from '../../../protocol/operations.js';
import { type Command, type Outcome, refusal, result } from '../machine.js';
import type { LockCounts } from './counts.js';
import type { Granting, Moment } from './granting.js';
import type { News } from './news.js';
import type { Refusals } from './refusals.js';
import { type Hold, holdOf } from './rows.js';
import type { LockState } from './state.js';
import type { Due } from './timetable.js';
import { writeIntegers } from './wire.js';

export class Ending {
  private readonly state: LockState;
  private readonly granting: Granting;
  private readonly refusals: Refusals;
  private readonly news: News;
  private readonly counts: LockCounts;

  constructor(granting: Granting, refusals: Refusals, news: News, counts: LockCounts) {
    this.state = granting.state;
    this.granting = granting;
    this.refusals = refusals;
    this.news = news;
    this.counts = counts;
  }

  /** `lock.release`: so many times, or altogether. Answers what is left, with the token that it was held under. */
  release({ session }: Command, argument: ArgumentOf<'lock.release'>, now: Moment): Outcome {
    const [number, name, token, times] = argument;
    const lock = this.state.locks.get(name);
    const hold = lock && holdOf(lock, this.state.owner(session, number, 0));
    if (lock === undefined || hold === undefined) return this.refusals.notHolder(name);
    const { token: held } = lock;
    if (token > 0 && token !== held) return this.refusals.staleToken(name, held);
    if (times > hold.count) return refusal('INVALID', `${name} is held ${hold.count} times only`);
    const left = times === 0 ? 0 : hold.count - times;
    if (left > 0) {
      this.state.count(hold, left, hold.delay_ms);
    } else {
      this.granting.end(hold, now);
      this.granting.serve(now);
    }
    return result(writeIntegers([hold.mode, left, held]));
  }

  /** `lock.revoke`: takes the lock from all that hold it, at once or after so long; until then they are asked for it. */
  revoke([name, after_ms]: ArgumentOf<'lock.revoke'>, now: Moment): Outcome {
    const lock = this.state.locks.get(name);
    if (lock === undefined) return result(writeIntegers([0, 0]));
    const { token } = lock;
    const holds = [...lock.holds];
    for (const hold of holds) {
      if (after_ms === 0) this.take(hold, LOCK_NEWS.revoked, now);
      else this.askFor(hold, after_ms, now);
    }
    this.granting.serve(now);
    return result(writeIntegers([after_ms === 0 && holds.length > 0 ? token : 0, holds.length]));
  }

  /** Whatever time has brought about. */
  comeDue(due: Due, now: Moment): void {
    switch (due.what) {
      case 'end':
        this.take(due.hold, due.hold.revoked ? LOCK_NEWS.revoked : LOCK_NEWS.held_too_long, now);
        break;
      case 'delay':
        this.granting.undelay(due.lock);
        break;
      case 'give up':
        this.counts.timeouts++;
        this.counts.acquired(due.request, 'timeout');
        this.granting.fail(due.request, this.refusals.timeout(due.request, now.at.time), now);
        break;
    }
  }

  /** Sessions are over: first nobody of them waits any more, then what they held is let go of. So none is given anything. */
  endSessions(sessions: readonly number[], now: Moment): void {
    const { time } = now.at;
    for (const session of sessions) {
      this.news.endSession(session);
      for (const request of this.state.requestsOf(session)) this.granting.leave(request, time);
    }
    for (const session of sessions) {
      for (const owner of this.state.ownersOf(session)) {
        for (const hold of this.state.holdsOf(owner)) this.lose(hold, now);
      }
    }
    this.granting.serve(now);
  }

  private take(hold: Hold, kind: number, now: Moment): void {
    const { lock, owner, since } = hold;
    if (kind === LOCK_NEWS.revoked) this.counts.revoked++;
    else this.counts.heldTooLong++;
    this.news.add(owner, kind, lock.name, lock.token, now.at.time - since);
    this.granting.end(hold, now);
  }

  private askFor(hold: Hold, after_ms: number, { at }: Moment): void {
    const { lock, owner } = hold;
    this.state.revokeAt(hold, at.time + after_ms);
    this.news.add(owner, LOCK_NEWS.asked, lock.name, lock.token, hold.end - at.time);
  }

  private lose(hold: Hold, now: Moment): void {
    const { lock, delay_ms } = hold;
    this.counts.holdersLost++;
    this.granting.end(hold, now);
    if (delay_ms > 0) this.state.delay(lock, Math.max(lock.delayUntil, now.at.time + delay_ms));
  }
}
