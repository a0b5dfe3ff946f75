/** What `sessions` tells of each session, by nodes of a simulated cluster. */
import { expect } from 'chai';
import type { SessionRow } from '../../node/observe/state.js';
import { SimulatedCluster } from '../simulation/cluster.js';
import { lead } from '../simulation/words.js';

describe('the rows of sessions', () => {
  it('count the locks that each holds, and its commands that wait', async () => {
    const cluster = new SimulatedCluster(1);
    cluster.start(...cluster.ids);
    await lead(cluster, 'n1', 'c', 's0');
    const a = await cluster.result(cluster.client('a'));
    const b = await cluster.result(cluster.client('b'));
    const context = a.lockContext();
    await cluster.result(context.acquire(['k', 'm']));
    await cluster.result(context.acquire('k'));
    await cluster.result(a.lock('n').acquire());
    void Promise.allSettled([b.lock('k').acquire(), b.queue().dequeue({ wait_ms: 60_000 })]);
    await cluster.pass(500);
    const rows = (await cluster.result(a.admin('sessions', null))).value as readonly SessionRow[];
    expect(rows.map(({ client, locks, inflight }) => [client, locks, inflight])).to.deep.equal([
      ['a', 3, 0],
      ['b', 0, 2],
    ]);
  });
});
