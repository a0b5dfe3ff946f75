/** A terminal's hold on its cluster: a local one through the keeper, or any by its addresses. Opened when first needed. */
import { connect } from '../../protocol/client/index.js';
import type { Cluster, ConnectOptions } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { attachKeeper } from '../cluster/attach.js';
import type { FaultDoors, Keeper, LocalNode } from '../cluster/types.js';
import type { Context } from './call.js';
import { Lazy } from './lazy.js';
import { OwnLocks } from './own-locks.js';
import { View } from './view.js';

/** Which cluster, and how to behave there. Times in ms. */
export interface TerminalOptions {
  /** Addresses "host:port"; empty for the local cluster. */
  readonly connect: readonly string[];
  /** Refuse any other cluster; '' for none. */
  readonly cluster: string;
  /** '' for a random one. */
  readonly clientId: string;
  /** A local cluster of its own, gone at the end. */
  readonly temp: boolean;
  /** The fault doors of nodes that are started for this terminal. When not said, a cluster of its own has them: it is there to be broken. */
  readonly faults?: FaultDoors;
  /** Its nodes; 3 when not said. */
  readonly nodes?: number;
  /** Follow redirects and wait out elections. */
  readonly follow: boolean;
  readonly readonly: boolean;
  readonly timeout_ms: number;
}

/** How long a local node that runs may take to welcome a client, ms. */
const START_MS_MAX = 30_000;

/** A terminal. */
export class Terminal {
  readonly context: Context;
  readonly #options: TerminalOptions;
  readonly #keeper = new Lazy(() => this.#attach());
  readonly #cluster = new Lazy(() => this.#connect());

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.context = {
      cluster: () => this.#cluster.get(),
      keeper: () => this.#keeper.get(),
      view: new View(),
      locks: new OwnLocks(),
      options: { timeout_ms: options.timeout_ms, readonly: options.readonly },
    };
  }

  /** The cluster when it is open already. */
  get cluster(): Cluster | undefined {
    return this.#cluster.value;
  }

  /** The keeper when there is one and it is attached already. */
  get keeper(): Keeper | undefined {
    return this.#keeper.value ?? undefined;
  }

  /** Opens the cluster before anybody asks for it; what goes wrong is told to whoever asks. */
  open(): void {
    this.#cluster.get().catch(() => {});
  }

  /** Lets go of all that is open. What is still being opened goes with the process. */
  async leave(): Promise<void> {
    await this.cluster?.close();
    await this.keeper?.leave();
  }

  async #attach(): Promise<Keeper | null> {
    const { connect, temp, nodes, faults = temp ? 'on' : 'off' } = this.#options;
    if (connect.length > 0) return null;
    return attachKeeper({ config: null, temp, faults, ...(nodes === undefined ? {} : { nodes }) });
  }

  async #connect(): Promise<Cluster> {
    const keeper = await this.#keeper.get();
    const { timeout_ms } = this.#options;
    if (keeper === null) return connect(this.#settings(this.#options.connect, timeout_ms));
    await oneRuns(keeper);
    const addresses = keeper.nodes.map((node) => node.address);
    return connect(this.#settings(addresses, Math.max(START_MS_MAX, timeout_ms)));
  }

  #settings(nodes: readonly string[], timeout_ms: number): ConnectOptions {
    const { cluster, clientId, follow } = this.#options;
    return {
      nodes,
      follow,
      timeout_ms,
      ...(cluster === '' ? {} : { cluster }),
      ...(clientId === '' ? {} : { clientId }),
    };
  }
}

/** Resolves when a node of the keeper runs: to connect earlier only makes the client pause. @throws ConcordError START_FAILED */
function oneRuns(keeper: Keeper): Promise<void> {
  let stop = () => {};
  const running = new Promise<void>((resolve, reject) => {
    const look = (nodes: readonly LocalNode[]) => {
      if (nodes.some((node) => node.state === 'running')) resolve();
      if (nodes.some((node) => node.state === 'starting')) return;
      const reasons = nodes.map((node) => `${node.id} is ${node.state}${node.reason === '' ? '' : `: ${node.reason}`}`);
      reject(new ConcordError('START_FAILED', `no node runs: ${reasons.join('; ')}`));
    };
    stop = keeper.watch(look);
    look(keeper.nodes);
  });
  return running.finally(stop);
}
