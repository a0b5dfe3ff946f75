/**
 * Grants that arrive while the session is in danger. That the command ran shows that the session lived then, but not for how long it
 * is kept: so the grant is handed out after the next keepalive that is answered, or given back if that takes too long.
 */
import { ConcordError } from '../errors.js';
import { type Alarms, Reminder } from './alarms.js';

interface Grant {
  sure(): void;
  fail(error: ConcordError): void;
}

/** The grants that wait. Bounded as the commands that ask for them. */
export class Unsure {
  readonly #alarms: Alarms;
  readonly #grants = new Set<Grant>();

  constructor(alarms: Alarms) {
    this.#alarms = alarms;
  }

  /** Resolves with what `take` gives once the session is sure to live; else calls `giveBack`, by `until_ms` at the latest. */
  wait<T>(until_ms: number, signal: AbortSignal | undefined, take: () => T, giveBack: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (then: () => void) => {
        this.#grants.delete(grant);
        this.#alarms.clear(late);
        signal?.removeEventListener('abort', abort);
        then();
      };
      const giveUp = (error: ConcordError) =>
        end(() => {
          giveBack();
          reject(error);
        });
      const late = new Reminder(() =>
        giveUp(new ConcordError('LOCK_LOST', 'granted, but nobody can be sure that the session lives: given back')),
      );
      const abort = () => giveUp(new ConcordError('CANCELLED', 'given back unused', { definite: true }));
      const grant: Grant = {
        sure: () =>
          end(() => {
            try {
              resolve(take());
            } catch (error) {
              reject(error);
            }
          }),
        fail: (error) => end(() => reject(error)),
      };
      this.#grants.add(grant);
      this.#alarms.set(late, until_ms - this.#alarms.now());
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** The session lives. */
  sure(): void {
    for (const grant of [...this.#grants]) grant.sure();
  }

  /** The session has ended, and what it was granted with it. */
  fail(error: ConcordError): void {
    for (const grant of [...this.#grants]) grant.fail(error);
  }
}
