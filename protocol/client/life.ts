/** The life of something that a session holds: held, then released or lost, and the signal that tells of the loss. */
import { ConcordError } from '../errors.js';
import type { Held } from './types.js';

/** A life. It looks at the clock whenever it is asked: after a stall of the process, timers are late. */
export class Life {
  readonly #what: string;
  readonly #look: () => void;
  #state: Held['state'] = 'held';
  #loss: ConcordError | undefined;
  #controller: AbortController | undefined;

  /** `what` is told in errors. `look` has to call `lose` when the time is over. */
  constructor(what: string, look: () => void) {
    this.#what = what;
    this.#look = look;
  }

  get state(): Held['state'] {
    if (this.#state === 'held') this.#look();
    return this.#state;
  }

  /** Aborted when it is lost; not when it is released. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      watch(this.#controller.signal, () => {
        if (this.state === 'lost') this.tell();
      });
    }
    if (this.state === 'lost') this.tell();
    return this.#controller.signal;
  }

  /** Does nothing while it is held. @throws ConcordError LOCK_LOST, or NOT_HOLDER after a release */
  need(): void {
    const state = this.state;
    if (state === 'lost') throw this.#loss ?? new ConcordError('LOCK_LOST');
    if (state === 'released') throw new ConcordError('NOT_HOLDER', `${this.#what} was released before`);
  }

  /** It is lost from now on. Its signal is told separately, so that nobody acts on a loss while there are others to be marked. */
  lose(why: string): ConcordError {
    this.#loss ??= new ConcordError('LOCK_LOST', `${this.#what} is lost: ${why}`);
    this.#state = 'lost';
    return this.#loss;
  }

  /** Aborts the signal, unless that is done already. */
  tell(): void {
    this.#controller?.abort(this.#loss);
  }

  release(): void {
    this.#state = 'released';
  }

  /** The release was refused: it is held as before. */
  resume(): void {
    this.#state = 'held';
  }
}

/**
 * Has `look` called before the signal says whether it was aborted. A program that never lets a timer run, or that went on after it
 * was stopped, finds the truth where it asks; whoever waits for the event is told by the first timer.
 */
function watch(signal: AbortSignal, look: () => void): void {
  const aborted = (): boolean => {
    look();
    return Reflect.get(AbortSignal.prototype, 'aborted', signal) as boolean;
  };
  Object.defineProperty(signal, 'aborted', { get: aborted });
  Object.defineProperty(signal, 'throwIfAborted', {
    value: () => {
      if (aborted()) throw signal.reason;
    },
  });
}
