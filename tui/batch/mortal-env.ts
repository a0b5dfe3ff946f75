/** The world of one client that can be taken from it in an instant: for the rest of the world its process was killed. */
import type { Env, Socket } from '../../protocol/env.js';

/** A world, and its end. */
export interface MortalEnv {
  readonly env: Env;
  /** Cuts all connections without another byte, and lets none come up again. */
  kill(): void;
}

/** `env` until it is killed. */
export function mortalEnv(env: Env): MortalEnv {
  const sockets = new Set<Socket>();
  let isDead = false;
  const { network } = env;
  return {
    env: {
      ...env,
      network: {
        listen: (address, accept, done) => network.listen(address, accept, done),
        connect(address, handlers) {
          const socket = network.connect(address, {
            open: () => handlers.open(),
            data: (chunk) => handlers.data(chunk),
            drain: () => handlers.drain(),
            close(error) {
              sockets.delete(socket);
              handlers.close(error);
            },
          });
          if (isDead) socket.destroy();
          else sockets.add(socket);
          return socket;
        },
      },
    },
    kill() {
      isDead = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}
