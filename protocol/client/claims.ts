/** All that the session holds, locks and permits: how it is asked for, and what happens to it when the session may have ended. */
import { ConcordError } from '../errors.js';
import type { ArgumentOf, OperationName } from '../operations.js';
import type { Alarms } from './alarms.js';
import type { Runner } from './call.js';
import type { Life } from './life.js';
import type { CallOptions, Receipt } from './types.js';
import { Unsure } from './unsure.js';

/** Things that one client holds at once; beyond, it asks for no more. */
const HELD_MAX = 1 << 18;

/** What is needed of the client. */
export interface ClaimsOwner extends Runner {
  readonly alarms: Alarms;
  readonly timeout_ms: number;
  /** The cluster is sure to keep the session at this moment. */
  sessionSure(): boolean;
}

/** Something held. */
export interface Claim {
  readonly life: Life;
  /** It is held: lists it where it has to be listed, here too. */
  keep(): void;
  /** It is not held any more. */
  forget(): void;
  /** Has the cluster end it, should it still be counted as ours there. */
  giveBack(): void;
}

/** Who hears of claims. */
export interface Witness {
  kept(claim: Claim): void;
  /** They were lost because the session may have ended, or has. */
  lost(claims: readonly Claim[]): void;
}

/** What is done with a grant: `take` makes it ours, `giveBack` returns it unused. */
export interface Grant<T> {
  take(receipt: Receipt): T;
  giveBack(receipt: Receipt): void;
}

/** The claims of one client. */
export class Claims {
  readonly #owner: ClaimsOwner;
  readonly #witness: Witness;
  readonly #held = new Set<Claim>();
  readonly #unsure: Unsure;

  constructor(owner: ClaimsOwner, witness: Witness) {
    this.#owner = owner;
    this.#witness = witness;
    this.#unsure = new Unsure(owner.alarms);
  }

  /** True while the session is sure to live. If the clock says that it may have ended, everything is lost on the spot. */
  look(): boolean {
    return this.#owner.sessionSure();
  }

  /**
   * Runs a command that ends in a grant, within the time for a call and `wait_ms`. Whoever has given up by the time of the grant, or
   * is gone, does not get it: it is given back.
   */
  async grant<T, N extends OperationName>(
    name: N,
    argument: ArgumentOf<N>,
    options: CallOptions,
    wait_ms: number,
    { take, giveBack }: Grant<T>,
  ): Promise<T> {
    // What was lost has to be released before anything new is asked for, and the timer that loses it may be late.
    this.look();
    if (this.#held.size >= HELD_MAX)
      throw new ConcordError('LOCK_LIMIT', `this client holds ${HELD_MAX} locks and permits already`);
    const timeout_ms = (options.timeout_ms ?? this.#owner.timeout_ms) + wait_ms;
    const until_ms = this.#owner.alarms.now() + timeout_ms;
    const whenSure = (receipt: Receipt): T | Promise<T> => {
      if (this.look()) return take(receipt);
      return this.#unsure.wait(
        until_ms,
        options.signal,
        () => take(receipt),
        () => giveBack(receipt),
      );
    };
    return await this.#owner.run(name, argument, { ...options, timeout_ms }, whenSure, { late: giveBack });
  }

  /** Runs a command that is done whatever becomes of this call. `take` sees its result, late or not. */
  steadfast<T, N extends OperationName>(
    name: N,
    argument: ArgumentOf<N>,
    options: CallOptions | undefined,
    take: (receipt: Receipt) => T,
  ): Promise<T> {
    return this.#owner.run(name, argument, options, take, { steadfast: true, late: take });
  }

  /** Releases `claim` by a command that is done whatever becomes of this call. As `Held.release`. */
  async release<N extends OperationName>(
    claim: Claim,
    name: N,
    argument: ArgumentOf<N>,
    options: CallOptions | undefined,
  ): Promise<void> {
    const { life } = claim;
    life.need();
    life.release();
    this.#remove(claim);
    try {
      await this.steadfast(name, argument, options, ignore);
    } catch (error) {
      if (!(error instanceof ConcordError)) throw error;
      // It was ours when this was called, and the end of the session has released it as well.
      if (error.code === 'SESSION_EXPIRED') return;
      if (error.code === 'NOT_HOLDER') {
        const loss = life.lose('it was not held any more when it was released');
        life.tell();
        throw loss;
      }
      if (error.definite) this.#resume(claim);
      throw error;
    }
  }

  /** As `steadfast`, where nobody waits for what comes of it. */
  send<N extends OperationName>(name: N, argument: ArgumentOf<N>, take: (receipt: Receipt) => void = ignore): void {
    this.steadfast(name, argument, undefined, take).catch(ignore);
  }

  add(claim: Claim): void {
    this.#held.add(claim);
    this.#witness.kept(claim);
  }

  /** These are gone: the cluster has said so. */
  lose(claims: readonly Claim[], why: string): void {
    for (const claim of claims) {
      claim.life.lose(why);
      this.#remove(claim);
    }
    // Signals call what is not ours, and we may be in the middle of something.
    queueMicrotask(() => {
      for (const { life } of claims) life.tell();
    });
  }

  /**
   * The session may have ended. What it holds is lost, and released before anything that is asked for from now on: should the session
   * live, others are not kept waiting for what nobody uses.
   */
  endanger(): void {
    const claims = [...this.#held];
    this.lose(claims, 'the session was out of touch for so long that it may have ended');
    for (const claim of claims) claim.giveBack();
    this.#witness.lost(claims);
  }

  /** The session is sure to live again. */
  renewed(): void {
    this.#unsure.sure();
  }

  /** The session has ended, and everything with it. */
  ended(session: number): void {
    const claims = [...this.#held];
    this.lose(claims, `session ${session} has ended`);
    this.#unsure.fail(new ConcordError('LOCK_LOST', `granted, but session ${session} has ended since`));
    this.#witness.lost(claims);
  }

  /** The client is closed, and its session with it. */
  close(): void {
    this.lose([...this.#held], 'the client was closed');
    this.#unsure.fail(new ConcordError('CLOSED'));
  }

  /** A release was refused for a reason that leaves it held. */
  #resume(claim: Claim): void {
    if (this.look()) {
      claim.life.resume();
      claim.keep();
      return;
    }
    claim.life.lose('it could not be released, and nobody can be sure of it now');
    claim.giveBack();
  }

  #remove(claim: Claim): void {
    this.#held.delete(claim);
    claim.forget();
  }
}

function ignore(): void {}
