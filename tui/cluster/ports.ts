/** Is a port free, and if not, who has it; and free ports for a cluster that lives for a moment. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { ConcordError } from '../../protocol/errors.js';
import { commandLine } from './processes.js';

/**
 * Where free ports are looked for: below those that the system gives to outgoing connections. There a node that is down for a moment
 * could find its port taken by one, even by a client that tries to reach it and is connected to itself.
 */
const FREE_PORTS = { first: 20_000, count: 12_000 } as const;
const TRIES_MAX = 200;
const COMMAND_LENGTH_MAX = 100;

/** Resolves when `address` ("host:port") can be listened on. @throws ConcordError PORT_TAKEN, with its owner where that can be found */
export async function refuseTakenPort(id: string, address: string): Promise<void> {
  const error = await listenError(address);
  if (error === null) return;
  if (error.code !== 'EADDRINUSE') {
    throw new ConcordError('START_FAILED', `${id} cannot listen on ${address}: ${error.message}`, {
      details: { node: id },
    });
  }
  const { port } = parts(address);
  const owner = portOwner(port);
  const by = owner === null ? 'another program' : `"${owner.command}" (pid ${owner.pid})`;
  throw new ConcordError('PORT_TAKEN', `Port ${port}, which ${id} needs, is in use by ${by}.`, {
    details: { node: id, address, port, pid: owner?.pid ?? null, command: owner?.command ?? null },
  });
}

/** `count` different addresses of this machine that nobody listens on at the moment. @throws ConcordError START_FAILED */
export async function freeAddresses(count: number): Promise<readonly string[]> {
  const found = new Set<string>();
  for (let tries = 0; tries < TRIES_MAX && found.size < count; tries++) {
    const address = `127.0.0.1:${FREE_PORTS.first + Math.floor(Math.random() * FREE_PORTS.count)}`;
    if (!found.has(address) && (await listenError(address)) === null) found.add(address);
  }
  if (found.size < count) throw new ConcordError('START_FAILED', `no ${count} free ports were found`);
  return [...found];
}

/** The process that has a TCP port: a listener, else any. null where that cannot be found out. Linux only. */
export function portOwner(port: number): { readonly pid: number; readonly command: string } | null {
  const sockets = new Set(inodes(port).map((inode) => `socket:[${inode}]`));
  if (sockets.size === 0) return null;
  for (const pid of quietly(() => readdirSync('/proc'), []).filter((name) => /^\d+$/.test(name))) {
    const folder = `/proc/${pid}/fd`;
    const files = quietly(() => readdirSync(folder), []);
    if (files.some((file) => sockets.has(quietly(() => readlinkSync(`${folder}/${file}`), '')))) {
      // Control characters in a command could otherwise drive the terminal that shows it.
      const command = (commandLine(Number(pid)) ?? []).join(' ').replace(/\p{Cc}/gu, ' ');
      return { pid: Number(pid), command: command.slice(0, COMMAND_LENGTH_MAX) };
    }
  }
  return null;
}

/** Inodes of the sockets on a port, from the kernel's tables: local address, state and inode are fields 1, 3 and 9. */
function inodes(port: number): string[] {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => quietly(() => readFileSync(file, 'utf8'), ''));
  const rows = tables.flatMap((table) => table.split('\n').slice(1)).map((line) => line.trim().split(/\s+/));
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const mine = rows.filter((row) => row[1]?.endsWith(suffix) && row[9] !== '0');
  const listening = mine.filter((row) => row[3] === '0A');
  return (listening.length > 0 ? listening : mine).map((row) => row[9] ?? '');
}

function listenError(address: string): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ ...parts(address), exclusive: true }, () => server.close(() => resolve(null)));
  });
}

function parts(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

function quietly<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}
