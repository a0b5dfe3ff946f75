/** Mistakes in the client library: numbers, retries, doubt, and how long a session is sure. */
import type { Mutation } from '../mutation.js';

const LANE = 'protocol/client/lane.ts';
const SESSION = 'protocol/client/session.ts';

export const CLIENT_MISTAKES: readonly Mutation[] = [
  {
    name: 'retry-under-a-new-number',
    mistake: 'A command without an answer is sent again under a fresh number: if it ran, it runs twice.',
    source: 'etcd issue 18424: clients that retry what is not idempotent',
    edits: [
      {
        file: 'protocol/client/cluster.ts',
        before: 'return this.#lane(place.group).submit(task, timeout_ms, options) as Promise<T>;',
        after: `const submit = () => this.#lane(place.group).submit(task, timeout_ms, options);
      return submit().catch((error: unknown) => {
        if (error instanceof ConcordError && error.code === 'TIMEOUT') return submit();
        throw error;
      }) as Promise<T>;`,
      },
    ],
  },
  {
    name: 'number-of-an-abandoned-call-used-again',
    mistake:
      'The number of a command that was given up goes to the next one: that one gets the reply of the first and never runs.',
    source: 'our own checklist: nothing is put under a number that was sent and not closed',
    edits: [
      {
        file: LANE,
        before: '        this.#window.giveUp(call);\n        // Whoever it was sent to',
        after: `        if (this.#window.retract(call)) call.stage = 'done';
        else this.#window.giveUp(call);
        // Whoever it was sent to`,
      },
    ],
  },
  {
    name: 'watermark-ahead-of-replies',
    mistake:
      'All that was sent is confirmed, not all that was answered: the group forgets replies that are still on their way.',
    source: 'LogCabin: first outstanding RPC of a client',
    edits: [{ file: 'protocol/client/window.ts', before: 'return this.#first - 1;', after: 'return this.#next - 1;' }],
  },
  {
    name: 'lost-connection-leaves-no-doubt',
    mistake:
      'A command on a connection that broke is reported as never executed: it was, and the caller does it again.',
    source: 'Maelstrom: a timeout is indefinite; etcd issue 14890',
    edits: [
      {
        file: LANE,
        before:
          '    call.doubt = true;\n    if (this.#barrier === call) this.#barrier = undefined;\n    this.#rewind(call);',
        after: '    if (this.#barrier === call) this.#barrier = undefined;\n    this.#rewind(call);',
      },
    ],
  },
  {
    name: 'correlation-used-again-at-once',
    mistake:
      'A request that is given up frees its id for the next: a late answer to the first is taken for the second.',
    source: 'request ids in pipelined protocols; etcd issue 20418 is of this kind',
    edits: [
      {
        file: 'protocol/client/requests.ts',
        before: '    this.#size--;\n    return value;',
        after: '    this.#size--;\n    this.#last = id - 1;\n    return value;',
      },
    ],
  },
  {
    name: 'pending-not-asked-for-again',
    mistake: 'After a change of leader nobody asks for the outcome of a command that waits: it is never told.',
    source: 'etcd issue 5214: every accepted request ends in an answer',
    edits: [
      { file: LANE, before: '      for (const call of this.#pending.values()) this.#again.add(call);\n', after: '' },
    ],
  },
  {
    name: 'session-sure-from-the-answer-on',
    mistake:
      'A session is taken for sure from the arrival of the answer, not from the sending of the keepalive: it ends earlier.',
    source: 'thesis 6.4.1: a lease begins when its heartbeat is sent',
    edits: [{ file: SESSION, before: 'sent_ms + sure_ms', after: 'this.#owner.alarms.now() + sure_ms' }],
  },
  {
    name: 'clock-rates-not-allowed-for',
    mistake: "The client counts the whole TTL by its own clock, which may run slower than the leader's.",
    source: 'thesis 6.4.1: bounded clock drift; contract 10',
    edits: [
      {
        file: SESSION,
        before: '(this.#owner.ttl_ms * (1 - CLOCK_DRIFT_MAX)) / (1 + CLOCK_DRIFT_MAX)',
        after: 'this.#owner.ttl_ms',
      },
    ],
  },
];
