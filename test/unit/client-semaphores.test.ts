/** Promises about semaphores of the client library: permits are given up to a limit, come back, and are lost with the session. */
import { expect } from 'chai';
import { beforeEach, describe, it } from 'mocha';
import { lockClients } from './lock-clients.js';

describe('client: semaphores', () => {
  const clients = lockClients();

  beforeEach(() => {
    const { service } = clients();
    service.permits.set('s', { limit: 3, held: new Map() });
  });

  const taken = () => [...(clients().service.permits.get('s')?.held.values() ?? [])].reduce((sum, one) => sum + one, 0);

  it('give permits up to their limit, and others when these are back', async () => {
    const { world, service, cluster, failure } = clients();
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
    const { world, cluster } = clients();
    const acquire = () => world.result(cluster.semaphore('s').acquire());
    const [one, two] = [await acquire(), await acquire()];
    await world.result(one.release());
    expect(taken()).to.equal(1);
    expect(two.state).to.equal('held');
  });

  it('get back what was granted to somebody who had given up', async () => {
    const { world, fake, cluster, failure } = clients();
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
    const { world, fake, cluster, failure } = clients();
    const permits = await world.result(cluster.semaphore('s').acquire());
    fake.expire(cluster.session.id);
    await world.until(() => permits.state === 'lost');
    expect(permits.signal.aborted).to.equal(true);
    expect(await failure(permits.release())).to.include({ code: 'LOCK_LOST' });
  });
});
