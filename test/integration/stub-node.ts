/**
 * A node as its keeper sees it, without a cluster inside: takes the flags, listens, says that it is ready, stops when asked or when
 * its keeper is gone. A word in <data>/stub makes it misbehave.
 */
import { existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const text = { type: 'string', default: '' } as const;
const { values } = parseArgs({
  options: {
    ...{ id: text, listen: text, data: text, cluster: text, peers: text, 'keeper-fd': text },
    ...{ faults: { type: 'boolean' }, 'faults-hold-writes': { type: 'boolean' } },
  },
});

const data = values.data;
const fd = Number(values['keeper-fd']);
const conduct = existsSync(join(data, 'stub')) ? readFileSync(join(data, 'stub'), 'utf8') : '';

const keeper = new Socket({ fd });
const tell = (message: object) => writeSync(fd, `${JSON.stringify(message)}\n`);
keeper.on('error', () => process.exit(0));
keeper.on('close', () => process.exit(0));
keeper.resume();

process.on('SIGTERM', () => {
  if (conduct !== 'stubborn') process.exit(0);
});

if (conduct === 'refuses') {
  tell({ error: { code: 'NO_SPACE', message: 'the disk is full' } });
  process.exit(1);
}
if (conduct === 'throws') throw new RangeError('a broken stub');

const { UV_THREADPOOL_SIZE: threads } = process.env;
writeFileSync(join(data, 'arguments.json'), JSON.stringify({ ...values, threads }));
const server = createServer((socket) => socket.on('error', () => {}).resume());
const [host, port] = values.listen.split(':');
server.listen({ host, port: Number(port) }, () => {
  if (conduct !== 'silent') tell({ ready: values.listen, pid: process.pid });
});
