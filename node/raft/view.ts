/** A replica as others see it. */
import { configurationOf, type State } from './state.js';
import type { Configuration, GroupId, NodeId, Role } from './types.js';

export interface View {
  readonly group: GroupId;
  readonly role: Role;
  readonly term: number;
  readonly leader: NodeId;
  readonly commit: number;
  /** Index of the newest checkpoint that is known to be flushed, 0 for none. */
  readonly snapshot: number;
  /** Index of the first entry that the log still has, or would have. */
  readonly first: number;
  readonly last: number;
  readonly durable: number;
  readonly configuration: Configuration;
  /** It has lost part of what it held and has no vote (repair.ts). */
  readonly repairing: boolean;
}

export function viewOf(s: State): View {
  return {
    group: s.group,
    role: s.role,
    term: s.term,
    leader: s.leader,
    commit: s.commit,
    snapshot: s.snapshot,
    first: s.log.first,
    last: s.log.last,
    durable: s.log.durable,
    configuration: configurationOf(s),
    repairing: s.repair !== null,
  };
}

/** On a leader: the highest durable index of every member, itself included. */
export function matchesOf(s: State): Record<NodeId, number> {
  const matches: Record<NodeId, number> = {};
  if (s.role !== 'leader') return matches;
  matches[s.self] = s.log.durable;
  for (const [id, progress] of s.progress) matches[id] = progress.match;
  return matches;
}

/** What of the core grows with what others do; each has a limit. */
export interface Load {
  /** Reads that wait for a majority: a leader's own and those passed on to it, else those passed on to the leader. */
  readonly reads: number;
  /** Messages that wait until what they promise is durable. */
  readonly held: number;
  /** Appends on their way to the member that has most of them outstanding. */
  readonly appends: number;
}

export function loadOf(s: State): Load {
  let appends = 0;
  for (const { inFlight } of s.progress.values()) appends = Math.max(appends, inFlight);
  return { reads: s.reads.length + s.forwarded.size, held: s.held.size, appends };
}
