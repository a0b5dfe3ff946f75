/** Mistakes in reads without the log: ReadIndex, its rounds, and what waits for what. */
import type { Mutation } from '../mutation.js';

const HEARTBEAT = 'node/raft/heartbeat.ts';
const READS = 'node/raft/reads.ts';

export const READ_MISTAKES: readonly Mutation[] = [
  {
    name: 'read-without-a-round',
    mistake:
      'A leader answers reads without asking whether it still leads: one that stood still answers from the past.',
    source: 'thesis 6.4; redisraft issue 19, stale reads after a pause',
    edits: [{ file: READS, before: 'one.round > round || one.index < 0', after: 'one.index < 0' }],
  },
  {
    name: 'read-confirmed-by-an-older-round',
    mistake:
      'A read is confirmed by a round that was sent before it arrived: its answers may have waited with it through a pause.',
    source: 'etcd issue 20418: a heartbeat answered earlier confirmed a later read',
    edits: [
      { file: 'node/raft/multi.ts', before: 'return this.#round + 1;', after: 'return Math.max(1, this.#round);' },
    ],
  },
  {
    name: 'read-before-a-commit-of-its-term',
    mistake:
      'A new leader answers reads at the commit index it has heard of: it may be behind what its predecessor acknowledged.',
    source: 'thesis 6.4, step 1; etcd issue 7331; tikv issue 9208',
    edits: [
      {
        file: READS,
        before: 'index: s.commit >= s.termStart ? s.commit : -1',
        after: 'index: s.commit',
      },
    ],
  },
  {
    name: 'read-before-it-is-applied',
    mistake:
      'A confirmed read is answered from whatever is applied here: a follower that is behind answers from the past.',
    source: 'thesis 6.4, step 4; etcd issue 3879',
    edits: [
      {
        file: 'node/replica.ts',
        before: 'else if (index <= this.#applied && !this.#suspended)',
        after: 'else if (!this.#suspended)',
      },
    ],
  },
  {
    name: 'read-context-used-again',
    mistake: 'Numbers of attempts to read come round after a few: the answer to an older attempt confirms a newer one.',
    source: 'etcd issue 20418, mended by etcd/raft pull request 397',
    edits: [
      {
        file: 'node/groups.ts',
        before: 'nextContext: () => ++this.#context,',
        after: 'nextContext: () => (this.#context = (this.#context + 1) % 4),',
      },
    ],
  },
  {
    name: 'follower-answers-by-itself',
    mistake:
      'A follower answers reads at its own commit index, without asking the leader: it may have been cut off for long.',
    source: 'Jepsen: stale reads of etcd 0.4 and Consul',
    edits: [
      {
        file: READS,
        before: "  send(s, s.leader, { kind: 'read_index', group: s.group, term: s.term, context });",
        after: '  onReadIndexReply(s, { context, index: s.commit, refused: false } as ReadIndexReply);',
      },
    ],
  },
  {
    name: 'forwarded-read-never-given-up',
    mistake: 'Reads that were passed on to a leader that is gone are not asked again: they stand until their deadline.',
    source: 'etcd issue 5214: waiting for an answer that never comes after a leader change',
    edits: [
      {
        file: 'node/raft/state.ts',
        before:
          '  for (const context of s.forwarded.keys()) s.out.reads.push({ context, index: 0, refused: true });\n  s.forwarded.clear();\n',
        after: '',
      },
    ],
  },
  {
    name: 'lost-read-not-passed-on-again',
    mistake:
      'A read that was lost on its way to the leader is not asked for again: while that leader stays, nobody answers it.',
    source: 'our own simulator, seed 245',
    edits: [{ file: HEARTBEAT, before: '  passOnAgain(s);\n', after: '' }],
  },
];
