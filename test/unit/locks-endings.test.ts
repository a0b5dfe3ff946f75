/** Locks that several are asked for, converted, bounded in time, taken away, left behind by dead sessions, and what their holders are told. */
import { expect } from 'chai';
import { LANE_LIMITS } from '../../node/services/lanes.js';
import { LOCK_LIMITS } from '../../node/services/locks/limits.js';
import { LOCK_NEWS } from '../../protocol/operations.js';
import { LockGroup, threeParties } from './lock-words.js';

describe('locks', () => {
  let { group, a, b, c } = threeParties();

  beforeEach(() => {
    ({ group, a, b, c } = threeParties());
  });

  const holders = (name: string): string[] => group.lock(name)?.holders ?? [];

  describe('that are asked for together', () => {
    it('are given all at once, in the order asked for, or none of them', () => {
      b.acquire('two');
      const all = a.acquire('three:s', 'two', 'one', { wait: 1000 });
      expect([all.now, holders('one'), holders('three')]).to.deep.equal(['PENDING', [], []]);
      b.release('two');
      const { index } = group.c;
      expect(all.now).to.deep.equal([
        ['three', 1, index],
        ['two', 3, index],
        ['one', 3, index],
      ]);
    });

    it('stand in all lines meanwhile: nobody passes who conflicts', () => {
      b.acquire('two');
      a.acquire('one', 'two', { wait: 1000 });
      expect(c.acquire('one').now).to.equal('WOULD_BLOCK');
      group.wait(1000);
      expect(c.acquire('one').now).to.be.an('array');
    });

    it('count what is held already, and convert what is held in a weaker mode', () => {
      a.acquire('one:s');
      a.acquire('two:x');
      const { token } = a.acquire('two:s', 'one:x');
      expect(holders('one')).to.deep.equal([`${a.session}/1 x`]);
      expect(a.release('two', { count: 1 }).now).to.deep.equal([3, 1, token]);
      expect(a.release('one', { count: 1 }).now).to.have.ordered.members([3, 1, group.c.index - 2]);
    });
  });

  describe('that are converted', () => {
    it('upwards stand before all who came earlier and hold nothing', () => {
      a.acquire('k:s');
      b.acquire('k:s');
      const stranger = c.acquire('k', { wait: 1000 });
      const upgrade = a.convert('k', { wait: 1000 });
      expect(group.lock('k')?.queue).to.deep.equal([`${a.session}/1 x`, `${c.session}/1 x`]);
      b.release('k');
      expect(upgrade.now).to.deep.equal(['k', 3, group.c.index]);
      a.release('k');
      expect(stranger.now).to.be.an('array');
    });

    it('downwards let others in at once', () => {
      a.acquire('k');
      const waiting = b.acquire('k:s', { wait: 1000 });
      expect(a.convert('k:u').now).to.deep.equal(['k', 2, group.c.index]);
      expect(waiting.now).to.deep.equal([['k', 1, group.c.index]]);
    });

    it('do not count once more, as an acquire does that converts', () => {
      const { token } = a.acquire('k:s');
      a.convert('k:u');
      expect(a.convert('k:u').now, 'to what it is').to.deep.equal(['k', 2, token]);
      expect(a.release('k', { count: 1 }).now).to.deep.equal([2, 0, token]);
    });

    it('are refused to who does not hold them, to who does not wait, and at the deadline', () => {
      expect(a.convert('k').now).to.equal('NOT_HOLDER');
      a.acquire('k:s');
      b.acquire('k:s');
      expect(a.convert('k').now).to.equal('WOULD_BLOCK');
      const late = a.convert('k', { wait: 100 });
      group.wait(100);
      expect([late.now, holders('k')[0]]).to.deep.equal(['LOCK_TIMEOUT', `${a.session}/1 s`]);
    });

    it('fall with what they were to be made of: no upgrade of a hold that was lost', () => {
      a.acquire('k:s', { hold: 100 });
      b.acquire('k:s');
      const upgrade = a.convert('k', { wait: 1000 });
      const other = a.acquire('k', 'more', { wait: 1000 });
      group.wait(100);
      expect([upgrade.now, other.now]).to.deep.equal(['NOT_HOLDER', 'NOT_HOLDER']);
      b.release('k');
      expect(group.kept()).to.deep.equal({ lock_news: 1 });
    });
  });

  describe('that are bounded', () => {
    it('are taken away when their time is up, their token with them, and given on in the same entry', () => {
      const { token } = a.acquire('k', { hold: 100 });
      const next = b.acquire('k', { wait: 1000 });
      group.wait(99);
      expect(next.now).to.equal('PENDING');
      group.wait(1);
      expect(next.token).to.equal(group.c.index);
      expect(a.release('k', { token }).now).to.equal('NOT_HOLDER');
      expect(a.news().now).to.deep.equal([[1, LOCK_NEWS.held_too_long, 1, 'k', token, 100]]);
    });

    it('are not held longer for being acquired again', () => {
      a.acquire('k', { hold: 100 });
      group.wait(50);
      a.acquire('k', { hold: 1000 });
      group.wait(50);
      expect(group.lock('k')).to.equal(null);
    });

    it('count from the grant, not from the request', () => {
      a.acquire('k');
      b.acquire('k', { wait: 1000, hold: 100 });
      group.wait(500);
      a.release('k');
      group.wait(99);
      expect(holders('k')).to.deep.equal([`${b.session}/1 x`]);
      group.wait(1);
      expect(group.lock('k')).to.equal(null);
    });
  });

  describe('that are revoked', () => {
    it('are taken from all holders at once, the token burnt', () => {
      const { token } = a.acquire('k:s');
      b.acquire('k:s');
      const next = c.acquire('k', { wait: 1000 });
      expect(c.revoke('k').now).to.deep.equal([token, 2]);
      expect(next.token).to.equal(group.c.index);
      expect(a.news().now).to.deep.equal([[1, LOCK_NEWS.revoked, 1, 'k', token, 0]]);
      expect(group.c.look('lock.fence', ['k', token])).to.deep.equal([false, next.token]);
      expect(c.revoke('nobody’s').now).to.deep.equal([0, 0]);
    });

    it('later are asked for first, taken then, and left alone when released', () => {
      const { token } = a.acquire('k');
      expect(c.revoke('k', 100).now).to.deep.equal([0, 1]);
      expect(a.news().now).to.deep.equal([[1, LOCK_NEWS.asked, 1, 'k', token, 100]]);
      group.wait(60);
      a.release('k');
      b.acquire('k');
      group.wait(100);
      expect(holders('k'), 'it was asked of another').to.deep.equal([`${b.session}/1 x`]);
      c.revoke('k', 100);
      group.wait(100);
      expect(group.lock('k')).to.equal(null);
      expect((b.news(2).now as unknown[][]).map(([, kind]) => kind)).to.deep.equal([LOCK_NEWS.revoked]);
    });

    it('later end no later than they would have', () => {
      a.acquire('k', { hold: 50 });
      c.revoke('k', 100);
      expect((a.news().now as unknown[][])[0]).to.have.property('5', 50);
      group.wait(50);
      expect((a.news(1).now as unknown[][]).map(([, kind]) => kind)).to.deep.equal([LOCK_NEWS.held_too_long]);
    });
  });

  describe('of a session that ends', () => {
    it('are released in the same entry, its waits gone: a dead session is given nothing', () => {
      a.acquire('one', 'two');
      const own = b.acquire('one', { wait: 1000 });
      const next = c.acquire('one', { wait: 1000 });
      group.expire(a, b);
      expect([own.now, next.token]).to.deep.equal(['PENDING', group.c.index]);
      expect(holders('one')).to.deep.equal([`${c.session}/1 x`]);
      expect(group.lock('two')).to.equal(null);
      expect(group.locks.counts.holdersLost).to.equal(2);
    });

    it('by its own word likewise', () => {
      a.acquire('k');
      const next = b.acquire('k', { wait: 1000 });
      a.close();
      expect(next.now).to.be.an('array');
    });

    it('are kept from everybody for as long as was said when it got them', () => {
      a.acquire('k', { delay: 100 });
      const next = b.acquire('k', { wait: 1000 });
      group.expire(a);
      expect(next.now).to.equal('PENDING');
      const refused = c.acquire('k:s');
      expect(refused.now).to.equal('WOULD_BLOCK');
      expect(c.acquire('k:s').message).to.match(/waited for|kept from everybody/);
      group.wait(99);
      expect(next.now).to.equal('PENDING');
      group.wait(1);
      expect(next.token).to.equal(group.c.index);
    });

    it('are not kept from anybody when they were released before', () => {
      a.acquire('k', { delay: 100 });
      a.release('k');
      group.expire(a);
      expect(b.acquire('k').now).to.be.an('array');
    });
  });

  describe('have news that', () => {
    it('is waited for, told when it comes, and forgotten once confirmed', () => {
      const listening = a.news(0, 10_000);
      expect(listening.now).to.equal('PENDING');
      const { token } = a.acquire('k', 'l');
      b.revoke('k');
      expect(listening.now).to.deep.equal([[1, LOCK_NEWS.revoked, 1, 'k', token, 0]]);
      b.revoke('l');
      expect((a.news().now as unknown[][]).map(([seq]) => seq)).to.deep.equal([1, 2]);
      expect((a.news(1).now as unknown[][]).map(([seq]) => seq)).to.deep.equal([2]);
      expect(a.news(2).now).to.deep.equal([]);
    });

    it('of one entry is told together', () => {
      a.acquire('k', { hold: 100 });
      a.acquire('l', { hold: 100 });
      const listening = a.news(0, 10_000);
      group.wait(100);
      expect(listening.now).to.have.length(2);
    });

    it('one command of a session waits for: a second ends it, as its own deadline does', () => {
      const first = a.news(0, 100);
      const second = a.news(0, 100);
      expect([first.now, second.now]).to.deep.equal([[], 'PENDING']);
      group.wait(100);
      expect(second.now).to.deep.equal([]);
      const third = a.news(0, 100);
      expect(a.giveUp(third)).to.equal('VOID');
      expect(group.coordination.machine.deadline()).to.equal(Number.POSITIVE_INFINITY);
    });

    it('is bounded: the oldest goes', () => {
      const few = new LockGroup({ session_news_max: 2 });
      const party = few.session();
      for (const name of ['a', 'b', 'c']) {
        party.acquire(name);
        party.revoke(name);
      }
      expect((party.news().now as unknown[][]).map(([, , , lock]) => lock)).to.deep.equal(['b', 'c']);
      few.expire(party);
      expect(few.kept()).to.deep.equal({});
    });
  });

  it('are not given to a session that has no room for an outcome: it is told so, and the next is looked at', () => {
    const tight = new LockGroup(LOCK_LIMITS, { lanes: { ...LANE_LIMITS, session_bytes_max: 200 } });
    const [holder, full, next] = [tight.session(), tight.session(), tight.session()];
    holder.acquire('k');
    const waiting = full.acquire('k', { wait: 1000 });
    const behind = next.acquire('k', { wait: 1000 });
    // Two outcomes that it does not confirm.
    for (const owner of [7, 8]) full.acquire('k', { owner, wait: 10 });
    tight.wait(10);
    holder.release('k');
    expect([waiting.now, Array.isArray(behind.now)]).to.deep.equal(['WAIT_LIMIT', true]);
  });
});
