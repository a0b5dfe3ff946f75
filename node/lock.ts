/**
 * One process a data folder: two that write to one log would destroy it. The lock is a name in the kernel (a socket without a file),
 * taken by whoever binds it and free again when that process ends, however it ends. It needs no cleaning up and cannot be left behind.
 */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { ConcordError } from '../protocol/errors.js';

/** Takes a folder that exists for this process, which keeps it to its end. Elsewhere than on Linux there is no such lock. */
export function lockFolder(folder: string, done: (error: Error | null) => void): void {
  if (process.platform !== 'linux') {
    done(null);
    return;
  }
  const name = createHash('sha256').update(realpathSync(folder)).digest('hex');
  const server = createServer((socket) => socket.destroy());
  server.once('error', (error: NodeJS.ErrnoException) => {
    const taken = error.code === 'EADDRINUSE';
    done(taken ? new ConcordError('START_FAILED', `${folder} is in use by another process of concord-node`) : error);
  });
  server.listen(`\0concord-node-${name}`, () => done(null));
  server.unref();
}
