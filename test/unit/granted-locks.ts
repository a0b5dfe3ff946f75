/** Locks of a make-believe cluster for tests of words: everything is granted, unless a test says otherwise, and lost when a test says so. */
import type {
  AcquireOptions,
  CallOptions,
  Lock,
  LockContext,
  LockMode,
  LockNews,
} from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';

/** What every answer comes with. */
const RECEIPT = { value: null, node: 'n1', group: 'c', term: 3, index: 118, ms: 2 };

/** A hold of a lock. */
export class GrantedLock implements Lock {
  readonly name: string;
  mode: LockMode;
  token: number;
  state: 'held' | 'released' | 'lost' = 'held';
  readonly #lost = new AbortController();
  readonly #locks: GrantedLocks;

  constructor(name: string, mode: LockMode, token: number, locks: GrantedLocks) {
    this.name = name;
    this.mode = mode;
    this.token = token;
    this.#locks = locks;
  }

  get fence(): string {
    return `${this.name}:${this.token}`;
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  async release(options?: CallOptions): Promise<void> {
    this.#locks.asked.push({ what: 'release', lock: this.name, options });
    options?.onReceipt?.(RECEIPT);
    this.state = 'released';
  }

  async convert(mode: LockMode, options?: CallOptions & { wait_ms?: number }): Promise<void> {
    this.#locks.asked.push({ what: `convert ${mode}`, lock: this.name, options });
    options?.onReceipt?.(RECEIPT);
    this.mode = mode;
    this.token += 1;
  }

  /** The cluster takes it away. */
  lose(): void {
    this.state = 'lost';
    this.#lost.abort(new ConcordError('LOCK_LOST', `${this.name} is lost`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

/** One owner of locks, and what was asked of it. */
export class GrantedLocks implements LockContext {
  readonly owner = 1;
  readonly held: GrantedLock[] = [];
  readonly asked: { readonly what: string; readonly lock: unknown; readonly options: object | undefined }[] = [];
  /** Thrown by the next acquire. */
  refusal: ConcordError | undefined;
  readonly #listeners = new Set<(news: LockNews) => void>();

  async acquire(
    wanted: string | readonly (string | readonly [string, LockMode])[],
    options?: AcquireOptions,
  ): Promise<GrantedLock[]> {
    this.asked.push({ what: 'acquire', lock: wanted, options });
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
    options?.onReceipt?.(RECEIPT);
    const all = typeof wanted === 'string' ? [wanted] : wanted;
    const granted = all.map((one) => {
      const [name, mode] = typeof one === 'string' ? ([one, 'x'] as const) : one;
      return new GrantedLock(name, mode, 118, this);
    });
    this.held.push(...granted);
    return granted;
  }

  onNews(listener: (news: LockNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A lock is lost, and everybody is told why. */
  lose(name: string, kind: LockNews['kind'] = 'revoked', owner = this.owner): void {
    const lock = this.held.find((one) => one.name === name && one.state === 'held');
    lock?.lose();
    for (const listener of this.#listeners) listener({ kind, lock: name, token: lock?.token ?? 0, owner, ms: 0 });
  }
}
