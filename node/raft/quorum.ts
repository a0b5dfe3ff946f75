/** Majorities, simple and joint (thesis 4.3). Pure functions over a configuration. */
import type { Configuration, NodeId } from './types.js';

/** How an election stands. */
export type Tally = 'won' | 'lost' | 'open';

/** Counts votes: true granted, false refused, undefined not heard. A joint configuration is won when both halves are. */
export function tally(configuration: Configuration, voteOf: (id: NodeId) => boolean | undefined): Tally {
  const incoming = tallyHalf(configuration.voters, voteOf);
  const outgoing = tallyHalf(configuration.outgoing, voteOf);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'open';
}

/** The greatest value that a quorum has reached, given each voter's value: the commit index, or a confirmed round. */
export function reached(configuration: Configuration, at: (id: NodeId) => number): number {
  return Math.min(reachedHalf(configuration.voters, at), reachedHalf(configuration.outgoing, at));
}

/** True when those for which `has` holds form a quorum. */
export function isQuorum(configuration: Configuration, has: (id: NodeId) => boolean): boolean {
  return tally(configuration, has) === 'won';
}

/** True when `id` has a vote in either half. */
export function isVoter(configuration: Configuration, id: NodeId): boolean {
  return configuration.voters.includes(id) || configuration.outgoing.includes(id);
}

/** Everyone who gets entries, each once, in a fixed order. */
export function everyone(configuration: Configuration): NodeId[] {
  return [...new Set([...configuration.voters, ...configuration.outgoing, ...configuration.learners])];
}

// An empty half agrees with everything: that is what makes a simple configuration a special case of a joint one.
function tallyHalf(voters: readonly NodeId[], voteOf: (id: NodeId) => boolean | undefined): Tally {
  if (voters.length === 0) return 'won';
  const majority = (voters.length >> 1) + 1;
  let granted = 0;
  let refused = 0;
  for (const id of voters) {
    const vote = voteOf(id);
    if (vote === true) granted++;
    else if (vote === false) refused++;
  }
  if (granted >= majority) return 'won';
  return refused > voters.length - majority ? 'lost' : 'open';
}

function reachedHalf(voters: readonly NodeId[], at: (id: NodeId) => number): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const values = voters.map(at).sort((a, b) => b - a);
  return values[voters.length >> 1] ?? 0;
}
