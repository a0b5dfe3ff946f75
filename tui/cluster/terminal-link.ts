/** One terminal as its keeper sees it: the connection, from hello to the end. */
import type { Socket } from 'node:net';
import { ConcordError } from '../../protocol/errors.js';
import { readLines, writeLine } from './lines.js';
import { type FromKeeper, type FromTerminal, fromTerminal, spoken, TALK_VERSION } from './talk.js';
import type { LocalNode, NodeVerb } from './types.js';

const HELLO_MS_MAX = 5000;

/** Orders of one terminal under way; more are refused. */
const ORDERS_MAX = 16;

/** A terminal with more bytes unread gets no states until it has read on: then it gets the newest. */
const UNREAD_BYTES_MAX = 65_536;

/** The keeper as its terminals need it. */
export interface Host {
  readonly cluster: string;
  nodes(): readonly LocalNode[];
  /** @throws ConcordError */
  order(verb: NodeVerb, node: string): Promise<LocalNode>;
  /** A terminal asked that the nodes outlive it. */
  stay(): void;
}

/** What a link tells of itself. */
export interface LinkEvents {
  /** It was attached and said that it leaves. */
  leaves(link: TerminalLink): void;
  /** The connection is closed. */
  closed(link: TerminalLink): void;
}

export class TerminalLink {
  readonly #socket: Socket;
  readonly #host: Host;
  readonly #events: LinkEvents;
  #stage: 'new' | 'attached' | 'past' = 'new';
  #orders = 0;
  /** It was not told of the newest states. */
  #behind = false;

  constructor(socket: Socket, host: Host, events: LinkEvents) {
    this.#socket = socket;
    this.#host = host;
    this.#events = events;
    const late = setTimeout(() => {
      if (this.#stage === 'new') this.refuse(new ConcordError('HELLO_EXPECTED'));
    }, HELLO_MS_MAX);
    socket.on('error', () => socket.destroy());
    socket.on('drain', () => {
      if (this.#behind) this.push();
    });
    socket.on('close', () => {
      clearTimeout(late);
      events.closed(this);
    });
    readLines(
      socket,
      (value) => this.#received(value),
      (why) => this.refuse(new ConcordError('BAD_MESSAGE', `The keeper received ${why}.`)),
    );
  }

  /** Between its hello and its leave. */
  get attached(): boolean {
    return this.#stage === 'attached';
  }

  /** Before its hello. */
  get new(): boolean {
    return this.#stage === 'new';
  }

  /** Tells it how the nodes are. */
  push(): void {
    this.#behind = this.#socket.writableLength > UNREAD_BYTES_MAX;
    if (this.attached && !this.#behind) this.#say({ type: 'nodes', nodes: this.#host.nodes() });
  }

  /** Says why and closes. */
  refuse(error: ConcordError): void {
    this.#say({ type: 'refused', error: spoken(error) });
    this.#stage = 'past';
    this.end();
  }

  /** Closes when all that was said has left. */
  end(): void {
    this.#socket.destroySoon();
  }

  #received(value: unknown): void {
    let message: FromTerminal;
    try {
      message = fromTerminal(value);
    } catch (error) {
      this.refuse(new ConcordError('BAD_MESSAGE', `The keeper received a wrong message: ${error}`));
      return;
    }
    if (message.type === 'hello') this.#greet(message.version, message.stay);
    else if (!this.attached) this.refuse(new ConcordError('HELLO_EXPECTED'));
    else if (message.type === 'leave') {
      this.#stage = 'past';
      this.#events.leaves(this);
    } else void this.#carryOut(message.id, message.verb, message.node);
  }

  #greet(version: number, stay: boolean): void {
    if (version !== TALK_VERSION) {
      const advice = 'run the same Concord in both places, or end the keeper first with `concord down`';
      const message = `The keeper (pid ${process.pid}) speaks version ${TALK_VERSION}, this terminal version ${version}: ${advice}.`;
      this.refuse(new ConcordError('VERSION', message));
      return;
    }
    this.#stage = 'attached';
    if (stay) this.#host.stay();
    this.#say({ type: 'welcome', version, cluster: this.#host.cluster, nodes: this.#host.nodes() });
  }

  async #carryOut(id: number, verb: NodeVerb, node: string): Promise<void> {
    let answer: FromKeeper;
    try {
      if (this.#orders >= ORDERS_MAX)
        throw new ConcordError('OVERLOADED', `${ORDERS_MAX} orders are under way already`);
      this.#orders++;
      answer = { type: 'done', id, node: await this.#host.order(verb, node).finally(() => this.#orders--) };
    } catch (error) {
      const known = error instanceof ConcordError ? error : new ConcordError('INTERNAL', String(error));
      answer = { type: 'failed', id, error: spoken(known) };
    }
    // First the states: whoever has the answer must not see older ones.
    this.push();
    this.#say(answer);
  }

  #say(message: FromKeeper): void {
    writeLine(this.#socket, message);
  }
}
