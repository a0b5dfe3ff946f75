/** Many locks, many waiters: what a command looks at does not grow with them. Steps are counted, not time. */
import { expect } from 'chai';
import { LockGroup, type Party } from './lock-words.js';

/** Sessions that share what one of them may not have pending alone. */
function crowd(group: LockGroup, size: number): (i: number) => Party {
  const parties = Array.from({ length: size }, () => group.session());
  return (i) => parties[i % size] as Party;
}

const steps = ({ locks }: LockGroup): number => locks.counts.looked + locks.counts.searched;

describe('many waiters on one lock', () => {
  it('are let in one by one, each looked at once', () => {
    const group = new LockGroup();
    const party = crowd(group, 20);
    party(0).acquire('hot');
    for (let i = 0; i < 10_000; i++) party(i).acquire('hot', { owner: 10 + i, wait: 100_000 });
    party(0).release('hot');
    for (let i = 0; i < 10_000; i++) party(i).release('hot', { owner: 10 + i });
    expect(group.kept()).to.deep.equal({});
    expect(steps(group)).to.equal(10_000);
  }).timeout(20_000);

  it('that share it come in all together', () => {
    const group = new LockGroup();
    const party = crowd(group, 20);
    party(0).acquire('hot');
    for (let i = 0; i < 10_000; i++) party(i).acquire('hot:s', { owner: 10 + i, wait: 100_000 });
    party(0).release('hot');
    expect(group.kept()).to.deep.equal({ locks: 1, lock_holds: 10_000 });
    expect(steps(group)).to.equal(10_000);
    // Behind those that share waits one who does not, and behind it more that would.
    party(0).acquire('hot', { owner: 1, wait: 100_000 });
    for (let i = 0; i < 1000; i++) party(i).acquire('hot:s', { owner: 20_000 + i, wait: 100_000 });
    for (let i = 0; i < 9000; i++) party(i).release('hot', { owner: 10 + i });
    expect(steps(group), 'each release looks at the first only').to.be.at.most(10_000 + 9000);
  }).timeout(20_000);

  it('whose time is up at once leave in so many steps', () => {
    const group = new LockGroup();
    const party = crowd(group, 20);
    party(0).acquire('hot:s');
    party(1).acquire('hot', { wait: 2000 });
    for (let i = 0; i < 10_000; i++) party(i).acquire(i % 2 === 0 ? 'hot:u' : 'hot', { owner: 10 + i, wait: 1000 });
    group.wait(1000);
    expect(group.kept()).to.deep.equal({ locks: 1, lock_holds: 1, lock_waiters: 1 });
    expect(steps(group)).to.be.at.most(30_000);
  }).timeout(20_000);

  it('are not looked at because somebody among them leaves, though the holder waits for another lock', () => {
    const group = new LockGroup();
    const party = crowd(group, 10);
    const holder = group.session();
    group.session().acquire('other');
    holder.acquire('hot');
    holder.acquire('other', { wait: 100_000 });
    for (let i = 0; i < 5000; i++) party(i).acquire('hot:s', { owner: 10 + i, wait: 1000 });
    group.wait(1000);
    expect(group.kept()).to.deep.equal({ locks: 2, lock_holds: 2, lock_waiters: 1 });
    expect(steps(group)).to.be.at.most(20_000);
  }).timeout(20_000);

  it('that hold something of their own each, wanted by somebody, are searched for circles a few steps each', () => {
    const count = 4000;
    const group = new LockGroup();
    const party = crowd(group, 10);
    const other = crowd(group, 10);
    const holder = group.session();
    holder.acquire('hot');
    for (let i = 0; i < count; i++) {
      party(i).acquire(`own${i}`, { owner: 10 + i });
      other(i).acquire(`own${i}`, { owner: 10 + i, wait: 100_000 });
    }
    for (let i = 0; i < count; i++) party(i).acquire('hot', { owner: 10 + i, wait: 100_000 });
    expect(steps(group)).to.be.at.most(8 * count);
    // The circle behind all of them is found as quickly.
    const before = steps(group);
    holder.acquire(`own${count - 1}`, { wait: 100_000 });
    expect(group.locks.counts.deadlocks, 'they wait for the holder, and it for one of them').to.equal(1);
    expect(steps(group) - before).to.be.at.most(20);
  }).timeout(20_000);

  it('behind an owner of many locks, it is searched from the other end', () => {
    const group = new LockGroup();
    const party = crowd(group, 10);
    const rich = group.session();
    for (let i = 0; i < 5000; i++) rich.acquire(`own${i}`);
    for (let i = 0; i < 5000; i++) party(i).acquire(`own${i}`, { owner: 10 + i, wait: 100_000 });
    group.session().acquire('small');
    const before = steps(group);
    expect(rich.acquire('small', { wait: 1000 }).now).to.equal('PENDING');
    expect(steps(group) - before).to.be.at.most(10);
  }).timeout(20_000);
});
