/** The notation of golden traces: messages, entries, saves and changes of state in a few words. test/golden/raft/README.md explains it. */
import type { RaftGroup } from '../../../node/raft/group.js';
import { decodeRun, eachEntry, lastOf, type Run } from '../../../node/raft/run.js';
import type { ReadResult, Save } from '../../../node/raft/state.js';
import {
  CONFIGURATION,
  NOOP,
  type NodeId,
  type PeerMessage,
  type Proposal,
  type Role,
} from '../../../node/raft/types.js';

/** A replica as far as a trace tells of it. */
export interface Portrait {
  readonly role: Role;
  readonly term: number;
  readonly vote: NodeId;
  readonly leader: NodeId;
  readonly commit: number;
  /** Index of the first entry in `log`. */
  readonly first: number;
  readonly log: readonly string[];
}

export function portraitOf(group: RaftGroup): Portrait {
  const { role, term, leader, commit, first } = group.view();
  return { role, term, vote: group.vote, leader, commit, first, log: entriesOf(group) };
}

/** What has changed between two portraits, a line each. */
export function changes(before: Portrait, after: Portrait): string[] {
  const lines: string[] = [];
  const facts: string[] = [];
  if (after.role !== before.role) facts.push(`becomes ${after.role}`);
  if (after.term !== before.term) facts.push(`term ${after.term}`);
  if (after.vote !== before.vote && after.vote !== '') facts.push(`votes for ${after.vote}`);
  if (after.leader !== before.leader) facts.push(after.leader === '' ? 'knows no leader' : `leader ${after.leader}`);
  if (facts.length > 0) lines.push(facts.join(', '));
  if (after.first !== before.first) lines.push(`has purged everything up to ${after.first - 1}`);
  const left = before.log.slice(after.first - before.first);
  let same = 0;
  while (same < left.length && left[same] === after.log[same]) same++;
  if (same < left.length) lines.push(`cuts ${left.slice(same).join(', ')}`);
  if (same < after.log.length) lines.push(`appends ${after.log.slice(same).join(', ')}`);
  const known = Math.max(before.commit + 1, after.first);
  if (known > before.commit + 1) lines.push(`has the state as of ${known - 1}`);
  if (known <= after.commit)
    lines.push(
      `commits and applies ${after.log.slice(known - after.first, after.commit - after.first + 1).join(', ')}`,
    );
  return lines;
}

/** A message with all of its fields but the group and cluster time. */
export function messageText(message: PeerMessage): string {
  switch (message.kind) {
    case 'vote_request': {
      const flags = `${message.pre ? ' pre' : ''}${message.transfer ? ' transfer' : ''}`;
      return `vote_request t${message.term}${flags}, last ${message.lastIndex}/${message.lastTerm}`;
    }
    case 'vote_reply':
      return `vote_reply t${message.term}${message.pre ? ' pre' : ''} ${message.granted ? 'granted' : 'refused'}`;
    case 'append': {
      const entries = message.runs.map((bytes) => runText(decodeRun(bytes))).join(', ');
      const head = `append t${message.term} after ${message.previousIndex}/${message.previousTerm}, commit ${message.commit}`;
      return `${head}: ${entries || 'nothing'}`;
    }
    case 'append_reply': {
      const { term, match, hintIndex, hintTerm } = message;
      const said = message.rejected ? `rejects ${match}, hint ${hintIndex}/${hintTerm}` : `match ${match}`;
      return `append_reply t${term} ${said}${message.repairing ? ', under repair' : ''}`;
    }
    case 'timeout_now':
      return `timeout_now t${message.term}`;
    case 'read_index':
      return `read_index t${message.term} ${contextText(message.context)}`;
    case 'read_index_reply':
      return `read_index_reply t${message.term} ${readText(message)}`;
    case 'heartbeat': {
      const rows = message.groups.map(([, term, commit]) => `t${term}, commit ${commit}`);
      return `heartbeat ${message.round}: ${rows.join('; ')}`;
    }
    case 'heartbeat_reply': {
      const strays = message.strays.map(([, term]) => `astray in t${term}`);
      return `heartbeat_reply ${message.round}: ${strays.join('; ') || 'follows'}`;
    }
  }
}

export function readText({ context, index, refused }: ReadResult): string {
  return `${contextText(context)} ${refused ? 'refused' : `at ${index}`}`;
}

// A repair counts its questions from the other end.
function contextText(context: number): string {
  return context > Number.MAX_SAFE_INTEGER / 2 ? 'for its repair' : `read ${context}`;
}

export function saveText({ state, start, runs }: Save): string {
  const parts = runs.map((run) => runText(run));
  if (start !== null) parts.unshift(`log begins behind ${start.index}/${start.term}`);
  if (state !== null) parts.unshift(`t${state.term} vote ${state.vote || 'none'}`);
  return parts.join(', ');
}

/** A run, from an entry on, as index/term and what its entries say: "4/2 x, 5/2 y". */
export function runText(run: Run, from = run.first): string {
  const bytes = run.bytes ?? (run.place as Buffer);
  const entries: string[] = [];
  eachEntry(bytes, from, lastOf(run), (index, entry) => {
    entries.push(`${index}/${run.term} ${proposalText({ kind: entry[0] ?? NOOP, payload: entry.subarray(1) })}`);
  });
  return entries.join(', ');
}

/** All entries of a replica's log. */
export function entriesOf({ log }: RaftGroup): string[] {
  const entries: string[] = [];
  for (let run = log.runAt(log.first); run !== undefined; run = log.runAt(lastOf(run) + 1))
    entries.push(...runText(run, Math.max(run.first, log.first)).split(', '));
  return entries;
}

export function proposalText({ kind, payload }: Proposal): string {
  if (kind === NOOP) return 'no-op';
  if (kind !== CONFIGURATION) return payload.toString();
  const configuration: Record<string, readonly NodeId[]> = JSON.parse(payload.toString());
  const parts = Object.entries(configuration).filter(([, ids]) => ids.length > 0);
  return `{${parts.map(([part, ids]) => `${part} ${ids.join(' ')}`).join('; ')}}`;
}
