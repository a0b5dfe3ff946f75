/**
 * The lives of a node in one process. One that finds what it has on its disk damaged while it runs has to begin anew: it is closed and
 * booted again, puts aside what is damaged and refills from the others (repair.ts), and no person is needed.
 */
import type { Damage } from '../protocol/client/types.js';
import { type BootHandlers, type BootOptions, boot, isDamage } from './boot.js';
import type { Node } from './node.js';
import type { NodeHandlers } from './node-options.js';
import type { World } from './world.js';

/** Lives of a node in one process. Whoever needs more does not suffer from damage that can be repaired. */
const LIVES_MAX = 4;

/** What whoever runs a node is told. */
export interface LivesHandlers extends Pick<NodeHandlers, 'event'> {
  /** It listens there: in each of its lives. */
  listening(address: string): void;
  /** It could not listen. */
  deaf(error: Error): void;
  /** It cannot go on, nor can it be repaired by beginning anew. */
  fatal(error: Error): void;
}

/** A node that is booted again when that mends it. */
export class Lives {
  readonly #world: World;
  readonly #options: BootOptions;
  readonly #handlers: LivesHandlers;
  #life = 0;
  #node: Node | null = null;
  #stopping = false;

  constructor(world: World, options: BootOptions, handlers: LivesHandlers) {
    this.#world = world;
    this.#options = options;
    this.#handlers = handlers;
  }

  start(): void {
    this.#begin([]);
  }

  /** As `Node.stop`. */
  stop(done: () => void): void {
    this.#stopping = true;
    if (this.#node === null) done();
    else this.#node.stop(done);
  }

  #begin(damaged: readonly Damage[]): void {
    this.#life++;
    const handlers: BootHandlers = {
      event: this.#handlers.event,
      fatal: (error, found) => this.#ended(error, found === null ? [] : [found]),
    };
    boot(this.#world, { ...this.#options, damaged }, handlers, (error, node) => {
      if (this.#stopping) return;
      if (error !== null || node === null) {
        this.#handlers.fatal(error ?? new Error('no node'));
        return;
      }
      this.#node = node;
      node.start((listenError, address) => {
        if (listenError !== null) this.#handlers.deaf(listenError);
        else this.#handlers.listening(address);
      });
    });
  }

  #ended(error: Error, damaged: readonly Damage[]): void {
    this.#node = null;
    if (!isDamage(error) || this.#life === LIVES_MAX || this.#stopping) {
      this.#handlers.fatal(error);
      return;
    }
    this.#handlers.event('beginning anew', { error: error.message });
    this.#begin(damaged);
  }
}
