/** A table whose history is another one than that of a plain table with the same rows. */
import { type Compare, memoryTable, type Table } from '../../node/services/table.js';

/** A table that is made anew, its rows put in backwards, every few changes: as replicas built from snapshots differ in history. */
export function restless<K, V>(compare: Compare<K>): Table<K, V> {
  let inner = memoryTable<K, V>(compare);
  let changes = 0;
  const stir = (): void => {
    if (++changes % 5 !== 0) return;
    const rows = [...inner.scan()].reverse();
    inner = memoryTable<K, V>(compare);
    for (const [key, value] of rows) inner.put(key, value);
  };
  return {
    get size() {
      return inner.size;
    },
    get: (key) => inner.get(key),
    put(key, value) {
      inner.put(key, value);
      stir();
    },
    delete: (key) => inner.delete(key),
    first: () => inner.first(),
    scan: (from, to) => [...inner.scan(from, to)][Symbol.iterator](),
  };
}
