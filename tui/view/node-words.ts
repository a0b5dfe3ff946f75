/** Nodes in words: the mark, the name of their state, and one line about it. Every state has a word besides its colour. */
import { faultWords } from '../session/faults.js';
import { waitText } from '../session/repairs.js';
import {
  type Condition,
  conditionOf,
  faultsOf,
  focusGroup,
  groupSummary,
  highestCommit,
  isHeardByOthers,
  staleFor,
} from '../session/selectors.js';
import type { NodeView, ReplicaView, ScreenState } from '../session/state.js';
import { spell, spellSlow } from '../spelling.js';
import type { Glyphs, Look, Tone } from './look.js';

/** How a condition is shown. */
interface Face {
  readonly glyph: Exclude<keyof Glyphs, 'spark' | 'spin' | 'box'>;
  readonly word: string;
  readonly tone: Tone;
}

const FACES: Readonly<Record<Condition, Face>> = {
  leader: { glyph: 'leader', word: 'LEADER', tone: 'good' },
  follower: { glyph: 'follower', word: 'follower', tone: 'info' },
  candidate: { glyph: 'candidate', word: 'CANDIDATE', tone: 'vote' },
  precandidate: { glyph: 'candidate', word: 'pre-vote', tone: 'vote' },
  learner: { glyph: 'learner', word: 'learner', tone: 'info' },
  repairing: { glyph: 'repair', word: 'REPAIRING', tone: 'warn' },
  installing: { glyph: 'snapshot', word: 'installing', tone: 'warn' },
  'no-replica': { glyph: 'follower', word: 'no replica', tone: 'plain' },
  connecting: { glyph: 'waiting', word: 'connecting', tone: 'plain' },
  silent: { glyph: 'waiting', word: 'SILENT', tone: 'warn' },
  down: { glyph: 'down', word: 'DOWN', tone: 'bad' },
  starting: { glyph: 'waiting', word: 'starting', tone: 'info' },
  stopping: { glyph: 'waiting', word: 'stopping', tone: 'warn' },
  stopped: { glyph: 'down', word: 'STOPPED', tone: 'warn' },
  killed: { glyph: 'down', word: 'KILLED', tone: 'bad' },
  failed: { glyph: 'down', word: 'FAILED', tone: 'bad' },
  paused: { glyph: 'paused', word: 'PAUSED', tone: 'warn' },
};

/** A node in words and numbers, for a card or a line. */
export interface NodeWords {
  readonly id: string;
  readonly address: string;
  readonly condition: Condition;
  readonly mark: string;
  readonly word: string;
  readonly tone: Tone;
  /** One line about its state. */
  readonly line: string;
  /** How old the values are, when they are not live. */
  readonly stale: string | null;
  readonly term: number | null;
  readonly commit: number | null;
  readonly applied: number | null;
  /** Entries behind the highest commit known. */
  readonly lag: number | null;
  /** Groups it leads. */
  readonly leads: number | null;
  /** On a leader: how far the others are behind its commit. */
  readonly behind: readonly { readonly id: string; readonly lag: number }[];
  readonly clients: number | null;
  readonly log_bytes: number | null;
  readonly space: 'ok' | 'low' | 'full';
  /** The faults that are in force on it, '' when there are none. */
  readonly faults: string;
  /** Why it has no vote in the focus group, '' when it has one. */
  readonly voteless: string;
  readonly up: string | null;
  readonly pid: number | null;
}

/** What is shown of a node. Values stay what was told last; `stale` says when they are not live. */
export function nodeWords(state: ScreenState, node: NodeView, look: Look): NodeWords {
  const condition = conditionOf(state, node);
  const face = FACES[condition];
  const replica = node.groups[focusGroup(state)];
  const stale = staleFor(state, node);
  return {
    id: node.id,
    address: node.address,
    condition,
    mark: look.glyphs[face.glyph],
    word: face.word,
    tone: face.tone,
    line: stateLine(state, node, condition),
    stale: stale === null ? null : `stale ${spell(stale)}`,
    term: replica?.term ?? null,
    commit: replica?.commit ?? null,
    applied: replica?.applied ?? null,
    lag: replica ? Math.max(0, highestCommit(state, focusGroup(state)) - replica.commit) : null,
    leads: node.told.leads ?? null,
    behind:
      condition === 'leader' && replica
        ? replica.voters
            .filter((id) => id !== node.id)
            .map((id) => ({ id, lag: Math.max(0, replica.commit - held(state, id, replica.match[id] ?? 0)) }))
        : [],
    clients: node.told.clients ?? null,
    log_bytes: node.told.bytes?.log ?? null,
    space: node.told.space ?? 'ok',
    voteless: condition === 'repairing' ? 'damaged: no vote until refilled' : '',
    faults: faultWords(faultsOf(state, node)).join(', '),
    up: stale === null && node.started !== null ? spellSlow(state.now - node.started) : null,
    pid: node.process ? node.process.pid : (node.told.pid ?? null),
  };
}

/** Up to where a follower holds entries: what the leader believes, unless the follower itself says that it has lost some. */
function held(state: ScreenState, id: string, match: number): number {
  const replica = state.nodes[id]?.groups[focusGroup(state)];
  return replica?.repairing ? Math.min(match, replica.last) : match;
}

function stateLine(state: ScreenState, node: NodeView, condition: Condition): string {
  const group = focusGroup(state);
  const replica = node.groups[group];
  const held = replica ? spellSlow(state.now - replica.since) : '';
  const term = replica?.term ?? 0;
  switch (condition) {
    case 'leader':
      return `leads ${group} for ${held}`;
    case 'follower':
      return followed(state, replica?.leader ?? '');
    case 'candidate':
      return `asks for votes in term ${term}`;
    case 'precandidate':
      return `asks whether it could win term ${term + 1}`;
    case 'learner':
      return `learns ${group}${replica?.leader ? ` from ${replica.leader}` : ''}`;
    case 'repairing':
      return repaired(node, replica);
    case 'installing':
      return `gets a snapshot of ${group}${replica?.leader ? ` from ${replica.leader}` : ''}`;
    case 'no-replica':
      return `holds no replica of ${group}`;
    case 'connecting':
      return 'no word from it yet';
    case 'silent':
      return `nothing heard for ${spell(state.now - (node.heard ?? state.now))}`;
    case 'down':
      return `${node.reason || 'no connection'}${isHeardByOthers(state, node.id) ? ', others reach it' : ''}`;
    default:
      return processLine(state, node, condition);
  }
}

function repaired(node: NodeView, replica: ReplicaView | undefined): string {
  const waits = node.told.repair == null ? '' : waitText(node.told.repair);
  if (waits !== '') return waits;
  const from = replica?.leader ? ` from ${replica.leader}` : '';
  return replica?.installing ? `gets a snapshot${from}` : `refills${from}`;
}

function followed(state: ScreenState, leader: string): string {
  if (leader === '') return 'follows nobody yet';
  const summary = groupSummary(state, focusGroup(state));
  if (summary.leader !== leader) return `followed ${leader}, which is gone`;
  return summary.since === null ? `follows ${leader}` : `follows ${leader} for ${spellSlow(state.now - summary.since)}`;
}

function processLine(state: ScreenState, node: NodeView, condition: Condition): string {
  const { process } = node;
  const age = process ? spell(state.now - process.since) : '';
  switch (condition) {
    case 'starting':
      return `its process starts, ${age}`;
    case 'stopping':
      return `its process ends, ${age}`;
    case 'paused':
      return `stands still for ${age}`;
    case 'failed':
      return process?.reason || 'its process ended by itself';
    default:
      return `${condition} ${age} ago`;
  }
}
