/** Mistakes with sessions and lanes: exactly once, what an error promises, and who is alive. */
import type { Mutation } from '../mutation.js';

const COMMANDS = 'node/commands.ts';
const LANES = 'node/services/lanes.ts';
const MACHINE = 'node/services/group-machine.ts';
const REPLICA = 'node/replica.ts';
const SWEEPER = 'node/sweeper.ts';
const WATCH = 'node/session-watch.ts';

export const SESSION_MISTAKES: readonly Mutation[] = [
  {
    name: 'retry-executed-again',
    mistake: 'A command that ran is not found in the record when it is sent again: it runs twice.',
    source: 'thesis 6.3; etcd issue 18424, a client that retries',
    edits: [
      {
        file: LANES,
        before: 'if (number <= replies.last) return this.recorded(lane, number);',
        after:
          'if (number < replies.last) return this.recorded(lane, number);\n    if (number === replies.last) replies.last--;',
      },
    ],
  },
  {
    name: 'reply-not-kept',
    mistake: 'That a command ran is kept, what it came to is not: a retry after a lost reply gets no answer.',
    source: 'thesis 6.3: the record holds the response; our own checklist: the record survives restarts',
    edits: [
      {
        file: LANES,
        before: 'lane.replies.append(RESULT, outcome.bytes);',
        after: 'lane.replies.append(WAITED, NO_BYTES);',
      },
    ],
  },
  {
    name: 'reply-forgotten-one-early',
    mistake: 'The reply behind the watermark goes too, which the client has not had yet: its retry gets no answer.',
    source: 'LogCabin: first outstanding RPC of a client',
    edits: [{ file: LANES, before: 'this.forget(lane, confirmed);', after: 'this.forget(lane, confirmed + 1);' }],
  },
  {
    name: 'gap-in-a-lane-not-refused',
    mistake:
      'A command whose predecessor has not arrived runs at once: order is lost, and its record stands under another number.',
    source: 'our own checklist: n runs only after n - 1',
    edits: [{ file: LANES, before: 'if (number > replies.last + 1)', after: 'if (number > replies.last + 1024)' }],
  },
  {
    name: 'ended-session-gets-a-lane-again',
    mistake: 'A session without a lane is given one, whoever it is: what ran before the session was swept runs again.',
    source: 'thesis 6.3: an expired client is refused, never registered again; LogCabin SESSION_EXPIRED',
    edits: [
      { file: COMMANDS, before: 'session === 0 || machine.hasLane(session)', after: 'session >= 0' },
      {
        file: MACHINE,
        before: 'if (alive === undefined) return EXPIRED;',
        after: 'if (alive === undefined) return undefined;',
      },
    ],
  },
  {
    name: 'unseen-session-refused',
    mistake: 'A leader that has not heard of a session yet says that it has ended: a living client loses its session.',
    source: 'our own checklist: a shard tells the dead from the unseen',
    edits: [{ file: COMMANDS, before: 'Math.max(session, machine.horizon)', after: 'Math.max(0, machine.horizon)' }],
  },
  {
    name: 'ended-session-served',
    mistake:
      'A leader lets a session begin a lane although its own view shows that it has ended: it lives on for ever.',
    source: 'thesis 6.3; Jepsen: locks of etcd sessions that had ended',
    edits: [{ file: COMMANDS, before: 'if (this.#directory.sessions.alive(session))', after: 'if (session > 0)' }],
  },
  {
    name: 'unseen-session-swept',
    mistake:
      'A session that this node has not heard of yet is taken for one that has ended: lanes of living clients go.',
    source: 'our own checklist: a shard tells the dead from the unseen',
    edits: [
      { file: SWEEPER, before: 'if (id <= known && !', after: 'if (!' },
      { file: SWEEPER, before: 'sweepEntry(known, over)', after: 'sweepEntry(Math.max(known, ...over) + 1, over)' },
    ],
  },
  {
    name: 'void-leaves-its-number-open',
    mistake:
      'Giving a command up does not use its number: the lane stands still, or a late copy of the command runs after all.',
    source: 'our own checklist: a number that was sent is closed before it is given up',
    edits: [
      {
        file: MACHINE,
        before: 'if (!this.ended.includes(session)) this.lanes',
        after: 'if (!this.ended.includes(session) && operation !== VOID) this.lanes',
      },
    ],
  },
  {
    name: 'void-hides-what-ran',
    mistake: 'Giving a command up is answered with a definite no, though it ran: the caller does it again.',
    source: 'Maelstrom: definite errors are a promise',
    edits: [
      {
        file: MACHINE,
        before: 'if (known !== undefined) return known;',
        after: "if (known !== undefined) return operation === VOID && known.form === 'result' ? VOIDED : known;",
      },
    ],
  },
  {
    name: 'lost-leadership-told-as-definite',
    mistake: 'A leader that is deposed says of what it has proposed that it will not happen: its successor commits it.',
    source: 'etcd issue 5214; Maelstrom: definite errors are a promise',
    edits: [
      {
        file: REPLICA,
        before: '        definite: false,\n        details,',
        after: '        definite: true,\n        details,',
      },
    ],
  },
  {
    name: 'waiters-outlive-leadership',
    mistake:
      'Who waits for an index goes on waiting when leadership is lost: the command of another at that index answers.',
    source: "the students' guide to Raft, 2016: an index is not a command",
    edits: [
      {
        file: REPLICA,
        before: 'for (const waiter of this.#waiters.clear())',
        after: 'for (const waiter of new Array<Waiter>())',
      },
    ],
  },
  {
    name: 'keepalive-not-confirmed',
    mistake:
      'A leader acknowledges signs of life without asking whether it still leads: its successor ends the session meanwhile.',
    source: 'etcd issue 15247: a deposed leader and its leases',
    edits: [
      {
        file: WATCH,
        before: 'this.#replica.confirm(deadline, (',
        after: '((_: number, now: (refused: ConcordError | null) => void) => now(null))(deadline, (',
      },
    ],
  },
  {
    name: 'keepalive-acknowledged-while-ending',
    mistake: 'A session whose end is on its way is told that it lives: it ends while its client is sure of it.',
    source: 'etcd pull request 12531: a lease renewed and revoked at once',
    edits: [{ file: WATCH, before: 'else if (this.#ending.has(session))', after: 'else if (correlation < 0)' }],
  },
  {
    name: 'ttl-counted-from-the-opening',
    mistake:
      'A new leader counts TTLs from when sessions were opened, not from when it took over: living sessions end.',
    source: 'etcd issue 9395 and Consul pull request 912: leases across a leader change',
    edits: [
      {
        file: WATCH,
        before: 'this.#renewed.set(session.id, now);\n    this.#checkAt = now;',
        after: 'this.#renewed.set(session.id, session.opened);\n    this.#checkAt = now;',
      },
    ],
  },
];
