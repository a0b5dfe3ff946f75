/** Promises about locks of the client library: who excludes whom, what becomes of requests that are given up, and how locks are released. */
import { expect } from 'chai';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Cluster, type ConcordError, connect, type Lock } from '../../protocol/client/index.js';
import { LOCK_MODES } from '../../protocol/operations.js';
import { FakeCluster } from './fake-cluster.js';
import type { FakeLockService } from './fake-lock-service.js';
import { FakeWorld } from './fake-world.js';

describe('client: locks', () => {
  let world: FakeWorld;
  let fake: FakeCluster;
  let service: FakeLockService;
  let cluster: Cluster;
  let other: Cluster;

  const join = () => world.result(connect({ nodes: fake.addresses, env: world }));
  const failure = (promise: Promise<unknown>) => world.failure<ConcordError>(promise);
  const releases = () => service.ran.filter(([name]) => name === 'lock.release').length;

  beforeEach(async () => {
    world = new FakeWorld(23);
    fake = new FakeCluster(world);
    service = fake.groups.c.locks;
    cluster = await join();
    other = await join();
  });

  afterEach(async () => {
    await world.result(Promise.all([cluster.close(), other.close()]));
  });

  describe('acquire', () => {
    it('gives a lock with its token, its mode and the fence that goes with calls', async () => {
      const lock = await world.result(cluster.lock('k').acquire());
      expect(lock).to.include({ name: 'k', mode: 'x', state: 'held', fence: `k:${lock.token}` });
      expect(lock.token).to.equal(service.rows.get('k')?.token);
      expect(lock.signal.aborted).to.equal(false);
    });

    it('has an owner of its own each time: two in one process exclude each other', async () => {
      await world.result(cluster.lock('k').acquire());
      expect(await failure(cluster.lock('k').acquire({ wait_ms: 0 }))).to.include({ code: 'WOULD_BLOCK' });
      const owners = service.ran.map(([, owner]) => owner);
      expect(new Set(owners).size).to.equal(owners.length);
    });

    it('waits for as long as it is told besides the time for the call, and then ends in LOCK_TIMEOUT', async () => {
      const lock = await world.result(cluster.lock('k').acquire());
      const before = world.scheduler.now();
      expect(await failure(other.lock('k').acquire({ wait_ms: 7000, timeout_ms: 500 }))).to.include({
        code: 'LOCK_TIMEOUT',
      });
      expect(world.scheduler.now() - before).to.be.within(7000, 7100);
      const next = other.lock('k').acquire({ wait_ms: 7000, timeout_ms: 500 });
      await world.pass(6000);
      await world.result(lock.release());
      expect((await world.result(next)).token).to.be.above(lock.token);
    });

    it('refuses what no cluster would take', async () => {
      const wrong = [{ mode: 'y' as 'x' }, { wait_ms: -1 }, { hold_ms: 0.5 }, { note: 'x'.repeat(256) }];
      for (const options of wrong)
        expect(await failure(cluster.lock('k').acquire(options))).to.include({ code: 'INVALID', definite: true });
      const context = other.lockContext();
      expect(await failure(cluster.lock('k').acquire({ context }))).to.include({ code: 'INVALID' });
      expect(service.ran).to.deep.equal([]);
    });
  });

  describe('a request that is given up', () => {
    let gone: AbortController;

    beforeEach(() => {
      gone = new AbortController();
    });

    it('does not hold the lock, though it was granted on the way', async () => {
      await world.result(cluster.lock('warm').acquire());
      fake.node('n1').mute = true;
      const call = failure(cluster.lock('k').acquire({ signal: gone.signal }));
      await world.until(() => service.held('k') === 1);
      gone.abort();
      expect(await call).to.include({ code: 'CANCELLED', definite: false });
      fake.node('n1').mute = false;
      fake.node('n1').cut();
      await world.until(() => service.held('k') === 0);
      expect(await world.result(other.lock('k').acquire({ wait_ms: 0 }))).to.include({ state: 'held' });
    });

    it('does not hold the lock, though its time ran out before word of the grant came', async () => {
      await world.result(cluster.lock('warm').acquire());
      fake.node('n1').mute = true;
      expect(await failure(cluster.lock('k').acquire({ wait_ms: 0, timeout_ms: 300 }))).to.include({ code: 'TIMEOUT' });
      expect(service.held('k')).to.equal(1);
      fake.node('n1').mute = false;
      fake.node('n1').cut();
      await world.until(() => service.held('k') === 0);
    });

    it('leaves the line while it waits', async () => {
      const lock = await world.result(other.lock('k').acquire());
      const call = failure(cluster.lock('k').acquire({ signal: gone.signal }));
      await world.until(() => service.waiting === 1);
      await world.pass(20);
      gone.abort();
      expect(await call).to.include({ code: 'CANCELLED' });
      await world.until(() => service.waiting === 0);
      await world.result(lock.release());
      expect(service.held('k')).to.equal(0);
    });

    it('gives back what it was granted in the moment of giving up, of several locks each', async () => {
      const lock = await world.result(other.lock('b').acquire());
      const call = failure(cluster.lockContext().acquire(['a', 'b', 'c'], { signal: gone.signal }));
      await world.until(() => service.waiting === 1);
      await world.pass(20);
      const released = lock.release();
      await world.until(() => service.held('a') === 1);
      gone.abort();
      expect(await call).to.include({ code: 'CANCELLED' });
      await world.result(released);
      await world.until(() => ['a', 'b', 'c'].every((name) => service.held(name) === 0));
    });

    it('by one of two that share an owner leaves the other its hold', async () => {
      const context = cluster.lockContext();
      const [lock] = await world.result(context.acquire('k'));
      fake.node('n1').mute = true;
      const call = failure(context.acquire('k', { signal: gone.signal }));
      await world.until(() => service.held('k') === 2);
      gone.abort();
      await call;
      fake.node('n1').mute = false;
      fake.node('n1').cut();
      await world.until(() => service.held('k') === 1);
      expect(context.held).to.deep.equal([lock]);
      expect(lock?.state).to.equal('held');
    });
  });

  describe('release', () => {
    let lock: Lock;

    beforeEach(async () => {
      lock = await world.result(cluster.lock('k').acquire());
    });

    it('gives the lock to the next in line', async () => {
      const next = other.lock('k').acquire();
      await world.until(() => service.waiting === 1);
      await world.result(lock.release());
      expect(lock.state).to.equal('released');
      expect((await world.result(next)).state).to.equal('held');
      expect(lock.signal.aborted, 'a released lock is not lost').to.equal(false);
    });

    it('happens once, however often it is called', async () => {
      const all = [lock.release(), lock.release(), lock[Symbol.asyncDispose]()];
      await world.result(Promise.all(all));
      expect(releases()).to.equal(1);
    });

    it('is done by `await using`, also when it was done before', async () => {
      const { token } = lock;
      await world.result(lock.release());
      const inside = async () => {
        await using held = await cluster.lock('k').acquire();
        await using early = await cluster.lock('early').acquire();
        await early.release();
        expect(held.token).to.be.at.least(token);
        expect(service.held('k')).to.equal(1);
      };
      await world.result(inside());
      expect(service.held('k')).to.equal(0);
      expect(releases()).to.equal(3);
    });

    it('is done in the end though the caller was told that its time ran out', async () => {
      fake.elect('c', '');
      await world.pass(20);
      const error = await failure(lock.release({ timeout_ms: 400 }));
      expect(error).to.include({ code: 'TIMEOUT', definite: false });
      expect(service.held('k')).to.equal(1);
      fake.elect('c', 'n2');
      await world.until(() => service.held('k') === 0);
    });

    it('is done though the caller gave it up, before or after', async () => {
      const gone = new AbortController();
      const call = failure(lock.release({ signal: gone.signal }));
      gone.abort();
      expect(await call).to.include({ code: 'CANCELLED', definite: false });
      await world.until(() => service.held('k') === 0);
      const again = await world.result(cluster.lock('k').acquire());
      await world.result(again.release({ signal: gone.signal }));
      expect(service.held('k')).to.equal(0);
    });

    it('is done though the leader could not begin it in time, and once though the way was lost', async () => {
      await world.pass(20);
      const leader = fake.node('n1');
      let refusals = 3;
      leader.intercept = (message, connection) => {
        if (message.kind !== 'command' || refusals === 0) return false;
        refusals--;
        leader.fail(connection, message.correlation, 'DEADLINE');
        return true;
      };
      const call = lock.release();
      await world.until(() => refusals === 0);
      leader.mute = true;
      await world.until(() => service.held('k') === 0);
      leader.mute = false;
      leader.cut();
      await world.result(call);
      expect(releases()).to.equal(1);
    });

    it('leaves the lock held when it is refused, so that it can be tried again', async () => {
      fake.groups.c.seen.set('guard', 9);
      expect(await failure(lock.release({ fence: 'guard:8' }))).to.include({ code: 'FENCED' });
      expect(lock.state).to.equal('held');
      await world.result(lock.release());
      expect(service.held('k')).to.equal(0);
    });

    it('tells that the lock was lost when the cluster says so', async () => {
      service.rows.clear();
      expect(await failure(lock.release())).to.include({ code: 'LOCK_LOST', definite: true });
      expect(lock.state).to.equal('lost');
      expect(lock.signal.aborted).to.equal(true);
    });
  });

  describe('a context', () => {
    it('acquires again what it holds, and holds it until the last of these is released', async () => {
      const context = cluster.lockContext();
      const [first] = await world.result(context.acquire('k'));
      const second = await world.result(cluster.lock('k').acquire({ context }));
      expect(second.token).to.equal(first?.token);
      expect(context.held).to.deep.equal([first, second]);
      await world.result(second.release());
      expect(first?.state).to.equal('held');
      expect(service.held('k')).to.equal(1);
      await world.result(Promise.all(context.held.map((lock) => lock.release())));
      expect(service.held('k')).to.equal(0);
      expect(context.held).to.deep.equal([]);
    });

    it('acquires several locks at once, each in its mode, in the order asked', async () => {
      const context = cluster.lockContext();
      const locks = await world.result(context.acquire(['b', ['a', 's'], 'c'], { mode: 'u' }));
      expect(locks.map(({ name, mode }) => [name, mode])).to.deep.equal([
        ['b', 'u'],
        ['a', 's'],
        ['c', 'u'],
      ]);
    });

    it('excludes other contexts of the same process', async () => {
      await world.result(cluster.lockContext().acquire('k'));
      expect(await failure(cluster.lockContext().acquire('k', { wait_ms: 0 }))).to.include({ code: 'WOULD_BLOCK' });
    });

    it('tells its age after a deadlock, through every attempt until all of it is released', async () => {
      const context = cluster.lockContext();
      const [a] = await world.result(context.acquire('a'));
      service.refuses = { code: 'DEADLOCK', details: { reason: 'cycle', birth: 17, cycle: [] } };
      expect(await failure(context.acquire('b'))).to.include({ code: 'DEADLOCK' });
      if (a !== undefined) await world.result(a.release());
      service.refuses = { code: 'LOCK_TIMEOUT', details: {} };
      await failure(context.acquire('a'));
      const [again] = await world.result(context.acquire('a'));
      await world.result(cluster.lock('z').acquire());
      if (again !== undefined) await world.result(again.release());
      await world.result(context.acquire('a'));
      expect(service.births).to.deep.equal([0, 0, 17, 17, 0, 0]);
    });
  });

  describe('convert', () => {
    let lock: Lock;

    beforeEach(async () => {
      lock = await world.result(cluster.lock('k').acquire({ mode: 's' }));
    });

    it('changes the mode, and the token on the way to x and back', async () => {
      const { token } = lock;
      await world.result(lock.convert('u'));
      expect(lock).to.include({ mode: 'u', token });
      await world.result(lock.convert('x'));
      expect(lock.mode).to.equal('x');
      expect(lock.token).to.be.above(token);
      const exclusive = lock.token;
      await world.result(lock.convert('s'));
      expect(lock.token).to.be.above(exclusive);
      expect(lock.fence).to.equal(`k:${lock.token}`);
    });

    it('up that was given up does not hold: it is taken back when it was granted on the way', async () => {
      fake.node('n1').mute = true;
      const gone = new AbortController();
      const call = failure(lock.convert('x', { signal: gone.signal }));
      await world.until(() => service.mode('k') === LOCK_MODES.x);
      gone.abort();
      expect(await call).to.include({ code: 'CANCELLED' });
      fake.node('n1').mute = false;
      fake.node('n1').cut();
      await world.until(() => service.mode('k') === LOCK_MODES.s);
      await world.pass(50);
      expect(lock).to.include({ mode: 's', state: 'held', token: service.rows.get('k')?.token });
    });

    it('down counts from the call on, and is done though its caller is told that no answer came', async () => {
      await world.result(lock.convert('x'));
      fake.node('n1').mute = true;
      expect(await failure(lock.convert('s', { timeout_ms: 300 }))).to.include({ code: 'TIMEOUT' });
      expect(lock.mode).to.equal('s');
      fake.node('n1').mute = false;
      fake.node('n1').cut();
      await world.pass(500);
      expect(lock).to.include({ mode: 's', token: service.rows.get('k')?.token });
    });

    it('tells that the lock was lost when the cluster says so', async () => {
      service.rows.clear();
      expect(await failure(lock.convert('x'))).to.include({ code: 'LOCK_LOST' });
      expect(lock.state).to.equal('lost');
    });
  });

  describe('withLock', () => {
    it('never overlaps with another of the same name, in this process or elsewhere', async () => {
      let inside = 0;
      let most = 0;
      const run = async (lock: Lock) => {
        inside++;
        most = Math.max(most, inside);
        await new Promise<void>((resolve) => {
          world.scheduler.after(1 + world.pick(5), resolve);
        });
        inside--;
        return lock.token;
      };
      const tokens = await world.result(
        Promise.all(Array.from({ length: 20 }, (_, i) => (i % 3 === 0 ? other : cluster).withLock('k', run))),
      );
      expect(most).to.equal(1);
      expect(new Set(tokens).size).to.equal(20);
      expect(service.held('k')).to.equal(0);
    });

    it('releases whatever happens, and ends as what was run', async () => {
      expect(await world.result(cluster.withLock('k', () => 42))).to.equal(42);
      const failed = cluster.withLock('k', () => {
        throw new RangeError('mine');
      });
      expect(await world.failure<RangeError>(failed)).to.be.instanceOf(RangeError);
      const early = cluster.withLock('k', async (lock) => {
        await lock.release();
        return 'early';
      });
      expect(await world.result(early)).to.equal('early');
      expect(service.held('k')).to.equal(0);
    });

    it('ends well when the release cannot be confirmed: the lock was held all the time', async () => {
      const call = cluster.withLock('k', () => fake.elect('c', ''), { timeout_ms: 500 });
      await world.result(call);
      expect(service.held('k')).to.equal(1);
      fake.elect('c', 'n3');
      await world.until(() => service.held('k') === 0);
    });

    it('runs nothing when the lock cannot be had', async () => {
      const lock = await world.result(other.lock('k').acquire());
      let ran = false;
      const call = cluster.withLock(
        'k',
        () => {
          ran = true;
        },
        { wait_ms: 100 },
      );
      expect(await failure(call)).to.include({ code: 'LOCK_TIMEOUT' });
      expect(ran).to.equal(false);
      await world.result(lock.release());
    });
  });

  describe('semaphores', () => {
    beforeEach(() => {
      service.permits.set('s', { limit: 3, held: new Map() });
    });

    const taken = () => [...(service.permits.get('s')?.held.values() ?? [])].reduce((sum, one) => sum + one, 0);

    it('give permits up to their limit, and others when these are back', async () => {
      const two = await world.result(cluster.semaphore('s').acquire(2));
      expect(two).to.include({ name: 's', permits: 2, state: 'held' });
      expect(await failure(cluster.semaphore('s').acquire(2, { wait_ms: 0 }))).to.include({ code: 'WOULD_BLOCK' });
      const next = cluster.semaphore('s').acquire(2);
      await world.until(() => service.waiting === 1);
      await world.result(two.release());
      const inside = async () => {
        await using permits = await next;
        expect(permits.permits).to.equal(2);
        expect(taken()).to.equal(2);
      };
      await world.result(inside());
      expect(taken()).to.equal(0);
    });

    it('are held by an owner of its own each time', async () => {
      const acquire = () => world.result(cluster.semaphore('s').acquire());
      const [one, two] = [await acquire(), await acquire()];
      await world.result(one.release());
      expect(taken()).to.equal(1);
      expect(two.state).to.equal('held');
    });

    it('get back what was granted to somebody who had given up', async () => {
      await world.result(cluster.lock('warm').acquire());
      fake.node('n1').mute = true;
      const gone = new AbortController();
      const call = failure(cluster.semaphore('s').acquire(1, { signal: gone.signal }));
      await world.until(() => taken() === 1);
      gone.abort();
      expect(await call).to.include({ code: 'CANCELLED' });
      fake.node('n1').mute = false;
      fake.node('n1').cut();
      await world.until(() => taken() === 0);
    });

    it('tell whoever holds permits when the session has ended', async () => {
      const permits = await world.result(cluster.semaphore('s').acquire());
      fake.expire(cluster.session.id);
      await world.until(() => permits.state === 'lost');
      expect(permits.signal.aborted).to.equal(true);
      expect(await failure(permits.release())).to.include({ code: 'LOCK_LOST' });
    });
  });
});
