/**
 * What the outside world hands in: time, deferral, sockets and randomness. Nodes and the client library reach none of these
 * by themselves, so one process can hold a whole simulated cluster. The real forms stand in tcp.ts.
 */

/** A source of reproducible randomness. */
export interface Random {
  /** The next integer, 0 to 2^32 - 1. */
  uint32(): number;
}

/** A pending one-shot timer. */
export interface Timer {
  cancel(): void;
}

/** Monotonic time and the event loop. */
export interface Scheduler {
  /** Monotonic milliseconds with a fraction; only differences have a meaning. */
  now(): number;
  /** Runs `task` once, `delay_ms` or more from now. */
  after(delay_ms: number, task: () => void): Timer;
  /** Runs `task` after the input that already waits has been read. */
  defer(task: () => void): void;
}

/** What a socket tells its owner. `close` comes exactly once, last, also for a connect that failed. */
export interface SocketHandlers {
  /** An outgoing connection is up. Never called for an accepted one: that is up already. */
  open(): void;
  /** Bytes that arrived. The receiver owns the chunk. */
  data(chunk: Buffer): void;
  /** What was buffered after a `write` that returned false has left. */
  drain(): void;
  close(error: Error | null): void;
}

/** One end of a TCP connection. */
export interface Socket {
  /** "host:port" of the other end. */
  readonly remote: string;
  /** Bytes accepted by `write` and not yet handed to the operating system. */
  buffered(): number;
  /** Queues bytes; false asks to wait for `drain`. The socket owns the buffer from here on. */
  write(data: Buffer): boolean;
  /** Stops `data` until `resume`: the other end feels it as backpressure. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** A listening port. */
export interface Listener {
  /** "host:port" as bound. */
  readonly address: string;
  close(done: () => void): void;
}

/** TCP, by "host:port" addresses. */
export interface Network {
  connect(address: string, handlers: SocketHandlers): Socket;
  /** `accept` returns the handlers of a new connection. `done` gets the listener or why the port could not be had. */
  listen(
    address: string,
    accept: (socket: Socket) => SocketHandlers,
    done: (error: Error | null, listener: Listener | null) => void,
  ): void;
}

/** Everything that both a node and a client need from outside. */
export interface Env {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly random: Random;
}
