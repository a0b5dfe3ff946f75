/** The cluster that a batch runs on, with a session for each of its clients. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../protocol/client/index.js';
import type { Cluster } from '../../protocol/client/types.js';
import type { Env } from '../../protocol/env.js';
import { ConcordError } from '../../protocol/errors.js';
import { COORDINATION, SHARD } from '../../protocol/groups.js';
import { realEnv } from '../../protocol/tcp.js';
import type { Keeper } from '../cluster/types.js';
import type { Context } from '../session/call.js';
import { Lazy } from '../session/lazy.js';
import { OwnLocks } from '../session/own-locks.js';
import { Terminal } from '../session/terminal.js';
import { View } from '../session/view.js';
import { faultDoors, type ShellOptions } from '../shell/options.js';
import type { Target } from './batch.js';
import { mortalEnv } from './mortal-env.js';

/** How long all nodes of a temporary cluster may take to be there, ms. */
const START_MS_MAX = 30_000;
const LOOK_MS = 20;

/** Where the batch runs: what the command line says, else what the file does. */
export function targetOf(target: Target, { temp, connect }: ShellOptions): Target {
  if (connect.length > 0) return { kind: 'connect', addresses: connect };
  if (temp) return target.kind === 'temp' ? target : { kind: 'temp', nodes: 3 };
  return target;
}

/** A target in words. */
export function targetInWords(target: Target): string {
  switch (target.kind) {
    case 'temp':
      return `a temporary cluster of ${target.nodes === 1 ? 'one node' : `${target.nodes} nodes`}`;
    case 'connect':
      return target.addresses.join(',');
    case 'local':
      return 'the local cluster';
  }
}

/** The session of one client. */
interface OwnSession {
  readonly context: Context;
  readonly cluster: Lazy<Cluster>;
  /** Ends all that it says and hears. */
  kill(): void;
}

/** The sessions of a batch, each opened when first needed. A terminal beside them finds the cluster and holds the keeper. */
export class Sessions {
  readonly #terminal: Terminal;
  readonly #options: ShellOptions;
  readonly #ttlOf: (client: string) => number | null;
  readonly #sessions = new Map<string, OwnSession>();
  readonly #closing: Promise<void>[] = [];

  /** `ttlOf`: the TTL of a client's session, ms; null for that of the library. */
  constructor(target: Target, options: ShellOptions, ttlOf: (client: string) => number | null) {
    this.#options = options;
    this.#ttlOf = ttlOf;
    const { cluster, clientId, follow, readonly, timeout } = options;
    const faults = faultDoors(options);
    this.#terminal = new Terminal({
      connect: target.kind === 'connect' ? target.addresses : [],
      temp: target.kind === 'temp',
      ...(target.kind === 'temp' ? { nodes: target.nodes } : {}),
      ...(faults === undefined ? {} : { faults }),
      ...{ cluster, clientId, follow, readonly, timeout_ms: timeout },
    });
  }

  /** Opens the cluster; a temporary one is complete then: every node runs and every group has a leader. @throws ConcordError */
  async open(target: Target, signal: AbortSignal): Promise<void> {
    const opening = this.#terminal.context.cluster();
    if (target.kind !== 'temp') {
      await opening;
      return;
    }
    const keeper = await this.#terminal.context.keeper();
    await complete(await opening, keeper, signal);
  }

  /** What a client's commands run in. */
  context(client: string): Context {
    const known = this.#sessions.get(client);
    if (known !== undefined) return known.context;
    const world = mortalEnv(realEnv());
    const cluster = new Lazy(() => this.#connect(client, world.env));
    const shared = this.#terminal.context;
    const context = { ...shared, view: new View(), locks: new OwnLocks(), cluster: () => cluster.get() };
    this.#sessions.set(client, { context, cluster, kill: world.kill });
    return context;
  }

  /** Cuts a client off without a word; its next command is that of a new one. */
  vanish(client: string): void {
    const session = this.#sessions.get(client);
    this.#sessions.delete(client);
    if (session === undefined) return;
    session.kill();
    // What is left of it in this process goes in its own time: for the cluster it is dead already.
    this.#closing.push(closed(session));
  }

  /** Ends all sessions, and with them the nodes that nobody else holds. */
  async leave(): Promise<void> {
    await Promise.all([...this.#closing, ...[...this.#sessions.values()].map(closed)]);
    await this.#terminal.leave();
  }

  async #connect(client: string, env: Env): Promise<Cluster> {
    const first = await this.#terminal.context.cluster();
    const { cluster, clientId, follow, timeout } = this.#options;
    const nodes = first.members.map((member) => member.address);
    const ttl_ms = this.#ttlOf(client);
    return connect({
      nodes,
      env,
      clientId: clientId === '' ? client : `${clientId}-${client}`,
      follow,
      timeout_ms: timeout,
      ...(cluster === '' ? {} : { cluster }),
      ...(ttl_ms === null ? {} : { ttl_ms }),
    });
  }
}

async function closed({ cluster }: OwnSession): Promise<void> {
  await cluster.value?.close();
}

async function complete(cluster: Cluster, keeper: Keeper | null, signal: AbortSignal): Promise<void> {
  const nodes = () => keeper?.nodes ?? [];
  const isComplete = () =>
    cluster.members.filter((member) => member.connected).length === nodes().length &&
    [COORDINATION, SHARD].every((group) => cluster.leaderOf(group) !== '');
  const end = performance.now() + START_MS_MAX;
  while (!isComplete() && !signal.aborted) {
    const failed = nodes().find((node) => node.state === 'failed');
    if (failed !== undefined || performance.now() > end) {
      const reasons = nodes().map(({ id, state, reason }) => `${id} is ${state}${reason === '' ? '' : `: ${reason}`}`);
      throw new ConcordError('START_FAILED', `the temporary cluster did not come up: ${reasons.join('; ')}`);
    }
    await sleep(LOOK_MS);
  }
}
