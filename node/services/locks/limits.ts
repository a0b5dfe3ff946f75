/** What locks may grow to. */

/** Limits that a test may turn down. */
export interface LockLimits {
  /** Locks that are held, waited for or delayed; then LOCK_LIMIT. */
  readonly locks_max: number;
  /** Holds of all sessions, and locks that they wait for; then LOCK_LIMIT. */
  readonly holds_max: number;
  /** The same of one session. */
  readonly session_holds_max: number;
  /** Times that one owner holds a lock; then REENTRANCY_LIMIT. */
  readonly reentrancy_max: number;
  /** Requests in line for one lock; then WAIT_LIMIT. */
  readonly lock_waiters_max: number;
  /** Requests in line for all locks; then WAIT_LIMIT. */
  readonly waiters_max: number;
  /** Rows of news of one session that it has not confirmed; then the oldest goes: `lock.find` tells what there is. */
  readonly session_news_max: number;
  /** The same of all sessions. */
  readonly news_max: number;
}

/** The limits of a cluster. */
export const LOCK_LIMITS: LockLimits = {
  locks_max: 200_000,
  holds_max: 400_000,
  session_holds_max: 100_000,
  reentrancy_max: 1000,
  lock_waiters_max: 20_000,
  waiters_max: 100_000,
  session_news_max: 500,
  news_max: 100_000,
};
