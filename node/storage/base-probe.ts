/** The whole of a process that reads a base to its end on behalf of a node, since it may die of it. Exit code 0: all is as it was written. */
import { realFiles } from '../world-real.js';
import { lmdbBases } from './lmdb-base.js';

/** Rows read in one go, bytes. */
const SLICE_BYTES = 1 << 20;

const [, , folder = ''] = process.argv;

lmdbBases(realFiles).open(folder, (error, base) => {
  if (base === null) throw error;
  for (const space of base.spaces()) {
    const rows = base.read(space, null);
    while (rows.next(SLICE_BYTES).length > 0);
    rows.close();
  }
  base.close(() => process.exit(0));
});
