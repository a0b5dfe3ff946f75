/** Scripted nodes that speak the catalogue: leaders that come and go, with the state of the groups shared as if replicated. */
import { encode } from '../../protocol/codec.js';
import { Connection } from '../../protocol/connection.js';
import { decodeEnvelope, type Envelope } from '../../protocol/envelope.js';
import { ConcordError, type ErrorCode } from '../../protocol/errors.js';
import { type Message, type MessageOf, PROTOCOL_VERSION } from '../../protocol/messages.js';
import { OPERATIONS } from '../../protocol/operations.js';
import { FakeGroup, type Outcome } from './fake-group.js';
import type { FakeWorld } from './fake-world.js';

interface Proposal {
  readonly node: FakeNode;
  readonly term: number;
  readonly connection: Connection;
  readonly correlation: number;
  readonly envelope: Envelope;
}

interface View {
  term: number;
  leader: string;
}

/** A cluster of fake nodes n1, n2, ... All groups are led by n1 at first. */
export class FakeCluster {
  readonly world: FakeWorld;
  readonly nodes: FakeNode[] = [];
  readonly groups: { readonly c: FakeGroup; readonly s0: FakeGroup };
  /** Time from receipt by the leader to its answer, ms. */
  commit_ms = 2;
  /** Nothing is committed while it is true. */
  stuck = false;
  /** What becomes of commands under way when their leader goes. */
  fate: 'carry' | 'lose' | 'random' = 'random';
  readonly proposals: Proposal[] = [];

  constructor(world: FakeWorld, size = 3, c = new FakeGroup('c')) {
    this.world = world;
    this.groups = { c, s0: new FakeGroup('s0') };
    for (let i = 1; i <= size; i++) this.nodes.push(new FakeNode(this, `n${i}`, `127.0.0.1:${7100 + i}`));
    for (const group of Object.values(this.groups)) {
      group.settle = (session, lane, outcome) =>
        this.nodes.find(({ id }) => id === group.leader)?.pushOutcome(group, session, lane, outcome);
      this.elect(group.name, 'n1');
    }
  }

  get addresses(): string[] {
    return this.nodes.map(({ address }) => address);
  }

  node(id: string): FakeNode {
    const node = this.nodes.find((one) => one.id === id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  group(name: string): FakeGroup {
    if (name === 'c' || name === 's0') return this.groups[name];
    throw new Error(`no group ${name}`);
  }

  /** Makes `id` ('' for nobody) the leader of `name` in a new term. Stopped and mute nodes do not hear of it. */
  elect(name: string, id: string): void {
    const group = this.group(name);
    group.term++;
    group.leader = id;
    for (const proposal of this.proposals.filter(({ envelope }) => envelope.group === name)) this.#orphan(proposal);
    for (const node of this.nodes) if (!node.stopped) node.learn(name, { term: group.term, leader: id });
  }

  /** A leader takes a command into its log. */
  propose(proposal: Proposal): void {
    this.proposals.push(proposal);
    this.world.scheduler.after(this.commit_ms, () => this.commit());
  }

  /** Commits what may be committed, in order. */
  commit(): void {
    if (this.stuck) return;
    const ready = this.proposals.filter(
      ({ node, term, envelope }) => !node.stopped && this.group(envelope.group).term === term,
    );
    for (const proposal of ready) {
      this.proposals.splice(this.proposals.indexOf(proposal), 1);
      const { node, connection, correlation, envelope } = proposal;
      node.reply(connection, correlation, envelope, this.apply(envelope));
    }
  }

  /** Applies a command, unless its session has ended meanwhile. */
  apply(envelope: Envelope): Outcome {
    const group = this.group(envelope.group);
    if (envelope.session !== 0 && !this.groups.c.sessions.has(envelope.session))
      return { ok: false, result: encode(['SESSION_EXPIRED', 'swept in the fake', {}]) };
    const outcome = group.apply(envelope);
    if (outcome === 'pending' && envelope.operation !== OPERATIONS['lane.void'].number)
      this.world.scheduler.after(group.wait_ms, () => group.timeOut(envelope.session, envelope.lane));
    return outcome;
  }

  /** The cluster ends a session. */
  expire(session: number): void {
    for (const group of Object.values(this.groups)) group.end(session);
  }

  /** The leader of this proposal has gone: its successor has the entry or has not, and the client may be told that nobody knows. */
  #orphan(proposal: Proposal): void {
    this.proposals.splice(this.proposals.indexOf(proposal), 1);
    if (this.fate === 'carry' || (this.fate === 'random' && this.world.pick(2) === 0)) this.apply(proposal.envelope);
    if (!proposal.node.stopped && this.world.pick(2) === 0)
      proposal.node.fail(proposal.connection, proposal.correlation, 'TIMEOUT', {}, false);
  }
}

/** A node of the fake cluster. */
export class FakeNode {
  readonly id: string;
  readonly address: string;
  readonly cluster: FakeCluster;
  readonly connections = new Set<Connection>();
  readonly view = new Map<string, View>();
  /** As SIGSTOP leaves it. */
  stopped = false;
  /** Answers to commands are lost on the way. */
  mute = false;
  /** Looks at each message first; true when it has dealt with it. */
  intercept: (message: Message, connection: Connection) => boolean = () => false;
  /** Refuses each hello with this code. */
  refuses: ErrorCode | undefined;
  /** Messages received, by kind. */
  readonly received: Message[] = [];
  readonly subscribers = new Map<Connection, number>();
  /** The connection that last carried a command of a session, by group and session. */
  readonly #carriers = new Map<string, Connection>();
  #sequence = 0;

  constructor(cluster: FakeCluster, id: string, address: string) {
    this.cluster = cluster;
    this.id = id;
    this.address = address;
    this.listen();
  }

  listen(): void {
    const { world } = this.cluster;
    world.network.listen(
      this.address,
      (socket) =>
        Connection.accept(
          socket,
          world.scheduler,
          { judge: () => this.#judge() },
          {
            ready: (connection) => {
              this.connections.add(connection);
              this.#tellLeaders(connection);
            },
            message: (connection, message) => this.#message(connection, message),
            close: (connection) => {
              this.connections.delete(connection);
              this.subscribers.delete(connection);
            },
          },
        ),
      () => {},
    );
  }

  /** Stops as by SIGSTOP. */
  stop(): void {
    this.stopped = true;
    this.cluster.world.stop(this.address);
  }

  /** Goes on as by SIGCONT, and soon hears what it missed. */
  go(): void {
    this.stopped = false;
    this.cluster.world.go(this.address);
    this.cluster.world.scheduler.after(5, () => {
      for (const { name, term, leader } of Object.values(this.cluster.groups)) this.learn(name, { term, leader });
    });
  }

  cut(): void {
    this.cluster.world.cut(this.address);
  }

  kill(): void {
    this.connections.clear();
    this.subscribers.clear();
    this.cluster.world.kill(this.address);
  }

  /** Hears who leads, and tells its clients. */
  learn(group: string, view: View): void {
    const known = this.view.get(group);
    if (known?.term === view.term && known.leader === view.leader) return;
    this.view.set(group, view);
    for (const connection of this.connections) this.#tellLeaders(connection);
  }

  reply(connection: Connection, correlation: number, envelope: Envelope, outcome: Outcome): void {
    if (this.mute) return;
    const { group } = envelope;
    const { term, index } = this.cluster.group(group);
    if (outcome === 'pending') connection.send({ kind: 'pending', correlation, group, term, index });
    else connection.send({ kind: 'reply', correlation, group, term, index, ...outcome });
  }

  fail(connection: Connection, correlation: number, code: ErrorCode, details: object = {}, definite = true): void {
    connection.send({ kind: 'failure', correlation, code, message: `${code} in the fake`, definite, details });
  }

  pushOutcome(group: FakeGroup, session: number, lane: number, outcome: Outcome): void {
    const connection = this.#carriers.get(`${group.name} ${session}`);
    if (outcome === 'pending' || this.mute || this.stopped) return;
    const { name, term, index } = group;
    connection?.send({ kind: 'outcome', group: name, session, lane, term, index, ...outcome });
  }

  /** Pushes a change of its state to whoever subscribed. */
  publish(state: object, whole = false): void {
    for (const connection of this.subscribers.keys())
      connection.send({ kind: 'status', sequence: ++this.#sequence, whole, state });
  }

  #judge(): MessageOf<'welcome'> | ConcordError {
    if (this.refuses !== undefined) return new ConcordError(this.refuses);
    return {
      kind: 'welcome',
      protocol: PROTOCOL_VERSION,
      cluster: 'fake',
      id: this.id,
      incarnation: 'x',
      born: false,
      address: this.address,
      features: [],
      frame_bytes_max: 1 << 20,
      recorded: '',
    };
  }

  #tellLeaders(connection: Connection): void {
    connection.send({
      kind: 'leaders',
      members: this.cluster.nodes.map(({ id, address }) => [id, address]),
      groups: [...this.view].map(([group, { term, leader }]) => [group, term, leader]),
    });
  }

  #message(connection: Connection, message: Message): void {
    this.received.push(message);
    if (this.intercept(message, connection)) return;
    switch (message.kind) {
      case 'command':
        this.#command(connection, message);
        return;
      case 'read':
        this.#read(connection, message);
        return;
      case 'keepalive':
        if (!this.#refused(connection, message.correlation, 'c')) {
          if (this.cluster.groups.c.sessions.has(message.session))
            connection.send({ kind: 'answer', correlation: message.correlation, value: true });
          else this.fail(connection, message.correlation, 'SESSION_EXPIRED');
        }
        return;
      case 'admin':
        connection.send({
          kind: 'answer',
          correlation: message.correlation,
          value: { node: this.id, word: message.word },
        });
        return;
      case 'subscribe':
        connection.send({ kind: 'answer', correlation: message.correlation, value: true });
        if (message.interval_ms === 0) this.subscribers.delete(connection);
        else this.subscribers.set(connection, message.interval_ms);
        if (message.interval_ms > 0)
          connection.send({
            kind: 'status',
            sequence: ++this.#sequence,
            whole: true,
            state: { node: this.id, leads: 0, groups: {} },
          });
        return;
      default:
    }
  }

  #command(connection: Connection, message: MessageOf<'command'>): void {
    const envelope = decodeEnvelope(message.envelope);
    const { group, session } = envelope;
    if (this.#refused(connection, message.correlation, group)) return;
    const { c } = this.cluster.groups;
    if (session !== 0 && !c.sessions.has(session)) {
      this.fail(connection, message.correlation, 'SESSION_EXPIRED');
      return;
    }
    this.#carriers.set(`${group} ${session}`, connection);
    const term = this.view.get(group)?.term ?? 0;
    const body = Buffer.from(envelope.body);
    this.cluster.propose({
      node: this,
      term,
      connection,
      correlation: message.correlation,
      envelope: { ...envelope, body },
    });
  }

  #read(connection: Connection, message: MessageOf<'read'>): void {
    const group = this.cluster.group(message.group);
    if (group.leader === '') {
      this.fail(connection, message.correlation, 'NO_LEADER');
      return;
    }
    const { name, term, index, queue } = group;
    connection.send({
      kind: 'reply',
      correlation: message.correlation,
      group: name,
      term,
      index,
      ok: true,
      result: encode(queue.length),
    });
  }

  /** Refuses what only the leader of `group` may do; true when it did. */
  #refused(connection: Connection, correlation: number, group: string): boolean {
    const leader = this.view.get(group)?.leader ?? '';
    if (leader === this.id) return false;
    const address = this.cluster.nodes.find(({ id }) => id === leader)?.address;
    if (leader === '') this.fail(connection, correlation, 'NO_LEADER');
    else this.fail(connection, correlation, 'NOT_LEADER', { leader, address });
    return true;
  }
}
