/** A process that ends, in the way that its second argument says, while the base in its first one is in the middle of a long transaction. */
import { RowPacker } from '../../node/packed-rows.js';
import { lmdbBases } from '../../node/storage/lmdb-base.js';
import { realFiles } from '../../node/world-real.js';

const ROWS = 200_000;

/** The thread that writes has begun by then, and is far from its end. */
const BEGUN_MS = 50;

const [, , folder = '', way] = process.argv;

lmdbBases(realFiles).open(folder, (error, base) => {
  if (base === null) throw error;
  const write = base.begin();
  const rows = new RowPacker(ROWS * 80);
  const key = Buffer.alloc(4);
  for (let row = 0; row < ROWS; row++) {
    key.writeUInt32BE(row);
    rows.put(key, Buffer.alloc(64, row));
  }
  write.add(2, rows.take());
  write.commit({ group: 'g', bytes: Buffer.from('new') }, () => process.stdout.write('committed\n'));
  setTimeout(() => {
    process.stdout.write('writing\n');
    if (way === 'throw') throw new Error('a node that fails');
    if (way === 'kill') process.kill(process.pid, 'SIGKILL');
    process.exit(3);
  }, BEGUN_MS);
});
