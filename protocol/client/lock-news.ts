/** News of locks: one command of the session waits at the cluster for what befalls its holds without its doing. */
import { LOCK_NEWS } from '../operations.js';
import { Reminder } from './alarms.js';
import type { ClaimsOwner } from './claims.js';
import type { LockNews, Receipt } from './types.js';

/** How long the command waits for news; then it is sent anew if there is still something to hear of, ms. */
const NEWS_WAIT_MS = 60_000;
/** It is not given up: what waits at the cluster costs nothing, and what is given up would have to be sent again, ms. */
const TIMEOUT_MS = 2 ** 31 - 1;
/** After a refusal, ms. */
const PAUSE_MS = 1000;

const KINDS: ReadonlyMap<number, keyof typeof LOCK_NEWS> = new Map(
  Object.entries(LOCK_NEWS).map(([kind, number]) => [number, kind as keyof typeof LOCK_NEWS]),
);

/** What waits for news. */
export class NewsFeed {
  readonly #owner: ClaimsOwner;
  readonly #wanted: () => boolean;
  readonly #heard: (news: LockNews) => void;
  readonly #pause = new Reminder(() => this.start());
  #asking = false;
  /** Of the latest news that was heard in this session. */
  #seq = 0;

  /** `wanted`: something is held. `heard` is called once with each piece of news. */
  constructor(owner: ClaimsOwner, wanted: () => boolean, heard: (news: LockNews) => void) {
    this.#owner = owner;
    this.#wanted = wanted;
    this.#heard = heard;
  }

  /** Something is held, or may be. Nothing happens when news is being waited for already. */
  start(): void {
    if (this.#asking || !this.#wanted()) return;
    this.#asking = true;
    this.#owner.alarms.clear(this.#pause);
    this.#ask().then(
      () => {
        this.#asking = false;
        this.start();
      },
      () => {
        this.#asking = false;
        if (this.#wanted()) this.#owner.alarms.set(this.#pause, PAUSE_MS);
      },
    );
  }

  /** The session has ended: the next one counts its news anew. */
  reset(): void {
    this.#seq = 0;
    this.#owner.alarms.clear(this.#pause);
  }

  #ask(): Promise<void> {
    const argument: [number, number] = [this.#seq, NEWS_WAIT_MS];
    // Read where it arrives, before any answer behind it: what it tells is about what was granted before.
    const take = (receipt: Receipt) => this.#take(receipt.value);
    return this.#owner.run('lock.news', argument, { timeout_ms: TIMEOUT_MS }, take, { steadfast: true });
  }

  #take(rows: unknown): void {
    for (const row of Array.isArray(rows) ? rows : []) {
      const [seq, number, owner, lock, token, ms] = row as [number, number, number, string, number, number];
      if (seq <= this.#seq) continue;
      this.#seq = seq;
      const kind = KINDS.get(number);
      if (kind !== undefined) this.#heard({ kind, lock, token, owner, ms });
    }
  }
}
