/** A lock that is held: the handle that a program works with. */
import { fenceText } from '../fence.js';
import type { Claim } from './claims.js';
import { Life } from './life.js';
import type { CallOptions, Lock, LockMode } from './types.js';

/** What an owner has of one lock, as far as the cluster has told. All of the owner's handles of that lock share it. */
export interface Hold {
  readonly name: string;
  readonly handles: Handle[];
  mode: LockMode;
  token: number;
}

/** The owner of handles. */
export interface HandleOwner {
  readonly owner: number;
  look(): void;
  keep(handle: Handle): void;
  forget(handle: Handle): void;
  release(handle: Handle, options: CallOptions | undefined): Promise<void>;
  convert(handle: Handle, mode: LockMode, options: CallOptions & { readonly wait_ms?: number }): Promise<void>;
  giveBack(handle: Handle): void;
}

/** A handle: one for each time that its owner acquired the lock. */
export class Handle implements Lock, Claim {
  hold: Hold;
  readonly life: Life;
  /** The token that it came with. What befell an earlier hold of the same lock, with a lesser token, does not concern it. */
  readonly granted: number;
  readonly #owner: HandleOwner;
  #released: Promise<void> | undefined;

  constructor(hold: Hold, owner: HandleOwner) {
    this.hold = hold;
    this.granted = hold.token;
    this.life = new Life(`lock ${hold.name}`, () => owner.look());
    this.#owner = owner;
  }

  get owner(): number {
    return this.#owner.owner;
  }

  get name(): string {
    return this.hold.name;
  }

  get mode(): LockMode {
    return this.hold.mode;
  }

  get token(): number {
    return this.hold.token;
  }

  get fence(): string {
    return fenceText({ lock: this.hold.name, token: this.hold.token });
  }

  get state(): Lock['state'] {
    return this.life.state;
  }

  get signal(): AbortSignal {
    return this.life.signal;
  }

  release(options?: CallOptions): Promise<void> {
    if (this.state === 'released' && this.#released !== undefined) return this.#released;
    this.#released = this.#owner.release(this, options);
    return this.#released;
  }

  convert(mode: LockMode, options: CallOptions & { readonly wait_ms?: number } = {}): Promise<void> {
    return this.#owner.convert(this, mode, options);
  }

  keep(): void {
    this.#owner.keep(this);
  }

  forget(): void {
    this.#owner.forget(this);
  }

  giveBack(): void {
    this.#owner.giveBack(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
