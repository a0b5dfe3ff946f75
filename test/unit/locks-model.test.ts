/** Locks against the plainest ones there can be, whatever is done to both; and what has to be true of any locks at all times. */
import { expect } from 'chai';
import fc from 'fast-check';
import { LOCK_NEWS } from '../../protocol/operations.js';
import { LockModel } from './lock-model.js';
import { type Asked, LockGroup, letterOf, type Party } from './lock-words.js';

type Step =
  | {
      readonly do: 'ask';
      readonly party: number;
      readonly owner: number;
      readonly locks: [string, number][];
      readonly wait: number;
      readonly hold: number;
      readonly delay: number;
      readonly birth: number;
      readonly convert: boolean;
    }
  | {
      readonly do: 'release';
      readonly party: number;
      readonly owner: number;
      readonly lock: string;
      readonly count: number;
      readonly stale: boolean;
    }
  | { readonly do: 'revoke'; readonly lock: string; readonly after: number }
  | { readonly do: 'give up'; readonly which: number }
  | { readonly do: 'end'; readonly parties: number[] }
  | { readonly do: 'nothing' };

const LOCKS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const party = fc.nat(3);
const owner = fc.constantFrom(1, 1, 2);
const lock = fc.constantFrom(...LOCKS.slice(0, 3));
const mode = fc.constantFrom(1, 1, 2, 3, 3);
const wanted = fc.uniqueArray(fc.tuple(lock, mode), { minLength: 1, maxLength: 3, selector: ([name]) => name });
const ask = fc.record({
  do: fc.constant('ask' as const),
  party,
  owner,
  locks: wanted,
  wait: fc.constantFrom(0, 5, 30, 30, 100),
  hold: fc.constantFrom(0, 0, 0, 8),
  delay: fc.constantFrom(0, 0, 6),
  birth: fc.constantFrom(0, 0, 0, 5, 1000),
  convert: fc.constantFrom(false, false, false, true),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: ask },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      party,
      owner,
      lock,
      count: fc.constantFrom(0, 0, 1, 2),
      stale: fc.constantFrom(false, false, false, true),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke' as const), lock, after: fc.constantFrom(0, 4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('give up' as const), which: fc.nat(5) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      parties: fc.uniqueArray(party, { minLength: 1, maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'nothing' }) },
);
/** A crowd that only takes and waits, until most of it waits for each other. */
const crowd = fc.array(
  fc.record({
    do: fc.constant('ask' as const),
    party,
    owner: fc.integer({ min: 1, max: 5 }),
    locks: fc.uniqueArray(fc.tuple(fc.constantFrom(...LOCKS), mode), {
      minLength: 1,
      maxLength: 3,
      selector: ([name]) => name,
    }),
    wait: fc.constant(1000),
    hold: fc.constant(0),
    delay: fc.constant(0),
    birth: fc.constant(0),
    convert: fc.constantFrom(false, false, false, true),
  }),
  { maxLength: 100, size: 'max' },
);
/** Each step, and how much time passes before it. */
const steps = fc.array(fc.tuple(step, fc.constantFrom(0, 0, 0, 1, 3, 7)), { maxLength: 120, size: 'max' });

/** The real locks and the model, side by side. */
class Both {
  readonly group = new LockGroup();
  readonly model = new LockModel();
  readonly parties: Party[] = [];
  /** Commands that were answered PENDING. */
  readonly pending = new Map<string, Asked>();
  private readonly highest = new Map<string, number>();

  constructor() {
    for (let i = 0; i < 4; i++) this.parties.push(this.group.session());
  }

  play([step, ms]: [Step, number]): void {
    const { group, model, parties } = this;
    group.c.time += ms;
    model.begin(group.c.index + 1, group.c.time);
    group.settled.clear();
    switch (step.do) {
      case 'ask': {
        const of = this.party(step.party);
        const [first = ['a', 1]] = step.locks;
        const real = step.convert
          ? of.run('lock.convert', [step.owner, ...first, step.wait, step.birth])
          : of.run('lock.acquire', [step.owner, step.locks, step.wait, step.hold, step.delay, step.birth, '']);
        const plain = step.convert ? { hold: 0, delay: 0, locks: [first] } : {};
        const told = model.ask({ ...step, session: of.session, lane: of.lane, ...plain });
        expect(comparable(real)).to.deep.equal(told);
        if (told === 'PENDING') this.pending.set(real.key, real);
        break;
      }
      case 'release': {
        const of = this.party(step.party);
        const found = group.lock(step.lock);
        const token = step.stale ? (found?.token ?? 7) - 1 : 0;
        const real = of.release(step.lock, { owner: step.owner, token, count: step.count });
        expect(real.now).to.deep.equal(model.release(of.session, step.owner, step.lock, token, step.count));
        break;
      }
      case 'revoke':
        expect(this.party(0).revoke(step.lock, step.after).now).to.deep.equal(model.revoke(step.lock, step.after));
        break;
      case 'give up': {
        const asked = [...this.pending.values()][step.which];
        const of = parties.find(({ session }) => asked?.key.startsWith(`${session}/`));
        if (asked === undefined || of === undefined) {
          group.wait(0);
          break;
        }
        // Time has passed first: it may have come to its end by that.
        const over = model.settled.find(([key]) => key === asked.key);
        const came = of.giveUp(asked);
        if (over === undefined) {
          expect(came).to.equal('VOID');
          model.giveUp(asked.key);
          this.pending.delete(asked.key);
        }
        break;
      }
      case 'end': {
        const ended = step.parties.map((i) => this.party(i));
        group.expire(...ended);
        model.endSessions(ended.map(({ session }) => session));
        for (const [key] of this.pending)
          if (ended.some(({ session }) => key.startsWith(`${session}/`))) this.pending.delete(key);
        this.compare();
        for (const one of ended) {
          model.begin(group.c.index + 1, group.c.time);
          group.settled.clear();
          parties[parties.indexOf(one)] = group.session();
          this.compare();
        }
        return;
      }
      case 'nothing':
        group.wait(0);
        break;
    }
    this.compare();
  }

  /** All that is held and waited for comes to its end; the locks have to be as if nothing had ever been. */
  close(): void {
    for (const { session } of this.parties) {
      const told = this.parties.find((one) => one.session === session)?.news().now as unknown[][];
      expect(told.map(([, ...row]) => row)).to.deep.equal(this.model.news.get(session) ?? []);
    }
    this.group.expire(...this.parties);
    this.group.wait(1000);
    expect(this.group.kept()).to.deep.equal({});
    expect(this.group.coordination.machine.deadline()).to.equal(Number.POSITIVE_INFINITY);
    expect(this.group.locks.floor(500)).to.equal(501);
  }

  private party(i: number): Party {
    return this.parties[i] as Party;
  }

  private compare(): void {
    const { group, model } = this;
    const real = [...group.settled.keys()].filter((key) => this.pending.has(key));
    for (const [key, came] of model.settled) {
      const asked = this.pending.get(key);
      if (asked === undefined) continue;
      expect(comparable(asked), key).to.deep.equal(came);
      this.pending.delete(key);
    }
    expect(
      real.filter((key) => this.pending.has(key)),
      'settled here only',
    ).to.deep.equal([]);
    let lowest = group.c.index + 1;
    for (const name of LOCKS) {
      const found = group.lock(name);
      expect(found, name).to.deep.equal(model.lock(name));
      if (found === null) continue;
      expect(found.token).to.be.at.least(this.highest.get(name) ?? 0);
      this.highest.set(name, found.token);
      if (found.holders.length > 0) lowest = Math.min(lowest, found.token);
      const modes = found.holders.map((holder) => holder.slice(-1)).join('');
      expect(modes, 'who may hold beside whom').to.match(/^(x|s*u?s*)$/);
    }
    expect(group.locks.floor(group.c.index), 'no token held is lower').to.equal(lowest);
    expect(model.hasCircle(), 'nobody waits for itself').to.equal(false);
    expect(model.hasIdleWaiter(), 'nobody waits in vain').to.equal(false);
  }
}

/** An outcome as the model gives it. */
function comparable(asked: Asked): unknown {
  if (asked.now !== 'DEADLOCK') return asked.now;
  const cycle = asked.details['cycle'] as { session: number; owner: number }[];
  return ['DEADLOCK', asked.details['reason'], cycle.map(({ session, owner: number }) => `${session}/${number}`)];
}

describe('locks, whatever is done to them,', () => {
  it('do what two lists would do, and keep their promises', () => {
    expect(LOCK_NEWS).to.deep.equal({ held_too_long: 1, revoked: 2, asked: 3 });
    expect(letterOf(3)).to.equal('x');
    fc.assert(
      fc.property(steps, (list) => {
        const both = new Both();
        for (const one of list) both.play(one);
        both.close();
      }),
      { numRuns: 300 },
    );
  }).timeout(60_000);

  it('find each circle among many owners, and no other', () => {
    fc.assert(
      fc.property(crowd, (list) => {
        const both = new Both();
        for (const one of list) both.play([one, 0]);
      }),
      { numRuns: 150 },
    );
  }).timeout(60_000);
});
