/** The lowest token of any lock that is held, at hand at any time. Derived: it can be put together anew from the locks. */
import type { Lock } from './rows.js';

/** Out-dated rows beside those that count before they are thrown out. */
const OUTDATED_MAX = 1000;

/**
 * Tokens in the order in which they were given, which is their own order. A row is out-dated once its lock has another token or no
 * holder; the lowest token is that of the first row that is not.
 */
export class Tokens {
  private locks: Lock[] = [];
  private tokens: number[] = [];
  private outdated = 0;

  /** A lock that is held has been given its token. No greater one was given before. `held`: locks that are held now. */
  given(lock: Lock, held: number): void {
    this.locks.push(lock);
    this.tokens.push(lock.token);
    if (this.locks.length - this.outdated > 2 * held + OUTDATED_MAX) this.tidy();
  }

  /** The lowest token of a lock that is held, or Infinity. */
  lowest(): number {
    for (; this.outdated < this.locks.length; this.outdated++) {
      const token = this.tokens[this.outdated] as number;
      if (this.counts(this.outdated)) return token;
    }
    this.locks = [];
    this.tokens = [];
    this.outdated = 0;
    return Number.POSITIVE_INFINITY;
  }

  private counts(row: number): boolean {
    const lock = this.locks[row] as Lock;
    return lock.holds.length > 0 && lock.token === this.tokens[row];
  }

  private tidy(): void {
    const kept = [...this.locks.keys()].filter((row) => this.counts(row));
    this.locks = kept.map((row) => this.locks[row] as Lock);
    this.tokens = kept.map((row) => this.tokens[row] as number);
    this.outdated = 0;
  }
}
