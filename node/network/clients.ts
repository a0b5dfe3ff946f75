/** Client connections: what each has under way, and the limit at which it is no longer read. */
import { type Connection, noTraffic } from '../../protocol/connection.js';
import { ConcordError } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import type { Message } from '../../protocol/messages.js';
import { type Client, failureOf } from '../replica.js';

/** One client's connection. A request is under way from `begin` to `answer`. */
export class ClientConnection implements Client {
  readonly connection: Connection;
  /** Name that the client gave itself. */
  readonly name: string;
  #underWay = 0;
  #paused = false;

  constructor(connection: Connection, name: string) {
    this.connection = connection;
    this.name = name;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** A request has arrived. Above the limit the client is not read until half of it is answered. */
  begin(): void {
    this.#underWay++;
    if (this.#underWay < LIMITS.requests_max || this.#paused) return;
    this.#paused = true;
    this.connection.pause();
  }

  answer(message: Message): void {
    this.#underWay--;
    this.#send(message);
    if (!this.#paused || this.#underWay > LIMITS.requests_max / 2) return;
    this.#paused = false;
    this.connection.resume();
  }

  push(message: Message): void {
    this.#send(message);
  }

  // What cannot be sent must not end the node: an answer that is too big for a frame is this client's problem alone.
  #send(message: Message): void {
    try {
      this.connection.send(message);
    } catch (error) {
      if (!(error instanceof ConcordError) || !('correlation' in message)) throw error;
      // A reply tells of something that has happened.
      const definite = error.definite && message.kind !== 'reply';
      this.connection.send({ ...failureOf(error), kind: 'failure', correlation: message.correlation, definite });
    }
  }
}

/** All client connections of a node. */
export class Clients {
  readonly traffic = noTraffic();
  /** Connections there have been. */
  opened = 0;
  readonly #clients = new Map<Connection, ClientConnection>();

  get size(): number {
    return this.#clients.size;
  }

  add(connection: Connection, name: string): ClientConnection {
    const client = new ClientConnection(connection, name);
    this.#clients.set(connection, client);
    this.opened++;
    connection.countInto(this.traffic);
    return client;
  }

  get(connection: Connection): ClientConnection | undefined {
    return this.#clients.get(connection);
  }

  remove(connection: Connection): ClientConnection | undefined {
    const client = this.#clients.get(connection);
    this.#clients.delete(connection);
    return client;
  }

  /** Requests under way of the client that has most. */
  get busiest(): number {
    return Math.max(0, ...[...this.#clients.values()].map((client) => client.underWay));
  }

  /** Bytes waiting to be sent to the client that has most. */
  get outgoing(): number {
    return Math.max(0, ...[...this.#clients.keys()].map((connection) => connection.waiting));
  }

  all(): IterableIterator<ClientConnection> {
    return this.#clients.values();
  }
}
