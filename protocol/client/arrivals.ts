/** Outcomes of pending commands that have arrived: the group may forget them, and is told so for many at a time. */
import { encode } from '../codec.js';
import { LIMITS } from '../limits.js';
import { OPERATIONS } from '../operations.js';
import { type Alarms, Reminder, UNSET } from './alarms.js';
import type { Task } from './call.js';

/** Outcomes are confirmed together, so long after the first of them, ms. */
const CONFIRM_MS = 20;

/** Numbers kept. What comes beyond is not confirmed: the group keeps it until the session ends. */
const ARRIVALS_MAX = 65_536;

/** The lane numbers to be confirmed. */
export class Arrivals {
  readonly #alarms: Alarms;
  readonly #submit: (task: Task, ended: (executed: boolean) => void) => void;
  readonly #numbers = new Set<number>();
  readonly #reminder = new Reminder(() => this.#confirm());
  /** Being confirmed. One command at a time: while the lane stands still, numbers gather here and not in its queue. */
  #underWay: readonly number[] | undefined;

  /** `submit` puts a command of the library itself into the lane, and says whether it was executed. */
  constructor(alarms: Alarms, submit: (task: Task, ended: (executed: boolean) => void) => void) {
    this.#alarms = alarms;
    this.#submit = submit;
  }

  add(number: number): void {
    if (this.#numbers.size < ARRIVALS_MAX) this.#numbers.add(number);
    this.#remind();
  }

  /** The session has ended, and all its outcomes with it. */
  clear(): void {
    this.#numbers.clear();
    this.#underWay = undefined;
    this.#alarms.clear(this.#reminder);
  }

  #remind(): void {
    if (this.#underWay === undefined && this.#reminder.slot === UNSET) this.#alarms.set(this.#reminder, CONFIRM_MS);
  }

  #confirm(): void {
    const numbers = [...this.#numbers].slice(0, LIMITS.window_max);
    for (const number of numbers) this.#numbers.delete(number);
    this.#underWay = numbers;
    const body = encode([numbers]);
    const task: Task = { operation: OPERATIONS['lane.confirm'].number, name: '', body, fence: '', take: () => null };
    this.#submit(task, (executed) => {
      if (this.#underWay !== numbers) return;
      this.#underWay = undefined;
      if (!executed) for (const number of numbers) this.#numbers.add(number);
      if (this.#numbers.size > 0) this.#remind();
    });
  }
}
