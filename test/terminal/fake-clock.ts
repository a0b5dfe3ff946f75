/** A clock that moves only when it is told to. */
import type { Timer } from '../../protocol/env.js';
import type { ScreenClock } from '../../tui/session/store.js';

/** Noon of a winter day, local time: prints the same in every time zone. */
const WALL = new Date(2026, 0, 15, 12, 4, 31).getTime();

export class FakeClock implements ScreenClock {
  private time = 1000;
  private tasks: { readonly due: number; readonly task: () => void }[] = [];

  now(): number {
    return this.time;
  }

  wall(): number {
    return WALL + this.time - 1000;
  }

  after(delay_ms: number, task: () => void): Timer {
    const entry = { due: this.time + delay_ms, task };
    this.tasks.push(entry);
    return {
      cancel: () => {
        this.tasks = this.tasks.filter((each) => each !== entry);
      },
    };
  }

  /** Lets time pass; what is due in it runs at its moment. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.tasks.filter((each) => each.due <= end).sort((a, b) => a.due - b.due)[0];
      if (!next) break;
      this.tasks = this.tasks.filter((each) => each !== next);
      this.time = Math.max(this.time, next.due);
      next.task();
    }
    this.time = end;
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.tasks.length;
  }
}
