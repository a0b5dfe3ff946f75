/** Locks on real processes: clients of their own at work while the leader is killed and a client sleeps through its lease. */
import { expect } from 'chai';
import { runLocks, TTL_MS } from '../soak/locks.js';
import { runStuck } from '../soak/stuck.js';

describe('locks on real processes', function () {
  this.timeout(120_000);

  it('are held by those alone who may believe it, in rising order of tokens, and none leaks: a leader dies, clients sleep', async () => {
    const run = await runLocks(1, async (nemesis, cluster) => {
      const leader = await cluster.leader('c');
      await Promise.all([
        nemesis.strike({ kind: 'pause clients', place: 0 }, 1.5 * TTL_MS),
        nemesis.strike({ kind: 'kill', nodes: [leader] }, TTL_MS / 2),
      ]);
      await nemesis.strike({ kind: 'kill clients', place: 1 }, TTL_MS / 2);
    });
    expect(run.violations).to.deep.equal([]);
    expect(run.fenced.lost).to.equal(0);
    expect(run.acquires.get(''), 'too little was granted').to.be.above(10);
    expect(run.fenced.written, 'too little was updated').to.be.above(0);
  });

  it('are taken from those who hold them for too long: others get them, and the holders are told', async () => {
    const { late_ms, aborted, news } = await runStuck(100, 300);
    expect(late_ms).to.have.length(100);
    expect({ aborted, news }).to.deep.equal({ aborted: 100, news: 100 });
  });
});
