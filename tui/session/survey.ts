/** Asks every node of the cluster for its state at once, and makes rows of the answers. The answers are not of one instant. */
import type { CallOptions, Cluster, GroupState, NodeState } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { COORDINATION } from '../../protocol/groups.js';
import type { LocalNode } from '../cluster/types.js';
import type { Call } from './call.js';
import { faultWords } from './faults.js';
import { damageText, waitText } from './repairs.js';
import { idsOf, riskOf, type StandingOfGroup, standingOf } from './standing.js';

/** A node that says nothing for so long is called down, ms: to tell its state takes it a few. */
const SILENCE_MS_MAX = 2000;
/** The same for one that this terminal has no connection to. */
const CONNECT_MS_MAX = 500;
/** A refusal is an answer too: whoever gives one is there. */
export const SPOKEN: ReadonlySet<string> = new Set(['INVALID', 'UNKNOWN_COMMAND']);

/** One member as the survey found it. */
export interface Surveyed {
  readonly id: string;
  readonly address: string;
  /** `up`, `down`, or why it is silent as far as its keeper knows: `paused`, `starting`. */
  readonly condition: string;
  /** Why its process ended, where its keeper knows; else ''. */
  readonly reason: string;
  /** null when it did not answer. */
  readonly state: NodeState | null;
}

/** All members as the survey found them, sorted by id. */
export interface Survey {
  /** '' while no node has told. */
  readonly cluster: string;
  readonly members: readonly Surveyed[];
}

/** Asks all members. @throws ConcordError UNREACHABLE when not even their names are known */
export async function survey(call: Call): Promise<Survey> {
  const [asked, keeper] = await Promise.all([askMembers(call, 'status', null), call.keeper()]);
  const members = asked.map(({ id, address, local, answer }) => {
    const state = answer instanceof ConcordError ? null : (answer as NodeState);
    return { id, address, condition: conditionOf(state, local), reason: local?.reason ?? '', state };
  });
  const name = members.find(({ state }) => state !== null)?.state?.cluster ?? keeper?.cluster ?? '';
  return { cluster: name, members };
}

/** What one member answered. */
export interface Asked {
  readonly id: string;
  readonly address: string;
  /** Its process, where its keeper knows it. */
  readonly local: LocalNode | undefined;
  /** What it said, or why it said nothing. */
  readonly answer: unknown;
}

/** Asks all members the same, sorted by id. @throws ConcordError UNREACHABLE when nobody answers and no keeper knows why; CANCELLED */
export async function askMembers(call: Call, word: string, argument: unknown): Promise<Asked[]> {
  const [cluster, keeper] = await Promise.all([call.cluster(), call.keeper()]);
  const local = new Map((keeper?.nodes ?? []).map((one) => [one.id, one]));
  const addresses = new Map([...local.values()].map((one) => [one.id, one.address]));
  for (const member of cluster.members) if (member.id !== '') addresses.set(member.id, member.address);
  const ids = [...addresses.keys()].sort();
  const connected = new Set(cluster.members.filter((member) => member.connected).map((member) => member.id));
  const answers = await Promise.all(
    ids.map((id) => {
      if (isSilent(local.get(id))) return new ConcordError('UNREACHABLE', `${id} is not running`);
      const patience_ms = Math.min(call.timeout_ms, connected.has(id) ? SILENCE_MS_MAX : CONNECT_MS_MAX);
      return answerFrom(cluster, word, argument, { ...call.asking(id), timeout_ms: patience_ms });
    }),
  );
  if (answers.every((answer) => answer instanceof ConcordError && !SPOKEN.has(answer.code)) && local.size === 0)
    throw new ConcordError('UNREACHABLE');
  return ids.map((id, i) => ({ id, address: addresses.get(id) ?? '', local: local.get(id), answer: answers[i] }));
}

/** True when its keeper knows that there is nobody to answer. */
function isSilent(local: LocalNode | undefined): boolean {
  return local !== undefined && (local.pid === null || local.state === 'paused');
}

/** @throws ConcordError CANCELLED */
async function answerFrom(cluster: Cluster, word: string, argument: unknown, options: CallOptions): Promise<unknown> {
  try {
    return (await cluster.admin(word, argument, options)).value;
  } catch (error) {
    if (error instanceof ConcordError && error.code !== 'CANCELLED') return error;
    throw error;
  }
}

function conditionOf(state: NodeState | null, local: LocalNode | undefined): string {
  if (state !== null) return 'up';
  return local?.state === 'paused' || local?.state === 'starting' ? local.state : 'down';
}

/** The groups that any node told of, `c` first, then the shards by number. */
export function groupNames(found: Survey): string[] {
  const names = new Set(found.members.flatMap((member) => Object.keys(member.state?.groups ?? {})));
  const rank = (name: string) => (name === COORDINATION ? -1 : Number(name.slice(1)));
  return [...names].sort((a, b) => rank(a) - rank(b));
}

/** The replicas of a group that answered, with the nodes they are on. */
function replicas(found: Survey, group: string): { id: string; state: GroupState }[] {
  return found.members.flatMap(({ id, state }) => {
    const own = state?.groups[group];
    return own === undefined ? [] : [{ id, state: own }];
  });
}

/** The leader of a group: of several that take themselves for it, the one of the highest term is. */
export function leaderIn(found: Survey, group: string): { id: string; state: GroupState } | undefined {
  return replicas(found, group)
    .filter(({ state }) => state.role === 'leader')
    .sort((a, b) => b.state.term - a.state.term)[0];
}

/** One row of `nodes`. */
export interface NodeRow {
  readonly id: string;
  readonly address: string;
  readonly state: string;
  readonly role: string | null;
  readonly term: number | null;
  readonly commit: number | null;
  readonly applied: number | null;
  readonly lag: number | null;
  readonly leads: number | null;
  readonly missing: readonly string[] | null;
  readonly since: number | null;
}

/** A row for each member, showing its part in `group`. */
export function nodeRows(found: Survey, group: string): NodeRow[] {
  const leader = leaderIn(found, group);
  return found.members.map(({ id, address, condition, state }) => {
    const own = state?.groups[group];
    return {
      id,
      address,
      state: condition,
      role: own === undefined ? null : own.repairing ? 'repairing' : own.installing ? 'installing' : own.role,
      term: own?.term ?? null,
      commit: own?.commit ?? null,
      applied: own?.applied ?? null,
      lag: leader === undefined ? null : lagOf(id, leader, own),
      leads: state?.leads ?? null,
      missing: state === null ? null : absent(id, state),
      since: own?.since_ms ?? null,
    };
  });
}

/** Committed entries that the leader has not seen on `id`: known of nodes that are down, too. */
function lagOf(id: string, leader: { id: string; state: GroupState }, own: GroupState | undefined): number | null {
  if (id === leader.id) return 0;
  const match = leader.state.match[id];
  if (match === undefined) return null;
  // What one under repair acknowledged before may be lost, and the leader may not know yet.
  return Math.max(0, leader.state.commit - (own?.repairing ? Math.min(match, own.last) : match));
}

function absent(id: string, state: NodeState): string[] {
  return state.members.filter((member) => member.id !== id && !member.connected).map((member) => member.id);
}

/** One row of `groups`. */
export interface GroupRow {
  readonly group: string;
  readonly replicas: readonly string[];
  readonly leader: string | null;
  readonly term: number;
  readonly commit: number;
  readonly applied: number;
  /** Groups share one log, of which no part is theirs alone. */
  readonly bytes: null;
}

/** A row for each of `groups`: as its leader tells, or else the newest that any replica tells. */
export function groupRows(found: Survey, groups: readonly string[]): GroupRow[] {
  return groups.flatMap((group) => {
    const states = replicas(found, group).map(({ state }) => state);
    const leader = leaderIn(found, group);
    const newest = leader?.state ?? states.sort((a, b) => b.term - a.term || b.commit - a.commit)[0];
    if (newest === undefined) return [];
    const { term, commit, applied, voters } = newest;
    return [{ group, replicas: voters, leader: leader?.id ?? null, term, commit, applied, bytes: null }];
  });
}

/** {up, needed, of}: members that answer, that a majority needs, and that there are. */
export function quorumOf(found: Survey): { up: number; needed: number; of: number } {
  const of = found.members.length;
  return { up: found.members.filter((member) => member.state !== null).length, needed: Math.floor(of / 2) + 1, of };
}

/** True when a replica follows nobody although another leads: it may be cut off. */
function strays({ members }: Survey, id: string, group: string): boolean {
  const own = members.find((member) => member.id === id)?.state?.groups[group];
  return own?.leader === '' && members.some(({ state }) => state?.groups[group]?.role === 'leader');
}

/** Everything that is not as it should be, the worst last: what is down, out of touch, broken on order, full, led by nobody, about to stop. */
export function problemsOf(found: Survey): string[] {
  const up = new Set(found.members.filter((member) => member.state !== null).map((member) => member.id));
  const out = found.members.flatMap(({ id, condition, reason, state }) => {
    if (state === null) return [`${id} is ${condition}${reason === '' ? '' : `: ${reason}`}`];
    const apart = absent(id, state).filter((other) => up.has(other));
    const { repair } = state;
    // That it is under repair says all.
    const lost = repair === null ? Object.keys(state.groups).filter((group) => strays(found, id, group)) : [];
    const waits = repair === null ? '' : waitText(repair);
    const damage = repair === null ? [] : [`${id} ${damageText(repair)}${waits === '' ? '' : `; it ${waits}`}`];
    const behind = Object.keys(state.groups).filter((group) => state.groups[group]?.installing === true);
    const space =
      state.space === 'ok' ? [] : [`the disk of ${id} is ${state.space === 'full' ? 'full' : 'nearly full'}`];
    return [
      ...apart.map((other) => `${id} has no connection to ${other}`),
      ...lost.map((group) => `${id} follows no leader of ${group}`),
      ...damage,
      ...behind.map((group) => `${id} is far behind: it gets a snapshot of ${group}`),
      ...space,
      ...faultWords(state.faults ?? []).map((fault) => `a fault is on: ${id} ${fault}`),
    ];
  });
  const fragile: StandingOfGroup[] = [];
  for (const { group, replicas: voters, leader } of groupRows(found, groupNames(found))) {
    const { level, alive, majority, critical, repairing } = standingOf(
      voters.map((id) => ({
        id,
        alive: up.has(id) && !strays(found, id, group),
        repairing: found.members.find((member) => member.id === id)?.state?.groups[group]?.repairing === true,
      })),
      leader ?? '',
    );
    if (level === 'lost')
      out.push(
        `${group} has lost its majority: ${alive} of ${voters.length} are in touch${repairing.length > 0 ? ' and have a vote' : ''}, ${majority} are needed`,
      );
    else if (leader === null) out.push(`${group} has no leader`);
    if (level === 'edge' && alive < voters.length) fragile.push({ id: group, critical, repairing });
  }
  if (fragile.length > 0) out.push(riskOf(fragile, idsOf));
  return out;
}
