/** Promises about the loss of locks: told in time, by the clock if by nothing else, and cleared away when the session lives after all. */
import { expect } from 'chai';
import { afterEach, beforeEach, describe, it } from 'mocha';
import {
  type Cluster,
  type ConcordError,
  type ConnectOptions,
  connect,
  type Lock,
  type LockNews,
} from '../../protocol/client/index.js';
import { FakeCluster } from './fake-cluster.js';
import type { FakeLockService } from './fake-lock-service.js';
import { FakeWorld } from './fake-world.js';

const TTL_MS = 10_000;
/** How long a holder may rely on a keepalive: TTL less the drift of clocks. */
const SURE_MS = (TTL_MS * 0.95) / 1.05;

describe('client: locks that are lost', () => {
  let world: FakeWorld;
  let fake: FakeCluster;
  let service: FakeLockService;
  let cluster: Cluster;
  let lock: Lock;

  const join = (options: Partial<ConnectOptions> = {}) =>
    world.result(connect({ nodes: fake.addresses, env: world, ttl_ms: TTL_MS, ...options }));
  const failure = (promise: Promise<unknown>) => world.failure<ConcordError>(promise);
  const lost = { code: 'LOCK_LOST', definite: true };
  /** Operations about locks that ran, in order, with what they were about. */
  const ran = () => service.ran.map(([name, , about]) => `${name} ${String(about)}`);

  beforeEach(async () => {
    world = new FakeWorld(29);
    fake = new FakeCluster(world);
    service = fake.groups.c.locks;
    cluster = await join();
    lock = await world.result(cluster.lock('k').acquire());
  });

  afterEach(async () => {
    await world.result(cluster.close());
  });

  it('are told so at the latest when the lease can have ended elsewhere', async () => {
    let told_ms = 0;
    lock.signal.addEventListener('abort', () => {
      told_ms = world.scheduler.now();
    });
    await world.pass(7000);
    fake.elect('c', '');
    const cut_ms = world.scheduler.now();
    await world.until(() => told_ms > 0);
    expect(told_ms - cut_ms).to.be.within(SURE_MS - TTL_MS / 3 - 1, SURE_MS + 1);
    expect(lock.state).to.equal('lost');
    expect(lock.signal.reason).to.include(lost);
    expect(() => lock.signal.throwIfAborted()).to.throw('lock k is lost');
  });

  it('fail every later call without a word to a server', async () => {
    fake.elect('c', '');
    await world.until(() => lock.state === 'lost');
    const before = world.scheduler.now();
    expect(await failure(lock.release())).to.include(lost);
    expect(await failure(lock.convert('s'))).to.include(lost);
    expect(await failure(Promise.resolve(lock[Symbol.asyncDispose]()))).to.include(lost);
    expect(world.scheduler.now()).to.equal(before);
  });

  it('leave queue commands alone while the session is suspended', async () => {
    fake.elect('c', '');
    await world.until(() => lock.state === 'lost');
    expect(await world.result(cluster.queue().enqueue('still'))).to.equal(1);
    expect(cluster.session.state).to.equal('suspended');
  });

  describe('by a process that slept through its lease', () => {
    beforeEach(() => {
      world.sleep();
    });

    const wakeLate = async () => {
      await world.pass(2 * TTL_MS);
      world.wake();
    };

    it('are lost before it can do anything with them, whether any timer has run or not', async () => {
      await wakeLate();
      expect(lock.state).to.equal('lost');
      expect(lock.signal.aborted).to.equal(true);
    });

    it('have a signal that knows, also where it was taken out long before', async () => {
      const { signal } = lock;
      let heard = false;
      signal.addEventListener('abort', () => {
        heard = true;
      });
      await wakeLate();
      expect(() => signal.throwIfAborted()).to.throw('lock k is lost');
      expect(signal.aborted).to.equal(true);
      expect(heard).to.equal(true);
    });

    it('are refused to a release as the first call', async () => {
      await wakeLate();
      expect(await failure(lock.release())).to.include(lost);
    });

    it('tell who waits for the event with the first timer', async () => {
      let heard = false;
      lock.signal.addEventListener('abort', () => {
        heard = true;
      });
      await wakeLate();
      const before = world.scheduler.now();
      await world.until(() => heard);
      expect(world.scheduler.now()).to.equal(before);
    });

    it('are released before a new lock is asked for as the first call, when the session lives after all', async () => {
      await wakeLate();
      await world.result(cluster.lock('next').acquire());
      expect(ran()).to.deep.equal(['lock.acquire k', 'lock.release k', 'lock.acquire next']);
    });

    it('are not lost by a shorter sleep', async () => {
      await world.pass(TTL_MS / 2);
      world.wake();
      expect(lock.state).to.equal('held');
      await world.pass(100);
      expect(lock.signal.aborted).to.equal(false);
    });
  });

  describe('when the session is in contact again before it ended', () => {
    it('are released, each as often as it was acquired, before anything that was asked for since', async () => {
      const context = cluster.lockContext();
      await world.result(context.acquire(['a', 'b']));
      await world.result(context.acquire('a'));
      fake.elect('c', '');
      await world.until(() => lock.state === 'lost');
      expect(context.held).to.deep.equal([]);
      const next = context.acquire(['a', 'k'], { timeout_ms: 60_000 });
      await world.pass(1000);
      fake.elect('c', 'n2');
      const [a, k] = await world.result(next);
      const tail = ran().slice(-5);
      expect(tail.slice(0, 4).sort()).to.deep.equal(
        ['lock.release k', 'lock.release a', 'lock.release b', 'lock.release a'].sort(),
      );
      expect(tail[4]).to.equal('lock.acquire a,k');
      expect([a?.state, k?.state]).to.deep.equal(['held', 'held']);
      expect([service.held('a'), service.held('b'), service.held('k')]).to.deep.equal([1, 0, 1]);
    });

    it('stay lost', async () => {
      fake.elect('c', '');
      await world.until(() => lock.state === 'lost');
      fake.elect('c', 'n2');
      await world.until(() => cluster.session.state === 'open');
      expect(lock.state).to.equal('lost');
      await world.until(() => service.held('k') === 0);
    });
  });

  describe('a grant that arrives while the session is in danger', () => {
    let call: Promise<Lock>;
    let gone: AbortController;

    /** Commands go through, keepalives do not. */
    const endanger = async (timeout_ms = 60_000) => {
      gone = new AbortController();
      const { intercept } = fake.node('n1');
      fake.node('n1').intercept = (message) => message.kind === 'keepalive';
      await world.until(() => lock.state === 'lost');
      call = cluster.lock('n').acquire({ timeout_ms, wait_ms: 0, signal: gone.signal });
      await world.until(() => service.held('n') === 1);
      await world.pass(100);
      return () => {
        fake.node('n1').intercept = intercept;
      };
    };

    it('is handed out once it is sure that the session lives', async () => {
      let held: Lock | undefined;
      const mend = await endanger();
      call.then(
        (lock) => {
          held = lock;
        },
        () => {},
      );
      await world.pass(1000);
      expect(held).to.equal(undefined);
      mend();
      const granted = await world.result(call);
      expect(granted.state).to.equal('held');
      expect(cluster.session.state).to.equal('open');
    });

    it('is given back when that takes longer than the caller has time', async () => {
      const mend = await endanger(1000);
      expect(await failure(call)).to.include({ code: 'LOCK_LOST' });
      await world.until(() => service.held('n') === 0);
      mend();
    });

    it('is given back when the caller gives up', async () => {
      const mend = await endanger();
      gone.abort();
      expect(await failure(call)).to.include({ code: 'CANCELLED' });
      await world.until(() => service.held('n') === 0);
      mend();
    });
  });

  describe('when the session has ended', () => {
    it('are lost as soon as that is heard, and the next command opens another session', async () => {
      const { id } = cluster.session;
      fake.expire(id);
      await world.until(() => lock.state === 'lost', TTL_MS / 3 + 100);
      const next = await world.result(cluster.lock('k').acquire());
      expect(cluster.session.id).to.be.above(id);
      expect(next.state).to.equal('held');
      expect(lock.state).to.equal('lost');
      expect(ran().filter((one) => one.startsWith('lock.release'))).to.deep.equal([]);
    });

    it('fail requests that wait, as the session', async () => {
      const other = await join();
      await world.result(other.lock('w').acquire());
      const call = failure(cluster.lock('w').acquire());
      await world.until(() => service.waiting >= 1);
      await world.pass(20);
      fake.expire(cluster.session.id);
      expect(await call).to.include({ code: 'SESSION_EXPIRED' });
      await world.result(other.close());
    });

    it('are released by it: a release that is under way ends well', async () => {
      fake.stuck = true;
      const call = lock.release();
      await world.pass(10);
      fake.expire(cluster.session.id);
      fake.stuck = false;
      fake.commit();
      await world.result(call);
      expect(lock.state).to.equal('released');
    });
  });

  it('are lost when the client is closed', async () => {
    const { signal } = lock;
    const waiting = failure(cluster.lock('k').acquire());
    const closed = cluster.close();
    expect(lock.state).to.equal('lost');
    expect(await waiting).to.include({ code: 'CLOSED' });
    await world.result(closed);
    expect(signal.aborted).to.equal(true);
    expect(service.held('k')).to.equal(0);
    expect(await failure(lock.release())).to.include(lost);
  });

  it('reject withLock after its end, with what it failed with beside', async () => {
    fake.elect('c', '');
    const mine = new Error('mine');
    let ended = false;
    const until = (signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => world.scheduler.after(500, resolve));
      });
    const call = cluster.withLock('w', async (held) => {
      await until(held.signal);
      ended = true;
      throw mine;
    });
    fake.elect('c', 'n1');
    await world.until(() => service.held('w') === 1);
    await world.pass(100);
    fake.elect('c', '');
    const error = await failure(call);
    expect(error).to.include({ code: 'LOCK_LOST' });
    expect(error.cause).to.equal(mine);
    expect(ended).to.equal(true);
  });

  it('are told to listeners once each, however often they were acquired', async () => {
    const news: LockNews[] = [];
    cluster.onLockNews((one) => news.push(one));
    const context = cluster.lockContext();
    await world.result(context.acquire('a'));
    await world.result(context.acquire('a'));
    fake.elect('c', '');
    await world.until(() => lock.state === 'lost');
    await world.pass(10);
    expect(news.map(({ kind, lock }) => [kind, lock])).to.deep.equal([
      ['lost', 'k'],
      ['lost', 'a'],
    ]);
    expect(news[1]?.owner).to.equal(context.owner);
  });
});
