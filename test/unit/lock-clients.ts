/** Two clients of one fake cluster, for tests of locks and permits. */
import { afterEach, beforeEach } from 'mocha';
import { type Cluster, type ConcordError, connect } from '../../protocol/client/index.js';
import { FakeCluster } from './fake-cluster.js';
import type { FakeLockService } from './fake-lock-service.js';
import { FakeWorld } from './fake-world.js';

/** What one test works with. */
export interface LockClients {
  readonly world: FakeWorld;
  readonly fake: FakeCluster;
  readonly service: FakeLockService;
  readonly cluster: Cluster;
  readonly other: Cluster;
  /** What a call that has to fail fails with. */
  failure(promise: Promise<unknown>): Promise<ConcordError>;
  /** How many releases of locks have run. */
  releases(): number;
}

/** Made anew before each test of the suite that calls this, and closed behind it: gives those of the test that runs. */
export function lockClients(): () => LockClients {
  let clients: LockClients | undefined;

  beforeEach(async () => {
    const world = new FakeWorld(23);
    const fake = new FakeCluster(world);
    const service = fake.groups.c.locks;
    const join = () => world.result(connect({ nodes: fake.addresses, env: world }));
    clients = {
      world,
      fake,
      service,
      cluster: await join(),
      other: await join(),
      failure: (promise) => world.failure<ConcordError>(promise),
      releases: () => service.ran.filter(([name]) => name === 'lock.release').length,
    };
  });

  afterEach(async () => {
    if (clients !== undefined)
      await clients.world.result(Promise.all([clients.cluster.close(), clients.other.close()]));
    clients = undefined;
  });

  return () => {
    if (clients === undefined) throw new Error('there are clients while a test runs');
    return clients;
  };
}
