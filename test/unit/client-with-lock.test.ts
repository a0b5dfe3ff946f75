/** Promises about withLock: what it runs is alone, and whatever that comes to the lock is released. */
import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Lock } from '../../protocol/client/index.js';
import { lockClients } from './lock-clients.js';

describe('client: withLock', () => {
  const clients = lockClients();

  it('never overlaps with another of the same name, in this process or elsewhere', async () => {
    const { world, service, cluster, other } = clients();
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
    const { world, service, cluster } = clients();
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
    const { world, fake, service, cluster } = clients();
    const call = cluster.withLock('k', () => fake.elect('c', ''), { timeout_ms: 500 });
    await world.result(call);
    expect(service.held('k')).to.equal(1);
    fake.elect('c', 'n3');
    await world.until(() => service.held('k') === 0);
  });

  it('runs nothing when the lock cannot be had', async () => {
    const { world, cluster, other, failure } = clients();
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
