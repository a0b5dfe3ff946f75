/** What mischief is done to, and the words in which it is told. */
import type { SimulatedCluster } from './cluster.js';
import type { Dice, Swarm } from './swarm.js';

/** What mischief is done to. */
export interface Stage {
  readonly cluster: SimulatedCluster;
  readonly swarm: Swarm;
  readonly dice: Dice;
  /** Names of the clients. */
  readonly clients: () => readonly string[];
  /** Does something later, if mischief still goes on. */
  readonly after: (ms: number, task: () => void) => void;
}

/** Does something; what it returns undoes it. */
export type Mischief = (stage: Stage) => () => void;

/** From whom to whom. */
export type Way = readonly [from: string, to: readonly string[]];

/** For what cannot be undone, or undoes itself. */
export const nothing = () => {};

/** Some node. */
export function node({ cluster, dice }: Stage): string {
  return cluster.ids[dice.below(cluster.ids.length)] ?? '';
}

/** Two nodes. */
export function pair(stage: Stage): [string, string] {
  const a = node(stage);
  const others = stage.cluster.ids.filter((id) => id !== a);
  return [a, others[stage.dice.below(Math.max(1, others.length))] ?? ''];
}

/** A leader and its group, or ''. */
export function someLeader({ cluster, dice }: Stage): [leader: string, group: string] {
  const group = dice.one(['c', 's0', 's0']);
  const [first = '', ...more] = cluster.leaders(group);
  return [dice.one([first, ...more]), group];
}

/** Both ways. */
export function between(one: string, others: readonly string[]): Way[] {
  return [[one, others], ...toAll(others, one)];
}

export function toAll(froms: readonly string[], to: string): Way[] {
  return froms.map((from) => [from, [to]]);
}

/** Nothing gets through there; what it returns ends that. */
export function block({ network }: SimulatedCluster, ways: readonly Way[]): () => void {
  const each = (act: (from: string, to: string) => void) => {
    for (const [from, to] of ways) for (const one of to) act(from, one);
  };
  each((from, to) => network.block(from, to));
  return () => each((from, to) => network.unblock(from, to));
}
