/** Locks and semaphores of a fake cluster: enough of them to see what the client library makes of what they answer. */
import { decode, encode } from '../../protocol/codec.js';
import { LOCK_MODES, LOCK_NEWS } from '../../protocol/operations.js';
import type { Outcome } from './fake-group.js';

interface Hold {
  readonly session: number;
  readonly owner: number;
  mode: number;
  count: number;
}

interface Row {
  token: number;
  holds: Hold[];
}

/** A command that waits. */
interface Waiter {
  readonly session: number;
  readonly lane: number;
  /** What it comes to, or undefined while it has to wait. */
  readonly attempt: () => Outcome | undefined;
  /** When the wait is over. */
  readonly late: Outcome;
  /** It stands in line: nobody who comes later is served before it. */
  readonly inLine: boolean;
}

type NewsRow = [seq: number, kind: number, owner: number, lock: string, token: number, ms: number];

const result = (value: unknown): Outcome => ({ ok: true, result: encode(value) });
const refusal = (code: string, details: object = {}): Outcome => ({
  ok: false,
  result: encode([code, `${code} in the fake`, details]),
});

/** The locks. First come, first served, over all of them. */
export class FakeLockService {
  readonly rows = new Map<string, Row>();
  readonly permits = new Map<string, { limit: number; held: Map<string, number> }>();
  /** [operation, owner, lock or locks] of all that ran, in order. */
  readonly ran: [name: string, owner: number, about: unknown][] = [];
  /** `birth` of each acquire. */
  readonly births: number[] = [];
  /** Refuses the next acquire or convert with this. */
  refuses: { code: string; details: object } | undefined;
  readonly #settle: (session: number, lane: number, outcome: Outcome) => void;
  readonly #index: () => number;
  #waiters: Waiter[] = [];
  readonly #news = new Map<number, NewsRow[]>();
  /** The greatest number of its news, by session. */
  readonly #told = new Map<number, number>();

  constructor(index: () => number, settle: (session: number, lane: number, outcome: Outcome) => void) {
    this.#index = index;
    this.#settle = settle;
  }

  /** How many wait for a lock or permits. */
  get waiting(): number {
    return this.#waiters.filter(({ inLine }) => inLine).length;
  }

  /** How many times anybody holds the lock. */
  held(lock: string): number {
    return (this.rows.get(lock)?.holds ?? []).reduce((sum, { count }) => sum + count, 0);
  }

  /** The mode in which it is held, or 0. */
  mode(lock: string): number {
    return Math.max(0, ...(this.rows.get(lock)?.holds ?? []).map(({ mode }) => mode));
  }

  /** Runs a command; undefined when it is none of these. `wait_ms` above 0 is the caller's to count. */
  apply(name: string, session: number, lane: number, body: Buffer): { outcome: Outcome; wait_ms: number } | undefined {
    const argument = decode(body) as unknown[];
    const now = (outcome: Outcome) => ({ outcome, wait_ms: 0 });
    switch (name) {
      case 'lock.acquire': {
        const [owner, asked, wait_ms, , , birth] = argument as [
          number,
          [string, number][],
          number,
          number,
          number,
          number,
        ];
        this.ran.push([name, owner, asked.map(([lock]) => lock)]);
        this.births.push(birth);
        const attempt = () => this.#acquire(session, owner, asked);
        return this.#wait(session, lane, wait_ms, attempt);
      }
      case 'lock.convert': {
        const [owner, lock, mode, wait_ms] = argument as [number, string, number, number, number];
        this.ran.push([name, owner, [lock, mode]]);
        return this.#wait(session, lane, wait_ms, () => this.#convert(session, owner, lock, mode));
      }
      case 'lock.release': {
        const [owner, lock, , count] = argument as [number, string, number, number];
        this.ran.push([name, owner, lock]);
        return now(this.#release(session, owner, lock, count));
      }
      case 'lock.news': {
        const [confirmed, wait_ms] = argument as [number, number];
        this.#news.set(
          session,
          (this.#news.get(session) ?? []).filter(([seq]) => seq > confirmed),
        );
        const attempt = () => {
          const rows = this.#news.get(session) ?? [];
          return rows.length > 0 ? result(rows) : undefined;
        };
        return {
          outcome: attempt() ?? this.#line({ session, lane, attempt, late: result([]), inLine: false }),
          wait_ms,
        };
      }
      case 'sem.acquire': {
        const [owner, sem, wanted, wait_ms] = argument as [number, string, number, number];
        this.ran.push([name, owner, sem]);
        return this.#wait(session, lane, wait_ms, () => this.#take(session, owner, sem, wanted));
      }
      case 'sem.release': {
        const [owner, sem, given] = argument as [number, string, number];
        this.ran.push([name, owner, sem]);
        return now(this.#giveBack(session, owner, sem, given));
      }
      default:
        return undefined;
    }
  }

  /** A waiting command was given up; false when it does not wait here. */
  abandon(session: number, lane: number): boolean {
    const before = this.#waiters.length;
    this.#waiters = this.#waiters.filter((one) => one.session !== session || one.lane !== lane);
    return this.#waiters.length < before;
  }

  /** The wait of a command is over. */
  timeOut(session: number, lane: number): void {
    const waiter = this.#waiters.find((one) => one.session === session && one.lane === lane);
    if (waiter !== undefined && this.abandon(session, lane)) this.#settle(session, lane, waiter.late);
  }

  /** A session has ended, and all that it held with it. */
  end(session: number): void {
    this.#waiters = this.#waiters.filter((one) => one.session !== session);
    for (const row of this.rows.values()) row.holds = row.holds.filter((hold) => hold.session !== session);
    for (const { held } of this.permits.values())
      for (const key of held.keys()) if (key.startsWith(`${session} `)) held.delete(key);
    this.#scan();
  }

  /** Takes a lock away from whoever holds it, or only tells that it is asked for. */
  befall(kind: keyof typeof LOCK_NEWS, lock: string, ms = 0): void {
    const row = this.rows.get(lock);
    if (row === undefined) return;
    for (const { session, owner } of row.holds) {
      const seq = (this.#told.get(session) ?? 0) + 1;
      this.#told.set(session, seq);
      const news: NewsRow = [seq, LOCK_NEWS[kind], owner, lock, row.token, ms];
      this.#news.set(session, [...(this.#news.get(session) ?? []), news]);
    }
    if (kind !== 'asked') {
      row.holds = [];
      row.token = this.#index();
    }
    this.#scan();
  }

  #wait(session: number, lane: number, wait_ms: number, attempt: () => Outcome | undefined) {
    const { refuses } = this;
    this.refuses = undefined;
    if (refuses !== undefined) return { outcome: refusal(refuses.code, refuses.details), wait_ms: 0 };
    const outcome = wait_ms > 0 && this.#waiters.some(({ inLine }) => inLine) ? undefined : attempt();
    if (outcome !== undefined) return { outcome, wait_ms: 0 };
    if (wait_ms === 0) return { outcome: refusal('WOULD_BLOCK'), wait_ms: 0 };
    this.#line({ session, lane, attempt, late: refusal('LOCK_TIMEOUT'), inLine: true });
    this.#scan();
    return { outcome: 'pending' as const, wait_ms };
  }

  #line(waiter: Waiter): 'pending' {
    this.#waiters.push(waiter);
    return 'pending';
  }

  /** Serves in order whoever can be served: `apply` has noted by then that the command is pending. */
  #scan(): void {
    queueMicrotask(() => {
      for (const { session, lane, attempt } of [...this.#waiters]) {
        const outcome = attempt();
        if (outcome !== undefined && this.abandon(session, lane)) this.#settle(session, lane, outcome);
      }
    });
  }

  #row(lock: string): Row {
    const row = this.rows.get(lock) ?? { token: this.#index(), holds: [] };
    this.rows.set(lock, row);
    return row;
  }

  #acquire(session: number, owner: number, asked: [string, number][]): Outcome | undefined {
    if (!asked.every(([lock, mode]) => this.#free(lock, mode, session, owner))) return undefined;
    return result(
      asked.map(([lock, mode]) => {
        const row = this.#row(lock);
        let own = row.holds.find((hold) => hold.session === session && hold.owner === owner);
        if (own === undefined) {
          own = { session, owner, mode: 0, count: 0 };
          row.holds.push(own);
        }
        if (mode === LOCK_MODES.x && own.mode !== mode) row.token = this.#index();
        own.mode = Math.max(own.mode, mode);
        own.count++;
        return [lock, own.mode, row.token];
      }),
    );
  }

  #convert(session: number, owner: number, lock: string, mode: number): Outcome | undefined {
    const row = this.#row(lock);
    const own = row.holds.find((hold) => hold.session === session && hold.owner === owner);
    if (own === undefined) return refusal('NOT_HOLDER');
    if (mode > own.mode && !this.#free(lock, mode, session, owner)) return undefined;
    if ((mode === LOCK_MODES.x) !== (own.mode === LOCK_MODES.x)) row.token = this.#index();
    own.mode = mode;
    this.#scan();
    return result([lock, mode, row.token]);
  }

  #release(session: number, owner: number, lock: string, count: number): Outcome {
    const row = this.#row(lock);
    const own = row.holds.find((hold) => hold.session === session && hold.owner === owner);
    if (own === undefined) return refusal('NOT_HOLDER');
    own.count -= count;
    if (own.count <= 0) row.holds = row.holds.filter((hold) => hold !== own);
    this.#scan();
    return result([own.mode, Math.max(0, own.count), row.token]);
  }

  #free(lock: string, mode: number, session: number, owner: number): boolean {
    const { s, u } = LOCK_MODES;
    return this.#row(lock).holds.every(
      (hold) =>
        (hold.session === session && hold.owner === owner) ||
        (hold.mode === s && mode <= u) ||
        (mode === s && hold.mode <= u),
    );
  }

  #take(session: number, owner: number, name: string, wanted: number): Outcome | undefined {
    const sem = this.permits.get(name);
    if (sem === undefined) return refusal('NO_SUCH_SEMAPHORE');
    const free = sem.limit - [...sem.held.values()].reduce((sum, one) => sum + one, 0);
    if (free < wanted) return undefined;
    sem.held.set(`${session} ${owner}`, wanted);
    return result([sem.limit, free - wanted, wanted]);
  }

  #giveBack(session: number, owner: number, name: string, given: number): Outcome {
    const sem = this.permits.get(name);
    if (sem?.held.get(`${session} ${owner}`) !== given) return refusal('NOT_HOLDER');
    sem.held.delete(`${session} ${owner}`);
    this.#scan();
    return result([sem.limit, sem.limit, 0]);
  }
}
