/** Outcomes of pending commands that have arrived: the group may forget them, and is told so for many at a time. */
import { encode } from '../codec.js';
import { LIMITS } from '../limits.js';
import { OPERATIONS } from '../operations.js';
import { type Alarms, Reminder, UNSET } from './alarms.js';
import type { Call, Task } from './call.js';

/** Outcomes are confirmed together, so long after the first of them, ms. */
const CONFIRM_MS = 20;

/** Numbers kept. What comes beyond is not confirmed: the group keeps it until the session ends. */
const ARRIVALS_MAX = 65_536;

/** The lane numbers to be confirmed. */
export class Arrivals {
  readonly #alarms: Alarms;
  readonly #submit: (task: Task) => Call;
  readonly #numbers = new Set<number>();
  readonly #reminder = new Reminder(() => this.#confirm());
  #confirming: Call | undefined;

  /** `submit` puts a command of the library itself into the lane. */
  constructor(alarms: Alarms, submit: (task: Task) => Call) {
    this.#alarms = alarms;
    this.#submit = submit;
  }

  add(number: number): void {
    if (this.#numbers.size < ARRIVALS_MAX) this.#numbers.add(number);
    if (this.#reminder.slot === UNSET) this.#alarms.set(this.#reminder, CONFIRM_MS);
  }

  /** The session has ended, and all its outcomes with it. */
  clear(): void {
    this.#numbers.clear();
    this.#confirming = undefined;
    this.#alarms.clear(this.#reminder);
  }

  #confirm(): void {
    // One at a time: while the lane stands still, numbers gather here and not in its queue.
    if (this.#confirming === undefined || this.#confirming.stage === 'done') {
      const numbers = [...this.#numbers].slice(0, LIMITS.window_max);
      for (const number of numbers) this.#numbers.delete(number);
      const body = encode([numbers]);
      this.#confirming = this.#submit({
        operation: OPERATIONS['lane.confirm'].number,
        name: '',
        body,
        take: () => null,
      });
    }
    if (this.#numbers.size > 0) this.#alarms.set(this.#reminder, CONFIRM_MS);
  }
}
