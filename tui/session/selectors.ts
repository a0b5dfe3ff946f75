/** What the state means: which node is alive, who leads, what a further failure would stop. Pure functions of the state. */
import type { Fault, GroupState } from '../../protocol/client/types.js';
import { COORDINATION, SHARD } from '../../protocol/groups.js';
import type { ProcessState } from '../cluster/types.js';
import { riskOf, type Standing, standingOf } from './standing.js';
import type { NodeView, ReplicaView, ScreenState } from './state.js';

/** A node is taken for silent when others have gone on for so long and nothing came from it, ms. */
export const SILENT_MS = 2000;

/** What can be said of a node: its role in the focus group while it is alive, else what is wrong with it. */
export type Condition =
  | GroupState['role']
  /** Its replica has no vote: part of the node's data was damaged. */
  | 'repairing'
  /** Its replica gets a snapshot. */
  | 'installing'
  | 'down'
  | 'silent'
  | 'connecting'
  | 'no-replica'
  | Exclude<ProcessState, 'running'>;

/** All members in the order of their names, n2 before n10. */
export function nodesInOrder(state: ScreenState): NodeView[] {
  return Object.values(state.nodes).sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
}

/** The group that cards and log show: while nobody asked for another, the one of queue `default`. */
export function focusGroup(state: ScreenState): string {
  const { focus } = state.view;
  return focus === '' || focus === 'auto' ? SHARD : focus;
}

/** The state of a node as far as it can be known from here. */
export function conditionOf(state: ScreenState, node: NodeView): Condition {
  const process = node.process?.state ?? 'running';
  if (process === 'starting') {
    if (node.link !== 'up') return 'starting';
  } else if (process !== 'running') {
    return process;
  }
  if (node.link === 'down') return 'down';
  if (node.link === 'unknown' || node.heard === null) return 'connecting';
  if (node.overtaken !== null && state.now - node.overtaken >= SILENT_MS) return 'silent';
  const replica = node.groups[focusGroup(state)];
  if (replica === undefined) return 'no-replica';
  if (replica.repairing) return 'repairing';
  return replica.installing ? 'installing' : replica.role;
}

const ROLES: ReadonlySet<Condition> = new Set<Condition>([
  'leader',
  'follower',
  'candidate',
  'precandidate',
  'learner',
  'repairing',
  'installing',
  'no-replica',
]);

/** True when what is shown of the node is what it is now. */
export function isLive(state: ScreenState, node: NodeView): boolean {
  return ROLES.has(conditionOf(state, node));
}

/** For how long the values of a node have been out of date, ms; null while they are live or there are none. */
export function staleFor(state: ScreenState, node: NodeView): number | null {
  if (isLive(state, node) || node.heard === null) return null;
  const moments = [node.link === 'down' ? node.linkSince : null, processEnd(node)].filter((moment) => moment !== null);
  const since = moments.length > 0 ? Math.min(...moments) : node.heard;
  return Math.max(0, state.now - since);
}

const GONE: ReadonlySet<Condition> = new Set<Condition>(['stopped', 'killed', 'failed', 'starting']);

/** The faults of a node, as it told last: they end with its process, not with this terminal's connection to it. */
export function faultsOf(state: ScreenState, node: NodeView): readonly Fault[] {
  const condition = conditionOf(state, node);
  const gone = GONE.has(condition) || (condition === 'down' && !isHeardByOthers(state, node.id));
  return gone ? [] : (node.told.faults ?? []);
}

function processEnd(node: NodeView): number | null {
  return node.process && node.process.state !== 'running' ? node.process.since : null;
}

/** The greatest commit index of a group that any node told of. */
export function highestCommit(state: ScreenState, group: string): number {
  return Object.values(state.nodes).reduce((most, node) => Math.max(most, node.groups[group]?.commit ?? 0), 0);
}

/** What is known of a group as a whole. */
export interface GroupSummary extends Standing {
  readonly id: string;
  /** '' while there is none that is alive. */
  readonly leader: string;
  readonly term: number;
  /** When the leader took over; null unless it told so itself. */
  readonly since: number | null;
  readonly voters: number;
}

/** All groups that any node has told of, `c` first, then in the order of their numbers. */
export function groupsOf(state: ScreenState): GroupSummary[] {
  const ids = new Set(Object.values(state.nodes).flatMap((node) => Object.keys(node.groups)));
  return [...ids].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).map((id) => groupSummary(state, id));
}

/** What is known of one group. */
export function groupSummary(state: ScreenState, id: string): GroupSummary {
  const replicas = replicasOf(state, id);
  const live = replicas.filter(({ node }) => isLive(state, node));
  const newest = newestOf(live) ?? newestOf(replicas);
  const voters = newest?.replica.voters ?? [];
  const leader = leaderAmong(state, live);
  const standing = standingOf(
    voters.map((voter) => ({
      id: voter,
      alive: counts(state, voter) && !strays(state, voter, id, leader),
      repairing: live.some(({ node, replica }) => node.id === voter && replica.repairing),
    })),
    leader?.id ?? '',
  );
  return {
    ...standing,
    id,
    leader: leader?.id ?? '',
    term: newest?.replica.term ?? 0,
    since: leader?.since ?? null,
    voters: voters.length,
  };
}

interface Replica {
  readonly node: NodeView;
  readonly replica: ReplicaView;
}

function replicasOf(state: ScreenState, group: string): Replica[] {
  return Object.values(state.nodes).flatMap((node) => {
    const replica = node.groups[group];
    return replica ? [{ node, replica }] : [];
  });
}

function newestOf(replicas: readonly Replica[]): Replica | undefined {
  return replicas.reduce<Replica | undefined>(
    (best, each) => (best === undefined || each.replica.term > best.replica.term ? each : best),
    undefined,
  );
}

/** A leader, and when it took over; null unless it told so itself. */
interface Leader {
  readonly id: string;
  readonly since: number | null;
}

/** The leader of the newest term: by its own word, or by that of a follower that would know. */
function leaderAmong(state: ScreenState, live: readonly Replica[]): Leader | undefined {
  const term = newestOf(live)?.replica.term ?? 0;
  const current = live.filter(({ replica }) => replica.term === term);
  const own = current.find(({ replica }) => replica.role === 'leader');
  if (own) return { id: own.node.id, since: own.replica.since };
  const told = current.find(({ replica }) => replica.leader !== '' && counts(state, replica.leader));
  // A node that says of itself that it does not lead is right about that.
  if (!told || current.some(({ node }) => node.id === told.replica.leader)) return undefined;
  return { id: told.replica.leader, since: null };
}

/** A voter counts when this terminal hears it, or when a node that it hears has a connection to it. */
function counts(state: ScreenState, id: string): boolean {
  const node = state.nodes[id];
  if (!node) return false;
  if (isLive(state, node)) return true;
  const condition = conditionOf(state, node);
  return (condition === 'down' || condition === 'connecting') && isHeardByOthers(state, id);
}

/** How long after a change of leaders it may take to hear from all who they follow, ms. */
const SETTLING_MS = 2000;

/** True when a voter that is heard has not found the leader, which is no newcomer: it may be cut off from it. */
function strays(state: ScreenState, id: string, group: string, leader: Leader | undefined): boolean {
  if (leader === undefined || leader.since === null || state.now - leader.since < SETTLING_MS) return false;
  const node = state.nodes[id];
  const replica = node?.groups[group];
  return node !== undefined && replica !== undefined && isLive(state, node) && replica.leader !== leader.id;
}

/** True when a live node tells of a connection to this one. */
export function isHeardByOthers(state: ScreenState, id: string): boolean {
  return Object.values(state.nodes).some(
    (node) =>
      node.id !== id &&
      isLive(state, node) &&
      (node.told.members ?? []).some((member) => member.id === id && member.connected),
  );
}

/** What a group is for, in a word. */
function purposeOf(group: string): string {
  if (group === COORDINATION) return 'locks and sessions';
  return /^s\d+$/.test(group) ? 'queues' : group;
}

/** Groups by what they are for: `queues (s0 s1), locks and sessions (c)`. */
export function nameGroups(groups: readonly GroupSummary[]): string {
  const byPurpose = new Map<string, string[]>();
  for (const { id } of groups) byPurpose.set(purposeOf(id), [...(byPurpose.get(purposeOf(id)) ?? []), id]);
  return [...byPurpose].map(([purpose, ids]) => `${purpose} (${someOf(ids)})`).join(', ');
}

const NAMES_SHOWN_MAX = 4;

function someOf(ids: readonly string[]): string {
  const shown = ids.slice(0, NAMES_SHOWN_MAX).join(' ');
  return ids.length > NAMES_SHOWN_MAX ? `${shown} +${ids.length - NAMES_SHOWN_MAX}` : shown;
}

/** What one more failure would stop of groups that stand at the edge. */
export function riskIn({ groups }: Safety): string {
  return riskOf(groups, nameGroups);
}

/** The head of what is said of a quorum: `quorum 2/3`, `quorum 2/3, n3 repairs`. */
export function quorumText({ alive, voters, repairing }: Safety): string {
  const broken =
    repairing.length > 0 ? `, ${repairing.join(' ')} ${repairing.length === 1 ? 'repairs' : 'repair'}` : '';
  return `quorum ${alive}/${voters}${broken}`;
}

/** How safe the cluster is as a whole: the worst of its groups. */
export interface Safety {
  readonly level: 'unknown' | 'safe' | 'edge' | 'lost';
  readonly alive: number;
  readonly voters: number;
  /** Members that are there and have no vote in one of the groups. */
  readonly repairing: readonly string[];
  /** What stopped, or what one more failure would stop. */
  readonly groups: readonly GroupSummary[];
}

/** How much may still fail before something stops: `any one node`, `any 2 nodes`. */
export function spare(safety: Safety): string {
  const count = safety.alive - Math.floor(safety.voters / 2) - 1;
  return count === 1 ? 'any one node' : `any ${count} nodes`;
}

/** The worst that holds of any group: no majority, or none to spare. */
export function safetyOf(state: ScreenState): Safety {
  const groups = groupsOf(state).filter((group) => group.voters > 0);
  const worst = groups.toSorted((a, b) => a.alive - a.majority - (b.alive - b.majority))[0];
  if (!worst) return { level: 'unknown', alive: 0, voters: 0, repairing: [], groups: [] };
  const lost = groups.filter((group) => group.level === 'lost');
  const edge = groups.filter((group) => group.level === 'edge');
  const level = lost.length > 0 ? 'lost' : edge.length > 0 ? 'edge' : 'safe';
  const repairing = [...new Set(groups.flatMap((group) => group.repairing))].sort();
  return { level, alive: worst.alive, voters: worst.voters, repairing, groups: lost.length > 0 ? lost : edge };
}
