/** What the soak tells people. */
import type { LockRun } from './locks.js';

/** One line for a run, and one for each promise that was broken. */
export function describeRun(seed: number, run: LockRun): string {
  const { acts, acquires, toll, gap_ms, fenced, plain, empty_ms, violations, evidence } = run;
  const outcomes = [...acquires].sort(([, a], [, b]) => b - a).map(([code, count]) => `${code || 'granted'} ${count}`);
  const line = [
    `run ${seed}: ${acts} operations`,
    `acquires ${outcomes.join(' ')}`,
    `${toll.kills} kills ${toll.pauses} pauses ${toll.cuts} cuts`,
    `longest gap ${(gap_ms / 1000).toFixed(1)} s`,
    `fenced updates ${fenced.written} (refused ${fenced.refused}, lost ${fenced.lost})`,
    `unfenced ${plain.written} (lost ${plain.lost})`,
    `empty after ${empty_ms.toFixed(0)} ms`,
    violations.length === 0 ? 'ok' : `BROKEN, see ${evidence}`,
  ].join(' | ');
  return [line, ...violations.map(({ promise, what }) => `  ${promise}: ${what}`)].join('\n');
}
