/** How news change what is known of the nodes: pure steps from observations and from the keeper's list. */
import type { GroupState, NodeStateDelta, Observation } from '../../protocol/client/types.js';
import type { LocalNode } from '../cluster/types.js';
import { type NodeView, type ReplicaView, SCREEN_LIMITS } from './state.js';

type Nodes = Readonly<Record<string, NodeView>>;

/** The nodes after news of one of them. */
export function observed(nodes: Nodes, news: Observation, at: number): Nodes {
  const node = nodes[news.node];
  if (!node && Object.keys(nodes).length >= SCREEN_LIMITS.nodes_max) return nodes;
  const known = node ?? unknownNode(news.node, at);
  const next = { ...nodes, [news.node]: stepped(known, news, at) };
  return news.kind === 'status' ? overtaking(withMembers(next, news.state, at), news.node, at) : next;
}

/** The nodes after a new list of processes. Local nodes come first into view here, before they can be reached. */
export function processesChanged(nodes: Nodes, list: readonly LocalNode[], at: number): Nodes {
  const next: Record<string, NodeView> = {};
  for (const [id, node] of Object.entries(nodes)) next[id] = { ...node, process: null };
  for (const local of list.slice(0, SCREEN_LIMITS.nodes_max)) {
    const known = next[local.id] ?? unknownNode(local.id, at);
    const before = nodes[local.id]?.process;
    const since = before?.state === local.state && before.pid === local.pid ? before.since : at;
    const process = { state: local.state, pid: local.pid, reason: local.reason, since };
    next[local.id] = { ...known, address: local.address, process };
  }
  return next;
}

function unknownNode(id: string, at: number): NodeView {
  return {
    id,
    address: '',
    link: 'unknown',
    linkSince: at,
    reason: '',
    heard: null,
    overtaken: null,
    started: null,
    told: {},
    groups: {},
    process: null,
  };
}

function stepped(node: NodeView, news: Observation, at: number): NodeView {
  switch (news.kind) {
    case 'up':
      return linked(node, news.address, 'up', '', at);
    case 'down':
      return linked(node, news.address, 'down', news.reason, at);
    case 'status':
      return toldBy(node, news.state, news.whole, at);
  }
}

/** Repeated tries to reach a node that is down are one absence: its beginning stays. */
function linked(node: NodeView, address: string, link: 'up' | 'down', reason: string, at: number): NodeView {
  const linkSince = node.link === link ? node.linkSince : at;
  return { ...node, address: address || node.address, link, linkSince, reason };
}

function toldBy(node: NodeView, state: NodeStateDelta, whole: boolean, at: number): NodeView {
  const groups: Record<string, ReplicaView> = whole ? {} : { ...node.groups };
  for (const [id, group] of Object.entries(state.groups ?? {})) groups[id] = replica(group, at);
  return {
    ...linked(node, state.address ?? '', 'up', '', at),
    heard: at,
    started: state.started_ms === undefined ? node.started : at - state.started_ms,
    told: whole ? state : { ...node.told, ...state },
    groups,
  };
}

function replica(group: GroupState, at: number): ReplicaView {
  return { ...group, since: at - group.since_ms };
}

/** Members that a node names come into view although nothing was heard of them yet. */
function withMembers(nodes: Nodes, told: NodeStateDelta, at: number): Nodes {
  const missing = (told.members ?? []).filter((member) => !(member.id in nodes));
  if (missing.length === 0) return nodes;
  const next: Record<string, NodeView> = { ...nodes };
  for (const { id, address } of missing.slice(0, SCREEN_LIMITS.nodes_max))
    next[id] = { ...unknownNode(id, at), address };
  return next;
}

/** Notes which nodes others have gone past. Whoever spoke just now begins anew: what it says is what it has. */
function overtaking(nodes: Nodes, speaker: string, at: number): Nodes {
  const newest = new Map<string, { commit: number; term: number }>();
  for (const node of Object.values(nodes)) {
    for (const [group, { commit, term }] of Object.entries(node.groups)) {
      const known = newest.get(group) ?? { commit: 0, term: 0 };
      newest.set(group, { commit: Math.max(commit, known.commit), term: Math.max(term, known.term) });
    }
  }
  const isBehind = (node: NodeView) =>
    Object.entries(node.groups).some(([group, { commit, term }]) => {
      const known = newest.get(group);
      return known !== undefined && (known.commit > commit || known.term > term);
    });
  const next: Record<string, NodeView> = {};
  for (const [id, node] of Object.entries(nodes)) {
    const since = id === speaker ? at : (node.overtaken ?? at);
    const overtaken = isBehind(node) ? since : null;
    next[id] = overtaken === node.overtaken ? node : { ...node, overtaken };
  }
  return next;
}
