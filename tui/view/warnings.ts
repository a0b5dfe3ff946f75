/** What a person has to know before anything else: what stopped, what one more failure would stop, what fills up. */
import { faultWords } from '../session/faults.js';
import { repairText } from '../session/repairs.js';
import {
  faultsOf,
  type GroupSummary,
  groupsOf,
  isLive,
  nameGroups,
  nodesInOrder,
  quorumText,
  riskIn,
  safetyOf,
} from '../session/selectors.js';
import type { ScreenState } from '../session/state.js';

/** A warning. `bad`: something does not work now. */
export interface Warning {
  readonly level: 'bad' | 'warn';
  readonly text: string;
}

/** All warnings, worst first. */
export function warningsOf(state: ScreenState): Warning[] {
  return [
    ...linkWarnings(state),
    ...quorumWarnings(state),
    ...repairWarnings(state),
    ...spaceWarnings(state),
    ...faultWarnings(state),
  ].sort((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad'));
}

function linkWarnings(state: ScreenState): Warning[] {
  const nodes = nodesInOrder(state);
  if (nodes.length === 0 || nodes.some((node) => node.link !== 'down')) return [];
  const reason = nodes.find((node) => node.reason !== '')?.reason ?? '';
  return [{ level: 'bad', text: `no node answers${reason === '' ? '' : `: ${reason}`}` }];
}

function quorumWarnings(state: ScreenState): Warning[] {
  const safety = safetyOf(state);
  const count = quorumText(safety);
  const leaderless = groupsOf(state).filter((group) => group.leader === '' && group.level !== 'lost');
  const electing: Warning[] =
    leaderless.length > 0 ? [{ level: 'warn', text: `no leader for ${ids(leaderless)}: an election is due` }] : [];
  if (safety.level === 'lost')
    return [{ level: 'bad', text: `${count}: ${nameGroups(safety.groups)} stopped` }, ...electing];
  if (safety.level === 'edge') {
    return [...electing, { level: 'warn', text: `${count}: ${riskIn(safety)}` }];
  }
  return electing;
}

const IDS_SHOWN_MAX = 4;

function ids(groups: readonly GroupSummary[]): string {
  const shown = groups.slice(0, IDS_SHOWN_MAX).map((group) => group.id);
  return groups.length > IDS_SHOWN_MAX
    ? `${shown.join(' ')} and ${groups.length - IDS_SHOWN_MAX} more`
    : shown.join(' ');
}

function repairWarnings(state: ScreenState): Warning[] {
  return nodesInOrder(state).flatMap((node) => {
    const { repair } = node.told;
    return repair == null || !isLive(state, node) ? [] : [{ level: 'warn', text: `${node.id} ${repairText(repair)}` }];
  });
}

function spaceWarnings(state: ScreenState): Warning[] {
  return nodesInOrder(state)
    .filter((node) => isLive(state, node) && (node.told.space ?? 'ok') !== 'ok')
    .map((node) => ({
      level: node.told.space === 'full' ? 'bad' : 'warn',
      text: `${node.id}: disk ${node.told.space === 'full' ? 'full' : 'nearly full'}`,
    }));
}

/** A node that is not live keeps its faults, as far as is known, while it has a process. */
function faultWarnings(state: ScreenState): Warning[] {
  const broken = nodesInOrder(state).flatMap((node) => {
    const words = faultWords(faultsOf(state, node));
    return words.length === 0 ? [] : [`${node.id} ${words.join(', ')}`];
  });
  return broken.length === 0 ? [] : [{ level: 'warn', text: `faults on: ${broken.join('; ')}` }];
}
