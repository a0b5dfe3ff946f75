/** What only a real process can tell of itself: memory, processor time, and how late its event loop is. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Distribution } from './histogram.js';

/** How often the event loop is looked at, ms: a delay that is shorter may go unseen. More often would wake an idle node. */
const LOOK_MS = 100;

/** Where a process's numbers come from. Simulated nodes have none. */
export interface ProcessProbe {
  /** When it started, Unix time in seconds. */
  readonly started: number;
  /** Bytes. */
  memory(): {
    readonly resident: number;
    readonly heapUsed: number;
    readonly heapTotal: number;
    readonly external: number;
  };
  /** Processor time since its start, seconds. */
  cpu(): { readonly user: number; readonly system: number };
  /** How late timers are, seconds. */
  readonly loopDelay: Distribution;
}

/** The process that this runs in, its event loop watched from here on. */
export function realProcess(): ProcessProbe {
  return {
    started: Math.round(performance.timeOrigin) / 1000,
    memory() {
      const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
      return { resident: rss, heapUsed, heapTotal, external };
    },
    cpu() {
      const { user, system } = process.cpuUsage();
      return { user: user / 1e6, system: system / 1e6 };
    },
    loopDelay: loopDelay(),
  };
}

// The monitor tells the time from one look to the next: what is beyond the interval is delay.
function loopDelay(): Distribution {
  const looks = monitorEventLoopDelay({ resolution: LOOK_MS });
  looks.enable();
  const seconds = (ns: number) => Math.max(0, Math.round(ns / 1000 - LOOK_MS * 1000)) / 1e6;
  return {
    get count() {
      return looks.count;
    },
    get sum() {
      return looks.count === 0 ? 0 : Math.round(looks.count * seconds(looks.mean) * 1e6) / 1e6;
    },
    quantile: (q) => (looks.count === 0 ? 0 : q === 1 ? seconds(looks.max) : seconds(looks.percentile(q * 100))),
  };
}
