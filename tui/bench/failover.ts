/** `bench failover`: how long a client waits when the leader is killed, and when it is stopped in its tracks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../protocol/client/index.js';
import type { Cluster } from '../../protocol/client/types.js';
import { encode } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import { SHARD } from '../../protocol/groups.js';
import type { Keeper } from '../cluster/types.js';
import { errorsOf, type FailoverFigures, rounded } from './figures.js';
import { noiseBefore } from './noise.js';
import { settled, type Target } from './target.js';

/** Longer than any failover takes that ends: the client goes on trying for so long, ms. */
const GAP_MS_MAX = 30_000;
/** Commands acknowledged before each fault: the client knows its way. */
const COMMANDS_BEFORE = 50;
const LOOK_MS = 1;
const FAILED_PAUSE_MS = 5;
const MESSAGE = encode(Buffer.alloc(256, 'x'));

/** What is done to the leader, and how it is undone. */
const FAULTS = [
  { fault: 'kill', undo: 'start' },
  { fault: 'pause', undo: 'resume' },
] as const;

/** So many trials of each fault; `tell` hears the figures of one after the other. An aborted signal ends them early. */
export async function benchFailover(
  { cluster, keeper, nodes }: Pick<Target, 'cluster' | 'keeper' | 'nodes'>,
  trials: number,
  signal: AbortSignal,
  tell: (figures: FailoverFigures) => void,
): Promise<void> {
  if (keeper === null) throw new ConcordError('NO_KEEPER', 'leaders are killed in a cluster made for it only');
  await using client = await connect({ nodes, timeout_ms: GAP_MS_MAX });
  for (const { fault, undo } of FAULTS) {
    const gaps_ms: number[] = [];
    const failures = new Map<string, number>();
    const noise = noiseBefore();
    while (gaps_ms.length < trials && !signal.aborted) {
      await settled(cluster, keeper.nodes.length);
      gaps_ms.push(rounded(await gapOf(fault, undo, cluster, client, keeper, failures), 1));
    }
    if (gaps_ms.length > 0)
      tell(failoverFigures(fault, gaps_ms, failures, { ...noise(), interrupted: signal.aborted }));
    if (signal.aborted) throw new ConcordError('CANCELLED', 'the bench was interrupted', { definite: true });
  }
}

/** The figures of some trials, at least one. */
export function failoverFigures(
  fault: FailoverFigures['fault'],
  gaps_ms: readonly number[],
  failures: ReadonlyMap<string, number>,
  rest: Pick<FailoverFigures, 'load_before' | 'load_after' | 'interrupted'>,
): FailoverFigures {
  const sorted = [...gaps_ms].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? null;
  const lower = sorted.length % 2 === 0 ? (sorted[middle - 1] ?? null) : upper;
  return {
    bench: 'failover',
    fault,
    trials: gaps_ms.length,
    interrupted: rest.interrupted,
    median_ms: lower === null || upper === null ? null : rounded((lower + upper) / 2, 1),
    min_ms: sorted[0] ?? null,
    max_ms: sorted.at(-1) ?? null,
    gaps_ms,
    ...errorsOf(failures),
    load_before: rest.load_before,
    load_after: rest.load_after,
  };
}

/**
 * One trial, ms: from the order to the first acknowledgement by another node. The way of the order through the keeper counts, so the
 * gap is a little longer than the client's own. @throws ConcordError TIMEOUT when nothing is acknowledged any more
 */
async function gapOf(
  fault: 'kill' | 'pause',
  undo: 'start' | 'resume',
  cluster: Cluster,
  client: Cluster,
  keeper: Keeper,
  failures: Map<string, number>,
): Promise<number> {
  const commands = new Commands(client, failures);
  try {
    await reached('a first command', () => commands.acknowledged >= COMMANDS_BEFORE);
    const leader = cluster.leaderOf(SHARD);
    const start = performance.now();
    await keeper.order(fault, leader);
    try {
      // The leader itself may have answered between the order and its end.
      await reached(`a command without ${leader}`, () => commands.last.node !== leader);
      return commands.last.since_ms - start;
    } finally {
      await keeper.order(undo, leader);
    }
  } finally {
    await commands.end();
  }
}

async function reached(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + GAP_MS_MAX;
  while (!condition()) {
    if (performance.now() > end)
      throw new ConcordError('TIMEOUT', `${what} was not acknowledged within ${GAP_MS_MAX / 1000} s`);
    await sleep(LOOK_MS);
  }
}

/** Commands one after the other, as fast as they are answered, until they are ended. */
class Commands {
  acknowledged = 0;
  /** Who answers, and since when. */
  last = { node: '', since_ms: 0 };
  #ending = false;
  readonly #ended: Promise<void>;

  constructor(client: Cluster, failures: Map<string, number>) {
    this.#ended = this.#keepCalling(client, failures);
  }

  end(): Promise<void> {
    this.#ending = true;
    return this.#ended;
  }

  async #keepCalling(client: Cluster, failures: Map<string, number>): Promise<void> {
    while (!this.#ending) {
      try {
        const { node } = await client.command('queue.enqueue', [MESSAGE]);
        if (node !== this.last.node) this.last = { node, since_ms: performance.now() };
        this.acknowledged++;
      } catch (error) {
        const code = error instanceof ConcordError ? error.code : 'INTERNAL';
        failures.set(code, (failures.get(code) ?? 0) + 1);
        await sleep(FAILED_PAUSE_MS);
      }
    }
  }
}
