/** What a value takes in memory, about. */

/** What a number, a flag or the head of anything larger counts for, bytes. */
const ITEM_BYTES = 16;

/** The weight of a value that holds no cycles, bytes: two for a letter, one for a byte, sixteen for each item. */
export function weigh(value: unknown): number {
  let weight = 0;
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    weight += ITEM_BYTES;
    if (typeof next === 'string') weight += 2 * next.length;
    else if (next instanceof Uint8Array) weight += next.length;
    else if (typeof next === 'object' && next !== null) for (const each of Object.values(next)) waiting.push(each);
  }
  return weight;
}
