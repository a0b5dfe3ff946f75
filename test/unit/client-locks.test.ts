/** Promises about locks of the client library: who excludes whom, what becomes of requests that are given up, and how locks are released. */
import { expect } from 'chai';
import { beforeEach, describe, it } from 'mocha';
import type { Lock } from '../../protocol/client/index.js';
import { lockClients } from './lock-clients.js';

describe('client: locks', () => {
  const clients = lockClients();

  describe('acquire', () => {
    it('gives a lock with its token, its mode and the fence that goes with calls', async () => {
      const { world, service, cluster } = clients();
      const lock = await world.result(cluster.lock('k').acquire());
      expect(lock).to.include({ name: 'k', mode: 'x', state: 'held', fence: `k:${lock.token}` });
      expect(lock.token).to.equal(service.rows.get('k')?.token);
      expect(lock.signal.aborted).to.equal(false);
    });

    it('has an owner of its own each time: two in one process exclude each other', async () => {
      const { world, service, cluster, failure } = clients();
      await world.result(cluster.lock('k').acquire());
      expect(await failure(cluster.lock('k').acquire({ wait_ms: 0 }))).to.include({ code: 'WOULD_BLOCK' });
      const owners = service.ran.map(([, owner]) => owner);
      expect(new Set(owners).size).to.equal(owners.length);
    });

    it('waits for as long as it is told besides the time for the call, and then ends in LOCK_TIMEOUT', async () => {
      const { world, cluster, other, failure } = clients();
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
      const { service, cluster, other, failure } = clients();
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
      const { world, fake, service, cluster, other, failure } = clients();
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
      const { world, fake, service, cluster, failure } = clients();
      await world.result(cluster.lock('warm').acquire());
      fake.node('n1').mute = true;
      expect(await failure(cluster.lock('k').acquire({ wait_ms: 0, timeout_ms: 300 }))).to.include({ code: 'TIMEOUT' });
      expect(service.held('k')).to.equal(1);
      fake.node('n1').mute = false;
      fake.node('n1').cut();
      await world.until(() => service.held('k') === 0);
    });

    it('leaves the line while it waits', async () => {
      const { world, service, cluster, other, failure } = clients();
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
      const { world, service, cluster, other, failure } = clients();
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
      const { world, fake, service, cluster, failure } = clients();
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
      const { world, cluster } = clients();
      lock = await world.result(cluster.lock('k').acquire());
    });

    it('gives the lock to the next in line', async () => {
      const { world, service, other } = clients();
      const next = other.lock('k').acquire();
      await world.until(() => service.waiting === 1);
      await world.result(lock.release());
      expect(lock.state).to.equal('released');
      expect((await world.result(next)).state).to.equal('held');
      expect(lock.signal.aborted, 'a released lock is not lost').to.equal(false);
    });

    it('happens once, however often it is called', async () => {
      const { world, releases } = clients();
      const all = [lock.release(), lock.release(), lock[Symbol.asyncDispose]()];
      await world.result(Promise.all(all));
      expect(releases()).to.equal(1);
    });

    it('is done by `await using`, also when it was done before', async () => {
      const { world, service, cluster, releases } = clients();
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
      const { world, fake, service, failure } = clients();
      fake.elect('c', '');
      await world.pass(20);
      const error = await failure(lock.release({ timeout_ms: 400 }));
      expect(error).to.include({ code: 'TIMEOUT', definite: false });
      expect(service.held('k')).to.equal(1);
      fake.elect('c', 'n2');
      await world.until(() => service.held('k') === 0);
    });

    it('is done though the caller gave it up, before or after', async () => {
      const { world, service, cluster, failure } = clients();
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
      const { world, fake, service, releases } = clients();
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
      const { world, fake, service, failure } = clients();
      fake.groups.c.seen.set('guard', 9);
      expect(await failure(lock.release({ fence: 'guard:8' }))).to.include({ code: 'FENCED' });
      expect(lock.state).to.equal('held');
      await world.result(lock.release());
      expect(service.held('k')).to.equal(0);
    });

    it('tells that the lock was lost when the cluster says so', async () => {
      const { service, failure } = clients();
      service.rows.clear();
      expect(await failure(lock.release())).to.include({ code: 'LOCK_LOST', definite: true });
      expect(lock.state).to.equal('lost');
      expect(lock.signal.aborted).to.equal(true);
    });
  });
});
