/** Mistakes in replication and commitment: what is counted, what is compared, what is cut, and what counts as durable. */
import type { Mutation } from '../mutation.js';

const DURABILITY = 'node/raft/durability.ts';
const ENTRIES = 'node/raft/entries.ts';
const FOLLOWING = 'node/raft/following.ts';
const HEARTBEAT = 'node/raft/heartbeat.ts';
const LOG = 'node/raft/log.ts';
const PROGRESS = 'node/raft/progress.ts';
const REPLICATION = 'node/raft/replication.ts';
const STATE = 'node/raft/state.ts';

export const REPLICATION_MISTAKES: readonly Mutation[] = [
  {
    name: 'entry-of-an-old-term-counted',
    mistake:
      'An entry of an earlier term is committed because a majority holds it: a later leader may still replace it.',
    source: 'Raft paper, 5.4.2 and figure 8; LogCabin issue 44',
    edits: [
      {
        file: REPLICATION,
        before: 'if (index > s.commit && s.log.termAt(index) === s.term)',
        after: 'if (index > s.commit)',
      },
    ],
  },
  {
    name: 'one-match-fewer-is-a-majority',
    mistake: 'What one voter too few holds is committed, and a round that too few answered confirms reads.',
    source: 'Raft paper, 5.3: replicated on a majority',
    edits: [
      {
        file: 'node/raft/quorum.ts',
        before: 'return values[voters.length >> 1] ?? 0;',
        after: 'return values[Math.max(0, (voters.length >> 1) - 1)] ?? 0;',
      },
    ],
  },
  {
    name: 'own-log-counted-before-its-sync',
    mistake: 'The leader counts what it has appended, not what is on its disk: one follower and a power cut lose it.',
    source: 'thesis 10.2.1: the leader counts itself only when its own write is durable',
    edits: [{ file: REPLICATION, before: 'id === s.self ? s.log.durable', after: 'id === s.self ? s.log.last' }],
  },
  {
    name: 'append-acknowledged-before-its-sync',
    mistake: 'A follower answers an append when it has the entries in memory: a power cut takes what was committed.',
    source: 'Raft paper, figure 2; etcd issue 14140; answers are held until the write is durable, etcd/raft MsgAppResp',
    edits: [
      { file: FOLLOWING, before: 'if (s.log.durable >= s.verified) acknowledge(s);', after: 'acknowledge(s);' },
      { file: FOLLOWING, before: 'Math.min(s.log.durable, s.verified);', after: 's.verified;' },
    ],
  },
  {
    name: 'commit-beyond-what-was-verified',
    mistake: "A follower commits up to the end of its log, not of this message: the rest may differ from the leader's.",
    source: 'Raft paper, figure 2: the index of the last new entry; copycat issue 265',
    edits: [
      {
        file: FOLLOWING,
        before: 'advanceCommit(s, Math.min(message.commit, verified));',
        after: 'advanceCommit(s, Math.min(message.commit, s.log.last));',
      },
      // Harmless by itself: a leader may well look further back than it has to. As it is, it hits the very place where logs part.
      { file: REPLICATION, before: 'probe(s, from, agreed + 1);', after: 'probe(s, from, Math.max(1, agreed - 8));' },
    ],
  },
  {
    name: 'heartbeat-commits-beyond-match',
    mistake:
      "A heartbeat carries the leader's commit index as it is: a follower commits entries that it does not have, or others.",
    source: 'etcd/raft: a heartbeat carries at most what the follower is known to hold',
    edits: [
      {
        file: HEARTBEAT,
        before: 'Math.min(progress.match, s.commit), clusterTime(s)',
        after: 's.commit, clusterTime(s)',
      },
      {
        file: HEARTBEAT,
        before: '  advanceCommit(s, commit);',
        after: '  advanceCommit(s, Math.min(commit, s.log.last));',
      },
      { file: HEARTBEAT, before: 'invariant(commit <= s.log.last', after: 'invariant(commit >= 0' },
    ],
  },
  {
    name: 'match-raised-by-a-rejection',
    mistake: 'Where the logs could agree is taken for where they do: entries are committed that nobody else holds.',
    source: 'Raft paper, 5.3: only a success raises matchIndex',
    edits: [
      {
        file: REPLICATION,
        before: '  if (agreed >= s.log.start.index) probe',
        after: '  progress.match = Math.max(progress.match, agreed);\n  if (agreed >= s.log.start.index) probe',
      },
    ],
  },
  {
    name: 'next-falls-to-match',
    mistake:
      'A late rejection takes nextIndex back behind what is known to agree: acknowledged entries are sent and cut again.',
    source: 'etcd/raft pull request 149: nextIndex is above matchIndex',
    edits: [
      { file: PROGRESS, before: 'this.next = Math.max(next, this.match + 1);', after: 'this.next = next;' },
      { file: PROGRESS, before: 'return previous <= this.match || (', after: 'return (' },
    ],
  },
  {
    name: 'matching-entries-cut',
    mistake:
      'Every append cuts the log behind its start, even where it agrees: a repeated one takes acknowledged entries.',
    source: 'Raft paper, 5.3: only a conflict cuts',
    edits: [
      {
        file: FOLLOWING,
        before: 'if (present === undefined || present.term !== run.term) break;',
        after: 'if (present === undefined || index <= s.log.last) break;',
      },
    ],
  },
  {
    name: 'conflict-kept',
    mistake: "An entry that is there is kept even when its term differs: the log never becomes the leader's.",
    source: 'Raft paper, figure 2: an entry that conflicts is deleted with all that follow it',
    edits: [
      {
        file: FOLLOWING,
        before: 'if (present === undefined || present.term !== run.term) break;',
        after: 'if (present === undefined) break;',
      },
    ],
  },
  {
    name: 'previous-term-not-compared',
    mistake:
      'It is enough that there is an entry before those that are sent, of whatever term: logs with different pasts grow on.',
    source: 'Raft paper, 5.3: the consistency check',
    edits: [
      {
        file: FOLLOWING,
        before: 's.log.termAt(message.previousIndex) !== message.previousTerm) {',
        after: 's.log.termAt(message.previousIndex) === undefined) {',
      },
    ],
  },
  {
    name: 'append-of-an-older-term-taken',
    mistake:
      'Appends of a deposed leader are taken as if they were of this term: they cut what its successor has committed.',
    source: 'Raft paper, figure 2: reply false if term < currentTerm',
    edits: [{ file: FOLLOWING, before: 'if (message.term < s.term) {', after: 'if (message.term < 0) {' }],
  },
  {
    name: 'verified-survives-its-term',
    mistake:
      'What an earlier leader had verified counts for the next one: entries are acknowledged that it does not have.',
    source: 'our own checklist: what was verified was verified by the leader of that term',
    edits: [
      { file: STATE, before: '  s.verified = 0;\n', after: '' },
      { file: ENTRIES, before: '  invariant(index > s.verified,', after: '  invariant(index > 0,' },
    ],
  },
  {
    name: 'durable-survives-a-cut',
    mistake:
      'The mark of what is durable stays when the entries behind it are cut: what replaces them is acknowledged unsynced.',
    source: 'etcd/raft: the ABA race of asynchronous writes',
    edits: [{ file: LOG, before: '    this.#durable = Math.min(this.#durable, this.last);\n', after: '' }],
  },
  {
    name: 'write-under-way-survives-a-cut',
    mistake:
      'A write that was under way when its entries were cut still proves them: what replaced them is acknowledged unsynced.',
    source: 'etcd/raft: the ABA race of asynchronous writes',
    edits: [
      {
        file: ENTRIES,
        before: '  for (const save of s.saves) save.last = Math.min(save.last, index - 1);\n',
        after: '',
      },
    ],
  },
  {
    name: 'sync-proves-later-entries',
    mistake: 'When a batch is durable all of the log counts as durable, also what was appended while it was written.',
    source: 'group commit done wrong; our own checklist',
    edits: [{ file: DURABILITY, before: 's.log.saved(save.last);', after: 's.log.saved(s.log.last);' }],
  },
  {
    name: 'lost-append-not-repeated',
    mistake:
      'An append that a follower dropped is not sent again while the link is up: that follower never catches up.',
    source:
      'etcd/raft: a full window still lets a probe through; pyroscope issue 5518, heartbeats hide dead replication',
    edits: [
      {
        file: HEARTBEAT,
        before: 'if (owed && silent && !progress.loading)',
        after: 'if (owed && silent && progress.next === 0)',
      },
    ],
  },
];
