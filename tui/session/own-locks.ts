/** The locks of a terminal: one owner for all that it acquires, and news of what befalls them without its doing. */
import type { Cluster, Lock, LockContext, LockNews } from '../../protocol/client/types.js';

/** The one owner of a terminal. Its holds last from command to command, up to the end of its session. */
export class OwnLocks {
  readonly #listeners = new Set<(news: LockNews) => void>();
  #context: LockContext | undefined;

  /** The owner, on `cluster`: always the same one. */
  owner(cluster: Cluster): LockContext {
    if (this.#context === undefined) {
      this.#context = cluster.lockContext();
      const { owner } = this.#context;
      cluster.onLockNews((news) => {
        if (news.owner === owner) for (const listener of this.#listeners) listener(news);
      });
    }
    return this.#context;
  }

  /** The newest hold of the lock `name`, or undefined. */
  hold(name: string): Lock | undefined {
    return this.#held.findLast((lock) => lock.name === name);
  }

  /** How many times the lock `name` is held. */
  times(name: string): number {
    return this.#held.filter((lock) => lock.name === name).length;
  }

  /** The names of the locks that are held, in the order in which they were acquired. */
  get names(): readonly string[] {
    return [...new Set(this.#held.map((lock) => lock.name))];
  }

  /** Calls back with news of its locks. Returns the way to stop. */
  onNews(listener: (news: LockNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get #held(): readonly Lock[] {
    return (this.#context?.held ?? []).filter((lock) => lock.state === 'held');
  }
}

/** News of a lock for people, one line. */
export function newsText({ kind, lock, token, ms }: LockNews): string {
  switch (kind) {
    case 'held_too_long':
      return `the lock ${lock} is lost: it was held as long as its --hold allows (token ${token})`;
    case 'revoked':
      return `the lock ${lock} is lost: it was revoked (token ${token})`;
    case 'asked':
      return `the lock ${lock} is asked for: release it within ${Math.ceil(ms / 1000)}s, or it is taken away`;
    case 'lost':
      return `the lock ${lock} is lost: the session that held it may have ended (token ${token})`;
  }
}
