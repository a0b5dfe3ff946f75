/** Promises about news of locks: what befalls a hold without its holder's doing reaches handle and listeners, once. */
import { expect } from 'chai';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { type Cluster, type ConcordError, connect, type Lock, type LockNews } from '../../protocol/client/index.js';
import { FakeCluster } from './fake-cluster.js';
import type { FakeLockService } from './fake-lock-service.js';
import { FakeWorld } from './fake-world.js';

describe('client: news of locks', () => {
  let world: FakeWorld;
  let fake: FakeCluster;
  let service: FakeLockService;
  let cluster: Cluster;
  let news: LockNews[];

  const failure = (promise: Promise<unknown>) => world.failure<ConcordError>(promise);
  const asked = () => fake.groups.c.ran.filter(([name]) => name === 'lock.news').length;
  const acquire = (name: string): Promise<Lock> => world.result(cluster.lock(name).acquire());

  beforeEach(async () => {
    world = new FakeWorld(31);
    fake = new FakeCluster(world);
    service = fake.groups.c.locks;
    cluster = await world.result(connect({ nodes: fake.addresses, env: world }));
    news = [];
    cluster.onLockNews((one) => news.push(one));
  });

  afterEach(async () => {
    await world.result(cluster.close());
  });

  for (const kind of ['held_too_long', 'revoked'] as const)
    it(`make the handle lost: ${kind}`, async () => {
      const lock = await acquire('k');
      const { token } = lock;
      await world.pass(100);
      service.befall(kind, 'k');
      await world.until(() => lock.signal.aborted);
      expect(await failure(lock.release())).to.include({ code: 'LOCK_LOST' });
      expect(news).to.deep.equal([{ kind, lock: 'k', token, owner: 1, ms: 0 }]);
      expect(cluster.session.state).to.equal('open');
    });

  it('leave the handle alone when the lock is only asked for', async () => {
    const lock = await acquire('k');
    await world.pass(100);
    service.befall('asked', 'k', 4000);
    await world.until(() => news.length === 1);
    expect(news[0]).to.include({ kind: 'asked', lock: 'k', ms: 4000 });
    expect(lock.state).to.equal('held');
  });

  it('concern one of several holds', async () => {
    const locks = [await acquire('a'), await acquire('b'), await acquire('c')];
    await world.pass(100);
    service.befall('revoked', 'b');
    await world.until(() => news.length === 1);
    expect(locks.map(({ state }) => state)).to.deep.equal(['held', 'lost', 'held']);
  });

  it('are waited for by one command while anything is held, and by none when nothing is', async () => {
    await world.result(cluster.queue().size());
    expect(asked()).to.equal(0);
    const locks = [await acquire('a'), await acquire('b')];
    await world.pass(10 * 60_000);
    expect(asked()).to.be.within(10, 11);
    await world.result(Promise.all(locks.map((lock) => lock.release())));
    await world.pass(60_000);
    const before = asked();
    await world.pass(10 * 60_000);
    expect(asked()).to.equal(before);
    const again = await acquire('a');
    await world.pass(100);
    service.befall('revoked', 'a');
    await world.until(() => again.state === 'lost');
  });

  it('come once each, though the way is lost and the leader changes', async () => {
    await acquire('a');
    await acquire('b');
    await world.pass(100);
    fake.node('n1').mute = true;
    service.befall('asked', 'a', 1);
    service.befall('asked', 'b', 2);
    await world.pass(100);
    fake.elect('c', 'n2');
    fake.node('n1').kill();
    await world.until(() => news.length === 2);
    service.befall('asked', 'a', 3);
    await world.until(() => news.length === 3);
    await world.pass(2 * 60_000);
    expect(news.map(({ ms }) => ms)).to.deep.equal([1, 2, 3]);
    expect(asked(), 'what was heard is confirmed, and not told again').to.be.below(8);
  });

  it('come in the next session too', async () => {
    await acquire('k');
    service.befall('asked', 'k', 1);
    await world.until(() => news.length === 1);
    fake.expire(cluster.session.id);
    await world.until(() => cluster.session.state === 'ended');
    await acquire('k');
    service.befall('asked', 'k', 2);
    await world.until(() => news.length === 3);
    expect(news.map(({ kind }) => kind)).to.deep.equal(['asked', 'lost', 'asked']);
  });

  it('are asked for anew after a refusal', async () => {
    await acquire('warm');
    const apply = service.apply.bind(service);
    let refusals = 2;
    service.apply = (name, session, lane, body) => {
      if (name !== 'lock.news' || refusals === 0) return apply(name, session, lane, body);
      refusals--;
      return undefined;
    };
    service.befall('asked', 'warm', 1);
    await world.until(() => news.length === 1);
    service.befall('asked', 'warm', 2);
    await world.until(() => news.length === 2, 10_000);
  });

  describe('of a hold that ended, while its owner has acquired the lock anew', () => {
    /** Keeps news back: what was acquired in mode `before` is taken away, and acquired again in `after`. */
    async function anew(before: 's' | 'x', after: 's' | 'x') {
      const context = cluster.lockContext();
      const [first] = await world.result(context.acquire('k', { mode: before }));
      await world.pass(100);
      const leader = fake.node('n1');
      const push = leader.pushOutcome.bind(leader);
      const kept: (() => void)[] = [];
      leader.pushOutcome = (...sent) => {
        kept.push(() => push(...sent));
      };
      service.befall('revoked', 'k');
      const [second] = await world.result(context.acquire('k', { mode: after }));
      const told = async () => {
        leader.pushOutcome = push;
        for (const send of kept) send();
        await world.until(() => news.length === 1);
      };
      return { first, second, told };
    }

    it('are not needed to know that it ended when nothing else explains the new token', async () => {
      const { first, second, told } = await anew('x', 's');
      expect([first?.state, second?.state]).to.deep.equal(['lost', 'held']);
      await told();
      expect(second?.state).to.equal('held');
    });

    it('tell apart the two where it might have been strengthened', async () => {
      const { first, second, told } = await anew('s', 'x');
      await told();
      expect([first?.state, second?.state]).to.deep.equal(['lost', 'held']);
      expect(second?.mode).to.equal('x');
    });
  });

  it('of a hold of many clear away what its owner may have been granted since under the same token', async () => {
    const [lock] = await world.result(cluster.lockContext().acquire('k', { mode: 's' }));
    await world.pass(100);
    service.befall('held_too_long', 'k');
    await world.until(() => lock?.state === 'lost');
    await world.until(() => service.ran.at(-1)?.[0] === 'lock.release');
  });

  it('of the end of a hold that come before the word that it was granted make the request fail', async () => {
    const context = cluster.lockContext();
    await world.result(context.acquire('other'));
    await world.pass(100);
    const leader = fake.node('n1');
    const reply = leader.reply.bind(leader);
    const kept: (() => void)[] = [];
    leader.reply = (...sent) => {
      kept.push(() => reply(...sent));
    };
    const call = failure(context.acquire(['k', 'j']));
    await world.until(() => service.held('k') === 1);
    service.befall('revoked', 'k');
    await world.until(() => news.length === 1);
    leader.reply = reply;
    for (const send of kept) send();
    expect(await call).to.include({ code: 'LOCK_LOST' });
    await world.until(() => service.held('j') === 0);
    // Sharers have one token: it may have been granted after that end, and nobody else would ever release it.
    await world.until(() => service.ran.some(([name, , about]) => name === 'lock.release' && about === 'k'));
    expect(context.held.map(({ name }) => name)).to.deep.equal(['other']);
  });

  it('go to all who listen, until they stop', async () => {
    await acquire('k');
    const more: LockNews[] = [];
    const stop = cluster.onLockNews((one) => more.push(one));
    await world.pass(100);
    service.befall('asked', 'k', 1);
    await world.until(() => more.length === 1);
    stop();
    service.befall('asked', 'k', 2);
    await world.until(() => news.length === 2);
    expect(more).to.have.length(1);
  });
});
