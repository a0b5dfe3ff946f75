/** Semaphores: permits that are taken together, held and given back. */
import type { Claim, Claims } from './claims.js';
import { Life } from './life.js';
import { WAIT_MS } from './lock-context.js';
import type { CallOptions, Permits, Semaphore } from './types.js';

/** The semaphore `name`. `owner` gives a number of an owner that has none of its permits. */
export function semaphoreOf(name: string, claims: Claims, owner: () => number): Semaphore {
  return {
    acquire(permits = 1, options = {}) {
      const { wait_ms = WAIT_MS } = options;
      const taken = new Taken(name, permits, owner(), claims);
      return claims.grant('sem.acquire', [taken.owner, name, permits, wait_ms], options, wait_ms, {
        take: () => {
          taken.keep();
          return taken;
        },
        giveBack: () => taken.giveBack(),
      });
    },
  };
}

/** Permits of one owner. */
class Taken implements Permits, Claim {
  readonly name: string;
  readonly permits: number;
  readonly owner: number;
  readonly life: Life;
  readonly #claims: Claims;
  #released: Promise<void> | undefined;

  constructor(name: string, permits: number, owner: number, claims: Claims) {
    this.name = name;
    this.permits = permits;
    this.owner = owner;
    this.life = new Life(`the hold of ${permits} permits of ${name}`, () => claims.look());
    this.#claims = claims;
  }

  get state(): Permits['state'] {
    return this.life.state;
  }

  get signal(): AbortSignal {
    return this.life.signal;
  }

  keep(): void {
    this.#claims.add(this);
  }

  forget(): void {}

  giveBack(): void {
    this.#claims.send('sem.release', this.#argument);
  }

  release(options?: CallOptions): Promise<void> {
    if (this.state === 'released' && this.#released !== undefined) return this.#released;
    this.#released = this.#claims.release(this, 'sem.release', this.#argument, options);
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  get #argument(): [number, string, number] {
    return [this.owner, this.name, this.permits];
  }
}
