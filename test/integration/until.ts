/** Waiting for a condition: what tests with real processes do instead of sleeping. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than anything that is waited for takes on a busy machine. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 5;

/** Resolves when the condition holds. @throws Error that says what was waited for, and how things stood, when it does not come about */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  stand: () => string = () => '',
  patience_ms = PATIENCE_MS,
): Promise<void> {
  const end = performance.now() + patience_ms;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what} ${stand()}`.trim());
    await sleep(LOOK_MS);
  }
}
