/** Modes of locks, from the numbers that travel to the letters that people type. */
import type { LockMode } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { lockModeName } from '../../protocol/operations.js';

/** The mode of that number; null for 0, nothing held. */
export function modeOf(number: number): LockMode | null {
  return lockModeName(number) ?? null;
}

/** Runs what may be refused for a lock. @throws ConcordError with the modes in its details as letters: of holders, and of a circle */
export async function spelled<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    const { code, message, definite, details } = error;
    const told = Object.entries(details).map(([name, fact]) => [name, LISTS.has(name) ? listed(fact) : fact]);
    throw new ConcordError(code, message, { definite, details: Object.fromEntries(told) });
  }
}

const LISTS: ReadonlySet<string> = new Set(['holders', 'cycle']);
const MODES: ReadonlySet<string> = new Set(['mode', 'holds']);

function listed(fact: unknown): unknown {
  if (!Array.isArray(fact)) return fact;
  return fact.map((row: unknown) => {
    if (!(row instanceof Object)) return row;
    const spelt = Object.entries(row).map(([name, value]) => [
      name,
      MODES.has(name) && typeof value === 'number' ? modeOf(value) : value,
    ]);
    return Object.fromEntries(spelt);
  });
}
