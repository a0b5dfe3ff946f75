/** What happened, in words: the lines of the feed, derived from two states of the screen that follow each other. */
import type { GroupState } from '../../protocol/client/types.js';
import { count as counted, size, spell } from '../spelling.js';
import { faultWords } from './faults.js';
import { damageText, waitText } from './repairs.js';
import {
  conditionOf,
  type GroupSummary,
  groupsOf,
  nameGroups,
  nodesInOrder,
  quorumText,
  riskIn,
  safetyOf,
  spare,
} from './selectors.js';
import type { EventKind, NodeView, ProcessView, ScreenState } from './state.js';

/** An event before it gets its number and time. */
export interface NewEvent {
  readonly kind: EventKind;
  readonly node: string;
  readonly text: string;
}

const event = (kind: EventKind, node: string, text: string): NewEvent => ({ kind, node, text });

/** All that changed between two states, nodes first, then leaders, then what it means for the cluster. */
export function eventsBetween(before: ScreenState, after: ScreenState): NewEvent[] {
  return [
    ...nodesInOrder(after).flatMap((node) => nodeEvents(before, after, node)),
    ...groupEvents(groupsOf(before), groupsOf(after)),
    ...safetyEvents(before, after),
  ];
}

function nodeEvents(before: ScreenState, after: ScreenState, node: NodeView): NewEvent[] {
  const old = before.nodes[node.id];
  return [
    ...processEvents(node.id, old?.process ?? null, node.process),
    ...linkEvents(old, node),
    ...silenceEvents(before, after, old, node),
    ...candidacies(old, node),
    ...spaceEvents(old, node),
    ...repairEvents(old, node),
    ...snapshotEvents(old, node),
    ...faultEvents(old, node),
  ];
}

function processEvents(id: string, old: ProcessView | null, process: ProcessView | null): NewEvent[] {
  if (!process || (old?.state === process.state && old.pid === process.pid)) return [];
  switch (process.state) {
    case 'starting':
      return [event('process', id, 'starting')];
    case 'running':
      if (old === null) return [];
      return [event('process', id, old.state === 'paused' ? 'resumed' : `runs as process ${process.pid ?? '?'}`)];
    case 'paused':
      return [event('warn', id, 'paused: its process stands still')];
    case 'stopping':
      // What it came to says more.
      return [];
    case 'stopped':
      return old === null ? [] : [event('process', id, 'stopped')];
    case 'killed':
      return [event('down', id, 'killed')];
    case 'failed':
      return [event('down', id, `failed: ${process.reason || 'it ended by itself'}`)];
  }
}

const EXPLAINED: ReadonlySet<string> = new Set(['killed', 'stopped', 'stopping', 'failed', 'paused']);

/** The loss of the connection to a process that ended or stands still says nothing new. */
function linkEvents(old: NodeView | undefined, node: NodeView): NewEvent[] {
  if (old?.link === node.link || node.link === 'unknown') return [];
  if (node.link === 'up') return [event('up', node.id, 'up')];
  if (node.process && EXPLAINED.has(node.process.state)) return [];
  return [event('down', node.id, node.reason === '' ? 'down' : `down: ${node.reason}`)];
}

function silenceEvents(before: ScreenState, after: ScreenState, old: NodeView | undefined, node: NodeView): NewEvent[] {
  const wasSilent = old !== undefined && conditionOf(before, old) === 'silent';
  const isSilent = conditionOf(after, node) === 'silent';
  if (isSilent && !wasSilent) return [event('warn', node.id, 'silent: others are ahead and nothing comes from it')];
  return [];
}

function candidacies(old: NodeView | undefined, node: NodeView): NewEvent[] {
  return Object.entries(node.groups)
    .filter(([group, { role, term }]) => {
      const was = old?.groups[group];
      return role === 'candidate' && (was?.role !== 'candidate' || was.term !== term);
    })
    .map(([group, { term }]) => event('vote', node.id, `stands for ${group} in term ${term}`));
}

function spaceEvents(old: NodeView | undefined, node: NodeView): NewEvent[] {
  const was = old?.told.space ?? 'ok';
  const is = node.told.space ?? 'ok';
  if (was === is) return [];
  if (is === 'ok') return [event('good', node.id, 'has room on its disk again')];
  return [event('warn', node.id, is === 'low' ? 'disk nearly full' : 'disk full: commands that need room are refused')];
}

function faultEvents(old: NodeView | undefined, node: NodeView): NewEvent[] {
  const was = faultWords(old?.told.faults ?? []);
  const is = faultWords(node.told.faults ?? []);
  if (was.join() === is.join()) return [];
  if (is.length === 0) return [event('good', node.id, 'healed: no fault is on')];
  return [event('warn', node.id, `fault: ${is.join(', ')}`)];
}

function repairEvents(old: NodeView | undefined, node: NodeView): NewEvent[] {
  const was = old?.told.repair ?? null;
  const is = node.told.repair ?? null;
  if (is === null) return was === null ? [] : [event('good', node.id, 'is whole again and votes')];
  const found = was === null ? [event('warn', node.id, damageText(is))] : [];
  const waits = waitText(is);
  if (was !== null && waitText(was) === waits) return found;
  if (waits !== '') return [...found, event('warn', node.id, waits)];
  return was === null ? found : [event('process', node.id, 'has heard all others and refills')];
}

/** What members are sent, and what they got of it. What was over before this terminal came is no news. */
function snapshotEvents(old: NodeView | undefined, node: NodeView): NewEvent[] {
  return Object.entries(node.groups).flatMap(([id, group]) => {
    const known: GroupState | undefined = old?.groups[id];
    const begun = group.sending.filter((to) => known?.sending.includes(to) !== true);
    const sent = begun.map((to) => event('process', node.id, `sends ${to} a snapshot of ${id}`));
    const { installed } = group;
    const before = known?.installed ?? null;
    if (known === undefined || installed === null || before?.index === installed.index) return sent;
    const cost = `${size(installed.bytes)} in ${spell(installed.ms)}`;
    const text = `has got a snapshot of ${id} as of entry ${counted(installed.index)} (${cost})`;
    return [...sent, event('good', node.id, text)];
  });
}

/** Groups named one by one in an event; of more only the number. */
const GROUPS_NAMED_MAX = 3;

function groupEvents(before: readonly GroupSummary[], after: readonly GroupSummary[]): NewEvent[] {
  const olds = new Map(before.map((group) => [group.id, group]));
  const changed = after.filter((group) => {
    const old = olds.get(group.id);
    return old?.leader !== group.leader || old.term !== group.term;
  });
  const led = changed.filter((group) => group.leader !== '');
  const leaders = [...new Set(led.map((group) => group.leader))];
  const lost = changed.filter((group) => group.leader === '' && (olds.get(group.id)?.leader ?? '') !== '');
  const moved = changed.filter((group) => {
    const old = olds.get(group.id);
    return old !== undefined && group.leader === '' && old.leader === '' && group.term > old.term && old.term > 0;
  });
  return [
    ...lost.map(({ id, term }) => event('warn', '', `${id} has no leader (term ${term})`)).slice(0, GROUPS_NAMED_MAX),
    ...moved.map(({ id, term }) => event('vote', '', `${id} is in term ${term}`)).slice(0, GROUPS_NAMED_MAX),
    ...leaders.map((leader) => event('leader', leader, leads(led.filter((group) => group.leader === leader)))),
  ];
}

function leads(groups: readonly GroupSummary[]): string {
  const terms = new Set(groups.map((group) => group.term));
  const names = groups.slice(0, GROUPS_NAMED_MAX);
  const rest = groups.length > GROUPS_NAMED_MAX ? ` and ${groups.length - GROUPS_NAMED_MAX} more groups` : '';
  if (terms.size === 1) return `leads ${names.map(({ id }) => id).join(' and ')}${rest} in term ${[...terms][0]}`;
  return `leads ${names.map(({ id, term }) => `${id} in term ${term}`).join(', ')}${rest}`;
}

/** News of the quorum: every loss, and what brings back the majority or the full number. */
function safetyEvents(before: ScreenState, after: ScreenState): NewEvent[] {
  const old = safetyOf(before);
  const now = safetyOf(after);
  const count = quorumText(now);
  if (now.level === 'unknown' || (old.alive === now.alive && old.voters === now.voters)) return [];
  if (old.level === 'unknown' && now.level !== 'safe') return [];
  if (now.level === 'lost') {
    return old.alive > now.alive ? [event('lost', '', `${count}: ${nameGroups(now.groups)} stopped`)] : [];
  }
  if (now.level === 'edge') {
    const again = old.level === 'lost' ? 'writes go on; ' : '';
    return [event('warn', '', `${count}: ${again}${riskIn(now)}`)];
  }
  return [event('good', '', `${count}: ${spare(now)} may fail`)];
}
