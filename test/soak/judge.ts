/** Holds the story of a run against what locks promise. */
import { checkLinearizable } from '../simulation/history/check.js';
import { groups } from '../simulation/history/history.js';
import { modes } from '../simulation/history/modes.js';
import { type Belief, beliefsOf, conflicts, reliableUntil } from './beliefs.js';
import { type Act, historyOf, partsOf, type Story } from './story.js';

/** How much of a story is shown around what broke a promise, ms. */
const AROUND_MS = 3000;

/** A promise that was broken. */
export interface Violation {
  readonly promise: 'exclusion' | 'fencing' | 'linearizability' | 'leak' | 'lost update' | 'process';
  /** A few lines for people. */
  readonly what: string;
  readonly lock: string;
  /** When, ms; the story around it is shown. null: all of it. */
  readonly at: number | null;
}

/** What was broken, the first of each kind. Empty: nothing. */
export function judge(story: Story): Violation[] {
  return [...judgeExclusion(story), ...judgeFencing(story), ...judgeOrder(story)];
}

/** No two clients believed at one time what excludes each other. */
function judgeExclusion(story: Story): Violation[] {
  const beliefs = partsOf(story).flatMap(({ acts, looks }) => beliefsOf(looks, reliableUntil(acts)));
  const [pair] = conflicts(beliefs);
  if (pair === undefined) return [];
  const [one, other] = pair;
  const what = `${one.lock} was held by two: ${tellBelief(one)}; ${tellBelief(other)}`;
  return [{ promise: 'exclusion', what, lock: one.lock, at: other.from }];
}

/** Whoever was given a lock alone after another has the greater token, and nobody has that of another. */
function judgeFencing({ acts }: Story): Violation[] {
  const byLock = groups(acts.filter(({ ending }) => ending === 'ok').flatMap(grantsOf), ({ lock }) => lock);
  for (const [lock, grants] of byLock) {
    const told = grants.toSorted((a, b) => a.told - b.told);
    const owners = new Map<number, string>();
    let greatest = told[0];
    let next = 0;
    for (const grant of grants) {
      for (let one = told[next]; one !== undefined && one.told < grant.asked; one = told[++next])
        if (greatest === undefined || one.token > greatest.token) greatest = one;
      const before = next > 0 ? greatest : undefined;
      const owner = owners.get(grant.token) ?? grant.owner;
      owners.set(grant.token, grant.owner);
      if (owner !== grant.owner)
        return [
          {
            promise: 'fencing',
            what: `${owner} and ${grant.owner} both have token ${grant.token} of ${lock}, alone`,
            lock,
            at: grant.told,
          },
        ];
      if (before !== undefined && before.token >= grant.token && before.owner !== grant.owner) {
        const what = `${grant.owner} was given ${lock} with token ${grant.token} after ${before.owner} had ${before.token}`;
        return [{ promise: 'fencing', what, lock, at: grant.told }];
      }
    }
  }
  return [];
}

/** It looks as if each operation had happened at one instant. */
function judgeOrder(story: Story): Violation[] {
  const { verdict, object, explanation, longest } = checkLinearizable(modes, historyOf(partsOf(story)));
  if (verdict === 'ok') return [];
  return [{ promise: 'linearizability', what: explanation, lock: object, at: longest.at(-1)?.call ?? null }];
}

/** The part of the story that shows a violation, one line for each act and look. */
export function excerpt({ acts, looks }: Story, { lock, at, what, promise }: Violation): string {
  const near = (time: number) => at === null || Math.abs(time - at) < AROUND_MS;
  const lines = [
    ...acts
      .filter(({ locks, asked, told }) => locks.some(([name]) => name === lock) && (near(asked) || near(told)))
      .map((act) => [act.asked, tellAct(act)] as const),
    ...looks
      .filter((look) => look.lock === lock && near(look.at))
      .map((look) => [look.at, `${look.at.toFixed(3)} ${look.owner} sees ${look.mode} ${look.token}`] as const),
  ];
  const told = lines.sort(([a], [b]) => a - b).map(([, line]) => line);
  return [`${promise}: ${what}`, '', ...told, ''].join('\n');
}

interface Grant {
  readonly lock: string;
  readonly owner: string;
  readonly token: number;
  readonly asked: number;
  readonly told: number;
}

/** Grants that exclude everybody. */
function grantsOf({ verb, locks, tokens, owner, asked, told }: Act): Grant[] {
  if (verb === 'release') return [];
  return locks.flatMap(([lock, mode], i) =>
    mode === 'x' ? [{ lock, owner, token: tokens[i] ?? 0, asked, told }] : [],
  );
}

function tellBelief({ owner, mode, token, from, to }: Belief): string {
  return `${owner} in ${mode} with token ${token} from ${from.toFixed(3)} to ${to.toFixed(3)} ms`;
}

function tellAct({ owner, verb, locks, hold_ms, asked, told, ending, code, tokens }: Act): string {
  const what = locks.map(([lock, mode]) => `${lock}:${mode}`).join(' ');
  const hold = hold_ms > 0 ? ` for ${hold_ms} ms` : '';
  return `${asked.toFixed(3)} .. ${told.toFixed(3)} ${owner} ${verb} ${what}${hold} -> ${ending} ${code}${tokens.join()}`;
}
