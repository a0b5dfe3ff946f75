/** The keeper: starts the local nodes, serves the terminals, and stops the nodes when the last terminal has left. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ConcordError } from '../../protocol/errors.js';
import type { ClusterConfig } from './config.js';
import { KnownNodes } from './known-nodes.js';
import { NodeProcess } from './node-process.js';
import { Terminals } from './terminals.js';
import type { FaultDoors, LocalNode } from './types.js';

/** A keeper whose terminal died before it came has nobody to stay for. */
const FIRST_TERMINAL_MS_MAX = 10_000;

/** What a keeper is started with. */
export interface KeeperPlan extends Omit<ClusterConfig, 'data'> {
  /** The folder of all data. Its lock is held. */
  readonly folder: string;
  /** Where to listen for terminals. */
  readonly socket: string;
  /** Remove the folder at the end. */
  readonly temp: boolean;
  /** Run on when no terminal is attached. */
  readonly stay: boolean;
  /** The JavaScript file of a node. */
  readonly program: string;
  readonly faults: FaultDoors;
}

/** Owner of the local nodes, for the life of one process. */
export class NodeKeeper {
  readonly #plan: KeeperPlan;
  readonly #log: (line: string) => void;
  readonly #nodes = new Map<string, NodeProcess>();
  readonly #terminals: Terminals;
  readonly #logged = new Map<string, string>();
  #stay: boolean;
  #ending = false;
  #ended: () => void = () => {};

  /** @throws ConcordError when the folder is another cluster's */
  constructor(plan: KeeperPlan, log: (line: string) => void) {
    this.#plan = plan;
    this.#log = log;
    this.#stay = plan.stay;
    const { folder, cluster, program, faults, budgets, stop_grace_ms: grace_ms } = plan;
    const known = new KnownNodes(
      folder,
      cluster,
      plan.nodes.map(({ id }) => id),
    );
    const peers = plan.nodes.map(({ id, address }) => `${id}=${address}`).join(',');
    for (const { id, address } of plan.nodes) {
      const data = join(folder, id);
      const node = { id, address, data, cluster, peers, program, faults, budgets, grace_ms };
      const process = new NodeProcess(node, known, () => this.#changed());
      this.#nodes.set(id, process);
    }
    this.#terminals = new Terminals(
      {
        cluster,
        nodes: () => this.#views(),
        order: (verb, node) => this.#node(node).order(verb),
        stay: () => {
          this.#stay = true;
        },
      },
      (others) => this.#left(others),
    );
  }

  /** Clears up what a dead keeper left, looks whether the nodes can have their ports, and listens. @throws ConcordError */
  async open(): Promise<void> {
    const nodes = [...this.#nodes.values()];
    await Promise.all(nodes.map((node) => node.clearLeftover()));
    await Promise.all(nodes.map((node) => node.refuseTakenPort()));
    await this.#terminals.listen(this.#plan.socket);
  }

  /** Starts the nodes. Resolves when the keeper has ended and nothing of it is left running. */
  async run(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    const lonely = setTimeout(() => {
      if (!this.#stay && this.#terminals.count === 0) this.end('no terminal came');
    }, FIRST_TERMINAL_MS_MAX);
    for (const node of this.#nodes.values()) {
      // Why one does not start stands in its state, for everybody to see.
      node.order('start').catch(() => {});
    }
    await ended;
    clearTimeout(lonely);
  }

  /** Stops all nodes, then itself. */
  end(why: string): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#log(`ends: ${why}`);
    this.#terminals.shut();
    void Promise.all([...this.#nodes.values()].map((node) => node.retire())).then(() => {
      if (this.#plan.temp) rmSync(this.#plan.folder, { recursive: true, force: true });
      this.#terminals.close();
      this.#ended();
    });
  }

  #left(others: number): boolean {
    if (others === 0 && !this.#stay) this.end('the last terminal has left');
    return this.#ending;
  }

  #node(id: string): NodeProcess {
    const node = this.#nodes.get(id);
    if (node !== undefined && !this.#ending) return node;
    if (this.#ending) throw new ConcordError('STOPPING', 'The keeper is stopping all nodes.');
    throw new ConcordError(
      'UNKNOWN_NODE',
      `${id} is no node of this keeper: it has ${[...this.#nodes.keys()].join(', ')}`,
    );
  }

  #views(): LocalNode[] {
    return [...this.#nodes.values()].map((node) => node.view);
  }

  #changed(): void {
    for (const { id, state, pid, reason } of this.#views()) {
      const line = `${id} ${state}${pid === null ? '' : ` (pid ${pid})`}${reason === '' ? '' : `: ${reason}`}`;
      if (this.#logged.get(id) !== line) this.#log(line);
      this.#logged.set(id, line);
    }
    this.#terminals.push();
  }
}
