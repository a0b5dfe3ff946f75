/** When clients rightly believed that they held a lock, by their handles; and that no two believed what cannot be at one time. */
import { groups } from '../simulation/history/history.js';
import type { HoldMode } from '../simulation/history/holds.js';
import { goTogether } from '../simulation/history/modes.js';
import type { Act } from './story.js';

/** Clocks differ by as much: a lock that is taken away after a time is relied on for a little less. */
const CLOCK_DRIFT_MAX = 0.05;

/** From one moment to another its handle said that the lock is held. */
export interface Belief {
  readonly owner: string;
  readonly lock: string;
  /** The weaker one of both moments. */
  readonly mode: HoldMode;
  readonly token: number;
  readonly from: number;
  readonly to: number;
}

/** What an owner saw of a lock: a look at its handle. */
export interface Look {
  readonly at: number;
  readonly owner: string;
  readonly lock: string;
  readonly mode: HoldMode;
  readonly token: number;
}

const STRENGTH = { s: 1, u: 2, x: 3 } satisfies Record<HoldMode, number>;

/** Until when, at most, an owner may rely on a lock that it asked for in these acts. */
export function reliableUntil(acts: readonly Act[]): number {
  const ends = acts.map(({ verb, hold_ms, asked }) =>
    verb === 'acquire' && hold_ms > 0 ? asked + hold_ms * (1 - CLOCK_DRIFT_MAX) : Number.POSITIVE_INFINITY,
  );
  return Math.min(...ends);
}

/** The beliefs between the looks of one owner at one lock, which come in order of time. */
export function beliefsOf(looks: readonly Look[], until: number): Belief[] {
  const found: Belief[] = [];
  looks.forEach((look, i) => {
    const last = looks[i - 1];
    if (last === undefined || look.at > until) return;
    const mode = STRENGTH[last.mode] < STRENGTH[look.mode] ? last.mode : look.mode;
    const { owner, lock, token } = look;
    found.push({ owner, lock, mode, token, from: last.at, to: look.at });
  });
  return found;
}

/** Pairs of beliefs of different owners that exclude each other and were held at one time. */
export function conflicts(beliefs: readonly Belief[]): [Belief, Belief][] {
  const found: [Belief, Belief][] = [];
  for (const own of groups(beliefs, ({ lock }) => lock).values()) {
    let open: Belief[] = [];
    for (const belief of own.toSorted((a, b) => a.from - b.from)) {
      open = open.filter(({ to }) => to > belief.from);
      for (const other of open)
        if (other.owner !== belief.owner && !goTogether(other.mode, belief.mode)) found.push([other, belief]);
      open.push(belief);
    }
  }
  return found;
}
