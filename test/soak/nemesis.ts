/** What befalls nodes and clients of a soak: killed, stopped, cut off, slowed down, one after the other, and always undone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../../protocol/client/index.js';
import type { TestCluster } from '../integration/cluster.js';
import type { Dice } from './dice.js';
import { now } from './journal.js';
import type { Workers } from './workers.js';

/** An order to a fault door is repeated until it is taken, ms. */
const ORDER_AGAIN_MS = 200;
const ORDER_MS = 1000;

/** Something that befalls a node or a process of clients, until it is undone. */
export type Mischief =
  | { readonly kind: 'kill'; readonly nodes: readonly string[] }
  | { readonly kind: 'pause'; readonly nodes: readonly string[] }
  | { readonly kind: 'cut'; readonly nodes: readonly string[]; readonly way: 'both' | 'in' | 'out' }
  | { readonly kind: 'slow'; readonly nodes: readonly string[]; readonly ms: number }
  | { readonly kind: 'lose'; readonly nodes: readonly string[]; readonly percent: number }
  | { readonly kind: 'pause clients'; readonly place: number }
  | { readonly kind: 'kill clients'; readonly place: number };

/** How often what happened. */
export interface Toll {
  kills: number;
  pauses: number;
  cuts: number;
}

/** Does mischief, and remembers it. */
export class Nemesis {
  readonly toll: Toll = { kills: 0, pauses: 0, cuts: 0 };
  /** One line for each thing that was done, with its time. */
  readonly deeds: string[] = [];
  readonly #cluster: TestCluster;
  readonly #control: Cluster;
  readonly #workers: Workers;

  /** `control` gives the orders. */
  constructor(cluster: TestCluster, control: Cluster, workers: Workers) {
    this.#cluster = cluster;
    this.#control = control;
    this.#workers = workers;
  }

  /** Until `signal` is aborted: nodes and clients each have their own bad luck. Resolves when all is undone. */
  async rage(dice: Dice, ttl_ms: number, signal: AbortSignal): Promise<void> {
    const loop = async (pause: () => number, next: () => Mischief, length: () => number) => {
      while (await rested(pause(), signal)) await this.strike(next(), length(), signal);
    };
    await Promise.all([
      loop(
        () => dice.between(1500, 6000),
        () => this.#againstNodes(dice),
        () => dice.between(ttl_ms / 2, ttl_ms * 2.5),
      ),
      loop(
        () => dice.between(2000, 6000),
        () => this.#againstClients(dice),
        () => dice.between(ttl_ms * 1.2, ttl_ms * 2.5),
      ),
    ]);
  }

  /** Does it, and undoes it after `ms`, or earlier when `signal` is aborted. */
  async strike(mischief: Mischief, ms: number, signal?: AbortSignal): Promise<void> {
    this.#note(`${JSON.stringify(mischief)} for ${ms} ms`);
    const undo = await this.#do(mischief);
    await rested(ms, signal);
    await undo();
    this.#note(`${mischief.kind} is over`);
  }

  #againstNodes(dice: Dice): Mischief {
    const all = [...this.#cluster.nodes.keys()];
    const leader = this.#control.leaderOf('c') || dice.one(all);
    const node = [dice.percent(60) ? leader : dice.one(all)];
    const kind = dice.below(100);
    if (kind < 6) return { kind: 'kill', nodes: all };
    if (kind < 40) return { kind: 'kill', nodes: node };
    if (kind < 60) return { kind: 'pause', nodes: node };
    if (kind < 80) return { kind: 'cut', nodes: node, way: dice.one(['both', 'in', 'out']) };
    if (kind < 90) return { kind: 'slow', nodes: all, ms: dice.between(20, 250) };
    return { kind: 'lose', nodes: all, percent: dice.between(5, 40) };
  }

  #againstClients(dice: Dice): Mischief {
    const place = dice.below(this.#workers.count);
    return { kind: dice.percent(20) ? 'kill clients' : 'pause clients', place };
  }

  /** Returns how to undo it. */
  async #do(mischief: Mischief): Promise<() => Promise<void>> {
    const cluster = this.#cluster;
    const { kind } = mischief;
    switch (kind) {
      case 'kill':
        this.toll.kills += mischief.nodes.length;
        await cluster.kill(...mischief.nodes);
        return () => cluster.start(...mischief.nodes);
      case 'pause':
        this.toll.pauses += mischief.nodes.length;
        for (const node of mischief.nodes) cluster.pause(node);
        return async () => {
          for (const node of mischief.nodes) cluster.resume(node);
        };
      case 'cut':
        return this.#order(mischief.nodes, 'partition', { peers: null, way: mischief.way });
      case 'slow':
        return this.#order(mischief.nodes, 'slow', { ms: mischief.ms, disk: false, peers: null });
      case 'lose':
        return this.#order(mischief.nodes, 'lose', { percent: mischief.percent, peers: null });
      case 'pause clients':
        this.toll.pauses++;
        this.#workers.pause(mischief.place);
        return async () => this.#workers.resume(mischief.place);
      case 'kill clients':
        this.toll.kills++;
        this.#workers.replace(mischief.place);
        return async () => {};
    }
  }

  async #order(nodes: readonly string[], word: string, argument: object): Promise<() => Promise<void>> {
    this.toll.cuts += nodes.length;
    await Promise.all(nodes.map((node) => this.#tell(node, word, argument)));
    return async () => {
      await Promise.all(nodes.map((node) => this.#tell(node, 'heal', { peers: null })));
    };
  }

  async #tell(node: string, word: string, argument: object): Promise<void> {
    for (;;) {
      try {
        await this.#control.admin(word, argument, { node, timeout_ms: ORDER_MS });
        return;
      } catch (error) {
        this.#note(`${node} did not ${word}: ${(error as Error).message}`);
        await sleep(ORDER_AGAIN_MS);
      }
    }
  }

  #note(what: string): void {
    this.deeds.push(`${now().toFixed(3)} ${what}`);
  }
}

/** True after so many ms; false when `signal` was aborted before. */
async function rested(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => {});
  return signal?.aborted !== true;
}
