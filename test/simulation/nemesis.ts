/** Does a seed's mischief, at random times, and undoes each in its turn; knows what a cluster cannot be asked to survive. */
import { MISCHIEF } from './mischief.js';
import type { Stage } from './stage.js';

/** How long mischief lasts, ms: short most of the time. */
const LASTS_MS_MIN = 20;
const LASTS_MS_MAX = 8000;
/** A node that ended by itself is started again within this, ms. */
const RESTART_MS_MAX = 2000;
/** Syncs after a mislaid write before a gap in the log shows what happened. */
const SYNCS_TO_SHOW = 2;

export class Nemesis {
  readonly #stage: Stage;
  #stopped = false;
  readonly #healed = new Set<string>();

  constructor(stage: Omit<Stage, 'after'>) {
    this.#stage = { ...stage, after: (ms, task) => this.#after(ms, task) };
    stage.cluster.died = (id, error) => this.#died(id, error);
  }

  start(): void {
    if (this.#stage.swarm.mischief.length > 0) this.#next();
  }

  /** From now on nothing goes wrong, and nothing is undone. */
  stop(): void {
    this.#stopped = true;
  }

  /** Everything is well with a node from now on, unless it is lost for good; should it still be on its way down, it comes back. */
  heal(id: string): void {
    const { cluster } = this.#stage;
    this.#healed.add(id);
    cluster.disk(id).faults.heal();
    cluster.resume(id);
    cluster.start(id);
  }

  #next(): void {
    const { dice, swarm } = this.#stage;
    this.#after(-Math.log(1 - dice.chance()) * swarm.mischief_ms, () => {
      this.#act();
      this.#next();
    });
  }

  #act(): void {
    const { cluster, dice, swarm } = this.#stage;
    const name = swarm.mischief[dice.below(swarm.mischief.length)];
    if (name === undefined) return;
    cluster.note(`mischief: ${name}`);
    cluster.count(name);
    const undo = MISCHIEF[name](this.#stage);
    this.#after(dice.between(LASTS_MS_MIN, LASTS_MS_MAX), undo);
  }

  // A node that finds damage mends it when it is started again; but who has forgotten who it is cannot. And a write that went astray just
  // before the end left no trace: the disk has forgotten what it said it kept, and such a disk's word is worth nothing.
  #died(id: string, error: Error | null): void {
    const { cluster, dice } = this.#stage;
    const lost = (error as { path?: string } | null)?.path?.includes('/identity') ?? false;
    if (lost || cluster.disk(id).faults.syncsSinceStray < SYNCS_TO_SHOW) cluster.retire(id);
    else if (this.#healed.has(id)) cluster.time.add(0, () => cluster.start(id), null);
    else if (error !== null) this.#after(dice.chance() * RESTART_MS_MAX, () => cluster.start(id));
  }

  #after(ms: number, task: () => void): void {
    const { time } = this.#stage.cluster;
    time.add(
      ms,
      () => {
        if (!this.#stopped) task();
      },
      null,
    );
  }
}
