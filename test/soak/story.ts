/** What the journals of all clients come to: acts with their ends, looks, and the history that the models of locks have to explain. */
import { groups } from '../simulation/history/history.js';
import type { HoldInput, HoldMode, HoldOperation } from '../simulation/history/holds.js';
import { type Look, reliableUntil } from './beliefs.js';
import type { Asked, Line, Told } from './journal.js';

/** Something that a client asked for. Times in ms. */
export interface Act {
  readonly client: string;
  readonly owner: string;
  readonly verb: Asked['verb'];
  readonly locks: Asked['locks'];
  readonly hold_ms: number;
  readonly asked: number;
  /** Infinity when it was never told anything. */
  readonly told: number;
  /** '' when it was done; 'none' when it was never told. */
  readonly code: string;
  readonly ending: 'ok' | 'refused' | 'unknown';
  readonly tokens: readonly number[];
}

/** All that happened in a run. */
export interface Story {
  /** In order of their beginnings. */
  readonly acts: readonly Act[];
  /** In order of time. */
  readonly looks: readonly Look[];
}

/** Definite for whoever asked, and yet it may have been granted for a while: the library has given it back. */
const GIVEN_BACK: ReadonlySet<string> = new Set(['LOCK_LOST', 'CANCELLED']);

/** The story that some journals tell, each of one process. */
export function storyOf(journals: readonly (readonly Line[])[]): Story {
  const acts: Act[] = [];
  const looks: Look[] = [];
  for (const lines of journals) {
    const told = new Map<number, Told>();
    for (const line of lines) if (line.kind === 'told') told.set(line.op, line);
    for (const line of lines) {
      if (line.kind === 'asked') acts.push(actOf(line, told.get(line.op)));
      else if (line.kind === 'saw') looks.push(line);
    }
  }
  return { acts: acts.sort((a, b) => a.asked - b.asked), looks: looks.sort((a, b) => a.at - b.at) };
}

/** What an owner did with a lock, and when it looked at it. */
export interface Part {
  readonly owner: string;
  readonly lock: string;
  readonly acts: readonly Act[];
  readonly looks: readonly Look[];
}

/** The story by owner and lock. */
export function partsOf({ acts, looks }: Story): Part[] {
  const touched = acts.flatMap((act) => act.locks.map(([lock]) => ({ lock, act })));
  const byPart = groups(touched, ({ lock, act }) => `${act.owner} ${lock}`);
  const looksByPart = groups(looks, ({ owner, lock }) => `${owner} ${lock}`);
  return [...byPart].map(([key, own]) => {
    const [owner = '', lock = ''] = key.split(' ');
    return { owner, lock, acts: own.map(({ act }) => act), looks: looksByPart.get(key) ?? [] };
  });
}

/** The operations on all locks, with those of which nobody was told. Their places in the order are their times. */
export function historyOf(parts: readonly Part[]): HoldOperation[] {
  return parts.flatMap((part) => [...part.acts.flatMap((act) => operationsOf(part, act)), ...endsOf(part)]);
}

function actOf({ client, owner, verb, locks, hold_ms, at }: Asked, told: Told | undefined): Act {
  const base = { client, owner, verb, locks, hold_ms, asked: at };
  if (told === undefined)
    return { ...base, told: Number.POSITIVE_INFINITY, code: 'none', ending: 'unknown', tokens: [] };
  const { code, tokens } = told;
  const ending = code === '' ? 'ok' : told.definite && !GIVEN_BACK.has(code) ? 'refused' : 'unknown';
  return { ...base, told: told.at, code, ending, tokens };
}

function operationsOf(part: Part, act: Act): HoldOperation[] {
  const at = act.locks.findIndex(([lock]) => lock === part.lock);
  const [, mode] = act.locks[at] ?? [part.lock, 'x' as const];
  const { owner, verb, asked, told, ending } = act;
  const input: HoldInput = verb === 'release' ? { op: 'release', owner } : { op: verb, owner, mode };
  if (ending === 'unknown') return unknownsOf(part, act, input);
  const base = {
    client: act.client,
    object: part.lock,
    input,
    call: asked,
    called: asked,
    return: told,
    returned: told,
  };
  if (ending === 'refused') return [{ ...base, ending }];
  return [{ ...base, ending, output: verb === 'release' ? true : (act.tokens[at] ?? 0) }];
}

/** Nobody knows what became of it: if anything, the library gave it back, or the session ended. */
function unknownsOf(part: Part, act: Act, input: HoldInput): HoldOperation[] {
  const { owner, verb, asked } = act;
  const inputs: HoldInput[] = [input, { op: 'end', owner }];
  if (verb === 'convert') for (const mode of modesBefore(part, act)) inputs.push({ op: 'convert', owner, mode });
  return inputs.map((one) => unknown(part, act.client, one, asked));
}

function modesBefore({ looks }: Part, { asked }: Act): HoldMode[] {
  const last = looks.findLast(({ at }) => at <= asked);
  return last === undefined ? [] : [last.mode];
}

/** What was acquired and not released has ended at some time after it was sure to be held last. */
function endsOf(part: Part): HoldOperation[] {
  const { owner, acts, looks } = part;
  const count = (verb: Asked['verb']) => acts.filter((act) => act.verb === verb && act.ending === 'ok').length;
  const first = acts.find(({ verb, ending }) => verb === 'acquire' && ending === 'ok');
  const missing = count('acquire') - count('release');
  if (first === undefined || missing <= 0) return [];
  const since = Math.min(looks.at(-1)?.at ?? first.asked, reliableUntil(acts));
  return Array.from({ length: missing }, () => unknown(part, first.client, { op: 'end', owner }, since));
}

function unknown({ lock }: Part, client: string, input: HoldInput, since: number): HoldOperation {
  const never = Number.POSITIVE_INFINITY;
  return { client, object: lock, input, call: since, called: since, ending: 'unknown', return: never, returned: never };
}
