/** How busy the machine is with other things, before and after. */
import { loadavg } from 'node:os';
import { type Noise, rounded } from './figures.js';

/** Looks now; the function that it returns looks again. */
export function noiseBefore(): () => Noise {
  const load_before = load();
  return () => ({ load_before, load_after: load() });
}

function load(): number {
  return rounded(loadavg()[0] ?? 0, 2);
}
