/** How a group stands: which of its voters count, and whose failure would stop it. Pure arithmetic of majorities. */

/** A voter as far as it is known. */
export interface Voter {
  readonly id: string;
  /** It is there, and follows the leader, if there is one. */
  readonly alive: boolean;
  /** It is there and has no vote, since part of its data was damaged. Alive, it keeps and acknowledges entries for the leader. */
  readonly repairing: boolean;
}

/** What follows from them. */
export interface Standing {
  /** `edge`: it works, and there is a node whose failure would stop it. */
  readonly level: 'safe' | 'edge' | 'lost';
  /** Voters that are alive and have their vote. */
  readonly alive: number;
  readonly majority: number;
  /** Each of these alone would stop it by failing. */
  readonly critical: readonly string[];
  /** Without their vote, whether they follow yet or not. */
  readonly repairing: readonly string[];
}

/**
 * A group with a leader works while a majority acknowledges what it sends, those under repair among them; one without needs a majority
 * of votes to get one.
 */
export function standingOf(voters: readonly Voter[], leader: string): Standing {
  const majority = Math.floor(voters.length / 2) + 1;
  const alive = voters.filter((voter) => voter.alive);
  const works = (failed: string) => {
    const left = alive.filter(({ id }) => id !== failed);
    const leads = leader !== '' && leader !== failed;
    return (leads ? left : left.filter(({ repairing }) => !repairing)).length >= majority;
  };
  const isLost = !works('');
  const critical = isLost ? [] : alive.map(({ id }) => id).filter((id) => !works(id));
  return {
    level: isLost ? 'lost' : critical.length > 0 ? 'edge' : 'safe',
    alive: alive.filter(({ repairing }) => !repairing).length,
    majority,
    critical,
    repairing: voters.filter(({ repairing }) => repairing).map(({ id }) => id),
  };
}

/** A group, and how it stands. */
export interface StandingOfGroup extends Pick<Standing, 'critical' | 'repairing'> {
  readonly id: string;
}

/**
 * What a further failure would stop: `one more failure stops c, s0`; where a voter is under repair not every failure does:
 * `losing n1 or n2 stops c; losing n1 stops s0`. `name` is how groups are called.
 */
export function riskOf<G extends StandingOfGroup>(
  groups: readonly G[],
  name: (groups: readonly G[]) => string,
): string {
  if (groups.every(({ repairing }) => repairing.length === 0)) return `one more failure stops ${name(groups)}`;
  const byNodes = new Map<string, G[]>();
  for (const group of groups) {
    const nodes = group.critical.join(' or ');
    byNodes.set(nodes, [...(byNodes.get(nodes) ?? []), group]);
  }
  return [...byNodes].map(([nodes, stopped]) => `losing ${nodes} stops ${idsOf(stopped)}`).join('; ');
}

/** Groups named in one phrase. */
const NAMES_MAX = 4;

/** Groups by their names alone. */
export function idsOf(groups: readonly { readonly id: string }[]): string {
  const shown = groups.slice(0, NAMES_MAX).map(({ id }) => id);
  const rest = groups.length - shown.length;
  return `${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
