/** A table whose history is another one than that of a plain table with the same rows. */
import { StoredTable } from '../../node/services/stored-table.js';
import type { MakeTable } from '../../node/services/tables.js';

/**
 * A table that is made anew, its rows put in backwards, every few changes: as replicas built from snapshots differ in history. It is
 * to be looked at, and cannot be cut.
 */
export const restless: MakeTable = (key, row) => {
  let inner = new StoredTable(key, row);
  let changes = 0;
  const stir = (): void => {
    if (++changes % 5 !== 0) return;
    const rows = [...inner.scan()].reverse();
    inner = new StoredTable(key, row);
    for (const [one, value] of rows) inner.put(one, value);
  };
  const refuse = (): never => {
    throw new Error('a restless table cannot be cut');
  };
  return {
    get size() {
      return inner.size;
    },
    generation: 1,
    dirty: 0,
    get: (one) => inner.get(one),
    touch: (one) => inner.touch(one),
    put(one, value) {
      inner.put(one, value);
      stir();
    },
    delete: (one) => inner.delete(one),
    first: () => inner.first(),
    scan: (from, to) => [...inner.scan(from, to)][Symbol.iterator](),
    rows: () => inner.rows(),
    load: (one, value) => inner.load(one, value),
    cut: refuse,
    write: refuse,
    flushed: refuse,
  };
};
