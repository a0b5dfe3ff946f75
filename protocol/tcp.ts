/** The real outside world: the process's clock and event loop, TCP by node:net, randomness by node:crypto. */
import { randomFillSync } from 'node:crypto';
import net from 'node:net';
// Each look at the global of that name is a call.
import { performance } from 'node:perf_hooks';
import type { Env, Network, Random, Scheduler, Socket, SocketHandlers, Timer } from './env.js';

/** The longest delay that a timer of Node takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** TCP probes a silent connection after this, so that one whose other end lost power is noticed at last. */
const PROBE_MS = 60_000;
/** Random numbers drawn at once. */
const RANDOM_BATCH = 256;

/** Time, sockets and randomness as they are. */
export function realEnv(): Env {
  return { scheduler: realScheduler(), network: realNetwork(), random: realRandom() };
}

/** Parts of "host:port" or "[::1]:port". @throws Error when it is none */
export function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535)
    throw new Error(`not an address: ${JSON.stringify(address)}, expected host:port`);
  return { host, port };
}

/** "host:port", with brackets around an IPv6 host. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function realScheduler(): Scheduler {
  const now = () => performance.now();
  return {
    now,
    defer(task) {
      setImmediate(task);
    },
    after(delay_ms, task) {
      const due = now() + delay_ms;
      let handle: NodeJS.Timeout;
      // Timers of Node may be a millisecond early and hold no more than 24 days.
      const arm = () => {
        handle = setTimeout(fire, Math.min(Math.max(Math.ceil(due - now()), 0), TIMER_MS_MAX));
      };
      const fire = () => {
        if (now() < due) arm();
        else task();
      };
      arm();
      return { cancel: () => clearTimeout(handle) } satisfies Timer;
    },
  };
}

function realNetwork(): Network {
  return {
    connect(address, handlers) {
      const socket = new net.Socket();
      try {
        socket.connect(parseAddress(address));
      } catch (error) {
        socket.destroy(error as Error);
      }
      socket.once('connect', () => handlers.open());
      tell(socket, handlers);
      return wrap(socket, address);
    },
    listen(address, accept, done) {
      const server = net.createServer((socket) => {
        const remote = formatAddress(socket.remoteAddress ?? '', socket.remotePort ?? 0);
        tell(socket, accept(wrap(socket, remote)));
      });
      server.once('error', (error) => done(error, null));
      try {
        server.listen({ ...parseAddress(address), exclusive: true }, () => {
          // From here on an error concerns one connection that could not be accepted; its client sees it closed.
          server.removeAllListeners('error').on('error', () => {});
          const bound = server.address() as net.AddressInfo;
          done(null, {
            address: formatAddress(bound.address, bound.port),
            // The port is free at once; `server.close` would wait for the connections too.
            close(closed) {
              server.close();
              setImmediate(closed);
            },
          });
        });
      } catch (error) {
        setImmediate(() => done(error as Error, null));
      }
    },
  };
}

function tell(socket: net.Socket, handlers: SocketHandlers): void {
  let failure: Error | null = null;
  socket.on('data', (chunk: Buffer) => handlers.data(chunk));
  socket.on('drain', () => handlers.drain());
  socket.on('error', (error) => {
    failure = error;
  });
  socket.once('close', () => handlers.close(failure));
}

function wrap(socket: net.Socket, remote: string): Socket {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, PROBE_MS);
  return {
    remote,
    buffered: () => socket.writableLength,
    write: (data) => socket.write(data),
    pause() {
      socket.pause();
    },
    resume() {
      socket.resume();
    },
    end() {
      socket.end();
    },
    destroy() {
      socket.destroy();
    },
  };
}

function realRandom(): Random {
  const batch = new Uint32Array(RANDOM_BATCH);
  let left = 0;
  return {
    uint32() {
      if (left === 0) {
        randomFillSync(batch);
        left = batch.length;
      }
      return batch[--left] ?? 0;
    },
  };
}
