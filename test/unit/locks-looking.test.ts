/** What locks tell whoever asks, and what they count. */
import { expect } from 'chai';
import { CONTENDED_TOLD_MAX, Contention } from '../../node/services/locks/contention.js';
import { EXCLUSIVE, SHARED } from '../../node/services/locks/modes.js';
import { LOCK_ROWS_MAX } from '../../protocol/operations.js';
import { threeParties } from './lock-words.js';

describe('locks, when asked,', () => {
  let { group, a, b } = threeParties();

  beforeEach(() => {
    ({ group, a, b } = threeParties());
  });

  it('tell of one who holds it and who waits, since when and how long yet', () => {
    const { token } = a.acquire('k', { hold: 1000, note: 'build 7' });
    group.wait(100);
    b.acquire('k:s', { wait: 500 });
    group.wait(50);
    expect(group.c.look('lock.find', ['k'])).to.deep.equal([
      'k',
      token,
      [[a.session, 'anna', 1, 3, 1, 150, 850, 'build 7']],
      [[b.session, 'bert', 1, 1, 50, 450, false]],
      1,
      1,
      0,
    ]);
    expect(group.c.look('lock.find', ['other'])).to.equal(null);
  });

  it('tell that one is kept from everybody, and for how long yet', () => {
    a.acquire('k', { delay: 100 });
    group.expire(a);
    group.wait(30);
    expect(group.c.look('lock.find', ['k'])).to.deep.equal(['k', group.lock('k')?.token, [], [], 0, 0, 70]);
  });

  it('tell of no more rows than fit an answer, of holders and line the first', () => {
    for (let i = 0; i < 700; i++) a.acquire('k:s', { owner: i });
    for (let i = 0; i < 600; i++) b.acquire('k', { owner: i, wait: 1000 });
    const [, , holders, queue, holding, waiting] = group.c.look('lock.find', ['k']) as [
      string,
      number,
      unknown[][],
      unknown[][],
      number,
      number,
    ];
    expect([holders.length, queue.length, holding, waiting]).to.deep.equal([
      LOCK_ROWS_MAX / 2,
      LOCK_ROWS_MAX / 2,
      700,
      600,
    ]);
    expect(queue.map(([, , owner]) => owner)).to.deep.equal([...Array(LOCK_ROWS_MAX / 2).keys()]);
    expect(group.c.look('lock.waits', [10_000])).to.have.length(LOCK_ROWS_MAX);
  });

  it('tell of all whose names a pattern fits, by name, or of those that a session holds', () => {
    const { token } = a.acquire('deploy/b');
    a.acquire('deploy/a:s', { owner: 2 });
    b.acquire('deploy/a:u', { owner: 1 });
    b.acquire('deploy/b', { wait: 1000 });
    b.acquire('build');
    const list = (glob: string, session = 0, limit = 10) =>
      group.c.look('lock.list', [glob, session, limit]) as unknown[][];
    expect(list('deploy/*')).to.deep.equal([
      ['deploy/a', token + 1, 2, 2, 0, [a.session, b.session]],
      ['deploy/b', token, 3, 1, 1, [a.session]],
    ]);
    const names = (rows: unknown[][]): unknown[] => rows.map(([name]) => name);
    expect(names(list(''))).to.deep.equal(['build', 'deploy/a', 'deploy/b']);
    expect(names(list('*y/?'))).to.deep.equal(['deploy/a', 'deploy/b']);
    expect(names(list('build'))).to.deep.equal(['build']);
    expect(names(list('*', b.session))).to.deep.equal(['build', 'deploy/a']);
    expect(names(list('*', 0, 1))).to.deep.equal(['build']);
    expect(list('*', 12_345)).to.deep.equal([]);
  });

  it('tell who waits for whom: for every holder that is in the way, else for the last one in front', () => {
    a.acquire('k:s');
    a.acquire('k:s', { owner: 2 });
    b.acquire('k', { wait: 1000 });
    b.acquire('k:s', { owner: 2, wait: 1000 });
    expect(group.c.look('lock.waits', [100])).to.deep.equal([
      [b.session, 1, 3, a.session, 1, 'k', 1],
      [b.session, 1, 3, a.session, 2, 'k', 1],
      [b.session, 2, 1, b.session, 1, 'k', 0],
    ]);
    expect(group.c.look('lock.waits', [1])).to.have.length(1);
  });

  it('tell whether somebody still holds one with that token', () => {
    const { token } = a.acquire('k');
    const ask = (lock: string, one: number) => group.c.look('lock.fence', [lock, one]);
    expect(ask('k', token)).to.deep.equal([true, token]);
    expect(ask('k', token - 1)).to.deep.equal([false, token]);
    a.release('k');
    expect(ask('k', token)).to.deep.equal([false, 0]);
  });

  it('tell the lowest token that is held, for those who forget what lies below it', () => {
    const { locks, c } = group;
    expect(locks.floor(c.index)).to.equal(c.index + 1);
    const first = a.acquire('one').token;
    const second = a.acquire('two:s').token;
    b.acquire('two:s');
    expect(locks.floor(c.index)).to.equal(first);
    a.release('one');
    expect(locks.floor(c.index)).to.equal(second);
    a.release('two');
    expect(locks.floor(c.index), 'b shares it').to.equal(second);
    for (let i = 0; i < 3000; i++) {
      a.acquire('busy');
      a.release('busy');
    }
    expect(locks.floor(c.index)).to.equal(second);
    b.convert('two');
    expect(locks.floor(c.index)).to.equal(c.index);
  });

  it('answer INVALID to what is no question, and to a question that is sent as a command', () => {
    expect(group.c.look('lock.find', [5] as never)).to.equal('INVALID');
    expect(group.c.look('lock.acquire', [1, [['k', 3]], 0, 0, 0, 0, ''])).to.equal('INVALID');
    expect(a.run('lock.find', ['k']).now).to.equal('INVALID');
    for (const name of ['lock.acquire', 'lock.release', 'lock.convert', 'lock.revoke', 'lock.news'] as const)
      expect(a.run(name, ['?'] as never).now, name).to.equal('INVALID');
  });

  it('count what came of whom', () => {
    const { counts } = group.locks;
    a.acquire('k', { hold: 300 });
    b.acquire('k:s');
    b.acquire('k:s', { wait: 100 });
    b.acquire('k:s', { owner: 2, wait: 1000 });
    group.wait(100);
    group.wait(200);
    expect(counts.acquiresIn(EXCLUSIVE, 'granted')).to.equal(1);
    expect(counts.acquiresIn(SHARED, 'would_block')).to.equal(1);
    expect(counts.acquiresIn(SHARED, 'timeout')).to.equal(1);
    expect(counts.acquiresIn(SHARED, 'waited')).to.equal(1);
    expect([counts.timeouts, counts.heldTooLong]).to.deep.equal([1, 1]);
    expect([counts.waits.count, counts.waits.sum]).to.deep.equal([2, 0.4]);
    expect([counts.holds.count, counts.holds.sum]).to.deep.equal([1, 0.3]);
    expect(counts.contention.top()).to.deep.equal([{ lock: 'k', waits: 2, wait_ms: 400 }]);
    expect([group.locks.heldIn(SHARED), group.locks.heldIn(EXCLUSIVE)]).to.deep.equal([1, 0]);
  });
});

describe('the locks that are waited for most', () => {
  it('are found among any number of others, with never less than the truth', () => {
    const contention = new Contention();
    const truth = new Map<string, number>();
    const wait = (lock: string, ms: number): void => {
      contention.waited(lock, ms);
      truth.set(lock, (truth.get(lock) ?? 0) + ms);
    };
    for (let i = 0; i < 10_000; i++) {
      wait(`rare${i}`, 1);
      if (i % 5 === 0) wait(`hot${i % 3}`, 100);
    }
    const top = contention.top();
    expect(top).to.have.length(CONTENDED_TOLD_MAX);
    expect(top.slice(0, 3).map(({ lock }) => lock)).to.have.members(['hot0', 'hot1', 'hot2']);
    for (const { lock, wait_ms } of top) expect(wait_ms).to.be.at.least(truth.get(lock) ?? 0);
  });
});
