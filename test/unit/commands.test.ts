/** The way of a command into a log: refused at once where it cannot run, parked until its session is known here, in order, in time. */
import { expect } from 'chai';
import { Commands } from '../../node/commands.js';
import { encodeEnvelope } from '../../protocol/envelope.js';
import type { ErrorCode } from '../../protocol/errors.js';
import { type ArgumentOf, OPERATIONS, type OperationName } from '../../protocol/operations.js';
import { GroupsWorld, Listener } from './groups-world.js';
import { bodyOf, envelopeOf } from './replica.js';

const BODY = Buffer.from([1]);

describe('commands on their way into a log', () => {
  let world: GroupsWorld;
  let commands: Commands;
  let client: Listener;
  let lacksSpace: boolean;
  let correlation: number;

  // n1 leads s0, n2 leads c, as soon as there is more than one.
  function begin(ids: readonly string[]): void {
    world = new GroupsWorld(ids);
    world.lead('n1', 's0');
    world.lead(ids[1] ?? 'n1', 'c');
    const groups = world.node('n1');
    commands = new Commands(
      {
        now: () => world.now,
        replica: (group) => groups.replica(group),
        notLeader: (replica) => world.notLeader(replica),
        lacksSpace: () => lacksSpace,
      },
      groups,
      groups.coordination,
    );
    world.onTurn = () => commands.retry();
  }

  beforeEach(() => {
    client = new Listener();
    lacksSpace = false;
    correlation = 0;
    begin(['n1', 'n2', 'n3']);
  });

  /** Sends a command to n1; returns its correlation. */
  function send<N extends OperationName>(
    session: number,
    lane: number,
    name: N,
    argument: ArgumentOf<N>,
    options: { group?: string; deadline_ms?: number } = {},
  ): number {
    const { group = 's0', deadline_ms = 5000 } = options;
    const place = { group, session, lane, confirmed: 0, deadline_ms, name: '', fence: '', principal: '' };
    const envelope = encodeEnvelope({ ...place, operation: OPERATIONS[name].number, body: bodyOf(name, argument) });
    commands.submit(client, { kind: 'command', correlation: ++correlation, envelope });
    world.turn();
    return correlation;
  }

  const enqueue = (session: number, lane: number, options: { group?: string; deadline_ms?: number } = {}) =>
    send(session, lane, 'queue.enqueue', [BODY], options);

  /** A session that n1 does not know of: its replica of `c` hears nothing until `catchUp`. */
  function unknownSession(): number {
    world.deaf.add('n1/c');
    return world.open('n2');
  }

  function catchUp(): void {
    world.deaf.delete('n1/c');
    world.until(() => commands.parked === 0);
  }

  function said(to: number): unknown {
    return client.said[to];
  }

  function expectCode(of: number, code: ErrorCode): void {
    expect(said(of)).to.equal(code);
    expect(client.failure(of)?.definite, 'it did not happen').to.equal(true);
  }

  it('run, and are answered', () => {
    const session = world.open('n2');
    world.pass(200);
    expect(said(enqueue(session, 1))).to.equal(1);
    expect(said(enqueue(session, 2))).to.equal(2);
  });

  it('are refused as what they are when they are no envelope, or for a group that is not here', () => {
    commands.submit(client, { kind: 'command', correlation: 7, envelope: Buffer.from('nonsense') });
    expectCode(7, 'INVALID');
    expectCode(enqueue(1, 1, { group: 's9' }), 'NO_SUCH_GROUP');
  });

  it('are refused by whoever does not lead, with the leader', () => {
    const refused = send(0, 0, 'session.open', ['x', 1000], { group: 'c' });
    expectCode(refused, 'NOT_LEADER');
    expect(client.failure(refused)?.details).to.deep.equal({ leader: 'n2', address: 'n2:1' });
  });

  it('of a session that is over here are refused', () => {
    const session = world.open('n2');
    world.pass(30_000);
    expect(world.node('n1').sessions.alive(session)).to.equal(false);
    expectCode(enqueue(session, 1), 'SESSION_EXPIRED');
  });

  describe('of a session that is not known here yet', () => {
    it('wait until it is, and run in the order of their numbers', () => {
      const session = unknownSession();
      const sent = [1, 2, 3].map((lane) => enqueue(session, lane));
      expect([client.said, commands.parked]).to.deep.equal([{}, 3]);
      catchUp();
      expect(sent.map((one) => client.said[one])).to.deep.equal([1, 2, 3]);
    });

    it('are what they were when they came, though the memory they came in is used again', () => {
      const session = unknownSession();
      const sent = [1, 2].map((lane) => {
        const chunk = envelopeOf('s0', session, lane, 'queue.enqueue', [Buffer.from([lane])]);
        commands.submit(client, { kind: 'command', correlation: ++correlation, envelope: chunk });
        chunk.fill(0xff);
        return correlation;
      });
      catchUp();
      expect(sent.map(said)).to.deep.equal([1, 2]);
      const taken = [3, 4].map((lane) => said(send(session, lane, 'queue.dequeue', [0])));
      expect(taken).to.deep.equal([
        [1, Buffer.from([1])],
        [2, Buffer.from([2])],
      ]);
    });

    it('are refused DEADLINE when it does not become known in time', () => {
      const session = unknownSession();
      const [short, long] = [enqueue(session, 1, { deadline_ms: 50 }), enqueue(session, 2, { deadline_ms: 100_000 })];
      expect(commands.deadline()).to.equal(world.now + 50);
      world.pass(40);
      expect(client.said).to.deep.equal({});
      world.pass(20);
      expectCode(short, 'DEADLINE');
      expect([client.said[long], commands.parked]).to.deep.equal([undefined, 1]);
    });

    it('are refused DEADLINE when it becomes known after that, too', () => {
      const session = unknownSession();
      const late = enqueue(session, 1, { deadline_ms: 50 });
      world.onTurn = () => {};
      world.deaf.delete('n1/c');
      world.until(() => world.node('n1').sessions.alive(session));
      world.pass(100);
      world.onTurn = () => commands.retry();
      world.turn();
      expectCode(late, 'DEADLINE');
      expect(world.replica('n1', 's0').machine.hasLane(session)).to.equal(false);
    });

    it('are told at once when this node leads no more, not when their time is up', () => {
      const session = unknownSession();
      const parked = enqueue(session, 1, { deadline_ms: 100_000 });
      const { raft } = world.replica('n1', 's0');
      raft.transfer('n3', world.now);
      world.until(() => raft.leader === 'n3');
      expect(said(parked)).to.be.oneOf(['NOT_LEADER', 'NO_LEADER']);
    });

    it('are refused OVERLOADED when too many wait', () => {
      const session = unknownSession();
      world.onTurn = () => {};
      const envelope = encodeEnvelope({
        ...{ group: 's0', session, lane: 1, confirmed: 0, deadline_ms: 5000, name: '', fence: '', principal: '' },
        operation: OPERATIONS['queue.size'].number,
        body: BODY,
      });
      let sent = 0;
      while (client.answers.length === 0 && sent < 1_000_000)
        commands.submit(client, { kind: 'command', correlation: ++sent, envelope });
      expect(sent).to.equal(16_385);
      expectCode(sent, 'OVERLOADED');
      expect(commands.parked).to.equal(16_384);
    });
  });

  it('that are on their way when leadership is lost are told at once, and that nobody knows', () => {
    const session = world.open('n2');
    world.pass(200);
    enqueue(session, 1);
    for (const id of ['n2', 'n3']) world.stalled.add(`${id}/s0`);
    const lost = enqueue(session, 2);
    expect(said(lost)).to.equal(undefined);
    world.replica('n1', 's0').raft.resign('for the test', world.now);
    world.turn();
    expect(client.failure(lost)).to.include({ code: 'NO_LEADER', definite: false });
    const after = enqueue(session, 3);
    expect(client.failure(after)).to.include({ code: 'NO_LEADER', definite: true });
  });

  it('that take space are refused NO_SPACE while the disk lacks it, and others run', () => {
    const session = world.open('n2');
    world.pass(200);
    enqueue(session, 1);
    lacksSpace = true;
    expectCode(enqueue(session, 2), 'NO_SPACE');
    expect((said(send(session, 2, 'queue.dequeue', [0])) as unknown[])[0]).to.equal(1);
    lacksSpace = false;
    expect(said(enqueue(session, 3))).to.equal(2);
  });

  it('that open sessions take space, those that close them do not', () => {
    begin(['n1']);
    const session = world.open('n1');
    lacksSpace = true;
    expectCode(send(0, 0, 'session.open', ['x', 1000], { group: 'c' }), 'NO_SPACE');
    expect(said(send(session, 1, 'session.close', [session], { group: 'c' }))).to.equal(true);
  });
});
