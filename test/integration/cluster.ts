/** Words for tests with real nodes: a cluster of processes in a folder of its own, what befalls it, and who leads it. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Cluster,
  type ConnectOptions,
  connect,
  type GroupState,
  type NodeState,
} from '../../protocol/client/index.js';
import { freeAddresses } from '../../tui/cluster/ports.js';
import { Cable, type CableMode } from './cable.js';
import { type Ended, type NodePlan, RealNode } from './real-node.js';
import { until } from './until.js';

/** Elections in these tests come after 300 to 600 ms of silence, where a test does not say otherwise. */
const ELECTION_MS = 300;
/** Heartbeats in an election timeout. */
const HEARTBEATS = 6;

/** What a cluster is made of. */
export interface ClusterOptions {
  /** Number of nodes: n1, n2, ... Default 3. */
  readonly nodes?: number;
  /** Silence after which a leader is replaced, ms; null: as a node has it when it is told nothing. */
  readonly election_ms?: number | null;
  /** The nodes are connected by cables, which can be cut. */
  readonly cables?: boolean;
  /** Name of the cluster. */
  readonly name?: string;
  /** Further flags of every node. */
  readonly flags?: readonly string[];
  /** Flags of Node itself for a node; `folder` is that of the cluster. */
  readonly runtime?: (id: string, folder: string) => readonly string[];
}

/** The replicas of one group as their nodes tell of them, by node. */
type Replicas = Map<string, GroupState>;

/** Folders of clusters that have not ended: they must not outlive this process, in which nodes end before (`real-node.ts`). */
const folders = new Set<string>();
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** A cluster of real nodes, none of which runs before it is started. */
export class TestCluster implements AsyncDisposable {
  readonly folder: string;
  readonly nodes: ReadonlyMap<string, RealNode>;
  readonly addresses: readonly string[];
  /** By the two nodes that each connects: the smaller id dials. */
  readonly #cables: ReadonlyMap<readonly [string, string], Cable>;
  readonly #cut = new Map<string, CableMode>();
  readonly #clients: Cluster[] = [];
  /** What every node last pushed of each group, by group. */
  readonly #seen = new Map<string, Replicas>();
  #watcher: Promise<Cluster> | null = null;

  private constructor(
    folder: string,
    nodes: ReadonlyMap<string, RealNode>,
    cables: ReadonlyMap<readonly [string, string], Cable>,
  ) {
    this.folder = folder;
    this.nodes = nodes;
    this.#cables = cables;
    this.addresses = [...nodes.values()].map(({ plan }) => plan.listen);
  }

  static async make({
    nodes = 3,
    election_ms = ELECTION_MS,
    cables: wired = false,
    name = 'test',
    flags = [],
    runtime = () => [],
  }: ClusterOptions = {}) {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'concord-test-')));
    folders.add(folder);
    const ids = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
    const addresses = await freeAddresses(nodes);
    const listen = (id: string) => addresses[ids.indexOf(id)] ?? '';
    const cables = new Map<readonly [string, string], Cable>();
    if (wired)
      for (const from of ids) for (const to of ids) if (from < to) cables.set([from, to], await Cable.open(listen(to)));
    const heartbeat_ms = Math.floor((election_ms ?? 0) / HEARTBEATS);
    const timing = election_ms === null ? [] : ['--election-ms', `${election_ms}`, '--heartbeat-ms', `${heartbeat_ms}`];
    const made = ids.map((id) => {
      const address = (to: string) =>
        [...cables].find(([ends]) => ends[0] === id && ends[1] === to)?.[1].address ?? listen(to);
      const peers = ids.map((to) => `${to}=${address(to)}`).join(',');
      // Small segments: several of them in a few seconds.
      const plan: NodePlan = {
        id,
        listen: listen(id),
        data: join(folder, id),
        cluster: name,
        peers,
        flags: [...timing, '--segment-bytes', `${1 << 20}`, ...flags],
        runtime: runtime(id, folder),
      };
      return [id, new RealNode(plan)] as const;
    });
    return new TestCluster(folder, new Map(made), cables);
  }

  node(id: string): RealNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** Starts these nodes, or all. Resolves when they listen. */
  async start(...ids: string[]): Promise<void> {
    await Promise.all(this.#these(ids).map((node) => node.start()));
  }

  /** kill -9 for these nodes, or all, at the same time. */
  async kill(...ids: string[]): Promise<void> {
    await Promise.all(this.#these(ids).map((node) => node.kill()));
  }

  /** SIGTERM. */
  stop(id: string): Promise<Ended> {
    return this.node(id).stop();
  }

  pause(id: string): void {
    this.node(id).pause();
  }

  resume(id: string): void {
    this.node(id).resume();
  }

  /** Cuts all cables of a node to the others; clients still reach it. */
  cut(id: string, mode: Exclude<CableMode, 'open'> = 'silent'): void {
    this.#cut.set(id, mode);
    this.#setCables();
  }

  heal(id: string): void {
    this.#cut.delete(id);
    this.#setCables();
  }

  /** The node that leads `group`, agreed on by a majority of all nodes, counting only those that run and can be reached by the others. */
  async leader(group: string): Promise<string> {
    await this.#watch();
    let leader = '';
    const agreed = () => {
      leader = this.#agreed(group);
      return leader !== '';
    };
    await until(`${group} has a leader`, agreed, () => JSON.stringify([...(this.#seen.get(group) ?? [])]));
    return leader;
  }

  /** The state of a group's replica on one node, as it is now. */
  async replica(group: string, id: string): Promise<GroupState> {
    const watcher = await this.#watch();
    const { value } = await watcher.admin('status', {}, { node: id });
    const state = (value as NodeState).groups[group];
    if (state === undefined) throw new Error(`${id} has no replica of ${group}`);
    return state;
  }

  /** A client of this cluster, closed with it. */
  async client(options: Partial<ConnectOptions> = {}): Promise<Cluster> {
    const client = await connect({ nodes: this.addresses, timeout_ms: 30_000, ...options });
    this.#clients.push(client);
    return client;
  }

  /** What the nodes said last. */
  tail(): string {
    return [...this.nodes.values()].map((node) => node.tail()).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes.values()) if (!node.active) node.resume();
    const watcher = await this.#watcher?.catch(() => null);
    await Promise.all([...this.#clients, ...(watcher ? [watcher] : [])].map((client) => client.close()));
    await this.kill();
    for (const cable of this.#cables.values()) cable.close();
    rmSync(this.folder, { recursive: true, force: true });
    folders.delete(this.folder);
  }

  #these(ids: readonly string[]): RealNode[] {
    return ids.length === 0 ? [...this.nodes.values()] : ids.map((id) => this.node(id));
  }

  #setCables(): void {
    for (const [[a, b], cable] of this.#cables) cable.mode = this.#cut.get(a) ?? this.#cut.get(b) ?? 'open';
  }

  #watch(): Promise<Cluster> {
    this.#watcher ??= connect({ nodes: this.addresses, timeout_ms: 30_000, clientId: 'watcher' }).then((client) => {
      client.observe(
        (news) => {
          if (news.kind === 'down') for (const replicas of this.#seen.values()) replicas.delete(news.node);
          if (news.kind !== 'status') return;
          for (const [group, state] of Object.entries(news.state.groups ?? {})) {
            const replicas = this.#seen.get(group) ?? new Map<string, GroupState>();
            this.#seen.set(group, replicas.set(news.node, state));
          }
        },
        { interval_ms: 100 },
      );
      return client;
    });
    return this.#watcher;
  }

  #agreed(group: string): string {
    const able = [...(this.#seen.get(group) ?? [])].filter(([id]) => this.node(id).active && !this.#cut.has(id));
    const led = able.find(([id, { role, term }]) => {
      const followers = able.filter(([, state]) => state.leader === id && state.term === term);
      return role === 'leader' && followers.length * 2 > this.nodes.size;
    });
    return led?.[0] ?? '';
  }
}

/**
 * For a suite: returns what makes clusters. After each test they are ended, whatever came of it, and the nodes of one that failed tell
 * what they saw.
 */
export function useClusters(): (options?: ClusterOptions) => Promise<TestCluster> {
  const made: TestCluster[] = [];
  afterEach(async function () {
    this.timeout(30_000);
    const clusters = made.splice(0);
    if (this.currentTest?.state === 'failed')
      for (const cluster of clusters) process.stderr.write(`${cluster.tail()}\n`);
    await Promise.all(clusters.map((cluster) => cluster[Symbol.asyncDispose]()));
  });
  return async (options) => {
    const cluster = await TestCluster.make(options);
    made.push(cluster);
    return cluster;
  };
}
