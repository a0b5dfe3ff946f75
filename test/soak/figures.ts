/** Figures, for people. */

export const MIB = 1 << 20;

/** "12.3 MiB". */
export function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MiB`;
}

/** "1.23 s". */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** "12,345". */
export function counted(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** The value below which so many percent of all are. NaN when there are none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

/** "p50 1.2 p90 2.3 p99 4.5 max 6.7 ms". */
export function spread(values: readonly number[]): string {
  const parts = [50, 90, 99].map((percent) => `p${percent} ${percentile(values, percent).toFixed(1)}`);
  return `${parts.join(' ')} max ${Math.max(...values).toFixed(1)} ms`;
}

/** Runs `one` for 0 to `count` - 1, `window` at a time. */
export async function inFlight(count: number, window: number, one: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: Math.min(window, count) }, worker));
}
