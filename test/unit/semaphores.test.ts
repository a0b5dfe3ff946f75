/** Semaphores: permits in the order in which they are asked for, never more of them than there are. */
import { expect } from 'chai';
import fc from 'fast-check';
import { SEMAPHORE_LIMITS } from '../../node/services/semaphores.js';
import { type Asked, LockGroup, type Party, threeParties } from './lock-words.js';

describe('a semaphore', () => {
  let { group, a, b } = threeParties();

  beforeEach(() => {
    ({ group, a, b } = threeParties());
    a.run('sem.set', ['pool', 3]);
  });

  const acquire = (of: Party, permits: number, wait = 0, owner = 1): Asked =>
    of.run('sem.acquire', [owner, 'pool', permits, wait]);
  const release = (of: Party, permits: number, owner = 1): Asked => of.run('sem.release', [owner, 'pool', permits]);
  const find = (): unknown => group.c.look('sem.find', ['pool']);

  it('gives permits while there are some, and tells of who has them', () => {
    expect(acquire(a, 2).now).to.deep.equal([3, 1, 2]);
    expect(acquire(b, 1, 0, 9).now).to.deep.equal([3, 0, 1]);
    expect(acquire(b, 1).now).to.equal('WOULD_BLOCK');
    expect(find()).to.deep.equal([
      3,
      0,
      [
        [a.session, 'anna', 1, 2],
        [b.session, 'bert', 9, 1],
      ],
      0,
    ]);
    expect(release(a, 1).now).to.deep.equal([3, 1, 1]);
    expect(acquire(a, 1).now, 'more to the same owner').to.deep.equal([3, 0, 2]);
  });

  it('lets nobody pass one who asks for more', () => {
    acquire(a, 2);
    const many = acquire(b, 2, 1000);
    const few = acquire(b, 1, 1000, 2);
    expect([many.now, few.now, acquire(a, 1).now]).to.deep.equal(['PENDING', 'PENDING', 'WOULD_BLOCK']);
    release(a, 1);
    expect([many.now, few.now]).to.deep.equal([[3, 0, 2], 'PENDING']);
    release(a, 1);
    expect(few.now).to.deep.equal([3, 0, 1]);
  });

  it('goes on to the next when one in front gives up, is late, or its session ends', () => {
    acquire(a, 2);
    for (const leaves of ['gives up', 'is late', 'ends']) {
      const one = group.session();
      const many = acquire(one, 3, 100);
      const few = acquire(b, 1, 1000);
      if (leaves === 'gives up') one.giveUp(many);
      else if (leaves === 'ends') group.expire(one);
      else group.wait(100);
      expect(many.now, leaves).to.equal(leaves === 'is late' ? 'LOCK_TIMEOUT' : 'PENDING');
      expect(few.now, leaves).to.deep.equal([3, 0, 1]);
      release(b, 1);
    }
  });

  it('gets the permits of an ended session back, in the same entry', () => {
    acquire(a, 3);
    const waiting = acquire(b, 2, 1000);
    group.expire(a);
    expect(waiting.now).to.deep.equal([3, 1, 2]);
  });

  it('may be given another size: more serves those in line, less takes none away', () => {
    acquire(a, 3);
    const waiting = acquire(b, 2, 1000);
    expect(b.run('sem.set', ['pool', 5]).now).to.deep.equal([5, 0, 5]);
    expect(waiting.now).to.deep.equal([5, 0, 2]);
    const much = acquire(b, 4, 1000);
    const little = acquire(b, 1, 1000, 2);
    expect(b.run('sem.set', ['pool', 2]).now).to.deep.equal([2, 0, 5]);
    expect([much.now, little.now], 'who can never be served is told').to.deep.equal(['INVALID', 'PENDING']);
    release(a, 3);
    expect(little.now).to.equal('PENDING');
    release(b, 1);
    expect(little.now).to.deep.equal([2, 0, 1]);
  });

  it('goes when its size is 0 and nobody has or wants a permit', () => {
    acquire(a, 1);
    expect(b.run('sem.set', ['pool', 0]).now).to.deep.equal([0, 0, 1]);
    expect(acquire(b, 1).now).to.equal('INVALID');
    expect(release(a, 1).now).to.deep.equal([0, 0, 0]);
    expect(find()).to.equal(null);
    expect(b.run('sem.set', ['never', 0]).now).to.deep.equal([0, 0, 0]);
    expect(group.kept()).to.deep.equal({});
  });

  it('refuses what makes no sense', () => {
    expect(acquire(a, 4, 1000).now, 'more than there are').to.equal('INVALID');
    expect(acquire(a, 0).now).to.equal('INVALID');
    expect(release(a, 0).now).to.equal('INVALID');
    expect(release(a, 1).now).to.equal('NOT_HOLDER');
    expect(a.run('sem.acquire', [1, 'other', 1, 0]).now).to.equal('NO_SUCH_SEMAPHORE');
    expect(a.run('sem.release', [1, 'other', 1]).now).to.equal('NO_SUCH_SEMAPHORE');
    expect(a.run('sem.set', ['', 1]).now).to.equal('INVALID');
    expect(a.run('sem.find', ['pool']).now).to.equal('INVALID');
    for (const name of ['sem.set', 'sem.acquire', 'sem.release'] as const)
      expect(a.run(name, ['?'] as never).now, name).to.equal('INVALID');
  });

  it('is one of so many, held by so many, waited for by so many', () => {
    const semaphores = { ...SEMAPHORE_LIMITS, semaphores_max: 1, holders_max: 2, waiters_max: 1 };
    const few = new LockGroup({}, { semaphores });
    const one = few.session();
    one.run('sem.set', ['pool', 2]);
    expect(one.run('sem.set', ['more', 2]).now).to.equal('LOCK_LIMIT');
    expect(one.run('sem.set', ['pool', 3]).now).to.deep.equal([3, 3, 0]);
    for (const owner of [1, 2]) one.run('sem.acquire', [owner, 'pool', 1, 0]);
    expect(one.run('sem.acquire', [3, 'pool', 1, 0]).now).to.equal('LOCK_LIMIT');
    one.run('sem.acquire', [1, 'pool', 1, 0]);
    expect(one.run('sem.acquire', [1, 'pool', 1, 100]).now).to.equal('PENDING');
    expect(one.run('sem.acquire', [2, 'pool', 1, 100]).now).to.equal('WAIT_LIMIT');
  });

  it('never gives more than there are, whatever is done, and is empty in the end', () => {
    const step = fc.record({
      what: fc.constantFrom('acquire', 'acquire', 'acquire', 'release', 'release', 'size', 'wait', 'end', 'void'),
      party: fc.nat(2),
      owner: fc.nat(1),
      permits: fc.integer({ min: 1, max: 3 }),
      wait: fc.constantFrom(0, 10, 100),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (list) => {
        const any = new LockGroup();
        const parties = [any.session(), any.session(), any.session()];
        const pending: [Party, Asked][] = [];
        let most = 3;
        parties[0]?.run('sem.set', ['pool', 3]);
        for (const { what, party, owner, permits, wait } of list) {
          const of = parties[party] as Party;
          if (what === 'acquire') pending.push([of, of.run('sem.acquire', [owner, 'pool', permits, wait])]);
          else if (what === 'release') of.run('sem.release', [owner, 'pool', permits]);
          else if (what === 'size') of.run('sem.set', ['pool', permits]);
          else if (what === 'wait') any.wait(wait);
          else if (what === 'void') {
            const [one] = pending.splice(permits, 1);
            if (one?.[1].now === 'PENDING' && parties.includes(one[0])) one[0].giveUp(one[1]);
          } else {
            any.expire(of);
            parties[party] = any.session();
          }
          const [limit, free, holders, waiting] = any.c.look('sem.find', ['pool']) as [
            number,
            number,
            number[][],
            number,
          ];
          const held = holders.reduce((sum, [, , , has]) => sum + (has ?? 0), 0);
          // What is out when the size is lowered may stay out.
          most = Math.max(limit, Math.min(most, held));
          expect(held).to.be.at.most(most);
          expect(free).to.equal(Math.max(0, limit - held));
          expect(waiting).to.equal(any.coordination.machine.holdings().semaphore_waiters?.held);
          if (free >= 3) expect(waiting, 'nobody waits in vain').to.equal(0);
        }
        any.expire(...parties);
        expect(any.kept()).to.deep.equal({ semaphores: 1 });
        expect(any.coordination.machine.deadline()).to.equal(Number.POSITIVE_INFINITY);
      }),
      { numRuns: 200 },
    );
  });
});
