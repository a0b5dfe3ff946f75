/**
 * Keeps what a node's groups have come to, beyond memory and log: checkpoints, snapshots for members that are far behind and from leaders
 * that are far ahead, and bodies of messages that memory need not hold.
 */
import type { Damage, Installed, RepairState } from '../protocol/client/types.js';
import type { Message } from '../protocol/messages.js';
import type { CheckpointHead } from './checkpoint-head.js';
import { type Budgets, Checkpoints } from './checkpoints.js';
import type { Groups, GroupsOutput } from './groups.js';
import type { GroupId, NodeId } from './raft/types.js';
import { Repair } from './repair.js';
import type { Replica } from './replica.js';
import { restore } from './restore.js';
import { SnapshotReceiver } from './snapshots/receiver.js';
import { SnapshotSender } from './snapshots/sender.js';
import type { Base } from './storage/base.js';
import type { Log } from './storage/log.js';
import type { World } from './world.js';

/** Bytes of messages fetched in one turn for those who will ask for them. */
const FETCH_BYTES = 256 << 10;
/** Of the memory budget: bodies of messages. */
export const BODIES_SHARE = 3 / 4;

/** What it needs of its node. */
export interface StateKeeperHost {
  wake(): void;
  /** What it tells of itself has changed. */
  touch(): void;
  send(to: NodeId, message: Message): void;
  /** Sees to it that there is a link to a member. */
  reach(to: NodeId): void;
  event(event: string, facts: Readonly<Record<string, unknown>>): void;
  /** Writes down that what was damaged is whole again. */
  repaired(done: () => void): void;
  /** The node cannot go on: with StorageError ROT, what it has is damaged. */
  fatal(error: Error): void;
}

/** What it keeps it in, and for whom. */
export interface Kept {
  readonly base: Base;
  readonly log: Log;
  readonly groups: Groups;
  readonly budgets: Budgets;
  /** All other members, if what this node had was damaged. */
  readonly repairWith: readonly NodeId[] | null;
  /** What was found to be damaged when they were opened. */
  readonly damaged: readonly Damage[];
}

export class StateKeeper {
  readonly base: Base;
  readonly budgets: Budgets;
  readonly damaged: readonly Damage[];
  readonly checkpoints: Checkpoints;
  readonly sender: SnapshotSender;
  readonly receiver: SnapshotReceiver;
  readonly #world: World;
  readonly #groups: Groups;
  readonly #host: StateKeeperHost;
  /** By group, the snapshot that came into force last. */
  readonly #installed = new Map<GroupId, Installed>();
  #repair: Repair | null = null;
  #closed = false;

  constructor(world: World, { base, log, groups, budgets, repairWith, damaged }: Kept, host: StateKeeperHost) {
    this.#world = world;
    this.base = base;
    this.budgets = budgets;
    this.damaged = damaged;
    this.#groups = groups;
    this.#host = host;
    const now = () => world.scheduler.now();
    const raft = (group: GroupId) => groups.replica(group)?.raft;
    const { wake, touch, send, event } = host;
    const fatal = (error: Error) => this.#fatal(error);
    this.checkpoints = new Checkpoints(base, log, budgets, {
      replicas: () => groups.replicas(),
      replica: (group) => groups.replica(group),
      needs: (group) => this.sender.needs(group),
      now,
      moved: () => {
        touch();
        wake();
      },
      fatal,
    });
    this.sender = new SnapshotSender(base, {
      now,
      term: (group) => raft(group)?.term ?? 0,
      checkpoint: (group) => this.checkpoints.of(group),
      send,
      sent: (group, to, index, bytes, ms) => {
        event('snapshot sent', { group, to, index, bytes, ms: Math.round(ms) });
        raft(group)?.snapshotSent(to, index, now());
      },
      failed: (group, to) => {
        touch();
        raft(group)?.snapshotFailed(to, now());
      },
      fatal,
    });
    this.receiver = new SnapshotReceiver(base, {
      now,
      send,
      heard: (group, from, term) => raft(group)?.heartbeat(from, term, 0, 0, now()) === null,
      wants: (group, index) => (raft(group)?.commit ?? index) < index && groups.replica(group)?.suspended === false,
      mayInstall: (group, index, leaderTerm) =>
        raft(group)?.mayInstall(index, leaderTerm) === true && groups.replica(group)?.suspended === false,
      newSpace: () => this.checkpoints.newSpace(),
      whenQuiet: (group, begins) => this.checkpoints.whenQuiet(group, () => begins() && this.#pause(group)),
      installed: (group, head, leaderTerm, bytes, since) => this.#install(group, head, leaderTerm, bytes, since),
      fatal,
    });
    if (repairWith === null) return;
    this.#repair = new Repair(groups.multi.groups, repairWith, {
      now,
      send,
      reach: host.reach,
      remember: host.repaired,
      over: () => {
        this.#repair = null;
        event('repaired', {});
        touch();
        wake();
      },
    });
  }

  /** What is told of the repair of this node; null while there is none. */
  get repair(): RepairState | null {
    return this.#repair === null ? null : { unheard: this.#repair.unheard, damaged: this.damaged };
  }

  /** The snapshot of a group that came into force last; null when none has since the start. */
  installed(group: GroupId): Installed | null {
    return this.#installed.get(group) ?? null;
  }

  /** The group is getting a snapshot. */
  isInstalling(group: GroupId): boolean {
    return this.receiver.isReceiving(group) || this.#groups.replica(group)?.suspended === true;
  }

  /** Gives every machine the rows of its checkpoint; `done` when all have theirs. Before anything is applied. */
  load(done: () => void): void {
    const spaces = new Set<number>();
    let left = 1;
    const one = () => {
      if (--left === 0) done();
    };
    for (const replica of this.#groups.replicas()) {
      const head = this.checkpoints.of(replica.raft.id)?.head;
      if (head === undefined) continue;
      spaces.add(head.space);
      left++;
      replica.suspend(replica.machine);
      this.#restore(replica, head, one);
    }
    // Left over by snapshots that were cut short, or put in place of others.
    for (const space of this.base.spaces()) if (!spaces.has(space)) this.#drop(space);
    one();
  }

  /** What came out of the cores for it. */
  take({ snapshots, repaired, changes }: GroupsOutput): void {
    if (snapshots.length > 0) this.#host.touch();
    for (const { group, role, term } of changes) {
      if (role !== 'leader') this.sender.stopped(group);
      // What is coming into force is not given up.
      if (this.#groups.replica(group)?.suspended === false) this.receiver.overtaken(group, term);
    }
    for (const { group, to } of snapshots) this.sender.begin(group, to);
    for (const group of repaired) this.#repair?.repaired(group);
  }

  /** A message of a member. False when it is about something else. */
  receive(from: NodeId, message: Message): boolean {
    if (!this.#heeds(from, message)) return false;
    this.#host.touch();
    return true;
  }

  #heeds(from: NodeId, message: Message): boolean {
    switch (message.kind) {
      case 'snapshot_offer':
        this.receiver.onOffer(from, message);
        return true;
      case 'snapshot_rows':
        this.receiver.onRows(from, message);
        return true;
      case 'snapshot_ack':
        this.sender.onAck(from, message);
        return true;
      case 'terms_ask':
        this.#host.send(from, { kind: 'terms', groups: this.#terms() });
        return true;
      case 'terms':
        this.#repair?.onTerms(from, message.groups);
        return true;
      default:
        return false;
    }
  }

  /** Called at the end of each turn. Returns when it wants the next one, monotonic ms. */
  turn(): number {
    if (this.checkpoints.turn()) this.#host.wake();
    this.#page();
    return Math.min(this.sender.turn(), this.#repair?.turn() ?? Number.POSITIVE_INFINITY);
  }

  close(done: () => void): void {
    this.#closed = true;
    this.checkpoints.close();
    this.sender.close();
    this.receiver.close();
    this.base.close(done);
  }

  // Bodies that will be wanted come into memory, others leave it, so that all shards together keep to the budget.
  #page(): void {
    const stores = [...this.#groups.messages()];
    const indexes = stores.reduce((sum, { indexed }) => sum + indexed, 0);
    const share = Math.max(0, this.budgets.memory_budget * BODIES_SHARE - indexes) / stores.length;
    for (const store of stores) {
      store.prefetch(FETCH_BYTES);
      store.shrink(share);
    }
  }

  #terms(): [GroupId, number][] {
    return [...this.#groups.multi.groups.values()].map(({ id, term }) => [id, term]);
  }

  // From now on the rows of another state are on their way into the base: it must not go beyond them meanwhile.
  #pause(group: GroupId): boolean {
    const replica = this.#groups.replica(group);
    replica?.suspend(replica.machine);
    return true;
  }

  #install(group: GroupId, head: CheckpointHead, leaderTerm: number, bytes: number, since: number): void {
    const replica = this.#groups.replica(group);
    if (replica === undefined) return;
    const { index, term, time, configuration } = head;
    const now = this.#world.scheduler.now();
    if (!replica.raft.install({ index, term, time, configuration, leaderTerm }, now))
      throw new Error(`a snapshot of ${group} as of ${index} came into the base and is not wanted`);
    this.#groups.empty(replica);
    this.checkpoints.installed(group, head);
    this.#restore(replica, head, () => {
      const ms = Math.round(this.#world.scheduler.now() - since);
      this.#installed.set(group, { index, bytes, ms });
      this.#host.event('snapshot installed', { group, index, bytes, ms });
      this.#groups.replaced();
    });
  }

  #restore(replica: Replica, head: CheckpointHead, done: () => void): void {
    const { scheduler } = this.#world;
    restore({ scheduler, base: this.base, closed: () => this.#closed }, replica.machine, head, (error) => {
      if (error !== null) {
        this.#fatal(error);
        return;
      }
      replica.resume(head.index);
      done();
    });
  }

  #drop(space: number): void {
    this.base.drop(space, (error) => {
      if (error !== null) this.#fatal(error);
    });
  }

  // What a base that is closed still waits to write is given up: that costs nothing but time at the next start.
  #fatal(error: Error): void {
    if (!this.#closed) this.#host.fatal(error);
  }
}
