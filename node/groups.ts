/** All groups of a node: their consensus cores, state machines and watchers, driven together once a turn. */
import { ConcordError } from '../protocol/errors.js';
import { COORDINATION, SHARD } from '../protocol/groups.js';
import type { MessageOf } from '../protocol/messages.js';
import type { CheckpointHead } from './checkpoint-head.js';
import { FenceFloor } from './fence-floor.js';
import { Leadership } from './observe/leadership.js';
import { ReplicaCounts } from './observe/replica-counts.js';
import { OUTCOMES, Tally } from './observe/tally.js';
import { configurationIn } from './raft/configuration.js';
import { RaftGroup } from './raft/group.js';
import { MultiRaft } from './raft/multi.js';
import { decodeRun, type Run } from './raft/run.js';
import type { Random } from './raft/state.js';
import type { Configuration, GroupId, NodeId, Outgoing, RaftSettings, Role } from './raft/types.js';
import { type Client, fail, Replica } from './replica.js';
import { prefixOf } from './services/cut.js';
import { type Coordination, coordinationMachine, type GroupMachine, shardMachine } from './services/group-machine.js';
import { LockCounts } from './services/locks/counts.js';
import type { Locks } from './services/locks/locks.js';
import { MESSAGES_TABLE, Messages } from './services/messages/messages.js';
import type { Sessions } from './services/sessions.js';
import { Tables } from './services/tables.js';
import { SessionWatch } from './session-watch.js';
import type { Recovered, RunHead } from './storage/log.js';
import { Sweeper } from './sweeper.js';

/** The shards there are. */
const SHARDS: readonly GroupId[] = [SHARD];

/** Where the rows of messages stand among those of their group. */
const MESSAGES = prefixOf(MESSAGES_TABLE);

/** A group whose state in memory is ahead of the base by more than this part of the memory budget applies nothing until it is written down. */
const UNWRITTEN_SHARE_MAX = 1 / 2;

/** How long a keepalive may wait for its confirmation, ms. */
const KEEPALIVE_MS_MAX = 5000;

/** What recovery tells of a run besides its head. */
export interface FoundRun extends RunHead {
  readonly time: number;
  readonly size: number;
  readonly configuration: Configuration | null;
}

/** Reads the head of a run for recovery. @throws RunError */
export function describeRun(bytes: Buffer): FoundRun {
  const run = decodeRun(bytes);
  const { group, first, count, term, time, size } = run;
  return { group, first, count, term, time, size, configuration: configurationIn(run) };
}

export interface GroupsOptions {
  readonly self: NodeId;
  /** First members: the configuration before the first entry. */
  readonly members: readonly NodeId[];
  readonly settings: RaftSettings;
  readonly random: Random;
  readonly recovered: Recovered<FoundRun>;
  /** Of the checkpoints that stand in for the rest of the log. The machines still have to get their rows. */
  readonly heads: ReadonlyMap<GroupId, CheckpointHead>;
  /** What this node had was damaged: its replicas have no vote yet. */
  readonly repairing: boolean;
  /** Bytes of messages in memory. */
  readonly memory_budget: number;
}

/** What groups need of their node. */
export interface GroupsHost {
  now(): number;
  wake(): void;
  notLeader(replica: Replica): ConcordError;
  /** Reads a run's bytes from its place on disk. `done` does not come when they were given back. */
  read(place: unknown, done: (bytes: Buffer) => void): void;
  /** Reads a row of a group from the base. */
  row(group: GroupId, key: Buffer): Buffer | undefined;
}

/** A replica has a new role, term or leader. */
export interface RoleChange {
  readonly group: GroupId;
  readonly role: Role;
  readonly term: number;
  readonly leader: NodeId;
  /** Why it gave up leading, or ''. */
  readonly reason: string;
}

/** What a turn came to. */
export interface GroupsOutput {
  readonly messages: Outgoing[];
  readonly changes: RoleChange[];
  /** Members that need entries which the log has no more. */
  readonly snapshots: { readonly group: GroupId; readonly to: NodeId }[];
  /** Replicas that hold again all that they can have acknowledged. */
  readonly repaired: GroupId[];
  /** Commit or applied index, roles or sessions have moved. */
  readonly moved: boolean;
}

export class Groups {
  readonly multi: MultiRaft;
  /** What the locks have counted, whatever state they are in. */
  readonly lockCounts = new LockCounts();
  /** Commands and reads of all groups by what came of them. */
  readonly commands = new Tally();
  readonly reads = new Tally();
  /** Signs of life of sessions that came here. */
  keepalives = 0;
  /** Requests that came to no group: of a name not known here, or because the node is not at work. */
  misdirected = 0;
  readonly #host: GroupsHost;
  readonly #replicas = new Map<GroupId, Replica>();
  readonly #messages = new Map<GroupId, Messages>();
  readonly #load_bytes_max: number;
  readonly #unwritten_max: number;
  #services: Coordination;
  readonly #coordination: Replica;
  readonly #watch: SessionWatch;
  readonly #sweepers: Sweeper[] = [];
  readonly #floors: FenceFloor[] = [];
  /** When each replica took its present role, monotonic ms. */
  readonly #since = new Map<GroupId, { role: Role; at: number }>();
  #context = 0;
  #moved = true;

  constructor(options: GroupsOptions, host: GroupsHost) {
    this.#host = host;
    this.multi = new MultiRaft(options.self, options.settings);
    this.#load_bytes_max = options.memory_budget;
    this.#unwritten_max = options.memory_budget * UNWRITTEN_SHARE_MAX;
    this.#services = coordinationMachine(new Tables(), {}, this.lockCounts);
    this.#coordination = this.#add(COORDINATION, this.#services.machine, options);
    this.#watch = new SessionWatch(this.#coordination, this);
    for (const id of SHARDS) {
      const shard = this.#add(id, this.#shardMachine(id), options);
      this.#sweepers.push(new Sweeper(shard, this.#coordination, this));
      this.#floors.push(new FenceFloor(shard, () => this.#lowestFence()));
    }
  }

  get sessions(): Sessions {
    return this.#services.sessions;
  }

  get locks(): Locks {
    return this.#services.locks;
  }

  /** The messages of all shards. */
  messages(): IterableIterator<Messages> {
    return this.#messages.values();
  }

  /** Those of one shard; undefined for a group that keeps none. */
  messagesOf(group: GroupId): Messages | undefined {
    return this.#messages.get(group);
  }

  get coordination(): Replica {
    return this.#coordination;
  }

  get watch(): SessionWatch {
    return this.#watch;
  }

  replica(group: GroupId): Replica | undefined {
    return this.#replicas.get(group);
  }

  replicas(): IterableIterator<Replica> {
    return this.#replicas.values();
  }

  /** How long a replica has had its role, ms. */
  since(group: GroupId): number {
    return this.#host.now() - (this.#since.get(group)?.at ?? this.#host.now());
  }

  /** A read of a client: answered once a majority has confirmed that nothing newer is missing. */
  read(client: Client, message: MessageOf<'read'>): void {
    const { correlation, operation } = message;
    const replica = this.#replicas.get(message.group);
    if (replica === undefined) {
      this.misdirected++;
      fail(client, correlation, new ConcordError('NO_SUCH_GROUP', `no group ${message.group} here`));
      return;
    }
    if (message.fence !== '') {
      this.reads.count(operation, OUTCOMES.failed);
      // Only an entry can say what came before it: a token that a read shows has to be seen by all that comes after.
      fail(client, correlation, new ConcordError('INVALID', 'a fenced read is sent as a command of its session'));
      return;
    }
    const since = this.#host.now();
    replica.confirm(since + message.deadline_ms, (refused) => {
      if (refused === null)
        this.reads.count(operation, replica.answer(client, message) ? OUTCOMES.done : OUTCOMES.refused);
      else {
        this.reads.count(operation, OUTCOMES.failed);
        fail(client, correlation, refused);
      }
      replica.counts.readTimes.recordMs(this.#host.now() - since);
    });
  }

  keepalive(client: Client, message: MessageOf<'keepalive'>): void {
    this.keepalives++;
    const refusal = () => this.#host.notLeader(this.#coordination);
    if (!this.#coordination.raft.leads) fail(client, message.correlation, refusal());
    else
      this.#watch.keepalive(client, message.correlation, message.session, this.#host.now() + KEEPALIVE_MS_MAX, refusal);
  }

  /** Hands every leadership over to whoever is closest behind. True while there is one to hand over, and somebody to take it. */
  handOver(now: number): boolean {
    let waiting = false;
    for (const { raft } of this.#replicas.values()) {
      const heir = raft.leads ? raft.heir(now) : '';
      if (heir === '') continue;
      raft.transfer(heir, now);
      waiting = true;
    }
    return waiting;
  }

  /** Stops leading everywhere. */
  resign(reason: string, now: number): void {
    for (const { raft } of this.#replicas.values()) raft.resign(reason, now);
  }

  /** Applies what is committed. Returns true when more is left. */
  apply(): boolean {
    let more = false;
    for (const replica of this.#replicas.values()) {
      if (replica.applied < replica.raft.commit && replica.machine.dirty > this.#unwritten_max) {
        replica.hold();
        continue;
      }
      const before = replica.applied;
      if (replica.apply()) more = true;
      if (replica.applied !== before) this.#moved = true;
    }
    return more;
  }

  /** Proposes what has come together, and what the watchers find due. */
  propose(now: number): void {
    this.#watch.turn();
    for (const sweeper of this.#sweepers) sweeper.turn(now);
    for (const floor of this.#floors) floor.turn(now);
    for (const replica of this.#replicas.values()) {
      replica.expire(now);
      replica.flush();
    }
    this.multi.beat(now);
  }

  /** Everything that came out of the cores; calls back whoever waited for reads and loads. */
  take(): GroupsOutput {
    const messages: Outgoing[] = [];
    const changes: RoleChange[] = [];
    const snapshots: GroupsOutput['snapshots'] = [];
    const repaired: GroupId[] = [];
    for (const replica of this.#replicas.values()) {
      const { raft } = replica;
      const out = raft.take();
      messages.push(...out.messages);
      for (const to of out.snapshots) snapshots.push({ group: raft.id, to });
      if (out.repaired) repaired.push(raft.id);
      for (const run of out.loads) this.#load(replica, run);
      if (out.reads.length > 0) replica.onReads(out.reads);
      if (!out.changed) continue;
      replica.onChange();
      replica.counts.leadership.see(raft);
      changes.push(this.#changed(raft, out.reason));
    }
    messages.push(...this.multi.take());
    const moved = this.#moved || changes.length > 0;
    this.#moved = false;
    return { messages, changes, snapshots, repaired, moved };
  }

  /** Monotonic time at which something is due. */
  deadline(): number {
    let deadline = Math.min(this.multi.deadline(), this.#host.now() + this.#watch.dueIn());
    for (const replica of this.#replicas.values()) deadline = Math.min(deadline, replica.deadline());
    for (const sweeper of this.#sweepers) deadline = Math.min(deadline, sweeper.deadline());
    for (const floor of this.#floors) deadline = Math.min(deadline, floor.deadline());
    return deadline;
  }

  #add(id: GroupId, machine: GroupMachine, options: GroupsOptions): Replica {
    const found = options.recovered.get(id);
    const head = options.heads.get(id);
    const runs: Run[] = (found?.runs ?? []).map(({ group, term, first, count, time, size, place }) => ({
      group,
      term,
      first,
      count,
      time,
      size,
      bytes: null,
      place,
    }));
    const configurations = (found?.runs ?? []).flatMap(({ first, configuration }) =>
      configuration === null ? [] : [{ index: first, configuration }],
    );
    const raft = new RaftGroup({
      group: id,
      self: options.self,
      configuration: { voters: [...options.members].sort(), outgoing: [], learners: [] },
      settings: options.settings,
      random: options.random,
      hardState: { term: found?.term ?? 0, vote: found?.vote ?? '' },
      runs,
      configurations,
      ...(head !== undefined && { start: head }),
      repairing: options.repairing,
      now: this.#host.now(),
    });
    this.multi.add(raft);
    const counts = new ReplicaCounts(this.commands, new Leadership(options.self, raft.term));
    const replica = new Replica(raft, machine, head?.index ?? 0, counts, {
      now: () => this.#host.now(),
      wake: () => this.#host.wake(),
      load: (run, done) => this.#host.read(run.place, done),
      nextContext: () => ++this.#context,
      nextRound: () => this.multi.nextRound,
      notLeader: (one) => this.#host.notLeader(one),
      applied: (one, applied) => {
        if (applied.ended.length > 0 || one === this.#coordination) this.#sessionsMoved(applied.ended);
      },
    });
    this.#replicas.set(id, replica);
    return replica;
  }

  /** Empties the state of a group, which is about to get another one: its replica applies and answers nothing meanwhile. */
  empty(replica: Replica): void {
    const { id } = replica.raft;
    if (id === COORDINATION) this.#services = coordinationMachine(new Tables(), {}, this.lockCounts);
    replica.suspend(id === COORDINATION ? this.#services.machine : this.#shardMachine(id));
  }

  /** The state of a group has been put in place of another: whoever goes by it looks anew. */
  replaced(): void {
    this.#moved = true;
    this.#sessionsMoved([]);
    for (const sweeper of this.#sweepers) sweeper.changed();
  }

  #shardMachine(id: GroupId): GroupMachine {
    const read = (key: Buffer) => this.#host.row(id, Buffer.concat([MESSAGES, key]));
    const messages = new Messages({ read, load_bytes_max: this.#load_bytes_max });
    this.#messages.set(id, messages);
    return shardMachine(id, new Tables(), {}, messages);
  }

  /** The lowest fencing token that anybody can have, as far as this node knows. */
  #lowestFence(): number {
    const { suspended, applied, machine } = this.#coordination;
    return suspended ? 0 : machine.fences.floor(applied + 1);
  }

  #sessionsMoved(ended: readonly number[]): void {
    this.#watch.changed(ended);
    if (ended.length > 0) for (const sweeper of this.#sweepers) sweeper.changed();
  }

  #load(replica: Replica, run: Run): void {
    this.#host.read(run.place, (bytes) => {
      replica.raft.loaded(run, bytes, this.#host.now());
      this.#host.wake();
    });
  }

  #changed(raft: RaftGroup, reason: string): RoleChange {
    const { group, role, term, leader } = raft.view();
    if (this.#since.get(group)?.role !== role) this.#since.set(group, { role, at: this.#host.now() });
    return { group, role, term, leader, reason };
  }
}
