/** Mistakes in elections: votes and terms, their durability, PreVote, stepping down and handing over. */
import type { Mutation } from '../mutation.js';

const DURABILITY = 'node/raft/durability.ts';
const ELECTION = 'node/raft/election.ts';
const LEADERSHIP = 'node/raft/leadership.ts';
const STATE = 'node/raft/state.ts';

export const ELECTION_MISTAKES: readonly Mutation[] = [
  {
    name: 'vote-told-before-durable',
    mistake:
      'A granted vote leaves before it is on disk: after a crash the voter votes again in that term, for another.',
    source: 'Raft paper, figure 2: persistent state is updated before responding',
    edits: [
      {
        file: ELECTION,
        before: 'sendDurably(s, from, reply(true, s.term));',
        after: 'send(s, from, reply(true, s.term));',
      },
    ],
  },
  {
    name: 'vote-not-persisted',
    mistake: 'Only the term is saved, not the vote: after a restart the voter votes again in that term, for another.',
    source: 'Raft paper, figure 2: votedFor is persistent; canonical/raft issue 196',
    edits: [
      { file: DURABILITY, before: '{ term: s.term, vote: s.vote } : null', after: "{ term: s.term, vote: '' } : null" },
    ],
  },
  {
    name: 'term-not-persisted',
    mistake: 'A term heard from others is not saved: after a restart the node is back in one in which it votes anew.',
    source: 'Raft paper, figure 2: currentTerm is persistent',
    edits: [{ file: STATE, before: '  s.stateDirty = true;', after: "  s.stateDirty ||= vote !== '';" }],
  },
  {
    name: 'entries-saved-before-their-term',
    mistake:
      'Entries are written in one batch and the term that they are of in the next: a crash between leaves them alone.',
    source: 'openraft, order of writes: the vote before any entry of its term; raft.tla, pull request 5',
    edits: [
      {
        file: DURABILITY,
        before: `  const state: HardState | null = s.stateDirty ? { term: s.term, vote: s.vote } : null;
  if (state !== null) s.stateSave = sequence;
  s.stateDirty = false;`,
        after: `  const state: HardState | null = s.unsaved.length === 0 ? { term: s.term, vote: s.vote } : null;
  if (state !== null) s.stateSave = sequence;
  s.stateDirty &&= state === null;`,
      },
    ],
  },
  {
    name: 'candidacy-before-durable',
    mistake:
      'A candidate asks, and counts its own vote, before its vote is on disk: it wins, crashes, and votes for another.',
    source: 'Raft paper, figure 2: persistent state is updated before any message of it',
    edits: [
      { file: ELECTION, before: 'else sendDurably(s, id, request);', after: 'else send(s, id, request);' },
      {
        file: ELECTION,
        before: "s.role !== 'candidate' || s.stateDirty || s.stateSave > s.savedSequence",
        after: "s.role !== 'candidate'",
      },
    ],
  },
  {
    name: 'logs-not-compared',
    mistake: 'A vote is given whatever the log of the candidate holds: a leader without committed entries is elected.',
    source: 'Raft paper, 5.4.1: election restriction',
    edits: [
      {
        file: ELECTION,
        before: 'return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= s.log.durable);',
        after: 'return lastTerm >= ownTerm || lastIndex >= 0;',
      },
    ],
  },
  {
    name: 'length-compared-before-term',
    mistake:
      'The longer log wins, not the later one: entries of a deposed leader, never committed, beat committed ones.',
    source: 'Raft paper, 5.4.1: the later term is more up-to-date, and only then the longer log',
    edits: [
      {
        file: ELECTION,
        before: 'return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= s.log.durable);',
        after: 'return lastIndex > s.log.durable || (lastIndex === s.log.durable && lastTerm >= ownTerm);',
      },
    ],
  },
  {
    name: 'length-not-compared',
    mistake: 'Of two logs that end in the same term the shorter one is good enough: committed entries are lost.',
    source: 'Raft paper, 5.4.1: of logs with the same last term the longer is more up-to-date',
    edits: [
      {
        file: ELECTION,
        before: '(lastTerm === ownTerm && lastIndex >= s.log.durable);',
        after: 'lastTerm === ownTerm;',
      },
    ],
  },
  {
    name: 'equal-logs-refused',
    mistake: 'Who has the same log as the candidate refuses it: once all logs are equal, nobody is ever elected.',
    source: 'Raft paper, 5.4.1: at least as up-to-date',
    edits: [{ file: ELECTION, before: 'lastIndex >= s.log.durable', after: 'lastIndex > s.log.durable' }],
  },
  {
    name: 'two-votes-in-a-term',
    mistake: 'A vote that has been given does not keep the voter from giving another in the same term: two leaders.',
    source: 'Raft paper, 5.2: at most one candidate in a term, first come, first served',
    edits: [
      {
        file: ELECTION,
        before: "const free = (s.vote === '' || s.vote === from) && s.role",
        after: 'const free = s.role',
      },
    ],
  },
  {
    name: 'vote-forgotten-within-its-term',
    mistake:
      'Becoming a follower forgets the vote even when the term stays: the next candidate of that term gets one too.',
    source: 'canonical/raft issue 196: the vote was reset, two votes in a term',
    edits: [
      {
        file: STATE,
        before: "if (term > s.term) enterTerm(s, term, '');",
        after: "enterTerm(s, term, '');",
      },
    ],
  },
  {
    name: 'vote-of-an-older-term-counted',
    mistake: 'A granted vote counts in whatever term it arrives: the voter may have voted for another in this one.',
    source: 'Raft paper, 5.1: messages of a stale term are not acted upon',
    edits: [{ file: ELECTION, before: '} else if (reply.term === termAsked(s)) {', after: '} else {' }],
  },
  {
    name: 'prevote-counted-as-vote',
    mistake: 'A granted pre-vote that comes after the real election has begun is counted as a vote, which nobody gave.',
    source: 'canonical/raft issue 196: a pre-vote result was taken for a vote',
    edits: [
      {
        file: ELECTION,
        before: "if (s.role !== (reply.pre ? 'precandidate' : 'candidate')) return;",
        after: 'if (!isRunning(s)) return;',
      },
    ],
  },
  {
    name: 'prevote-bound-by-the-vote',
    mistake:
      'Who voted in the term that is over refuses pre-votes for the next: once a leader is gone nobody follows it.',
    source: 'thesis 9.6; canonical/raft issue 279',
    edits: [
      {
        file: ELECTION,
        before: 'const granted = request.term > s.term && upToDate && !protectsLeader',
        after:
          "const granted = request.term > s.term && upToDate && !protectsLeader && (s.vote === '' || s.vote === from)",
      },
    ],
  },
  {
    name: 'prevote-moves-the-term',
    mistake:
      'Whoever grants a pre-vote moves on to that term, and does so while it hears a leader: asking deposes the leader.',
    source: 'thesis 9.6: a pre-vote changes nothing at the voter',
    edits: [
      {
        file: ELECTION,
        before: `upToDate && !protectsLeader && s.repair === null;
    send(`,
        after: `upToDate && s.repair === null;
    if (granted) follow(s, request.term, '', 'a pre-candidate');
    send(`,
      },
    ],
  },
  {
    name: 'prevote-left-out-and-leader-unprotected',
    mistake:
      'A node that hears no leader stands at once, and voters who hear one follow it: coming back deposes a leader.',
    source: 'thesis 4.2.3 and 9.6; hashicorp/raft issue 524; etcd issue 9333',
    edits: [
      {
        file: ELECTION,
        before: "  s.role = 'precandidate';\n",
        after: '  if (s.attempts > 0) return runForOffice(s);\n',
      },
      { file: ELECTION, before: 'hearsLeader && !request.transfer;', after: 'false;' },
    ],
  },
  {
    name: 'one-vote-fewer-is-a-majority',
    mistake: 'Half of the voters, rounded down, elect a leader: two leaders in a term.',
    source: 'Raft paper, 5.2: votes of a majority',
    edits: [
      {
        file: 'node/raft/quorum.ts',
        before: 'const majority = (voters.length >> 1) + 1;',
        after: 'const majority = voters.length >> 1;',
      },
    ],
  },
  {
    name: 'leader-stays-without-a-quorum',
    mistake:
      'A leader that nobody answers goes on leading: behind a link that works one way, its heartbeats keep others from standing.',
    source:
      'thesis 6.2: a leader steps down without a round of heartbeats; the case of half-open links, etcd and TigerBeetle',
    edits: [
      {
        file: LEADERSHIP,
        before: "if (!hearsQuorum(s)) follow(s, s.term, '', 'no majority answers');\n  else if (",
        after: 'if (hearsQuorum(s) && ',
      },
    ],
  },
  {
    name: 'higher-term-not-heeded',
    mistake:
      'A leader goes on in its term though a member answers from a later one: that member never takes part again.',
    source: 'Raft paper, 5.1: whoever sees a later term becomes a follower',
    edits: [
      {
        file: 'node/raft/heartbeat.ts',
        before: 'if (stray > s.term) follow(',
        after: "if (stray > s.term && s.role !== 'leader') follow(",
      },
      {
        file: 'node/raft/replication.ts',
        before: 'if (reply.term > s.term) {',
        after: "if (reply.term > s.term && s.role !== 'leader') {",
      },
    ],
  },
  {
    name: 'transfer-never-given-up',
    mistake: 'A hand-over to an heir that died is never given up: the leader refuses commands for as long as it leads.',
    source: 'thesis 3.10: the transfer ends after an election timeout; hashicorp/raft issue 696',
    edits: [
      {
        file: LEADERSHIP,
        before: 'if (s.transfer !== null && s.now >= s.transfer.until) s.transfer = null;',
        after:
          'if (s.transfer !== null && s.now >= s.transfer.until) s.transfer = { ...s.transfer, until: s.now + 1000 };',
      },
    ],
  },
  {
    name: 'transfer-outlives-leadership',
    mistake: 'Stepping down does not end a hand-over: elected again, the leader would take no commands.',
    source: 'hashicorp/raft issue 696: the flag of the transfer was not cleared',
    edits: [
      { file: STATE, before: '  s.out.snapshots = [];\n  s.transfer = null;\n', after: '  s.out.snapshots = [];\n' },
      {
        file: LEADERSHIP,
        before: '  s.transfer = null;\n  s.uncommittedBytes = 0;\n',
        after: '  s.uncommittedBytes = 0;\n',
      },
    ],
  },
  {
    name: 'no-entry-begins-a-term',
    mistake:
      'A new leader adds nothing of its own: what earlier terms left is not committed, and reads wait, until a command comes.',
    source: 'Raft paper, section 8: a no-op at the start of the term',
    edits: [
      {
        file: LEADERSHIP,
        before: '  appendOwn(s, [{ kind: NOOP, payload: Buffer.alloc(0) }]);\n',
        after: '',
      },
    ],
  },
];
