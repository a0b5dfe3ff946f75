/** Mistakes in the services: messages, those who wait for them, and state that is not the same on every replica. */
import type { Mutation } from '../mutation.js';

const BACKLOG = 'node/services/messages/backlog.ts';
const LANES = 'node/services/lanes.ts';
const MACHINE = 'node/services/group-machine.ts';
const QUEUES = 'node/services/queues.ts';
const WAITERS = 'node/services/waiters.ts';

export const QUEUE_MISTAKES: readonly Mutation[] = [
  {
    name: 'outcome-not-kept',
    mistake: 'What a waiting command came to is told once and not kept: with the connection the message is lost.',
    source: 'our own checklist: an outcome is kept until it is confirmed',
    edits: [
      {
        file: LANES,
        before: '    this.outcomes.put([session, number], outcome);\n    this.count(',
        after: '    this.outcomes.delete([session, number]);\n    this.count(',
      },
    ],
  },
  {
    name: 'waiter-served-twice',
    mistake: 'Who is handed a message stays in the line: the next message goes to it too, and nowhere.',
    source: 'our own checklist: whoever is served leaves the line',
    edits: [
      {
        file: WAITERS,
        before: '      this.leave(place, waiter);\n      return waiter;',
        after: '      if (place[1] < 0) this.leave(place, waiter);\n      return waiter;',
      },
    ],
  },
  {
    name: 'message-handed-to-an-ended-session',
    mistake: 'The waits of a session that ended stay in the line: messages are handed to nobody and lost.',
    source: 'Jepsen: a waiter looks at its session again after waiting',
    edits: [
      {
        file: QUEUES,
        before: 'for (const session of sessions) this.waiters.endSession(session);',
        after: 'for (const session of sessions.slice(0, 0)) this.waiters.endSession(session);',
      },
    ],
  },
  {
    name: 'abandoned-wait-still-served',
    mistake: 'A wait that was given up stays in the line: a message is handed to a caller who is gone.',
    source: 'our own checklist: whoever gives up leaves the line in the same entry',
    edits: [
      {
        file: MACHINE,
        before: '    for (const service of this.services) service.abandon(commands, at, this.effects);\n',
        after: '',
      },
    ],
  },
  {
    name: 'second-message-given-first',
    mistake: 'Of several messages the second one is given before the first: the queue is not first in, first out.',
    source: 'our own checklist: first in, first out',
    edits: [
      {
        file: BACKLOG,
        before: 'const slot = chunk.first();\n    return {',
        after: 'const slot = chunk.live > 1 ? chunk.next(chunk.first()) : chunk.first();\n    return {',
      },
    ],
  },
  {
    name: 'state-machine-reads-the-clock',
    mistake: 'A replica notes its own time in replicated state: no two replicas have the same.',
    source: 'etcd 3.5: members whose data differ; state machine replication, Schneider 1990',
    edits: [{ file: 'node/services/sessions.ts', before: 'opened: at.time }', after: 'opened: performance.now() }' }],
  },
  {
    name: 'wait-never-runs-out',
    mistake: 'Time alone brings no entry about: a dequeue from a queue in which nothing happens waits for ever.',
    source: 'our own checklist: cluster time passes though nobody writes',
    edits: [
      {
        file: 'node/replica.ts',
        before: 'if (!this.raft.settled || this.#tickProposed',
        after: 'if (this.#applied >= 0 || this.#tickProposed',
      },
    ],
  },
];
