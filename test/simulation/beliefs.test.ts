/** What lock seeds take a client to hold: no more than it may rely on, and no less. */
import { expect } from 'chai';
import type { Cluster } from '../../protocol/client/types.js';
import type { SimulatedCluster } from './cluster.js';
import { type How, LockCalls, type Owner } from './lock-calls.js';
import { running, SOON_MS } from './words.js';

const LOCK = 'lock';
const PATIENT: How = { timeout_ms: SOON_MS, wait_ms: SOON_MS };
/** What is to end by itself does so after this, ms: long enough for its owner to ask for more before. */
const SHORT_MS = 300;

describe('what a simulated client believes to hold', function () {
  this.timeout(30_000);

  let cluster: SimulatedCluster;
  let calls: LockCalls;
  let client: Cluster;
  let other: Cluster;
  let owner: Owner;

  beforeEach(async () => {
    cluster = await running();
    calls = new LockCalls(cluster);
    client = await cluster.result(cluster.client('a'));
    other = await cluster.result(cluster.client('b'));
    owner = calls.owner(client, client.lockContext());
  });

  const acquire = (how: Partial<How> = {}) => calls.acquire(owner, [[LOCK, 'x']], { ...PATIENT, ...how });
  const acquireByOther = () => cluster.result(calls.acquire(calls.owner(other, null), [[LOCK, 'x']], PATIENT));
  const revoke = (after_ms: number) => cluster.result(calls.revoke(other, LOCK, after_ms, SOON_MS));

  /** From now on the client hears nothing, though what it sends arrives. */
  const deafen = () => {
    for (const id of cluster.ids) cluster.network.block(id, 'a');
  };

  /** It hears all that has waited for it, at once. */
  const listen = () => {
    for (const id of cluster.ids) cluster.network.unblock(id, 'a');
  };

  it('is what nobody else may believe to hold', async () => {
    await cluster.result(acquire());
    deafen();
    // Nobody whom the checks know has taken it away: it is as if the cluster had lost it.
    await cluster.result(other.command('lock.revoke', [LOCK, 0]));
    let broken = '';
    await acquireByOther().catch((error: Error) => {
      broken = error.message;
    });
    expect(broken).to.match(/^Exclusion: lock is held by b\.\d+ .* and by a\.\d+ /);
  });

  it('may be taken when it was revoked, also from what was acquired on top of it afterwards', async () => {
    await cluster.result(acquire());
    await revoke(SHORT_MS);
    await cluster.pass(1);
    expect(await cluster.result(acquire())).to.equal('ok');
    const tokens = owner.beliefs.map(({ held }) => 'token' in held && held.token);
    expect(tokens, 'both are one hold')
      .to.have.length(2)
      .and.satisfy(([one, two]: number[]) => one === two);
    deafen();
    expect(await acquireByOther()).to.equal('ok');
    const released = calls.releaseAll(owner, () => 0);
    listen();
    await cluster.result(released);
  });

  it('may be taken when it was to end by itself, also from what comes to its owner with word of that end', async () => {
    await cluster.result(acquire({ hold_ms: SHORT_MS }));
    deafen();
    const again = acquire();
    expect(await acquireByOther()).to.equal('ok');
    listen();
    expect(await cluster.result(again)).to.equal('ok');
    expect(owner.beliefs.map(({ held }) => held.state)).to.deep.equal(['lost', 'lost']);
    await cluster.result(calls.releaseAll(owner, () => 0));
  });
});
