/** Time for tests of code that is handed a scheduler: it stands still until the test runs it. */
import type { Random, Scheduler } from '../../protocol/env.js';

interface Task {
  readonly due: number;
  readonly run: () => void;
  cancelled: boolean;
}

export class VirtualTime implements Scheduler {
  private time = 0;
  private timers: Task[] = [];
  private deferred: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  after(delay_ms: number, run: () => void): { cancel(): void } {
    const task = { due: this.time + delay_ms, run, cancelled: false };
    this.timers.push(task);
    this.timers.sort((a, b) => a.due - b.due);
    return {
      cancel: () => {
        task.cancelled = true;
      },
    };
  }

  defer(task: () => void): void {
    this.deferred.push(task);
  }

  /** Runs what is deferred, and what that defers, but no timer. */
  settle(): void {
    for (let tasks = this.deferred; tasks.length > 0; tasks = this.deferred) {
      this.deferred = [];
      for (const task of tasks) task();
    }
  }

  /** Lets `ms` pass: everything due by then runs, in order. */
  pass(ms: number): void {
    const end = this.time + ms;
    this.settle();
    for (let next = this.next(end); next !== undefined; next = this.next(end)) {
      this.time = Math.max(this.time, next.due);
      next.run();
      this.settle();
    }
    this.time = end;
  }

  /** Runs one deferred task; false when there was none. For tests that stop the world in the middle. */
  step(): boolean {
    const task = this.deferred.shift();
    task?.();
    return task !== undefined;
  }

  private next(end: number): Task | undefined {
    this.timers = this.timers.filter((task) => !task.cancelled);
    const [first] = this.timers;
    return first !== undefined && first.due <= end ? this.timers.shift() : undefined;
  }
}

/** Random numbers that are the same every time (xorshift32). `seed` must not be 0. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return {
    uint32() {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      state >>>= 0;
      return state;
    },
  };
}
