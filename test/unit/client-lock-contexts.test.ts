/** Promises about the holds of one owner: acquired again, several together, made stronger and weaker. */
import { expect } from 'chai';
import { beforeEach, describe, it } from 'mocha';
import type { Lock } from '../../protocol/client/index.js';
import { LOCK_MODES } from '../../protocol/operations.js';
import { lockClients } from './lock-clients.js';

describe('client: locks', () => {
  const clients = lockClients();

  describe('a context', () => {
    it('acquires again what it holds, and holds it until the last of these is released', async () => {
      const { world, service, cluster } = clients();
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
      const { world, cluster } = clients();
      const context = cluster.lockContext();
      const locks = await world.result(context.acquire(['b', ['a', 's'], 'c'], { mode: 'u' }));
      expect(locks.map(({ name, mode }) => [name, mode])).to.deep.equal([
        ['b', 'u'],
        ['a', 's'],
        ['c', 'u'],
      ]);
    });

    it('excludes other contexts of the same process', async () => {
      const { world, cluster, failure } = clients();
      await world.result(cluster.lockContext().acquire('k'));
      expect(await failure(cluster.lockContext().acquire('k', { wait_ms: 0 }))).to.include({ code: 'WOULD_BLOCK' });
    });

    it('tells its age after a deadlock, through every attempt until all of it is released', async () => {
      const { world, service, cluster, failure } = clients();
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
      const { world, cluster } = clients();
      lock = await world.result(cluster.lock('k').acquire({ mode: 's' }));
    });

    it('changes the mode, and the token on the way to x and back', async () => {
      const { world } = clients();
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
      const { world, fake, service, failure } = clients();
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
      const { world, fake, service, failure } = clients();
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
      const { service, failure } = clients();
      service.rows.clear();
      expect(await failure(lock.convert('x'))).to.include({ code: 'LOCK_LOST' });
      expect(lock.state).to.equal('lost');
    });
  });
});
