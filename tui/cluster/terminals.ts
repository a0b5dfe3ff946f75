/** All terminals of a keeper: lets them in at its socket, and knows when the last one has left. */
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { ConcordError } from '../../protocol/errors.js';
import { type Host, TerminalLink } from './terminal-link.js';

const TERMINALS_MAX = 64;

/** The listening side of the keeper's socket. */
export class Terminals {
  readonly #server: Server;
  readonly #links = new Set<TerminalLink>();
  #pushing = false;

  /**
   * `left` is called when a terminal has left, by word or by its end, with the number of those that are still attached. True tells
   * that the keeper ends: the one that left hears when it is done.
   */
  constructor(host: Host, left: (others: number) => boolean) {
    this.#server = createServer((socket) => {
      const link = new TerminalLink(socket, host, {
        leaves: () => {
          if (!left(this.count)) link.end();
        },
        closed: () => {
          this.#links.delete(link);
          if (link.attached) left(this.count);
        },
      });
      this.#links.add(link);
      if (this.#links.size > TERMINALS_MAX) {
        link.refuse(new ConcordError('TOO_MANY_CONNECTIONS', `The keeper serves ${TERMINALS_MAX} terminals at most.`));
      }
    });
  }

  /** How many are attached. */
  get count(): number {
    return [...this.#links].filter((link) => link.attached).length;
  }

  /** Listens at `path`, where a dead keeper may have left its socket: only for the holder of the lock. */
  async listen(path: string): Promise<void> {
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
  }

  /** Tells all terminals how the nodes are, once for all changes of a turn. */
  push(): void {
    if (this.#pushing) return;
    this.#pushing = true;
    setImmediate(() => {
      this.#pushing = false;
      for (const link of this.#links) link.push();
    });
  }

  /** Lets nobody in any more: whoever comes now waits until this keeper is gone. */
  shut(): void {
    this.#server.close();
    for (const link of this.#links) if (link.new) link.end();
  }

  /** Closes all connections. */
  close(): void {
    for (const link of this.#links) link.end();
  }
}
