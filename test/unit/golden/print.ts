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
  readonly log: readonly string[];
}

export function portraitOf(group: RaftGroup): Portrait {
  const { role, term, leader, commit } = group.view();
  return { role, term, vote: group.vote, leader, commit, log: entriesOf(group) };
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
  let same = 0;
  while (same < before.log.length && before.log[same] === after.log[same]) same++;
  if (same < before.log.length) lines.push(`cuts ${before.log.slice(same).join(', ')}`);
  if (same < after.log.length) lines.push(`appends ${after.log.slice(same).join(', ')}`);
  if (after.commit !== before.commit)
    lines.push(`commits and applies ${after.log.slice(before.commit, after.commit).join(', ')}`);
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
      return `append_reply t${term} ${message.rejected ? `rejects ${match}, hint ${hintIndex}/${hintTerm}` : `match ${match}`}`;
    }
    case 'timeout_now':
      return `timeout_now t${message.term}`;
    case 'read_index':
      return `read_index t${message.term} read ${message.context}`;
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
  return `read ${context} ${refused ? 'refused' : `at ${index}`}`;
}

export function saveText({ state, runs }: Save): string {
  const parts = runs.map(runText);
  if (state !== null) parts.unshift(`t${state.term} vote ${state.vote || 'none'}`);
  return parts.join(', ');
}

/** A run as index/term and what its entries say: "4/2 x, 5/2 y". */
export function runText(run: Run): string {
  const bytes = run.bytes ?? (run.place as Buffer);
  const entries: string[] = [];
  eachEntry(bytes, run.first, lastOf(run), (index, entry) => {
    entries.push(`${index}/${run.term} ${proposalText({ kind: entry[0] ?? NOOP, payload: entry.subarray(1) })}`);
  });
  return entries.join(', ');
}

/** All entries of a replica's log. */
export function entriesOf({ log }: RaftGroup): string[] {
  const entries: string[] = [];
  for (let run = log.runAt(1); run !== undefined; run = log.runAt(lastOf(run) + 1))
    entries.push(...runText(run).split(', '));
  return entries;
}

export function proposalText({ kind, payload }: Proposal): string {
  if (kind === NOOP) return 'no-op';
  if (kind !== CONFIGURATION) return payload.toString();
  const configuration: Record<string, readonly NodeId[]> = JSON.parse(payload.toString());
  const parts = Object.entries(configuration).filter(([, ids]) => ids.length > 0);
  return `{${parts.map(([part, ids]) => `${part} ${ids.join(' ')}`).join('; ')}}`;
}
