/** Locks and semaphores of one client: owners, what they hold, and the news of it. */
import { ConcordError } from '../errors.js';
import { type Claim, Claims, type ClaimsOwner } from './claims.js';
import { Handle, type Hold } from './lock.js';
import { Context } from './lock-context.js';
import { NewsFeed } from './lock-news.js';
import { semaphoreOf } from './semaphore.js';
import type { AcquireOptions, Lock, LockContext, LockNews, NamedLock, Semaphore } from './types.js';

/** Listeners to news of one client. */
const LISTENERS_MAX = 1024;

/** What the options of one acquisition may hold. */
type Options = AcquireOptions & { readonly context?: LockContext };

/** The locks of one client. */
export class Locks {
  readonly #claims: Claims;
  readonly #feed: NewsFeed;
  /** By owner: those that hold or ask for something. */
  readonly #concerned = new Map<number, Context>();
  readonly #listeners = new Set<(news: LockNews) => void>();
  /** Those that a user was given. */
  readonly #contexts = new WeakSet<LockContext>();
  #owners = 0;

  constructor(owner: ClaimsOwner) {
    this.#claims = new Claims(owner, {
      kept: (claim) => {
        if (claim instanceof Handle) this.#feed.start();
      },
      lost: (claims) => this.#lost(claims),
    });
    this.#feed = new NewsFeed(
      owner,
      () => this.#concerned.size > 0,
      (news) => this.#heard(news),
    );
  }

  lock(name: string): NamedLock {
    return { acquire: (options) => this.#acquire(name, options) };
  }

  /** A new owner, for the user. */
  context(): LockContext {
    const context = this.#fresh();
    this.#contexts.add(context);
    return context;
  }

  /** As `Cluster.withLock`. */
  async withLock<T>(name: string, run: (lock: Lock) => T | Promise<T>, options?: Options): Promise<T> {
    const lock = await this.#acquire(name, options);
    let result: T;
    try {
      result = await run(lock);
    } catch (error) {
      await leave(lock, options, error);
      throw error;
    }
    await leave(lock, options);
    return result;
  }

  semaphore(name: string): Semaphore {
    return semaphoreOf(name, this.#claims, () => ++this.#owners);
  }

  /** As `Cluster.onLockNews`. @throws RangeError */
  listen(listener: (news: LockNews) => void): () => void {
    if (this.#listeners.size >= LISTENERS_MAX) throw new RangeError(`more than ${LISTENERS_MAX} listeners`);
    // The same function may listen twice.
    const own = (news: LockNews) => listener(news);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** The session may have ended, or is sure to live again, or has ended; or the client is closed. */
  endanger(): void {
    this.#claims.endanger();
  }

  renewed(): void {
    this.#claims.renewed();
  }

  ended(session: number): void {
    this.#claims.ended(session);
    this.#feed.reset();
  }

  close(): void {
    this.#claims.close();
    this.#feed.reset();
    this.#listeners.clear();
  }

  async #acquire(name: string, { context, ...options }: Options = {}): Promise<Lock> {
    if (context !== undefined && !this.#contexts.has(context))
      throw new ConcordError('INVALID', 'the lock context is not one of this client');
    const [lock] = await (context ?? this.#fresh()).acquire(name, options);
    if (lock === undefined) throw new ConcordError('INTERNAL', `lock ${name} was granted, but not named`);
    return lock;
  }

  #fresh(): Context {
    return new Context(++this.#owners, this.#claims, this.#concerned);
  }

  #heard(news: LockNews): void {
    const { kind, owner, lock, token } = news;
    const context = this.#concerned.get(owner);
    if (kind === 'held_too_long') context?.ended(lock, token, 'it was held for as long as it may be');
    if (kind === 'revoked') context?.ended(lock, token, 'it was revoked');
    this.#tell(news);
  }

  /** One piece of news for each lock, however often its owner acquired it. */
  #lost(claims: readonly Claim[]): void {
    const told = new Set<Hold>();
    for (const claim of claims) {
      if (!(claim instanceof Handle) || told.has(claim.hold)) continue;
      told.add(claim.hold);
      const { name, token, owner } = claim;
      this.#tell({ kind: 'lost', lock: name, token, owner, ms: 0 });
    }
  }

  /** After signals, and not from within: what a listener throws is its own affair. */
  #tell(news: LockNews): void {
    for (const listener of this.#listeners)
      queueMicrotask(() => {
        if (this.#listeners.has(listener)) listener(news);
      });
  }
}

/**
 * Releases a lock after `run`, which failed with `cause` or did not. What becomes of the release is not told: the lock was held as long
 * as `run` took, and the library sees to its end. @throws ConcordError LOCK_LOST
 */
async function leave(lock: Lock, options: Options | undefined, cause?: unknown): Promise<void> {
  const { timeout_ms } = options ?? {};
  try {
    if (lock.state !== 'released') await lock.release(timeout_ms === undefined ? {} : { timeout_ms });
  } catch (error) {
    if (!(error instanceof ConcordError) || error.code !== 'LOCK_LOST') return;
    if (cause !== undefined && cause !== error) error.cause = cause;
    throw error;
  }
}
