/**
 * A crowd that means no good, as a process of its own: connections that each send a bomb or garbage and come again. Told "on" or "off"
 * by its parent; answers "off" with how often it came.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { encode } from '../../protocol/codec.js';
import { bomb, frame, framed, hello } from './raw-client.js';

const CONNECTIONS = 64;
const PAUSE_MS = 100;

const [host, port] = (process.argv[2] ?? '').split(':');
const BOMB = bomb();
/** What they say, each connection its own: with and without hello, framed and not, bombs in every place that is decoded. */
const TIRADES: readonly (() => Buffer)[] = [
  () => frame(BOMB),
  () => Buffer.concat([hello(), frame(BOMB)]),
  () => Buffer.concat([hello(), framed({ kind: 'command', correlation: 1, envelope: BOMB })]),
  () => randomBytes(4096),
  () => Buffer.concat([hello(), frame(randomBytes(4096))]),
  () => Buffer.concat([hello(), frame(encode([10, 'no correlation', {}]))]),
];

const open = new Set<Socket>();
let timers: NodeJS.Timeout[] = [];
let came = 0;

function come(index: number): void {
  const socket = connect({ host: host ?? '', port: Number(port) });
  open.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => open.delete(socket));
  socket.on('connect', () => {
    came++;
    socket.write(TIRADES[index % TIRADES.length]?.() ?? BOMB);
  });
  socket.resume();
  // Whatever the node has made of it by then.
  setTimeout(() => socket.destroy(), PAUSE_MS);
}

process.on('message', (word) => {
  for (const timer of timers) clearInterval(timer);
  timers = [];
  if (word === 'on') {
    came = 0;
    timers = Array.from({ length: CONNECTIONS }, (_, index) => setInterval(() => come(index), PAUSE_MS));
  } else {
    for (const socket of open) socket.destroy();
    process.send?.(came);
  }
});
process.on('disconnect', () => process.exit(0));
