/** The plainest locks there can be: two lists, everything looked up in them anew each time. Its answers are those the real ones have to give. */

import {
  type Asking,
  byOwner,
  clash,
  type Edge,
  type Hold,
  type Item,
  ownerOf,
  type Request,
  sessionOf,
} from './lock-model-rows.js';

export class LockModel {
  holds: Hold[] = [];
  waiting: Request[] = [];
  readonly tokens = new Map<string, number>();
  readonly delays = new Map<string, number>();
  readonly births = new Map<string, number>();
  /** 'session' -> [kind, owner, lock, token, ms]. */
  readonly news = new Map<number, unknown[][]>();
  settled: [string, unknown][] = [];
  index = 0;
  time = 0;

  /** The entry at `index` begins: time passes first. */
  begin(index: number, time: number): void {
    this.settled = [];
    this.index = index;
    this.time = time;
    for (;;) {
      const ends = this.holds.filter(({ end }) => end > 0 && end <= time);
      const delays = [...this.delays].filter(([, until]) => until <= time);
      const late = this.waiting.filter(({ deadline }) => deadline <= time);
      const due = Math.min(
        ...ends.map((h) => h.end),
        ...delays.map(([, until]) => until),
        ...late.map((r) => r.deadline),
      );
      if (due === Number.POSITIVE_INFINITY) return;
      const [hold] = ends
        .filter(({ end }) => end === due)
        .sort((a, b) => byOwner(a.of, b.of) || (a.lock < b.lock ? -1 : 1));
      const [delay] = delays.filter(([, until]) => until === due).sort(([a], [b]) => (a < b ? -1 : 1));
      if (hold !== undefined) this.take(hold, hold.revoked ? 2 : 1);
      else if (delay !== undefined) this.delays.delete(delay[0]);
      else
        this.fail(late.filter(({ deadline }) => deadline === due).sort((a, b) => a.place - b.place)[0], 'LOCK_TIMEOUT');
      this.serve();
    }
  }

  ask(asking: Asking): unknown {
    const of = `${asking.session}/${asking.owner}`;
    const key = `${asking.session}/${asking.lane}`;
    const [first = ['', 0]] = asking.locks;
    if (asking.convert) {
      const hold = this.hold(first[0], of);
      if (hold === undefined) return 'NOT_HOLDER';
      if (hold.mode > first[1]) {
        if (this.tokens.get(hold.lock) === this.index) return 'NOT_HOLDER';
        const left = hold.mode === 3;
        hold.mode = first[1];
        if (left) this.tokens.set(hold.lock, this.index);
        for (const one of this.waiting.filter((r) => r.of === of))
          if (one.items.some((i) => i.lock === hold.lock && i.covered && i.mode > hold.mode))
            this.fail(one, 'NOT_HOLDER');
        this.serve();
      }
      if (hold.mode === first[1]) return [hold.lock, hold.mode, this.tokens.get(hold.lock)];
    }
    const items = asking.locks.map(([lock, mode]): Item => {
      const held = this.hold(lock, of)?.mode ?? 0;
      return { lock, mode, conversion: held > 0, covered: held >= mode };
    });
    const { session, hold, delay, convert } = asking;
    const request: Request = {
      ...{ key, session, of, place: this.index, since: this.time, deadline: this.time + asking.wait },
      ...{ convert, items, hold, delay },
    };
    const told = asking.birth > 0 ? Math.min(asking.birth, this.index) : this.index;
    const birth = this.births.has(of) && asking.birth === 0 ? Infinity : told;
    if (!items.some((item) => this.blocked(item, request))) {
      this.births.set(of, Math.min(birth, this.births.get(of) ?? Infinity));
      const granted = this.grant(request);
      this.breakCircles(of);
      return granted;
    }
    for (const item of items) {
      if (item.mode !== 3 || this.hold(item.lock, of)?.mode !== 1) continue;
      for (const other of this.waiting.filter((r) => r.of !== of))
        if (other.items.some((i) => i.lock === item.lock && i.conversion && i.mode === 3))
          if (this.hold(item.lock, other.of)?.mode === 1) return ['DEADLOCK', 'upgrade', [of, other.of]];
    }
    if (asking.wait === 0) return 'WOULD_BLOCK';
    this.births.set(of, Math.min(birth, this.births.get(of) ?? Infinity));
    for (const { lock } of items) if (this.lock(lock) === null) this.tokens.set(lock, this.index);
    this.waiting.push(request);
    this.breakCircles(of);
    const own = this.settled.find(([one]) => one === key);
    this.settled = this.settled.filter((one) => one !== own);
    return own?.[1] ?? 'PENDING';
  }

  release(session: number, owner: number, lock: string, token: number, count: number): unknown {
    const hold = this.hold(lock, `${session}/${owner}`);
    const held = this.tokens.get(lock);
    if (hold === undefined) return 'NOT_HOLDER';
    if (token > 0 && token !== held) return 'STALE_TOKEN';
    if (count > hold.count) return 'INVALID';
    hold.count -= count === 0 ? hold.count : count;
    if (hold.count === 0) this.end(hold);
    this.serve();
    return [hold.mode, hold.count, held];
  }

  revoke(lock: string, after: number): unknown {
    const holds = this.holds.filter((hold) => hold.lock === lock).sort((a, b) => byOwner(a.of, b.of));
    const token = this.tokens.get(lock);
    for (const hold of holds) {
      if (after === 0) this.take(hold, 2);
      else {
        if (hold.end === 0 || hold.end > this.time + after)
          Object.assign(hold, { end: this.time + after, revoked: true });
        this.tell(hold, 3, hold.end - this.time);
      }
    }
    this.serve();
    return [after === 0 && holds.length > 0 ? token : 0, holds.length];
  }

  giveUp(key: string): void {
    this.waiting = this.waiting.filter((one) => one.key !== key);
    this.serve();
  }

  endSessions(sessions: readonly number[]): void {
    this.waiting = this.waiting.filter(({ session }) => !sessions.includes(session));
    for (const session of sessions) {
      this.news.delete(session);
      for (const hold of this.holds.filter(({ of }) => sessionOf(of) === session)) {
        this.end(hold);
        if (hold.delay > 0) this.delay(hold.lock, this.time + hold.delay);
      }
    }
    this.serve();
  }

  /** 'session/owner mode' of those who hold the lock, and of those in its queue. */
  lock(lock: string): unknown {
    const holders = this.holds.filter((hold) => hold.lock === lock).sort((a, b) => byOwner(a.of, b.of));
    const queue = this.waiting.flatMap((request) => {
      const item = request.items.find((one) => one.lock === lock && !one.covered);
      return item === undefined ? [] : [{ request, item }];
    });
    if (holders.length === 0 && queue.length === 0 && !this.delays.has(lock)) return null;
    queue.sort((a, b) => Number(b.item.conversion) - Number(a.item.conversion) || a.request.place - b.request.place);
    const letter = (mode: number) => '-sux'[mode];
    return {
      token: this.tokens.get(lock),
      holders: holders.map(({ of, mode }) => `${of} ${letter(mode)}`),
      queue: queue.map(({ request, item }) => `${request.of} ${letter(item.mode)}`),
    };
  }

  /** True when somebody waits for itself in the end. */
  hasCircle(): boolean {
    return this.waiting.some(({ of }) => this.circle(of) !== undefined);
  }

  /** True when somebody waits who need not. */
  hasIdleWaiter(): boolean {
    return this.waiting.some((request) => !request.items.some((item) => this.blocked(item, request)));
  }

  private hold(lock: string, of: string): Hold | undefined {
    return this.holds.find((hold) => hold.lock === lock && hold.of === of);
  }

  private blocked(item: Item, request: Request): boolean {
    if (item.covered) return false;
    return this.delays.has(item.lock) || this.against(item, request).length > 0;
  }

  /** Who keeps a request from a lock, holders first, its own owner's requests among them. */
  private against(item: Item, request: Request): string[] {
    const holders = this.holds.filter((h) => h.lock === item.lock && h.of !== request.of && clash(h.mode, item.mode));
    const inFront = this.waiting.flatMap((other) => {
      const its = other.items.find((one) => one.lock === item.lock && !one.covered);
      if (other === request || its === undefined || !clash(its.mode, item.mode)) return [];
      const before = its.conversion === item.conversion ? other.place < request.place : its.conversion;
      return before ? [{ of: other.of, its, place: other.place }] : [];
    });
    inFront.sort(
      (a, b) => a.its.mode - b.its.mode || Number(b.its.conversion) - Number(a.its.conversion) || a.place - b.place,
    );
    return [...holders.map(({ of }) => of).sort(byOwner), ...inFront.map(({ of }) => of)];
  }

  private serve(): void {
    for (;;) {
      const next = this.waiting.find((request) => !request.items.some((item) => this.blocked(item, request)));
      if (next === undefined) break;
      this.waiting = this.waiting.filter((one) => one !== next);
      this.settled.push([next.key, this.grant(next)]);
    }
    const known = new Set([...this.holds, ...this.waiting].map(({ of }) => of));
    for (const of of this.births.keys()) if (!known.has(of)) this.births.delete(of);
  }

  private grant(request: Request): unknown {
    const { items, of, hold: hold_ms, delay } = request;
    for (const { lock, mode } of items) {
      const hold = this.hold(lock, of);
      if (hold === undefined) {
        const end = hold_ms > 0 ? this.time + hold_ms : 0;
        if (!this.holds.some((one) => one.lock === lock)) this.tokens.set(lock, this.index);
        this.holds.push({ lock, of, mode, count: 1, since: this.time, end, revoked: false, delay });
      } else {
        if (!request.convert) hold.count++;
        hold.delay = Math.max(hold.delay, delay);
        if (mode === 3 && hold.mode < 3) this.tokens.set(lock, this.index);
        hold.mode = Math.max(hold.mode, mode);
      }
    }
    const told = items.map(({ lock }) => [lock, this.hold(lock, of)?.mode, this.tokens.get(lock)]);
    return request.convert ? told[0] : told;
  }

  private end(hold: Hold): void {
    this.holds = this.holds.filter((one) => one !== hold);
    if (this.tokens.get(hold.lock) === this.index) this.delay(hold.lock, this.time + 1);
    else if (hold.mode === 3) this.tokens.set(hold.lock, this.index);
    for (const one of this.waiting.filter((r) => r.of === hold.of))
      if (one.items.some((i) => i.lock === hold.lock && i.conversion)) this.fail(one, 'NOT_HOLDER');
  }

  private take(hold: Hold, kind: number): void {
    this.tell(hold, kind, this.time - hold.since);
    this.end(hold);
  }

  private tell({ of, lock }: Hold, kind: number, ms: number): void {
    const rows = this.news.get(sessionOf(of)) ?? [];
    this.news.set(sessionOf(of), [...rows, [kind, ownerOf(of), lock, this.tokens.get(lock), ms]]);
  }

  private delay(lock: string, until: number): void {
    this.delays.set(lock, Math.max(until, this.delays.get(lock) ?? 0));
  }

  private fail(request: Request | undefined, how: unknown): void {
    this.waiting = this.waiting.filter((one) => one !== request);
    if (request !== undefined) this.settled.push([request.key, how]);
  }

  private breakCircles(of: string): void {
    for (let circle = this.circle(of); circle !== undefined; circle = this.circle(of)) {
      const age = ({ from }: Edge): number => this.births.get(from.of) ?? 0;
      const [edge] = [...circle].sort((a, b) => age(b) - age(a) || byOwner(b.from.of, a.from.of));
      const at = circle.indexOf(edge as Edge);
      const named = [...circle.slice(at), ...circle.slice(0, at)].map(({ from }) => from.of);
      this.fail(edge?.from, ['DEADLOCK', 'cycle', named]);
      this.serve();
    }
    this.serve();
  }

  /** A shortest way from an owner to itself along who waits for whom. */
  private circle(start: string): Edge[] | undefined {
    const ways: { readonly of: string; readonly way: readonly Edge[] }[] = [{ of: start, way: [] }];
    const seen = new Set([start]);
    for (const { of, way } of ways) {
      for (const from of this.waiting.filter((request) => request.of === of)) {
        for (const item of from.items.filter(({ covered }) => !covered)) {
          for (const to of this.against(item, from).filter((one) => one !== of)) {
            if (to === start) return [...way, { from, to }];
            if (!seen.has(to)) ways.push({ of: to, way: [...way, { from, to }] });
            seen.add(to);
          }
        }
      }
    }
    return undefined;
  }
}
