/**
 * One seed's story. Safety: clients at work while everything goes wrong that the contract says one may survive, every promise checked after
 * every event. Liveness: the mischief ends for a random majority, which has to elect, serve and agree. Then all heal, nothing is left in the
 * cluster of what clients did, and the history of all clients has to be linearizable.
 */
import { StorageError } from '../../node/storage/errors.js';
import { COORDINATION, SHARD } from '../../protocol/groups.js';
import { CheckpointWatch } from './checkpoint-watch.js';
import { SimulatedCluster } from './cluster.js';
import { LockWork } from './lock-workload.js';
import { Nemesis } from './nemesis.js';
import { BrokenPromise } from './promise.js';
import { QueueWork } from './queue-workload.js';
import { replay } from './shadow.js';
import { Dice, drawSwarm, type Swarm } from './swarm.js';
import { seededRandom } from './time.js';
import { type Work, Workload } from './workload.js';

/** All that there are. */
const GROUPS = [COORDINATION, SHARD];
/** Mischief goes on for at least this, ms, and until enough has been asked and answered; but no longer than the second. */
const FAULTY_MS_MIN = 30_000;
const FAULTY_MS_MAX = 90_000;
/** With fewer commands, or fewer that succeed, a seed proves nothing: it is void. */
const COMMANDS_MIN = 1000;
const SUCCESSES_MIN = 300;
/** Within it a healed majority has to elect, to serve and to agree, each, ms: one that missed all of it may catch up in small appends. */
const HEALED_MS_MAX = 120_000;
/** So long may a leader take itself for one that nobody answers, ms: twice the election timeout, by any clock. */
const LEADER_ALONE_MS_MAX = 2500;
/** So long nobody may begin a new term, ms: leaders live and are heard. */
const CALM_MS = 5000;
/** One-way delay while all is well, ms: no election timeout is drawn that this would break. */
const NEAR = { min: 0.1, spread: 3 };
/** How often is looked whether enough has been asked, ms. */
const LOOK_MS = 500;
/** Lines of the trace that go with a broken promise. */
const LAST_LINES = 40;
/** A separate source, so that what the seed is like does not depend on how its events fall. */
const SWARM_SALT = 0x5eed;

/** What a run came to. */
export interface Run {
  readonly seed: number;
  /** Too little was asked or answered for it to prove anything. */
  readonly void: boolean;
  /** Commands and reads asked, and those that succeeded. */
  readonly commands: number;
  readonly succeeded: number;
  /** Simulated time, ms. */
  readonly simulated_ms: number;
  readonly events: number;
  /** How often which fault was met. */
  readonly faults: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
}

/** A seed in which a promise was broken, or a node met what it never should. */
export class Broken extends Error {
  override readonly name = 'Broken';
  /** The promise, in one line. */
  readonly promise: string;
  readonly trace: readonly string[];

  constructor(seed: number, trace: readonly string[], options: { readonly cause: unknown }) {
    const { cause } = options;
    const what = cause instanceof Error ? cause.message : String(cause);
    super([`seed ${seed}: ${what}`, ...trace.slice(-LAST_LINES)].join('\n'), options);
    this.promise = what.split('\n', 1)[0] ?? '';
    this.trace = trace;
  }
}

/** What a seed is like. */
export function swarmOf(seed: number): Swarm {
  return drawSwarm(new Dice(seededRandom(seed ^ SWARM_SALT)));
}

/** Plays a seed to its end. @throws Broken */
export async function explore(seed: number): Promise<Run> {
  const swarm = swarmOf(seed);
  const cluster = new SimulatedCluster(seed, swarm);
  try {
    return await new Story(seed, cluster, swarm).play();
  } catch (error) {
    throw new Broken(seed, cluster.trace, { cause: error });
  }
}

class Story {
  readonly #seed: number;
  readonly #cluster: SimulatedCluster;
  readonly #swarm: Swarm;
  readonly #dice: Dice;
  readonly #work: Work;
  readonly #workload: Workload;
  readonly #nemesis: Nemesis;

  constructor(seed: number, cluster: SimulatedCluster, swarm: Swarm) {
    this.#seed = seed;
    this.#cluster = cluster;
    this.#swarm = swarm;
    this.#dice = new Dice(cluster.random);
    const dice = this.#dice;
    this.#work = swarm.workload === 'locks' ? new LockWork(cluster, swarm, dice) : new QueueWork(cluster, swarm, dice);
    this.#workload = new Workload(cluster, swarm, dice, this.#work);
    const checkpoints = new CheckpointWatch((...which) => cluster.judge.entries(...which));
    cluster.flushed = (id, head, state) => {
      cluster.count('checkpoint flushed');
      checkpoints.flushed(id, head, state);
    };
    this.#nemesis = new Nemesis({ cluster, swarm, dice, clients: () => this.#workload.clients });
  }

  async play(): Promise<Run> {
    const cluster = this.#cluster;
    cluster.network.delay_ms = NEAR;
    cluster.start(...cluster.ids);
    await this.#agree(() => cluster.ids, 'are born');
    const proves = await this.#safety();
    const { asked: commands, succeeded } = this.#work.calls;
    await this.#liveness();
    await this.#recovery();
    const { faults, time, trace } = cluster;
    this.#checkShadows();
    this.#work.check();
    cluster.note(`${succeeded} of ${commands} commands succeeded`);
    const simulated_ms = time.now();
    return {
      seed: this.#seed,
      void: !proves,
      commands,
      succeeded,
      simulated_ms,
      events: time.events,
      faults,
      trace,
    };
  }

  /** True when enough was asked and answered. */
  async #safety(): Promise<boolean> {
    const cluster = this.#cluster;
    const workload = this.#workload;
    const { network, time } = cluster;
    network.delay_ms = this.#swarm.delay_ms;
    network.split = this.#swarm.split;
    network.frameFaults = this.#swarm.frameFaults;
    const begun = time.now();
    const { calls } = this.#work;
    const proves = () => calls.asked >= COMMANDS_MIN && calls.succeeded >= SUCCESSES_MIN;
    workload.start();
    this.#nemesis.start();
    while (time.now() < begun + FAULTY_MS_MIN || (!proves() && time.now() < begun + FAULTY_MS_MAX)) {
      await cluster.pass(LOOK_MS);
      // What clients found broken is thrown here.
      void workload.underWay;
    }
    this.#nemesis.stop();
    return proves();
  }

  // Those left out stay as they are: down, or so cut off that nobody hears of them.
  async #liveness(): Promise<void> {
    const cluster = this.#cluster;
    const quorum = this.#drawQuorum();
    cluster.note(`liveness: ${quorum.join()} are healed, the others lost`);
    cluster.network.split = 0;
    cluster.network.frameFaults = null;
    cluster.network.delay_ms = NEAR;
    cluster.heal();
    for (const id of quorum) this.#nemesis.heal(id);
    for (const id of cluster.ids) {
      if (quorum.includes(id)) continue;
      cluster.resume(id);
      if (cluster.isUp(id) && this.#dice.happens(0.5)) cluster.kill(id);
      for (const other of [...cluster.ids, ...this.#workload.clients]) {
        cluster.network.block(id, other);
        cluster.network.block(other, id);
      }
    }
    for (const name of this.#workload.clients) cluster.processOf(name).resume();
    await this.#agree(() => quorum, 'elect a leader and agree');
    await cluster.result(this.#workload.serve(HEALED_MS_MAX));
    this.#workload.stop();
    await cluster.until(() => this.#workload.underWay === 0, HEALED_MS_MAX, 'every call ends');
    await this.#agree(() => quorum, 'agree');
    await cluster.pass(LEADER_ALONE_MS_MAX);
    const alone = cluster.ids.filter((id) => !quorum.includes(id));
    for (const group of GROUPS)
      for (const leader of cluster.leaders(group))
        if (alone.includes(leader)) throw new BrokenPromise(`${leader} leads ${group} though nobody answers it`);
    const terms = () =>
      GROUPS.map((group) => Math.max(...quorum.map((id) => cluster.replica(id, group)?.raft.term ?? 0)));
    const before = terms().join();
    await cluster.pass(CALM_MS);
    if (terms().join() !== before) throw new BrokenPromise(`terms rise from ${before} to ${terms()} while all is well`);
  }

  async #recovery(): Promise<void> {
    const cluster = this.#cluster;
    cluster.heal();
    for (const id of cluster.ids) this.#nemesis.heal(id);
    // One whose disk has rotted may find out only now.
    const living = () => cluster.ids.filter((id) => !cluster.isRetired(id));
    await this.#agree(living, 'agree');
    await cluster.result(this.#workload.drain(HEALED_MS_MAX));
    await this.#agree(living, 'agree');
    const fits = () => living().every((id) => cluster.segments(id).length <= this.#segmentsMax());
    await cluster.until(fits, HEALED_MS_MAX, 'logs are given back down to their budget');
  }

  /** Segments in a budget, and besides one that is written to and one that was made in advance. */
  #segmentsMax(): number {
    const { budgets, segment_bytes } = this.#swarm;
    return budgets.log_budget / segment_bytes + 2;
  }

  /** A random majority of those whose disks can be trusted. */
  #drawQuorum(): string[] {
    const { ids } = this.#cluster;
    const left = ids.filter((id) => id !== this.#swarm.frail);
    const size = Math.floor(ids.length / 2) + 1;
    while (left.length > size) left.splice(this.#dice.below(left.length), 1);
    return left;
  }

  /** Nodes have a leader in each group and have applied the same. */
  async #agree(nodes: () => readonly string[], what: string): Promise<void> {
    const cluster = this.#cluster;
    for (const group of GROUPS) {
      const agreed = () => {
        const replicas = nodes().map((id) => cluster.replica(id, group));
        const [first] = replicas;
        if (!replicas.some((replica) => replica?.raft.settled)) return false;
        // One that is still being read from its base knows nothing yet.
        return replicas.every(
          (replica) => replica !== undefined && !replica.suspended && replica.applied === first?.applied,
        );
      };
      await cluster.until(agreed, HEALED_MS_MAX, `${nodes().join()} ${what} in ${group}`);
      const prints = new Map(nodes().map((id) => [id, this.#print(id, group)]));
      const rotten = [...prints.keys()].filter((id) => prints.get(id) === null);
      if (rotten.length > 0) {
        // A row of its base that nobody has read for long is damaged: a new start finds that.
        for (const id of rotten) cluster.kill(id);
        cluster.start(...rotten);
        await this.#agree(nodes, what);
        return;
      }
      if (new Set(prints.values()).size !== 1)
        throw new BrokenPromise(`replicas of ${group} on ${[...prints.keys()].join()} have applied alike and differ`);
    }
  }

  /** Null when rows that it consists of have rotted. */
  #print(id: string, group: string): string | null {
    try {
      return this.#cluster.replica(id, group)?.machine.fingerprint() ?? '';
    } catch (error) {
      if (id === this.#swarm.frail && error instanceof StorageError) return null;
      throw error;
    }
  }

  #checkShadows(): void {
    const cluster = this.#cluster;
    const [id = ''] = cluster.ids.filter((one) => cluster.isUp(one));
    for (const group of GROUPS) {
      const replica = cluster.replica(id, group);
      const print = replay(group, cluster.judge.entries(group).slice(0, replica?.applied));
      if (print !== replica?.machine.fingerprint())
        throw new BrokenPromise(`${group}: who applies what was committed comes to another state than ${id}`);
    }
  }
}
