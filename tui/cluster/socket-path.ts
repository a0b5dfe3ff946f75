/** Where the socket of a folder's keeper stands. */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { ConcordError } from '../../protocol/errors.js';

/** The kernel's bound on the path of a local socket is 104 bytes or more with the closing zero; longer ones are cut silently. */
const PATH_BYTES_MAX = 103;

/** A path in `folder`, or, when that is too long, one in a private folder among the temporary files. @throws ConcordError START_FAILED */
export function socketPath(folder: string): string {
  const near = join(folder, 'keeper.sock');
  if (Buffer.byteLength(near) <= PATH_BYTES_MAX) return near;
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  const far = join(privateFolder(), `${name}.sock`);
  if (Buffer.byteLength(far) <= PATH_BYTES_MAX) return far;
  throw new ConcordError(
    'START_FAILED',
    `no path for a local socket is short enough: ${near} nor ${far}; use a shorter data folder`,
  );
}

/** Whoever could write there could pose as the keeper: the folder has to be this user's alone. */
function privateFolder(): string {
  const { uid } = userInfo();
  const folder = join(tmpdir(), `concord-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0) return folder;
  throw new ConcordError('START_FAILED', `${folder} has to be a folder that only this user can open`);
}
