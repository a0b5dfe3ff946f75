/** Fences and the locks they come from: whoever holds a lock is never refused for its token, and nobody gets one whose token is old. */
import { expect } from 'chai';
import fc from 'fast-check';
import { expireEntry, fencesEntry } from '../../node/services/entry.js';
import { type Coordination, coordinationMachine, shardMachine } from '../../node/services/group-machine.js';
import { type ArgumentOf, LOCK_MODES } from '../../protocol/operations.js';
import { openEntry } from './entries.js';
import { answer, Replica } from './replica.js';

const { s: S, x: X } = LOCK_MODES;

interface AcquireOptions {
  readonly wait_ms?: number;
  readonly hold_ms?: number;
  readonly delay_ms?: number;
  readonly fence?: string;
}

/** Group `c` with a few sessions, each with the number of its last command. */
class Keeper {
  readonly group: Coordination = coordinationMachine();
  readonly c = new Replica(this.group.machine);
  /** Those that are open. */
  readonly sessions: number[];
  readonly #lanes = new Map<number, number>();

  constructor(count: number) {
    this.sessions = Array.from({ length: count }, () => this.#open());
  }

  /** Asks for locks in a mode as the owner 1 of a session. */
  acquire(session: number, locks: readonly string[], mode: number, options: AcquireOptions = {}) {
    const { wait_ms = 0, hold_ms = 0, delay_ms = 0, fence = '' } = options;
    const asked = locks.map((name): [string, number] => [name, mode]);
    const argument: ArgumentOf<'lock.acquire'> = [1, asked, wait_ms, hold_ms, delay_ms, 0, ''];
    return this.c.run(session, this.#next(session), 'lock.acquire', argument, { fence });
  }

  release(session: number, lock: string) {
    return this.c.run(session, this.#next(session), 'lock.release', [1, lock, 0, 0]);
  }

  convert(session: number, lock: string, mode: number, wait_ms = 0) {
    return this.c.run(session, this.#next(session), 'lock.convert', [1, lock, mode, wait_ms, 0]);
  }

  find(session: number, lock: string, fence: string) {
    return this.c.run(session, this.#next(session), 'lock.find', [lock], { fence });
  }

  /** The end of a session, and another one in its place. */
  replace(session: number): void {
    this.c.apply(expireEntry([session]));
    this.sessions[this.sessions.indexOf(session)] = this.#open();
  }

  /** [session, lock, token] of everything that is held. */
  held(): [number, string, number][] {
    const rows = this.c.look('lock.list', ['*', 0, 500]) as [string, number, number, number, number, number[]][];
    return rows.flatMap(([name, token, , , , sessions]) =>
      sessions.map((session): [number, string, number] => [session, name, token]),
    );
  }

  #open(): number {
    return answer(this.c.apply(openEntry('cli', 10_000)).outcome) as number;
  }

  #next(session: number): number {
    const lane = (this.#lanes.get(session) ?? 0) + 1;
    this.#lanes.set(session, lane);
    return lane;
  }
}

const tokenIn = (outcome: unknown) => (outcome as [[string, number, number]])[0][2];

describe('fences in the group that keeps the locks', () => {
  let keeper: Keeper;
  let a: number;
  let b: number;
  let other: number;

  beforeEach(() => {
    keeper = new Keeper(3);
    [a = 0, b = 0, other = 0] = keeper.sessions;
  });

  const acquired = (session: number, lock: string, fence = '') =>
    answer(keeper.acquire(session, [lock], X, { fence }).outcome);

  it('take the token of a holder, and not that of one before it', () => {
    const first = tokenIn(acquired(a, 'guard'));
    expect(acquired(a, 'data', `guard:${first}`)).to.be.an('array');
    keeper.release(a, 'guard');
    const second = tokenIn(acquired(b, 'guard'));
    expect(answer(keeper.find(b, 'data', `guard:${second}`).outcome), 'a fenced read').to.be.an('array');
    expect(answer(keeper.find(a, 'data', `guard:${first}`).outcome)).to.equal('FENCED');
    expect(acquired(a, 'more', `guard:${first}`)).to.equal('FENCED');
  });

  it('refuse a token below all that are held, though none of its lock was seen', () => {
    const first = tokenIn(acquired(a, 'guard'));
    keeper.release(a, 'guard');
    acquired(b, 'data');
    expect(acquired(a, 'more', `guard:${first}`)).to.equal('FENCED');
  });

  it('let nobody have a lock because another one that was overtaken stopped waiting for it', () => {
    const fenced = { wait_ms: 1000, fence: `guard:${tokenIn(acquired(a, 'guard'))}` };
    keeper.acquire(other, ['data'], S);
    // Both wait for `data` under the same fence: b only because it must not pass a.
    expect(answer(keeper.acquire(a, ['data'], X, fenced).outcome)).to.equal('PENDING');
    expect(answer(keeper.acquire(b, ['data'], S, fenced).outcome)).to.equal('PENDING');
    keeper.release(a, 'guard');
    const next = tokenIn(acquired(other, 'guard'));
    const { settled } = keeper.find(other, 'data', `guard:${next}`);
    expect(settled.map(({ session, outcome }) => [session, answer(outcome)])).to.deep.equal([
      [a, 'FENCED'],
      [b, 'FENCED'],
    ]);
    expect(keeper.held().filter(([, lock]) => lock === 'data')).to.have.length(1);
  });

  it('make way for those who waited behind what is overtaken', () => {
    const fenced = { wait_ms: 1000, fence: `guard:${tokenIn(acquired(a, 'guard'))}` };
    keeper.acquire(other, ['data'], S);
    keeper.acquire(a, ['data'], X, fenced);
    expect(answer(keeper.acquire(b, ['data'], S, { wait_ms: 1000 }).outcome)).to.equal('PENDING');
    keeper.release(a, 'guard');
    const next = tokenIn(acquired(other, 'guard'));
    const { settled } = keeper.find(other, 'data', `guard:${next}`);
    const told = new Map(settled.map(({ session, outcome }) => [session, answer(outcome)]));
    expect(told.get(a)).to.equal('FENCED');
    expect(told.get(b)).to.be.an('array');
  });
});

/** What happens to the locks: something is asked for, let go of, made stronger or weaker, its session ends, or time passes. */
type Deed = {
  readonly do: 'acquire' | 'release' | 'convert' | 'end' | 'wait';
  readonly who: number;
  readonly lock: number;
  readonly mode: number;
};

const LOCKS = ['k1', 'k2', 'k3', 'k4'];
const SESSIONS = 5;

const deeds = fc.array(
  fc.record({
    do: fc.constantFrom<Deed['do'][]>('acquire', 'acquire', 'acquire', 'release', 'release', 'convert', 'wait', 'end'),
    who: fc.nat(SESSIONS - 1),
    lock: fc.nat(LOCKS.length - 1),
    mode: fc.constantFrom(1, 2, 3),
  }),
  { maxLength: 60, size: 'max' },
);

describe('the floor that the locks tell', () => {
  it('never refuses a token of somebody who holds a lock, however late it reaches a shard', () => {
    let checked = 0;
    fc.assert(
      fc.property(deeds, fc.array(fc.nat(8), { minLength: 60, maxLength: 60 }), (list, delays) => {
        const keeper = new Keeper(SESSIONS);
        const s0 = new Replica(shardMachine('s0'));
        const floors: number[] = [];
        let lane = 0;
        list.forEach(({ do: what, who, lock: which, mode }, i) => {
          const session = keeper.sessions[who] ?? 0;
          const lock = LOCKS[which] ?? '';
          if (what === 'acquire')
            keeper.acquire(session, [lock], mode, { wait_ms: 50, hold_ms: mode === 2 ? 100 : 0, delay_ms: 40 });
          else if (what === 'release') keeper.release(session, lock);
          else if (what === 'convert') keeper.convert(session, lock, mode, 50);
          else if (what === 'wait') keeper.c.wait(30);
          else keeper.replace(session);
          floors.push(keeper.group.locks.floor(keeper.c.index));
          // The shard hears of one of the last floors, not always of the newest.
          s0.apply(fencesEntry(floors[Math.max(0, i - (delays[i] ?? 0))] ?? 0));
          for (const [, name, token] of keeper.held()) {
            lane++;
            const outcome = s0.ask(1, lane, 'queue.size', [], { fence: `${name}:${token}`, confirmed: lane - 1 });
            expect(outcome, `${name}:${token} is held`).to.equal(0);
            checked++;
          }
        });
      }),
      { numRuns: 150 },
    );
    expect(checked).to.be.above(1000);
  });
});
