/** Real nodes and their clients in one simulated world, from one seed; what must hold of them is checked after every event. */
import { boot } from '../../node/boot.js';
import { type CheckpointHead, decodeHead } from '../../node/checkpoint-head.js';
import type { Budgets } from '../../node/checkpoints.js';
import type { Node } from '../../node/node.js';
import { DEFAULT_RAFT_SETTINGS, type RaftSettings } from '../../node/raft/types.js';
import type { Replica } from '../../node/replica.js';
import type { Head } from '../../node/storage/base.js';
import { parseSegmentName } from '../../node/storage/segment.js';
import type { FileError, World } from '../../node/world.js';
import { connect } from '../../protocol/client/index.js';
import type { Cluster, ConnectOptions } from '../../protocol/client/types.js';
import type { Scheduler } from '../../protocol/env.js';
import { decodeMessage } from '../../protocol/wire.js';
import type { State } from './base-state.js';
import { SimBases } from './bases.js';
import { SimulatedDisk } from './files.js';
import { Judge } from './judge.js';
import { BrokenPromise } from './promise.js';
import type { Clock, Process } from './time.js';
import { SimulatedWorld } from './world.js';

/** What a cluster is made of. */
export interface SimulationOptions {
  readonly ids?: readonly string[];
  readonly raft?: Partial<RaftSettings>;
  /** Length of a log segment. */
  readonly segment_bytes?: number;
  readonly budgets?: Budgets;
  /** What a call to a disk takes, about, ms. */
  readonly disk_ms?: number;
  /** The clock that a process gets when it starts. Default: true time. */
  readonly clock?: () => Clock;
}

/** A node's machine: its disk outlives its processes. */
interface Machine {
  readonly id: string;
  readonly address: string;
  disk: SimulatedDisk;
  /** On the same disk. */
  bases: SimBases;
  process: Process | null;
  node: Node | null;
  /** Why its process ended by itself last. */
  end: Error | null;
  /** Codes of errors with which it may end by itself, or 'any': with another one it breaks a promise. */
  readonly excuses: Set<string>;
  /** How often its disk was damaged, and how often it has ended by that: each damage is found once. */
  damages: number;
  found: number;
}

/** Somebody waits for rows of a snapshot to be sent. */
type OnSnapshot = (from: string, to: string, group: string) => void;

/** What a call to the disk takes, ms. */
const DISK_MS = 0.2;
/** Errors of a node that reads what it did not write. */
const DAMAGED: ReadonlySet<string> = new Set(['ROT', 'BAD_ROW']);
/** A stop that takes longer is a kill, as in concord-node. */
const STOP_MS_MAX = 4000;

export class SimulatedCluster extends SimulatedWorld {
  /** Full names of the clusters of which nodes said that they are members. */
  readonly births = new Set<string>();
  /** A node has done something. */
  looked: (node: Node) => void = () => {};
  /** The process of a client has done something. */
  clientMoved: (name: string) => void = () => {};
  /** A node's process has ended: by itself, as it may, or with null because someone ended it. */
  died: (id: string, error: Error | null) => void = () => {};
  /** A head, with the rows that it tells of, would outlive a power cut of this node from now on. */
  flushed: (id: string, head: Head, state: State) => void = () => {};
  readonly #options: SimulationOptions;
  readonly #machines = new Map<string, Machine>();
  readonly #retired = new Set<string>();
  readonly #clients = new Map<string, Process>();
  readonly #snapshots: OnSnapshot[] = [];
  readonly judge = new Judge({
    note: (line) => this.note(line),
    now: () => this.time.now(),
    checkpoint: (id, group) => this.checkpoint(id, group)?.index ?? 0,
    isDamaged: (id) => this.#machine(id).damages > 0,
  });
  #failure: Error | null = null;

  constructor(seed: number, options: SimulationOptions = {}) {
    super(seed);
    this.#options = options;
    this.network.tap = (from, to, body) => this.#sent(from, to, body);
    (options.ids ?? ['n1', 'n2', 'n3']).forEach((id, i) => {
      const address = `127.0.0.1:${7101 + i}`;
      this.network.members.add(id);
      this.#machines.set(id, {
        id,
        address,
        ...this.#newDisk(id),
        process: null,
        node: null,
        end: null,
        excuses: new Set(),
        damages: 0,
        found: 0,
      });
    });
  }

  get ids(): string[] {
    return [...this.#machines.keys()];
  }

  // --- nodes ------------------------------------------------------------------------------------------------------------------------

  start(...ids: readonly string[]): void {
    for (const id of ids) this.#start(this.#machine(id), this.ids);
  }

  /** Starts a node that is told of other members than there are. */
  startAmong(id: string, members: readonly string[]): void {
    this.#start(this.#machine(id), members);
  }

  /** kill -9: the page cache survives. */
  kill(id: string): void {
    this.#end(id, killed, 'is killed');
  }

  /** The power of one machine fails. */
  cutPower(id: string): void {
    const crash = ({ disk, bases }: Machine) => {
      disk.crash({ random: this.random });
      bases.crash({ random: this.random });
    };
    this.#end(id, crash, 'loses its power', false);
  }

  /** As SIGTERM: it hands over and ends. Calls back when it has. */
  stop(id: string, done: () => void = () => {}): void {
    const { node, process } = this.#machine(id);
    if (node === null || process === null) return;
    this.note(`${id} is told to stop`);
    const end = () => {
      if (!process.alive) return;
      this.#end(id, killed, 'has stopped');
      done();
    };
    process.after(STOP_MS_MAX, end);
    node.stop(end);
  }

  pause(id: string): void {
    this.note(`${id} is paused`);
    this.#machine(id).process?.pause();
  }

  resume(id: string): void {
    this.note(`${id} is resumed`);
    this.#machine(id).process?.resume();
  }

  /** From now on this node may end by itself, because of what is done to it: with errors of these codes, or with any. */
  mayEnd(id: string, ...codes: readonly string[]): void {
    const { excuses } = this.#machine(id);
    for (const code of codes.length === 0 ? ['any'] : codes) excuses.add(code);
  }

  /** Something is done to the disk of a node that it cannot have wished for: it may end once by that, and is to mend it then. */
  damaged(id: string): void {
    const machine = this.#machine(id);
    machine.damages++;
    for (const code of DAMAGED) machine.excuses.add(code);
  }

  /** A bit of a row of a node's base rots; false when there is none. */
  rotRow(id: string): boolean {
    return this.#machine(id).bases.rot(baseOf(id), this.random);
  }

  /** A file or folder of a node that is down is gone; so is its base, if it is about that. */
  lose(id: string, path: string): void {
    const { disk, bases } = this.#machine(id);
    disk.lose(path);
    if (path === baseOf(id)) bases.erase(path);
  }

  /** Paths of the segments of a node's log, oldest first. */
  segments(id: string): string[] {
    const folder = `/${id}/log/`;
    const paths = this.disk(id)
      .paths()
      .filter((path) => path.startsWith(folder));
    return paths.filter((path) => parseSegmentName(path.slice(folder.length))?.finished);
  }

  /** The checkpoint of a group that a power cut would leave on a node's disk. */
  checkpoint(id: string, group: string): CheckpointHead | undefined {
    const bytes = this.#machine(id).bases.headOf(baseOf(id), group);
    return bytes && decodeHead(bytes);
  }

  /** Something happens when the next rows of a snapshot are sent. */
  onSnapshot(action: OnSnapshot): void {
    this.#snapshots.push(action);
  }

  /** A node that is down, or goes down now, does not come back: its disk cannot be trusted any more. */
  retire(id: string): void {
    if (this.#retired.has(id)) return;
    this.note(`${id} does not come back`);
    this.count('node lost for good');
    this.#retired.add(id);
    this.kill(id);
  }

  isRetired(id: string): boolean {
    return this.#retired.has(id);
  }

  /** Why the last process of a node ended by itself, or null. */
  endOf(id: string): Error | null {
    return this.#machine(id).end;
  }

  isUp(id: string): boolean {
    return this.#machine(id).process !== null;
  }

  node(id: string): Node {
    const { node } = this.#machine(id);
    if (node === null) throw new Error(`${id} is not up`);
    return node;
  }

  /** A node's replica of a group; undefined while the node is not up. */
  replica(id: string, group: string): Replica | undefined {
    return this.#machine(id).node?.groups.replica(group);
  }

  address(id: string): string {
    return this.#machine(id).address;
  }

  disk(id: string): SimulatedDisk {
    return this.#machine(id).disk;
  }

  /** Kills a client: it is never heard of again. */
  killClient(name: string): void {
    const process = this.processOf(name);
    this.note(`${name} is killed`);
    process.kill();
    this.network.died(process);
  }

  /** The disk of a node that is down is replaced by an empty one. */
  loseDisk(id: string): void {
    this.note(`${id} loses its disk`);
    Object.assign(this.#machine(id), this.#newDisk(id));
    this.judge.forget(id);
  }

  /** Nothing gets through between `id` and the other nodes, both ways. */
  isolate(id: string): void {
    this.note(`${id} is cut off`);
    for (const other of this.ids) {
      this.network.block(id, other);
      this.network.block(other, id);
    }
  }

  heal(): void {
    this.note('the network is healed');
    this.network.heal();
  }

  // --- clients ----------------------------------------------------------------------------------------------------------------------

  /** A client of the cluster, a process of its own. */
  client(name: string, options: Partial<ConnectOptions> = {}): Promise<Cluster> {
    const process = this.time.process(name, true, this.#options.clock?.());
    this.#clients.set(name, process);
    return connect({
      nodes: [...this.#machines.values()].map(({ address }) => address),
      clientId: name,
      env: { scheduler: process, network: this.network.of(process), random: this.random },
      ...options,
    });
  }

  /** The process of a client, to be paused. */
  processOf(client: string): Process {
    const process = this.#clients.get(client);
    if (process === undefined) throw new Error(`no client ${client}`);
    return process;
  }

  // --- what there is to see -------------------------------------------------------------------------------------------------------

  /** Names of the nodes that lead `group` now. */
  leaders(group: string): string[] {
    return this.#nodes()
      .filter(({ node }) => node.groups.replica(group)?.raft.leads)
      .map(({ id }) => id);
  }

  /** Index applied on every node that is up, or null while they differ or one is being read from its base. */
  converged(group: string): number | null {
    const replicas = this.#nodes().map(({ node }) => node.groups.replica(group));
    const applied = new Set(replicas.map((replica) => (replica?.suspended === false ? replica.applied : -1)));
    const [index = -1] = applied;
    return applied.size === 1 && index >= 0 ? index : null;
  }

  /** Hash of a group's state on every node that is up. */
  fingerprints(group: string): string[] {
    return this.#nodes().map(({ node }) => node.groups.replica(group)?.machine.fingerprint() ?? '');
  }

  /** Looks at the nodes that have done something since the last time. @throws BrokenPromise, InvariantError */
  protected override check(): void {
    if (this.#failure !== null) throw this.#failure;
    const { ran } = this.time;
    if (ran.length === 0) return;
    for (const { name } of ran) {
      const node = this.#machines.get(name)?.node;
      if (node == null) {
        if (this.#clients.has(name)) this.clientMoved(name);
        continue;
      }
      this.judge.look(name, node);
      this.looked(node);
    }
    ran.length = 0;
  }

  #start(machine: Machine, members: readonly string[]): void {
    const { id } = machine;
    if (machine.process !== null || this.#retired.has(id)) return;
    const process = this.time.process(id, false, this.#options.clock?.());
    machine.process = process;
    machine.end = null;
    this.note(`${id} starts`);
    this.network.poweredOn(id);
    const world: World = {
      scheduler: process,
      network: this.network.of(process),
      random: this.random,
      files: machine.disk.mount((task) => process.run(task)),
      bases: machine.bases.mount((task) => process.run(task)),
    };
    const options = {
      id,
      cluster: 'sim',
      listen: machine.address,
      data: `/${id}`,
      members: new Map(members.map((member) => [member, this.address(member)])),
      raft: { ...DEFAULT_RAFT_SETTINGS, ...this.#options.raft },
      segment_bytes: this.#options.segment_bytes ?? 256 << 10,
      budgets: this.#options.budgets ?? { memory_budget: 256 << 20, log_budget: 512 << 20 },
      version: '0',
      pid: 1,
    };
    const fatal = (error: Error) => {
      if (process.alive) this.#endedItself(machine, error);
    };
    const event = (what: string, facts: Readonly<Record<string, unknown>>) => this.#told(id, what, facts);
    boot(world, options, { fatal, event }, (error, node) => {
      if (!process.alive) return;
      if (error !== null || node === null) {
        fatal(error ?? new Error('no node'));
        return;
      }
      machine.node = node;
      node.start((listenError) => {
        if (listenError !== null) fatal(listenError);
      });
    });
  }

  #sent(from: string, to: string, body: Buffer): void {
    const message = decodeMessage(body);
    this.judge.sent(from, to, message);
    if (message.kind !== 'snapshot_rows') return;
    this.count('rows of a snapshot sent');
    for (const action of this.#snapshots.splice(0)) action(from, to, message.group);
  }

  #told(id: string, what: string, facts: Readonly<Record<string, unknown>>): void {
    if (what === 'role')
      this.note(`${id} ${facts['group']} ${facts['role']} term ${facts['term']} leader ${facts['leader'] || '-'}`);
    else if (what === 'peer down') this.note(`${id} lost its link to ${facts['peer']}: ${facts['reason']}`);
    else if (what === 'member') {
      this.note(`${id} is a member of ${facts['cluster']}`);
      this.births.add(String(facts['cluster']));
    } else if (what === 'damaged' || what === 'repaired' || what === 'snapshot installed') {
      this.note(`${id} ${what} ${Object.values(facts).join(' ')}`);
      this.count(what);
    }
  }

  #endedItself(machine: Machine, error: Error): void {
    const { id, excuses } = machine;
    const { code = '' } = error as FileError;
    if (DAMAGED.has(code)) machine.found++;
    const may = excuses.has('any') || (excuses.has(code) && machine.found <= machine.damages);
    if (!may) this.#failure ??= new BrokenPromise(`${id} cannot go on: ${error.message}`);
    machine.end = error;
    this.#end(id, killed, `ends by itself: ${error.message}`);
  }

  #end(id: string, disk: (machine: Machine) => void, how: string, told = true): void {
    const machine = this.#machine(id);
    if (machine.process === null) return;
    this.note(`${id} ${how}`);
    machine.process.kill();
    disk(machine);
    if (told) this.network.died(machine.process);
    else this.network.lostPower(machine.process);
    machine.process = null;
    machine.node = null;
    this.died(id, machine.end);
  }

  #newDisk(id: string): Pick<Machine, 'disk' | 'bases'> {
    const { disk_ms = DISK_MS } = this.#options;
    const scheduler: Scheduler = {
      now: () => this.time.now(),
      after: (ms, task) => this.time.add(ms, task, null),
      defer: (task) => void this.time.add(disk_ms * (0.5 + this.network.chance()), task, null),
    };
    const disk = new SimulatedDisk(scheduler);
    disk.faults.count = (fault) => this.count(fault);
    const flushed = (head: Head, state: State) => this.flushed(id, head, state);
    return { disk, bases: new SimBases({ scheduler, random: this.random, faults: disk.faults, flushed }) };
  }

  #nodes(): { id: string; node: Node }[] {
    const nodes: { id: string; node: Node }[] = [];
    for (const { id, node } of this.#machines.values()) if (node !== null) nodes.push({ id, node });
    return nodes;
  }

  #machine(id: string): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw new Error(`no machine ${id}`);
    return machine;
  }
}

function baseOf(id: string): string {
  return `/${id}/base`;
}

function killed({ disk, bases }: Machine): void {
  disk.kill();
  bases.kill();
}
