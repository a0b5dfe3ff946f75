/** A terminal's end of the talk with the keeper. */
import { connect, type Socket } from 'node:net';
import { ConcordError } from '../../protocol/errors.js';
import { readLines, writeLine } from './lines.js';
import { type FromKeeper, type FromTerminal, type SpokenError, TALK_VERSION } from './talk.js';
import type { Keeper, LocalNode, NodeVerb } from './types.js';

/** Longer than any order takes that ends: the keeper itself gives up a start after 60 s. */
const ORDER_MS_MAX = 70_000;
const WELCOME_MS_MAX = 5000;

/** Longer than a keeper takes to stop its nodes. */
const LEAVE_MS_MAX = 30_000;

interface Waiting {
  readonly resolve: (node: LocalNode) => void;
  readonly reject: (error: ConcordError) => void;
  readonly late: NodeJS.Timeout;
}

/** Attaches to the keeper that listens at `path`. null when none does (any more). @throws ConcordError when it refuses */
export function attachAt(path: string, stay: boolean): Promise<Keeper | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const late = setTimeout(() => {
      socket.destroy();
      reject(new ConcordError('START_FAILED', `The keeper at ${path} does not answer.`));
    }, WELCOME_MS_MAX);
    const settle = (settled: () => void) => {
      clearTimeout(late);
      settled();
    };
    socket.once('connect', () => say(socket, { type: 'hello', version: TALK_VERSION, stay }));
    socket.on('error', () => socket.destroy());
    let link: KeeperLink | null = null;
    socket.once('close', () => {
      if (link === null) settle(() => resolve(null));
      else link.lost();
    });
    const received = (message: FromKeeper) => {
      if (link !== null) link.received(message);
      else if (message.type === 'refused') settle(() => reject(heard(message.error)));
      else if (message.type === 'welcome') {
        const attached = new KeeperLink(socket, message.cluster, message.nodes);
        link = attached;
        settle(() => resolve(attached));
      }
    };
    // A keeper of this version says nothing but what talk.ts allows: both ends are the same program of the same user.
    readLines(
      socket,
      (value) => received(value as FromKeeper),
      () => socket.destroy(),
    );
  });
}

class KeeperLink implements Keeper {
  readonly cluster: string;
  readonly #socket: Socket;
  readonly #listeners = new Set<(nodes: readonly LocalNode[]) => void>();
  readonly #waiting = new Map<number, Waiting>();
  #nodes: readonly LocalNode[];
  #orders = 0;
  #leaving = false;
  #lost = false;
  readonly #gone: Promise<void>;

  constructor(socket: Socket, cluster: string, nodes: readonly LocalNode[]) {
    this.#socket = socket;
    this.cluster = cluster;
    this.#nodes = nodes;
    this.#gone = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  get nodes(): readonly LocalNode[] {
    return this.#nodes;
  }

  order(verb: NodeVerb, node: string): Promise<LocalNode> {
    if (this.#lost) return Promise.reject(new ConcordError('NO_KEEPER', 'The keeper of these nodes has ended.'));
    const id = ++this.#orders;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(id);
        reject(
          new ConcordError('TIMEOUT', `The keeper did not answer to "${verb} ${node}" in ${ORDER_MS_MAX / 1000} s.`),
        );
      }, ORDER_MS_MAX);
      this.#waiting.set(id, { resolve, reject, late });
      say(this.#socket, { type: 'order', id, verb, node });
    });
  }

  watch(listener: (nodes: readonly LocalNode[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async leave(): Promise<void> {
    this.#leaving = true;
    if (!this.#lost) say(this.#socket, { type: 'leave' });
    const late = setTimeout(() => this.#socket.destroy(), LEAVE_MS_MAX);
    await this.#gone;
    clearTimeout(late);
  }

  received(message: FromKeeper): void {
    switch (message.type) {
      case 'nodes':
        this.#show(message.nodes);
        break;
      case 'done':
        this.#take(message.id)?.resolve(message.node);
        break;
      case 'failed':
        this.#take(message.id)?.reject(heard(message.error));
        break;
      case 'refused':
      case 'welcome':
        break;
    }
  }

  /** The keeper has ended: its nodes stop by themselves. */
  lost(): void {
    this.#lost = true;
    const error = new ConcordError('NO_KEEPER', 'The keeper of these nodes ended before it answered.', {
      definite: false,
    });
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error);
    const reason = this.#leaving ? '' : 'its keeper has ended';
    this.#show(
      this.#nodes.map((node) => (node.pid === null ? node : { ...node, state: 'stopped', pid: null, reason })),
    );
  }

  #show(nodes: readonly LocalNode[]): void {
    this.#nodes = nodes;
    for (const listener of this.#listeners) listener(nodes);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    clearTimeout(waiting?.late);
    this.#waiting.delete(id);
    return waiting;
  }
}

function say(socket: Socket, message: FromTerminal): void {
  writeLine(socket, message);
}

/** The error that was spoken. */
export function heard({ code, message, definite, details }: SpokenError): ConcordError {
  return new ConcordError(code, message, { definite, details });
}
