/** Mistakes in the services of locks, semaphores and fences, and in what the client library makes of them. */
import type { Mutation } from '../mutation.js';

const ASKING = 'node/services/locks/asking.ts';
const DEADLOCK = 'node/services/locks/deadlock.ts';
const ENDING = 'node/services/locks/ending.ts';
const GRANTING = 'node/services/locks/granting.ts';
const LOCKS = 'node/services/locks/locks.ts';
const MODES = 'node/services/locks/modes.ts';
const ROWS = 'node/services/locks/rows.ts';
const STATE = 'node/services/locks/state.ts';
const SEMAPHORES = 'node/services/semaphores.ts';
const FENCES = 'node/services/fences.ts';
const MACHINE = 'node/services/group-machine.ts';
const CLAIMS = 'protocol/client/claims.ts';
const SESSION = 'protocol/client/session.ts';

const WHO_HOLDS: readonly Mutation[] = [
  {
    name: 'lock-granted-to-an-expired-waiter',
    mistake: 'The waits of a session that ended stay in line: the lock is given to nobody, for good.',
    source: 'etcd issues 9921 and 11456: a waiter is granted the lock after its lease has expired',
    edits: [
      {
        file: ENDING,
        before: 'for (const request of this.state.requestsOf(session)) this.granting.leave(request, time);',
        after: 'void time;',
      },
    ],
  },
  {
    name: 'locks-kept-when-the-session-ends',
    mistake: 'What a session holds outlives it: a client that dies takes its locks along.',
    source: 'RedLock.net issue 68: some 35 orphan locks, one a week old',
    edits: [
      {
        file: ENDING,
        before: 'for (const hold of this.state.holdsOf(owner)) this.lose(hold, now);',
        after: 'for (const hold of this.state.holdsOf(owner)) if (hold.delay_ms > 0) this.lose(hold, now);',
      },
    ],
  },
  {
    name: 'lock-granted-by-the-first-of-several',
    mistake: 'A request for several locks is granted once the first of them is free.',
    source: 'our own checklist: all of them or none',
    edits: [
      {
        file: GRANTING,
        before: 'for (const item of items) if (!mayHave(item)) return false;\n    return true;',
        after: 'const [first] = items;\n    return first === undefined || mayHave(first);',
      },
    ],
  },
  {
    name: 'two-updaters-at-once',
    mistake: 'Mode u goes with mode u: two that read and mean to write go on from the same value.',
    source: 'VMS distributed lock manager: protected write excludes itself',
    edits: [{ file: MODES, before: '[LOCK_MODES.u]: [UPDATE, EXCLUSIVE]', after: '[LOCK_MODES.u]: [EXCLUSIVE]' }],
  },
  {
    name: 'lock-released-by-another-owner',
    mistake: 'A release counts whoever it comes from: a late one ends the hold of the next owner.',
    source: 'Redis documentation, SET NX without a random value: a client removes a lock that is not its own',
    edits: [
      {
        file: ENDING,
        before: 'const hold = lock && holdOf(lock, this.state.owner(session, number, 0));',
        after: 'const hold = lock && (holdOf(lock, this.state.owner(session, number, 0)) ?? lock.holds[0]);',
      },
    ],
  },
  {
    name: 'lock-delay-ignored',
    mistake: 'A lock whose holder died is free at once, whatever delay its holder asked for.',
    source: 'Chubby, Burrows 2006: lock-delay for those who cannot check sequencers',
    edits: [
      { file: ENDING, before: 'if (delay_ms > 0) this.state.delay', after: 'if (delay_ms < 0) this.state.delay' },
    ],
  },
  {
    name: 'hold-ends-without-a-word',
    mistake: 'A hold that lasted for too long is ended, and its holder never hears of it.',
    source: 'etcd issue 6127: no way to know that the lock is lost',
    edits: [
      {
        file: ENDING,
        before: 'this.news.add(owner, kind, lock.name',
        after: 'if (kind !== LOCK_NEWS.held_too_long) this.news.add(owner, kind, lock.name',
      },
    ],
  },
  {
    name: 'hold-lengthened-by-acquiring-again',
    mistake: 'Who acquires again what it holds for a while at most holds it for good.',
    source: 'our own checklist: a grant that ends by itself is not lengthened by one on top of it',
    edits: [
      {
        file: GRANTING,
        before: 'if (mode <= hold.mode) return;',
        after: 'this.state.timetable.removeEnd(hold);\n    if (mode <= hold.mode) return;',
      },
    ],
  },
];

const WHO_WAITS: readonly Mutation[] = [
  {
    name: 'cancelled-waiter-still-granted',
    mistake: 'A request that was given up stays in line, and is given the lock when nobody waits for that any more.',
    source: 'Jepsen, etcd lock test: the lock of a client that timed out is held until its lease expires',
    edits: [{ file: LOCKS, before: '      this.granting.leave(request, at.time);\n', after: '' }],
  },
  {
    name: 'queue-not-scanned-after-a-time-out',
    mistake: 'Who gives up leaves the line and nobody looks at those behind: they wait though nothing keeps them.',
    source: 'PostgreSQL, lmgr README: a waiter that leaves may have blocked others softly',
    edits: [
      {
        file: GRANTING,
        before: '    for (const { lock } of request.items) this.touch(lock);\n  }\n\n  /**',
        after: '  }\n\n  /**',
      },
    ],
  },
  {
    name: 'queue-not-scanned-after-a-downgrade',
    mistake: 'A lock that is made weaker lets nobody in before it is released.',
    source: 'our own checklist: down at once, and the queue is looked at',
    edits: [
      {
        file: GRANTING,
        before: 'if (left) this.state.renew(lock, now.at.index);\n    this.touch(lock);',
        after: 'if (left) this.state.renew(lock, now.at.index);',
      },
    ],
  },
  {
    name: 'lock-barged-past-an-earlier-waiter',
    mistake: 'Whoever goes with the holders gets the lock, whoever waits: sharers starve one who wants it alone.',
    source:
      'PostgreSQL, ProcSleep: granted if it conflicts with no waiting request either; Hazelcast locks are not fair',
    edits: [
      {
        file: GRANTING,
        before: 'return lock.queue === undefined || !lock.queue.isBlocked(mode, order);',
        after: 'return lock.queue === undefined || order >= 0;',
      },
    ],
  },
  {
    name: 'conversion-waits-behind-all',
    mistake: 'Who wants more of what it holds stands behind those who wait for what it holds.',
    source: 'VMS distributed lock manager: the conversion queue is served before the waiting queue',
    edits: [
      {
        file: ROWS,
        before: 'return conversion ? index : BEHIND_CONVERSIONS + index;',
        after: 'return conversion && index === 0 ? index : BEHIND_CONVERSIONS + index;',
      },
    ],
  },
  {
    name: 'upgrade-loser-not-refused',
    mistake:
      'The second of two that share a lock waits to have it alone as the first does: a way to lose time for both.',
    source: 'curator issue 1138: a reader that wants the write lock waits for ever',
    edits: [
      {
        file: ASKING,
        before: 'if (mode !== EXCLUSIVE || !isUpgrade(item)) continue;',
        after: 'if (mode !== EXCLUSIVE || !isUpgrade(item) || mode === EXCLUSIVE) continue;',
      },
    ],
  },
  {
    name: 'deadlock-not-looked-for-through-the-line',
    mistake: 'Only holders count as being in the way: a circle through one who stands before in line is not found.',
    source: 'PostgreSQL, lmgr README: soft edges',
    edits: [
      {
        file: DEADLOCK,
        before: 'const end = lock.queue?.aheadIn(other, order) ?? 0;',
        after: 'const end = order < 0 ? 1 : 0;',
      },
    ],
  },
  {
    name: 'deadlock-not-looked-for-when-upgrading',
    mistake: 'An owner that has one request is said to be waited for by nobody, though it holds what others want.',
    source: 'our own checklist: a circle is found in the entry that closes it',
    edits: [
      {
        file: DEADLOCK,
        before: 'return first !== undefined || requests.length > 1;',
        after: 'return first?.next !== undefined || requests.length > 1;',
      },
    ],
  },
  {
    name: 'deadlock-takes-the-oldest',
    mistake: 'The owner that has waited and worked longest gives way: it may never come to an end.',
    source: 'Rosenkrantz, Stearns and Lewis 1978: the younger one gives way, and grows older by that',
    edits: [
      {
        file: DEADLOCK,
        before: 'b.owner.birth - a.owner.birth ||',
        after: 'a.owner.birth - b.owner.birth ||',
      },
    ],
  },
  {
    name: 'permits-lost-with-the-session',
    mistake: 'The permits of a session that ended never come back.',
    source: 'curator issue 1112: permits are not returned when the connection is lost',
    edits: [
      {
        file: SEMAPHORES,
        before: 'this.give(name, session, owner, -permits);\n        names.add(name);',
        after: 'if (permits < 0) this.give(name, session, owner, -permits);\n        names.add(name);',
      },
    ],
  },
  {
    name: 'permits-barged-past-an-earlier-waiter',
    mistake: 'Permits go to whoever asks while some are free: one that wants several never gets them.',
    source: 'Java, Semaphore: without fairness permits are taken past those who wait',
    edits: [
      {
        file: SEMAPHORES,
        before: 'if (row.waiting === 0 && permits <= free(row)) {',
        after: 'if (permits <= free(row)) {',
      },
    ],
  },
];

const TOKENS: readonly Mutation[] = [
  {
    name: 'token-not-raised-on-re-grant',
    mistake: 'Who gets a lock out of the line has the token of the one before: nobody can tell the two apart.',
    source: 'Kleppmann 2016, How to do distributed locking: tokens increase with every grant',
    edits: [
      {
        file: STATE,
        before: 'if (lock.holds.length === 1) this.renew(lock, index);',
        after: 'if (index < 0) this.renew(lock, index);',
      },
    ],
  },
  {
    name: 'token-not-raised-on-upgrade',
    mistake:
      'Who makes a shared lock exclusive keeps the token that it shared: others that had it pass for the holder.',
    source: 'our own checklist: a new token on entering mode x',
    edits: [{ file: GRANTING, before: 'if (mode === EXCLUSIVE) this.state.renew(lock, index);', after: '' }],
  },
  {
    name: 'token-raised-on-acquiring-again',
    mistake:
      'An owner that acquires again what it holds gets a new token, and is fenced from what it began with the old one.',
    source: 'Hazelcast FencedLock: a reentrant acquire returns the same fence',
    edits: [
      {
        file: GRANTING,
        before: 'if (mode <= hold.mode) return;',
        after: 'if (mode <= hold.mode) {\n      this.state.renew(lock, index);\n      return;\n    }',
      },
    ],
  },
  {
    name: 'fence-checked-after-the-command-ran',
    mistake: 'A command with an old token is refused when it is done already.',
    source: 'our own checklist: refused, and nothing is done',
    edits: [
      {
        file: MACHINE,
        before:
          '    const fence = this.fenceOf(envelope, at);\n    if (isOutcome(fence)) return fence;\n    const outcome = this.execute(lane, envelope, at, fence !== undefined);',
        after:
          "    const outcome = this.execute(lane, envelope, at, envelope.fence !== '');\n    const fence = this.fenceOf(envelope, at);\n    if (isOutcome(fence)) return fence;",
      },
    ],
  },
  {
    name: 'fenced-read-does-not-raise-the-mark',
    mistake:
      'A token counts as seen only when something is written with it: what was read by then is overwritten by one before.',
    source:
      'our own checklist: a fenced read is fenced as a write is; the storage check of Kleppmann 2016 is for writes alone',
    edits: [
      {
        file: MACHINE,
        before:
          '    const fence = this.fenceOf(envelope, at);\n    if (isOutcome(fence)) return fence;\n    const outcome = this.execute(lane, envelope, at, fence !== undefined);',
        after:
          "    const fence = isRead(envelope.operation) ? undefined : this.fenceOf(envelope, at);\n    if (isOutcome(fence)) return fence;\n    const outcome = this.execute(lane, envelope, at, envelope.fence !== '');",
      },
    ],
  },
  {
    name: 'fence-mark-dropped-too-early',
    mistake: 'The mark of a lock is forgotten while a token above the floor and below the mark may still come.',
    source: 'our own checklist: only marks below the floor go',
    edits: [
      {
        file: FENCES,
        before: 'if (first === undefined || first[0][0] >= floor) return;',
        after: 'if (first === undefined || floor < 0) return;',
      },
    ],
  },
  {
    name: 'fence-floor-above-a-living-token',
    mistake: 'The floor does not look at locks that are held: who holds one for long is fenced out.',
    source: 'our own checklist: the floor is the lowest token held',
    edits: [
      { file: LOCKS, before: 'return Math.min(this.state.lowestToken(), applied + 1);', after: 'return applied + 1;' },
    ],
  },
  {
    name: 'fence-refuses-the-same-token-again',
    mistake: 'A token that was seen is too old for the next command: a holder can do one thing only.',
    source: 'our own checklist: refused if less than the mark',
    edits: [
      { file: FENCES, before: 'if (token < mark || token < floor)', after: 'if (token <= mark || token < floor)' },
    ],
  },
];

const LIBRARY: readonly Mutation[] = [
  {
    name: 'holder-not-told-when-its-lease-ends',
    mistake:
      'The library notices that the session may have ended and tells nobody: a holder goes on beside the next one.',
    source: 'etcd issue 10811 and consul issue 9788: two holders, the first has not heard of its loss',
    edits: [{ file: SESSION, before: '    this.#owner.sessionInDanger();\n', after: '' }],
  },
  {
    name: 'signal-not-aborted-on-loss',
    mistake: 'A handle says that it is lost and its signal does not: whoever listens works on.',
    source: 'consuldotnet issue 4: no event for a lock that is lost',
    edits: [
      {
        file: CLAIMS,
        before: '      for (const { life } of claims) life.tell();',
        after: '      for (const { life } of claims.slice(0, -1)) life.tell();',
      },
    ],
  },
  {
    name: 'late-grant-not-released',
    mistake: 'A grant that comes when its caller has given up is not given back: the lock is held by nobody.',
    source: 'Jepsen, etcd lock test: locks go unavailable after a client has timed out',
    edits: [{ file: CLAIMS, before: 'whenSure, { late: giveBack });', after: 'whenSure, {});' }],
  },
  {
    name: 'lost-locks-not-released',
    mistake: 'What is lost because the session was in danger is not released: should the session live, nobody gets it.',
    source: 'consul issue 4902: "Lock already held" after an outage',
    edits: [{ file: CLAIMS, before: '    for (const claim of claims) claim.giveBack();\n', after: '' }],
  },
  {
    name: 'grant-believed-while-the-session-is-in-danger',
    mistake: 'A grant that arrives when the session may have ended by now is handed out as if it were sure.',
    source: 'etcd issue 11456: the lease is not looked at after the wait',
    edits: [
      {
        file: CLAIMS,
        before: 'if (this.look()) return take(receipt);',
        after: 'if (this.look() || until_ms > 0) return take(receipt);',
      },
    ],
  },
  {
    name: 'release-given-up-with-its-caller',
    mistake: 'A release whose caller has no more time is not sent again: the lock stays held.',
    source: 'Jepsen, etcd lock test: unlock may time out as well',
    edits: [
      {
        file: CLAIMS,
        before: 'return this.#owner.run(name, argument, options, take, { steadfast: true, late: take });',
        after:
          "return this.#owner.run(name, argument, options, take, { steadfast: name === 'lock.convert', late: take });",
      },
    ],
  },
];

export const LOCK_MISTAKES: readonly Mutation[] = [...WHO_HOLDS, ...WHO_WAITS, ...TOKENS, ...LIBRARY];
