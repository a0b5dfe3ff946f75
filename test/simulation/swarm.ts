/** What a seed draws: its cluster, the clocks and the network it lives with, and how often what goes wrong in it. */
import type { Budgets } from '../../node/checkpoints.js';
import { DEFAULT_RAFT_SETTINGS, type RaftSettings } from '../../node/raft/types.js';
import type { Random } from '../../protocol/env.js';
import { DAMAGE, LATER, MISCHIEF, type MischiefName } from './mischief.js';
import type { FrameFaults } from './network.js';
import type { Clock } from './time.js';

/** Bound on the difference of clock rates: the contract assumes no more. */
const CLOCK_DRIFT_MAX = 0.05;
/** Where nodes are so far from each other, ms, small appends one at a time would carry hardly anything. */
const FAR_MS = 100;
/** With fewer runs a second between two nodes a backlog of commands would never go away, however healthy all are. */
const RUNS_PER_S_MIN = 150;
/** The most that frames between members are lost, doubled or overtaken, of all. */
const FRAME_FAULT_MAX = 0.3;

/** Everything about a seed that is drawn before it begins. */
export interface Swarm {
  readonly ids: readonly string[];
  readonly raft: Partial<RaftSettings>;
  readonly segment_bytes: number;
  /** What a call to a disk takes, about, ms. */
  readonly disk_ms: number;
  readonly clock: () => Clock;
  readonly delay_ms: { readonly min: number; readonly spread: number };
  /** How often a write arrives in two pieces. */
  readonly split: number;
  readonly frameFaults: FrameFaults | null;
  /** What goes wrong in this seed; a name stands in it as often as it weighs. Empty: a calm seed. */
  readonly mischief: readonly MischiefName[];
  /** Mean time between two things that go wrong, ms. */
  readonly mischief_ms: number;
  /** The one node whose disk may rot, mislay what is written or lose files, or '': where there is a majority without it. */
  readonly frail: string;
  readonly clients: number;
  /** TTL of the clients' sessions, ms. */
  readonly ttl_ms: number;
  /** Commands that a client sends at once. */
  readonly burst: number;
  /** Bytes of a message at most. */
  readonly body_bytes: number;
  /** What clients do. */
  readonly workload: 'queue' | 'locks';
  readonly locks: LockSwarm;
  readonly budgets: Budgets;
}

/** Where clients use locks. */
export interface LockSwarm {
  /** The first one guards what clients read, change and write back. */
  readonly names: readonly [NamedLock, ...NamedLock[]];
  /** Locks are also taken from those who hold them: revoked, or held for a while at most. */
  readonly taken: boolean;
  /** Somebody uses the tokens of so many locks that a shard cannot remember all. */
  readonly piles: boolean;
  /** So long a lock is held, about, ms. */
  readonly held_ms: number;
}

/** A lock, and what it is used for. */
export interface NamedLock {
  readonly name: string;
  /** plain: exclusive, by owners that never acquire twice what they hold. nested: exclusive. mixed: in any mode, and converted. */
  readonly kind: LockKind;
}

export type LockKind = 'plain' | 'nested' | 'mixed';

/** Chances, drawn from one source. */
export class Dice {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  /** From 0 to 1. */
  chance(): number {
    return this.random.uint32() / 0x1_0000_0000;
  }

  /** True that often. */
  happens(probability: number): boolean {
    return this.chance() < probability;
  }

  /** An integer from 0 to `below` - 1. */
  below(below: number): number {
    return this.random.uint32() % below;
  }

  /** From `min` to `max`, small ones more often. */
  between(min: number, max: number): number {
    return min + this.chance() ** 3 * (max - min);
  }

  one<T>(of: readonly [T, ...T[]]): T {
    return of[this.below(of.length)] ?? of[0];
  }
}

/** Draws a seed's swarm. Every kind of fault is absent from half of the seeds: what always happens hides what follows from its absence. */
export function drawSwarm(dice: Dice): Swarm {
  const size = dice.one([3, 3, 3, 3, 3, 3, 3, 3, 3, 5, 5, 4, 1]);
  const ids = Array.from({ length: size }, (_, i) => `n${i + 1}`);
  const delay_ms = dice.one([
    { min: 0.1, spread: 0.4 },
    { min: 0.1, spread: 0.4 },
    { min: 0.1, spread: 3 },
    { min: 0.1, spread: 3 },
    { min: 2, spread: 20 },
    { min: 2, spread: 20 },
    { min: 1, spread: 150 },
  ]);
  const frail = size >= 3 && dice.happens(0.3) ? `n${1 + dice.below(size)}` : '';
  const swarm = {
    ids,
    raft: { ...drawTimes(dice), ...(delay_ms.spread < FAR_MS && drawSizes(dice)) },
    segment_bytes: dice.one([16, 32, 64, 256]) << 10,
    disk_ms: dice.one([0.2, 0.2, 2, 10]),
    clock: () => ({
      // Half of them as wrong as they may be.
      rate: 1 + dice.one([-1, 1, 2 * dice.chance() - 1, 2 * dice.chance() - 1]) * CLOCK_DRIFT_MAX,
      offset: dice.below(1_000_000),
    }),
    delay_ms,
    split: dice.happens(0.5) ? 0 : dice.chance() * 0.1,
    frameFaults: dice.happens(0.5) ? null : drawFrameFaults(dice),
    mischief: drawMischief(dice, frail),
    mischief_ms: dice.one([300, 700, 1500, 3000]),
    frail,
    clients: 2 + dice.below(3),
    ttl_ms: dice.one([2000, 5000, 10_000]),
    burst: dice.one([1, 2, 8]),
    body_bytes: delay_ms.spread < FAR_MS ? dice.one([0, 0, 300, 3000]) : 0,
    // What came later is drawn later: whatever else a seed is like does not depend on it.
    workload: dice.happens(0.6) ? ('queue' as const) : ('locks' as const),
    locks: drawLocks(dice),
  };
  if (runsPerSecond(swarm) < RUNS_PER_S_MIN) delete swarm.raft.append_runs_max;
  const budgets = drawBudgets(dice, swarm.segment_bytes);
  return { ...swarm, budgets, mischief: [...swarm.mischief, ...drawLater(dice, swarm)] };
}

// Mostly so small that checkpoints and snapshots come many times, and bodies leave memory.
function drawBudgets(dice: Dice, segment_bytes: number): Budgets {
  if (dice.happens(0.15)) return { memory_budget: 256 << 20, log_budget: 512 << 20 };
  return { memory_budget: (16 << 10) * dice.one([1, 2, 4, 16]), log_budget: segment_bytes * dice.one([4, 4, 8, 16]) };
}

function drawLocks(dice: Dice): LockSwarm {
  const guard: NamedLock = { name: 'guard', kind: dice.one(['plain', 'nested']) };
  const others = ['a', 'b', 'c'].slice(0, 1 + dice.below(3));
  const kinds: [LockKind, ...LockKind[]] = ['plain', 'nested', 'mixed', 'mixed'];
  return {
    names: [guard, ...others.map((name): NamedLock => ({ name, kind: dice.one(kinds) }))],
    taken: dice.happens(0.4),
    piles: dice.happens(0.1),
    held_ms: dice.one([5, 50, 300]),
  };
}

/** Settings while they are drawn. */
type Drawn = { -readonly [Name in keyof RaftSettings]?: RaftSettings[Name] };

function drawTimes(dice: Dice): Drawn {
  return dice.one([
    {},
    {},
    { election_ms: 400, heartbeat_ms: 60 },
    // Elections collide, and what was said in old terms comes in the middle of new ones.
    { election_ms: 150, heartbeat_ms: 40 },
  ]);
}

// Small limits, so that they are met.
function drawSizes(dice: Dice): Drawn {
  return {
    ...(dice.happens(0.3) && { appends_in_flight_max: 1 + dice.below(2) }),
    ...(dice.happens(0.3) && { append_runs_max: 1 + dice.below(3) }),
    ...(dice.happens(0.3) && { run_bytes_max: 200, append_bytes_max: 500 }),
    ...(dice.happens(0.3) && { log_cache_bytes_max: 4000 }),
    ...(dice.happens(0.2) && { uncommitted_bytes_max: 4000 }),
  };
}

// What one answer after the other lets through: there and back, and a sync.
function runsPerSecond({ raft, delay_ms, disk_ms }: Pick<Swarm, 'raft' | 'delay_ms' | 'disk_ms'>): number {
  const { appends_in_flight_max, append_runs_max } = { ...DEFAULT_RAFT_SETTINGS, ...raft };
  const answer_ms = 2 * delay_ms.min + delay_ms.spread + disk_ms;
  return (1000 * appends_in_flight_max * append_runs_max) / answer_ms;
}

function drawFrameFaults(dice: Dice): FrameFaults {
  const share = () => (dice.happens(0.5) ? 0 : dice.chance() ** 2 * FRAME_FAULT_MAX);
  return { lose: share(), duplicate: share(), reorder: share() };
}

function drawMischief(dice: Dice, frail: string): MischiefName[] {
  // Where hardly a call ends unanswered, none can explain away what is missing.
  if (dice.happens(0.12))
    return [dice.one(['kill -9', 'stop', 'pause', 'client stands still', 'client alone', 'client alone'])];
  const names = (Object.keys(MISCHIEF) as MischiefName[]).filter((name) => !LATER.has(name));
  return drawWeights(dice, names, frail);
}

// None of it befalls the seeds in which little goes wrong, or one kind of thing only.
function drawLater(dice: Dice, { mischief, frail }: Pick<Swarm, 'mischief' | 'frail'>): MischiefName[] {
  return new Set(mischief).size < 2 ? [] : drawWeights(dice, [...LATER], frail);
}

function drawWeights(dice: Dice, names: readonly MischiefName[], frail: string): MischiefName[] {
  return names.flatMap((name) => {
    const weight = dice.happens(0.5) ? 0 : 1 + dice.below(4);
    return frail === '' && DAMAGE.has(name) ? [] : Array.from({ length: weight }, () => name);
  });
}
