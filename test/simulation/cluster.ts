/** Three real nodes and their clients in one simulated world, from one seed; what must hold of them is checked after every event. */
import { boot } from '../../node/boot.js';
import type { Node } from '../../node/node.js';
import { eachEntry } from '../../node/raft/run.js';
import { DEFAULT_RAFT_SETTINGS } from '../../node/raft/types.js';
import type { World } from '../../node/world.js';
import { connect } from '../../protocol/client/index.js';
import type { Cluster } from '../../protocol/client/types.js';
import type { Random } from '../../protocol/env.js';
import { SimulatedDisk } from './files.js';
import { SimulatedNetwork } from './network.js';
import { type Process, SimulatedTime, seededRandom } from './time.js';

/** A node's machine: its disk outlives its processes. */
interface Machine {
  readonly id: string;
  readonly address: string;
  disk: SimulatedDisk;
  process: Process | null;
  node: Node | null;
}

/** A promise that the cluster broke. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}

export class SimulatedCluster {
  readonly time = new SimulatedTime();
  /** Whoever plays the scenario. */
  readonly tester = this.time.process('tester', true);
  readonly random: Random;
  readonly network: SimulatedNetwork;
  /** One line for every change that matters. */
  readonly trace: string[] = [];
  readonly #machines = new Map<string, Machine>();
  /** Election Safety: who leads a group in a term. */
  readonly #leaders = new Map<string, string>();
  /** State Machine Safety: what was applied at an index of a group. */
  readonly #applied = new Map<string, string>();
  readonly #seen = new Map<Node, Map<string, { applied: number; term: number }>>();
  #failure: Error | null = null;

  constructor(seed: number, ids: readonly string[] = ['n1', 'n2', 'n3']) {
    this.random = seededRandom(seed);
    this.network = new SimulatedNetwork(this.time, this.random);
    ids.forEach((id, i) => {
      const address = `127.0.0.1:${7101 + i}`;
      const disk = new SimulatedDisk({
        now: () => this.time.now(),
        after: (ms, task) => this.time.add(ms, task, null),
        defer: (task) => void this.time.add(DISK_MS, task, null),
      });
      this.#machines.set(id, { id, address, disk, process: null, node: null });
    });
  }

  get ids(): string[] {
    return [...this.#machines.keys()];
  }

  /** An integer of 0 to `below` - 1. */
  pick(below: number): number {
    return this.random.uint32() % below;
  }

  start(id: string): void {
    const machine = this.#machine(id);
    if (machine.process !== null) return;
    const process = this.time.process(id);
    machine.process = process;
    const world: World = {
      scheduler: process,
      network: this.network.of(process),
      random: this.random,
      files: machine.disk.mount(),
    };
    this.#note(`${id} starts`);
    const options = {
      id,
      cluster: 'sim',
      listen: machine.address,
      data: `/${id}`,
      members: new Map([...this.#machines.values()].map((one) => [one.id, one.address])),
      raft: DEFAULT_RAFT_SETTINGS,
      segment_bytes: 256 << 10,
      version: '0',
      pid: 1,
    };
    const fatal = (error: Error) => {
      this.#failure ??= new BrokenPromise(`${id} cannot go on: ${error.message}`);
    };
    const event = (what: string, facts: Readonly<Record<string, unknown>>) => {
      if (what === 'role')
        this.#note(`${id} ${facts['group']} ${facts['role']} term ${facts['term']} leader ${facts['leader'] || '-'}`);
      else if (what === 'peer down') this.#note(`${id} lost its link to ${facts['peer']}: ${facts['reason']}`);
    };
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

  /** kill -9: the page cache survives. */
  kill(id: string): void {
    this.#end(id, (disk) => disk.kill(), 'is killed');
  }

  /** The power of one machine fails. */
  cutPower(id: string): void {
    this.#end(id, (disk) => disk.crash({ random: this.random }), 'loses its power');
  }

  pause(id: string): void {
    this.#note(`${id} is paused`);
    this.#machine(id).process?.pause();
  }

  resume(id: string): void {
    this.#note(`${id} is resumed`);
    this.#machine(id).process?.resume();
  }

  isUp(id: string): boolean {
    return this.#machine(id).process !== null;
  }

  disk(id: string): SimulatedDisk {
    return this.#machine(id).disk;
  }

  /** Nothing gets through between `id` and the other nodes, both ways. */
  isolate(id: string): void {
    this.#note(`${id} is cut off`);
    for (const other of this.ids) {
      this.network.block(id, other);
      this.network.block(other, id);
    }
  }

  heal(): void {
    this.#note('the network is healed');
    this.network.heal();
  }

  /** A client of the cluster, a process of its own. */
  client(name: string, options: { timeout_ms?: number } = {}): Promise<Cluster> {
    const process = this.time.process(name, true);
    const env = { scheduler: process, network: this.network.of(process), random: this.random };
    return connect({
      nodes: [...this.#machines.values()].map(({ address }) => address),
      clientId: name,
      env,
      ...options,
    });
  }

  /** Lets things happen for `ms`. Promises of clients run in between, at fixed points, so that the order is the same each time. */
  async pass(ms: number): Promise<void> {
    await this.until(() => false, ms, false);
  }

  /** Lets things happen until `condition` holds. @throws BrokenPromise when it does not within `limit_ms`. */
  async until(condition: () => boolean, limit_ms: number, must = true): Promise<void> {
    const end = this.time.now() + limit_ms;
    await settled();
    while (!condition()) {
      if (!this.time.step(end)) {
        if (must) throw new BrokenPromise(`it did not come to pass within ${limit_ms} ms: ${condition}`);
        return;
      }
      this.check();
      if (!this.time.promised) continue;
      this.time.promised = false;
      await settled();
    }
  }

  /** Names of the nodes that lead `group` now. */
  leaders(group: string): string[] {
    return this.#nodes()
      .filter(({ node }) => node.groups.replica(group)?.raft.leads)
      .map(({ id }) => id);
  }

  /** Index applied on every node that is up, or null while they differ. */
  converged(group: string): number | null {
    const applied = new Set(this.#nodes().map(({ node }) => node.groups.replica(group)?.applied ?? -1));
    return applied.size === 1 ? ([...applied][0] ?? null) : null;
  }

  /** Hash of a group's state on every node that is up. */
  fingerprints(group: string): string[] {
    return this.#nodes().map(({ node }) => node.groups.replica(group)?.machine.fingerprint() ?? '');
  }

  /** @throws BrokenPromise, InvariantError */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
    for (const { id, node } of this.#nodes()) this.#checkNode(id, node);
  }

  #checkNode(id: string, node: Node): void {
    const seen = this.#seen.get(node) ?? new Map<string, { applied: number; term: number }>();
    this.#seen.set(node, seen);
    for (const replica of node.groups.replicas()) {
      const { raft } = replica;
      const before = seen.get(raft.id) ?? { applied: 0, term: 0 };
      if (raft.leads) this.#checkLeader(raft.id, raft.term, id);
      if (raft.term < before.term)
        throw new BrokenPromise(`${id} ${raft.id}: term went back from ${before.term} to ${raft.term}`);
      if (replica.applied === before.applied && raft.term === before.term) continue;
      raft.check();
      for (let index = before.applied + 1; index <= replica.applied; index++) {
        const run = raft.log.runAt(index);
        if (run?.bytes == null) continue;
        eachEntry(run.bytes, index, index, (_, entry) =>
          this.#checkApplied(raft.id, index, id, `${run.term}:${entry.toString('base64')}`),
        );
      }
      seen.set(raft.id, { applied: replica.applied, term: raft.term });
    }
  }

  #checkLeader(group: string, term: number, id: string): void {
    const leader = this.#leaders.get(`${group}/${term}`);
    if (leader === undefined) this.#leaders.set(`${group}/${term}`, id);
    else if (leader !== id)
      throw new BrokenPromise(`Election Safety: ${leader} and ${id} lead ${group} in term ${term}`);
  }

  #checkApplied(group: string, index: number, id: string, what: string): void {
    const key = `${group}/${index}`;
    const applied = this.#applied.get(key);
    if (applied === undefined) this.#applied.set(key, what);
    else if (applied !== what) throw new BrokenPromise(`State Machine Safety: ${id} applied something else at ${key}`);
  }

  #nodes(): { id: string; node: Node }[] {
    const nodes: { id: string; node: Node }[] = [];
    for (const { id, node } of this.#machines.values()) if (node !== null) nodes.push({ id, node });
    return nodes;
  }

  #end(id: string, disk: (disk: SimulatedDisk) => void, how: string): void {
    const machine = this.#machine(id);
    if (machine.process === null) return;
    this.#note(`${id} ${how}`);
    machine.process.kill();
    disk(machine.disk);
    this.network.died(machine.process);
    machine.process = null;
    machine.node = null;
  }

  #machine(id: string): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw new Error(`no machine ${id}`);
    return machine;
  }

  #note(line: string): void {
    this.trace.push(`[${this.time.now().toFixed(1)}] ${line}`);
  }
}

/** What a call to the disk takes, ms. */
const DISK_MS = 0.2;

/** Runs every promise reaction that is ready. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
