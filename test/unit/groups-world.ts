/** The groups of a few nodes with messages and saves that arrive at once, unless a test holds them back: for tests of a node's parts. */
import { type FoundRun, Groups } from '../../node/groups.js';
import type { Run } from '../../node/raft/run.js';
import { DEFAULT_RAFT_SETTINGS, type PeerMessage, type RaftSettings } from '../../node/raft/types.js';
import { type Client, proposalOf, type Replica, type Waiter } from '../../node/replica.js';
import { commandEntry } from '../../node/services/entry.js';
import type { Recovered } from '../../node/storage/log.js';
import { decode } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import type { Message, MessageOf } from '../../protocol/messages.js';
import { seededRandom } from '../simulation/time.js';
import { envelopeOf } from './replica.js';

/** Simulated time goes in steps of this, ms. */
const STEP_MS = 10;
/** Longer than any election takes, ms. */
const ELECTION_MS_MAX = 20_000;

/** A client that writes down what it is told. */
export class Listener implements Client {
  readonly answers: Message[] = [];
  readonly pushes: Message[] = [];

  answer(message: Message): void {
    this.answers.push(message);
  }

  push(message: Message): void {
    this.pushes.push(message);
  }

  /** The answers by correlation: 'pending', a code, or the value. */
  get said(): Record<number, unknown> {
    return Object.fromEntries(
      this.answers.map((message) => [(message as { correlation: number }).correlation, sense(message)]),
    );
  }

  failure(correlation: number): MessageOf<'failure'> | undefined {
    return this.answers.find(
      (message): message is MessageOf<'failure'> => message.kind === 'failure' && message.correlation === correlation,
    );
  }
}

function sense(message: Message): unknown {
  switch (message.kind) {
    case 'failure':
      return message.code;
    case 'reply':
      return message.ok ? decode(message.result) : (decode(message.result) as [string])[0];
    case 'answer':
      return message.value;
    default:
      return message.kind;
  }
}

export class GroupsWorld {
  now = 1000;
  readonly nodes = new Map<string, Groups>();
  /** "n1/c": what that replica saves does not become durable. */
  readonly stalled = new Set<string>();
  /** "n1/c": that replica hears nothing. */
  readonly deaf = new Set<string>();
  /** Done once a turn, as a node's watchers are. */
  onTurn: () => void = () => {};
  #tasks: (() => void)[] = [];

  constructor(ids: readonly string[] = ['n1'], settings: Partial<RaftSettings> = {}) {
    const random = seededRandom(1);
    for (const self of ids) {
      const recovered: Recovered<FoundRun> = new Map();
      this.nodes.set(
        self,
        new Groups(
          {
            self,
            members: ids,
            settings: { ...DEFAULT_RAFT_SETTINGS, ...settings },
            random,
            recovered,
            heads: new Map(),
            repairing: false,
            memory_budget: Number.POSITIVE_INFINITY,
          },
          {
            now: () => this.now,
            wake: () => {},
            notLeader: (replica) => this.notLeader(replica),
            read: (place, done) => void this.#tasks.push(() => done(place as Buffer)),
            row: () => undefined,
          },
        ),
      );
    }
    for (const [self, groups] of this.nodes)
      for (const id of ids) if (id !== self) groups.multi.connected(id, this.now);
  }

  node(id: string): Groups {
    const groups = this.nodes.get(id);
    if (groups === undefined) throw new Error(`no node ${id}`);
    return groups;
  }

  replica(id: string, group: string): Replica {
    const replica = this.node(id).replica(group);
    if (replica === undefined) throw new Error(`no replica of ${group} on ${id}`);
    return replica;
  }

  notLeader(replica: Replica): ConcordError {
    const { leader } = replica.raft;
    return leader === ''
      ? new ConcordError('NO_LEADER')
      : new ConcordError('NOT_LEADER', `${leader} leads`, { details: { leader, address: `${leader}:1` } });
  }

  /** Lets time pass. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += STEP_MS;
      for (const groups of this.nodes.values()) groups.multi.tick(this.now);
      this.turn();
    }
  }

  /** Time passes in which no node runs: they stood still. */
  standStill(ms: number): void {
    this.now += ms;
    for (const groups of this.nodes.values()) groups.multi.tick(this.now);
    this.turn();
  }

  /** Lets time pass until the condition holds. */
  until(condition: () => boolean, limit_ms = ELECTION_MS_MAX): void {
    for (const end = this.now + limit_ms; !condition(); this.pass(STEP_MS))
      if (this.now >= end) throw new Error(`not within ${limit_ms} ms: ${condition}`);
  }

  /** Makes `id` the leader of a group, settled. */
  lead(id: string, group: string): void {
    const leads = (one: string) => this.replica(one, group).raft.settled;
    this.until(() => [...this.nodes.keys()].some(leads));
    const leader = [...this.nodes.keys()].find(leads) ?? '';
    if (leader !== id) this.replica(leader, group).raft.transfer(id, this.now);
    this.until(() => leads(id));
  }

  /** Who waits for what is proposed now. */
  waiter(client: Client, correlation: number, session: number): Waiter {
    return { client, correlation, session, operation: 0, since: this.now };
  }

  /** Opens a session and returns its id. */
  open(id: string, ttl_ms = 10_000): number {
    const client = new Listener();
    this.#open(id, ttl_ms, client, 1);
    this.turn();
    return client.said[1] as number;
  }

  /** Opens many sessions at once. */
  openMany(id: string, count: number, ttl_ms = 10_000): number[] {
    const client = new Listener();
    for (let i = 0; i < count; i++) this.#open(id, ttl_ms, client, i);
    this.turn();
    return client.answers.map((message) => decode((message as MessageOf<'reply'>).result) as number);
  }

  #open(id: string, ttl_ms: number, client: Client, correlation: number): void {
    const entry = commandEntry(envelopeOf('c', 0, 0, 'session.open', ['test', ttl_ms]));
    this.replica(id, 'c').propose(proposalOf(entry), this.waiter(client, correlation, 0));
  }

  /** Everything that can happen now happens. */
  turn(): void {
    for (let moved = true; moved; ) {
      moved = false;
      this.onTurn();
      for (const [id, groups] of this.nodes) if (this.#turnOf(id, groups)) moved = true;
      const tasks = this.#tasks;
      this.#tasks = [];
      if (tasks.length > 0) moved = true;
      for (const task of tasks) task();
    }
  }

  #turnOf(id: string, groups: Groups): boolean {
    groups.propose(this.now);
    const { messages, changes } = groups.take();
    for (const { to, message } of messages) this.#tasks.push(() => this.#deliver(id, to, message));
    let moved = groups.apply() || changes.length > 0;
    for (const group of groups.multi.groups.values()) {
      if (this.stalled.has(`${id}/${group.id}`)) continue;
      const save = group.takeSave(this.now);
      if (save === null) continue;
      for (const run of save.runs as Run[]) run.place = run.bytes;
      group.saved(save.sequence, this.now);
      moved = true;
    }
    return moved;
  }

  #deliver(from: string, to: string, message: PeerMessage): void {
    const hears = (group: string) => !this.deaf.has(`${to}/${group}`);
    let heard = message;
    // A group that was not heard does not follow.
    const missed = [...this.deaf].flatMap((one): [string, number][] =>
      one.startsWith(`${from}/`) ? [[one.slice(from.length + 1), 0]] : [],
    );
    if (message.kind === 'heartbeat_reply') heard = { ...message, strays: [...message.strays, ...missed] };
    else if (message.kind === 'heartbeat')
      heard = { ...message, groups: message.groups.filter(([group]) => hears(group)) };
    else if (!hears(message.group)) return;
    this.node(to).multi.receive(from, heard, this.now);
  }
}
