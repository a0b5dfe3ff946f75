/** Reads of clients at a node: answered once they are confirmed, and told truly why when they are not. */
import { expect } from 'chai';
import type { ErrorCode } from '../../protocol/errors.js';
import { OPERATIONS } from '../../protocol/operations.js';
import { GroupsWorld, Listener } from './groups-world.js';
import { bodyOf } from './replica.js';

const READS_MAX = 65_536;

describe('reads at a node', () => {
  let world: GroupsWorld;
  let client: Listener;
  let correlation: number;

  beforeEach(() => {
    world = new GroupsWorld(['n1', 'n2', 'n3']);
    for (const group of ['c', 's0']) world.lead('n1', group);
    client = new Listener();
    correlation = 0;
  });

  /** Asks a node for the size of the queue; nothing happens yet. */
  function ask(id = 'n1', options: { group?: string; deadline_ms?: number } = {}): number {
    const { group = 's0', deadline_ms = 5000 } = options;
    const place = { group, deadline_ms, name: '', fence: '', operation: OPERATIONS['queue.size'].number };
    const body = bodyOf('queue.size', []);
    world.node(id).read(client, { kind: 'read', correlation: ++correlation, ...place, body });
    return correlation;
  }

  function expectCode(of: number, code: ErrorCode): void {
    world.until(() => client.said[of] !== undefined);
    expect(client.failure(of)).to.include({ code, definite: true });
  }

  it('are answered, by whoever leads and by others', () => {
    const asked = ['n1', 'n2'].map((id) => ask(id));
    world.until(() => client.answers.length === 2);
    expect(asked.map((one) => client.said[one])).to.deep.equal([0, 0]);
  });

  it('are refused where there is no such group', () => {
    expectCode(ask('n1', { group: 's9' }), 'NO_SUCH_GROUP');
  });

  it('are refused DEADLINE when no majority confirms them in time', () => {
    for (const id of ['n2', 'n3']) world.deaf.add(`${id}/s0`);
    expectCode(ask('n1', { deadline_ms: 50 }), 'DEADLINE');
  });

  it('are refused RETRY when the leader changes meanwhile', () => {
    const { raft } = world.replica('n1', 's0');
    for (const id of ['n2', 'n3']) world.deaf.add(`${id}/s0`);
    const asked = ask();
    world.turn();
    world.deaf.clear();
    raft.transfer('n2', world.now);
    world.until(() => raft.leader === 'n2');
    expect(client.said[asked]).to.be.oneOf(['RETRY', 'NO_LEADER']);
  });

  it('are refused OVERLOADED at once when too many wait, and the others are answered', () => {
    for (let i = 0; i < READS_MAX; i++) ask();
    expect(client.answers).to.have.length(0);
    const refused = ask();
    expect(client.answers).to.have.length(1);
    expectCode(refused, 'OVERLOADED');
    world.turn();
    expect(client.answers).to.have.length(READS_MAX + 1);
    const after = ask();
    world.turn();
    expect(client.said[after]).to.equal(0);
  });

  it('of `c`, when too many wait, have keepalives refused OVERLOADED too: that says nothing about the session', () => {
    const session = world.open('n1');
    for (let i = 0; i < READS_MAX; i++) ask('n1', { group: 'c' });
    world.node('n1').keepalive(client, { kind: 'keepalive', correlation: ++correlation, session });
    expectCode(correlation, 'OVERLOADED');
    world.turn();
    world.node('n1').keepalive(client, { kind: 'keepalive', correlation: ++correlation, session });
    world.turn();
    expect(client.said[correlation]).to.equal(true);
  });
});
