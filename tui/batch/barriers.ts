/** Barriers: all clients that have one come to it before any goes on. Nobody waits for a client that can no longer come. */
import { type Client, leavesOf } from './batch.js';

/** How waiting at a barrier ended: null when all came, else why they cannot. */
export type Broken = string | null;

interface Barrier {
  readonly visitors: ReadonlySet<string>;
  /** Who has come since it last opened. */
  readonly waiting: Map<string, (broken: Broken) => void>;
}

/** The barriers of a batch. */
export class Barriers {
  readonly #barriers = new Map<string, Barrier>();
  /** Clients that have not ended. */
  readonly #active: Set<string>;

  constructor(clients: readonly Client[]) {
    this.#active = new Set(clients.map(({ name }) => name));
    for (const client of clients) {
      for (const leaf of leavesOf(client.steps)) {
        if (leaf.kind !== 'barrier') continue;
        const { visitors = new Set<string>() } = this.#barriers.get(leaf.name) ?? {};
        this.#barriers.set(leaf.name, { visitors: new Set([...visitors, client.name]), waiting: new Map() });
      }
    }
  }

  /** `client` comes to a barrier. Resolves when all have come, or cannot come any more. */
  arrive(name: string, client: string): Promise<Broken> {
    const barrier = this.#barriers.get(name);
    if (barrier === undefined) return Promise.resolve(`there is no barrier ${name}`);
    const opened = new Promise<Broken>((resolve) => barrier.waiting.set(client, resolve));
    if (barrier.waiting.size === barrier.visitors.size) release(barrier, null);
    else this.#breakHopeless();
    return opened;
  }

  /** `client` has ended: it comes to no barrier any more. */
  leave(client: string): void {
    this.#active.delete(client);
    this.#breakHopeless();
  }

  /** Lets everybody go who waits. */
  breakAll(why: string): void {
    for (const barrier of this.#barriers.values()) release(barrier, why);
  }

  #breakHopeless(): void {
    for (const [name, barrier] of this.#barriers) {
      const { visitors, waiting } = barrier;
      const gone = [...visitors].find((client) => !waiting.has(client) && !this.#active.has(client));
      if (waiting.size > 0 && gone !== undefined) release(barrier, `${gone} ended without coming to ${name}`);
    }
    const waits = [...this.#barriers.values()].reduce((sum, { waiting }) => sum + waiting.size, 0);
    if (waits > 0 && waits === this.#active.size)
      this.breakAll('the clients wait for each other at different barriers');
  }
}

function release(barrier: Barrier, broken: Broken): void {
  const waiting = [...barrier.waiting.values()];
  barrier.waiting.clear();
  for (const go of waiting) go(broken);
}
