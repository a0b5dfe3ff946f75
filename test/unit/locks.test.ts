/** Locks: who gets one and who waits, in which order, under which token, and how it is let go of. */
import { expect } from 'chai';
import { LIMITS } from '../../protocol/limits.js';
import { LockGroup, threeParties } from './lock-words.js';

describe('a lock', () => {
  let { group, a, b, c } = threeParties();

  beforeEach(() => {
    ({ group, a, b, c } = threeParties());
  });

  describe('is given', () => {
    for (const [held, asked, given] of [
      ['s', 's', true],
      ['s', 'u', true],
      ['u', 's', true],
      ['u', 'u', false],
      ['s', 'x', false],
      ['u', 'x', false],
      ['x', 's', false],
      ['x', 'u', false],
      ['x', 'x', false],
    ] as const) {
      it(`in mode ${asked} ${given ? 'beside' : 'not beside'} one who has it in mode ${held}`, () => {
        a.acquire(`k:${held}`);
        const asking = b.acquire(`k:${asked}`);
        if (given) expect(asking.now).to.be.an('array');
        else expect(asking.now).to.equal('WOULD_BLOCK');
      });
    }

    it('with the index of the entry as its token', () => {
      expect(a.acquire('k').now).to.deep.equal([['k', 3, group.c.index]]);
    });

    it('to one of two owners of a session: they are two', () => {
      a.acquire('k', { owner: 1 });
      expect(a.acquire('k', { owner: 2 }).now).to.equal('WOULD_BLOCK');
    });

    it('not past one who waits and would conflict, though it is shared', () => {
      a.acquire('k:s');
      b.acquire('k', { wait: 1000 });
      expect(c.acquire('k:s').now).to.equal('WOULD_BLOCK');
      expect(c.acquire('k:s', { wait: 1000 }).now).to.equal('PENDING');
      expect(group.lock('k')?.queue).to.deep.equal([`${b.session}/1 x`, `${c.session}/1 s`]);
    });

    it('past one who waits and does not conflict', () => {
      a.acquire('k:u');
      b.acquire('k:u', { wait: 1000 });
      expect(c.acquire('k:s').now).to.be.an('array');
    });

    it('to an owner that stood in line behind itself', () => {
      b.acquire('busy');
      const both = a.acquire('k:s', 'busy:s', { wait: 1000 });
      const behind = a.acquire('k', { wait: 1000 });
      expect(behind.now).to.equal('PENDING');
      b.release('busy');
      expect([both.now, behind.now].map(Array.isArray)).to.deep.equal([true, true]);
      expect(group.lock('k')).to.deep.include({ holders: [`${a.session}/1 x`], queue: [] });
    });

    it('to those in line in the order in which they came, as many at once as can have it', () => {
      a.acquire('k');
      const waits = ['k:s', 'k:u', 'k:s', 'k:u', 'k', 'k:s'].map((wanted, i) =>
        b.acquire(wanted, { owner: i, wait: 1000 }),
      );
      a.release('k');
      expect(waits.map(({ now }) => Array.isArray(now))).to.deep.equal([true, true, true, false, false, false]);
      expect(group.order).to.deep.equal([0, 1, 2].map((i) => waits[i]?.key));
    });
  });

  describe('that somebody else has', () => {
    it('is refused to who does not wait, with its holders', () => {
      a.acquire('k:s');
      b.acquire('k:s', { owner: 7 });
      const refused = c.acquire('k');
      expect(refused.now).to.equal('WOULD_BLOCK');
      expect(refused.message).to.equal(`k is held by ${a.session}/1 (anna) in mode s`);
      expect(refused.details).to.deep.equal({
        lock: 'k',
        holders: [
          { session: a.session, client: 'anna', owner: 1, lock: 'k', mode: 1 },
          { session: b.session, client: 'bert', owner: 7, lock: 'k', mode: 1 },
        ],
        position: 1,
      });
    });

    it('is refused LOCK_TIMEOUT at the deadline, with its holders and the place in line', () => {
      a.acquire('k');
      b.acquire('k', { wait: 1000 });
      const late = c.acquire('k', { wait: 500 });
      group.wait(499);
      expect(late.now).to.equal('PENDING');
      group.wait(1);
      expect(late.now).to.equal('LOCK_TIMEOUT');
      expect(late.message).to.match(/^k is held by .* \(anna\) in mode x, after 500 ms$/);
      expect(late.details).to.deep.include({ lock: 'k', position: 2 });
    });

    it('goes to the next when one in front gives up or its time is up', () => {
      a.acquire('k:s');
      const first = b.acquire('k', { wait: 100 });
      const second = c.acquire('k:s', { wait: 1000 });
      group.wait(100);
      expect([first.now, second.now]).to.deep.equal(['LOCK_TIMEOUT', [['k', 1, group.lock('k')?.token]]]);
      const third = b.acquire('k', { wait: 1000 });
      const fourth = b.acquire('k:s', { owner: 2, wait: 1000 });
      expect(b.giveUp(third)).to.equal('VOID');
      expect([third.now, Array.isArray(fourth.now)], 'nothing comes of the third').to.deep.equal(['PENDING', true]);
    });

    it('is never given to one whose wait is over', () => {
      a.acquire('k');
      const late = b.acquire('k', { wait: 100 });
      const gone = b.acquire('k', { wait: 1000 });
      b.giveUp(gone);
      group.wait(100);
      a.release('k');
      expect([late.now, gone.now, group.lock('k')]).to.deep.equal(['LOCK_TIMEOUT', 'PENDING', null]);
    });
  });

  describe('that the owner has already', () => {
    it('is counted, under the same token, at once and past those who wait', () => {
      const { token } = a.acquire('k');
      b.acquire('k', { wait: 1000 });
      expect(a.acquire('k:s').now, 'a weaker mode: what is held').to.deep.equal([['k', 3, token]]);
      expect(a.release('k', { count: 1 }).now).to.deep.equal([3, 1, token]);
      expect(a.release('k', { count: 1 }).now).to.deep.equal([3, 0, token]);
      expect(group.lock('k')?.holders).to.deep.equal([`${b.session}/1 x`]);
    });

    it('is released altogether when not said how often', () => {
      const { token } = a.acquire('k');
      a.acquire('k');
      expect(a.release('k').now).to.deep.equal([3, 0, token]);
      expect(group.lock('k')).to.equal(null);
    });

    it('is refused REENTRANCY_LIMIT above so many times', () => {
      const few = new LockGroup({ reentrancy_max: 2 });
      const party = few.session();
      party.acquire('k');
      party.acquire('k');
      expect(party.acquire('k').now).to.equal('REENTRANCY_LIMIT');
      expect(party.acquire('k', 'other').now).to.equal('REENTRANCY_LIMIT');
      expect(few.lock('other'), 'all or nothing').to.equal(null);
    });
  });

  describe('is not released', () => {
    it('by one who does not hold it, nor with an old token, nor more often than it is held', () => {
      const { token } = a.acquire('k');
      expect(b.release('k').now).to.equal('NOT_HOLDER');
      expect(a.release('k', { owner: 2 }).now).to.equal('NOT_HOLDER');
      expect(a.release('other').now).to.equal('NOT_HOLDER');
      expect(a.release('k', { token: token - 1 }).now).to.equal('STALE_TOKEN');
      expect(a.release('k', { count: 2 }).now).to.equal('INVALID');
      expect(a.release('k', { token }).now).to.deep.equal([3, 0, token]);
      expect(a.release('k', { token }).now).to.equal('NOT_HOLDER');
    });
  });

  describe('has a token that', () => {
    it('sharers have together, and that rises when it becomes exclusive and when it ceases to be', () => {
      const shared = a.acquire('k:s').token;
      expect(b.acquire('k:u').token).to.equal(shared);
      a.release('k');
      const [, , alone] = b.convert('k').now as [string, number, number];
      expect(alone).to.equal(group.c.index);
      const [, , again] = b.convert('k:s').now as [string, number, number];
      expect(again).to.equal(group.c.index);
      expect(a.acquire('k:s').token).to.equal(again);
    });

    it('rises from holder to holder, also where nobody is in between', () => {
      const tokens = [a, b, c].map((party) => {
        const { token } = party.acquire('k');
        party.release('k');
        return token;
      });
      expect(tokens).to.deep.equal([...tokens].sort((x, y) => x - y));
      expect(new Set(tokens).size).to.equal(3);
    });

    it('is a new one when it was nobody’s for a moment, though it was only shared', () => {
      const { token } = a.acquire('k:s');
      const both = c.acquire('k:s', 'other', { wait: 0 });
      expect(both.token).to.equal(token);
      b.acquire('other', { wait: 10_000 });
      const waiting = b.acquire('k', 'other', { owner: 2, wait: 10_000 });
      a.release('k');
      c.release('k');
      expect(waiting.now).to.equal('PENDING');
      expect(a.acquire('k:s', { wait: 10_000 }).now, 'behind the one that waits').to.equal('PENDING');
      b.giveUp(waiting);
      expect(group.lock('k')?.token).to.be.above(token);
    });

    it('no two holders share that had it one after the other, though both did in one entry', () => {
      a.acquire('k', { hold: 100 });
      const second = b.acquire('k', { wait: 1000 });
      const third = c.acquire('k', { wait: 1000 });
      // Time passes first: b has it. Then comes the command: it is taken from b.
      group.c.time += 100;
      a.revoke('k');
      expect(second.now).to.be.an('array');
      expect(third.now, 'its token could not be greater').to.equal('PENDING');
      group.wait(1);
      expect(third.token).to.be.above(second.token);
    });

    it('no two holders share either when all of it is due at one time', () => {
      a.acquire('k:s');
      b.acquire('k:s');
      const upgrade = b.convert('k', { wait: 1000 });
      const third = c.acquire('k:s', { wait: 1000 });
      a.revoke('k', 100);
      // It is taken from a, so b has it alone; then it is taken from b.
      group.wait(100);
      expect(upgrade.now).to.deep.equal(['k', 3, group.c.index]);
      expect(third.now, 'its token could not be greater').to.equal('PENDING');
      group.wait(1);
      expect(third.token).to.be.above(group.c.index - 1);
    });
  });

  describe('has limits:', () => {
    it('modes, names, at least one lock, none twice', () => {
      expect(a.run('lock.acquire', [1, [['k', 4]], 0, 0, 0, 0, '']).now).to.equal('INVALID');
      expect(a.run('lock.acquire', [1, [], 0, 0, 0, 0, '']).now).to.equal('INVALID');
      expect(a.acquire('k', 'k:s').now).to.equal('INVALID');
      for (const name of ['', 'a\nb', '\u202e'])
        expect(a.run('lock.acquire', [1, [[name, 3]], 0, 0, 0, 0, '']).now).to.equal('INVALID');
      expect(a.run('lock.acquire', [1, [['ü'.repeat(LIMITS.name_length_max), 3]], 0, 0, 0, 0, '']).now).to.be.an(
        'array',
      );
    });

    it('so many locks, so many holds of all and of a session', () => {
      const few = new LockGroup({ locks_max: 3, holds_max: 5, session_holds_max: 4 });
      const one = few.session();
      const two = few.session();
      expect(one.acquire('a:s', 'b:s', 'c:s').now).to.be.an('array');
      expect(one.acquire('d').now, 'locks').to.equal('LOCK_LIMIT');
      expect(one.acquire('a:s', { owner: 2 }).now).to.be.an('array');
      expect(one.acquire('b:s', { owner: 2 }).now, 'of the session').to.equal('LOCK_LIMIT');
      expect(two.acquire('a:s').now).to.be.an('array');
      expect(two.acquire('b:s').now, 'of all').to.equal('LOCK_LIMIT');
      expect(one.acquire('a:s').now, 'once more is no more').to.be.an('array');
    });

    it('so many in line for it and for all, and of a session', () => {
      const few = new LockGroup({ lock_waiters_max: 2, waiters_max: 3 });
      const one = few.session();
      one.acquire('a', 'b');
      for (const owner of [2, 3]) expect(one.acquire('a', { owner, wait: 100 }).now).to.equal('PENDING');
      expect(one.acquire('a', { owner: 4, wait: 100 }).now).to.equal('WAIT_LIMIT');
      expect(one.acquire('b', { owner: 4, wait: 100 }).now).to.equal('PENDING');
      expect(one.acquire('b', { owner: 5, wait: 100 }).now).to.equal('WAIT_LIMIT');
      a.acquire('k');
      for (let i = 0; i < LIMITS.window_max; i++) b.acquire('k', { owner: i, wait: 1000 });
      expect(b.acquire('k', { owner: 5000, wait: 1000 }).now).to.equal('WAIT_LIMIT');
    });
  });
});
