/** The words about locks and semaphores. */
import type { Flag, Word } from './word.js';

const lock = { name: 'lock', kind: 'lock', help: 'the name of a lock' } as const;
const locks = {
  name: 'locks',
  kind: 'locks',
  shown: 'lock...',
  help: 'one name or several: all of them or none',
} as const;

/** How a hold is asked for, whether one waits for it or not. */
const HOLD_FLAGS = [
  {
    name: 'mode',
    kind: 'modes',
    help: 'x alone (when not said), u beside readers, s shared; or one for each lock: s,x',
  },
  { name: 'hold', kind: 'duration', help: 'it ends by itself after so long' },
  { name: 'delay', kind: 'duration', help: 'if this session dies, others get it only so long after' },
  { name: 'note', kind: 'text', help: 'shown to whoever asks who holds it' },
] as const satisfies readonly Flag[];

const HELD = '{lock, mode, token, session}; an array if several';
const ROW = '{lock, mode, holders, queue, lastToken, sessions}';

/** Their rows, in the order of `help`. */
export const LOCK_WORDS = {
  acquire: {
    section: 'locks',
    arguments: [locks],
    flags: [{ name: 'wait', kind: 'duration', help: 'how long to wait for it, 30s when not said' }, ...HOLD_FLAGS],
    fenced: true,
    effect: 'changes',
    returns: HELD,
    help: 'hold locks until they are released',
    text: [
      'Mode x excludes everybody, s goes beside s and u, and u is for who reads now and may `convert` to x later. Whoever waits',
      'is served in turn. The terminal is one owner: what it holds it gets again at once, and releases as often. The token rises',
      'whenever the lock enters or leaves x; give lock:token to --fence of what the lock guards, and nothing of an earlier',
      'holder gets through. The time of --wait comes on top of --timeout.',
      'A lock goes with the session that holds it: `concord acquire k` by itself gives k back when it ends. To run a program',
      'under a lock: concord with-lock k -- program',
    ].join(' '),
    examples: [
      'acquire build',
      'acquire build --wait 5s --note "nightly build"',
      'acquire(a, b) --mode s,x',
      'acquire k --hold 1m',
    ],
  },
  try: {
    section: 'locks',
    arguments: [locks],
    flags: HOLD_FLAGS,
    fenced: true,
    effect: 'changes',
    returns: HELD,
    help: 'hold locks if they are free now',
    text: 'As `acquire --wait 0`: WOULD_BLOCK when somebody is in the way.',
    examples: ['try build', 'try(a, b) --mode s'],
  },
  release: {
    section: 'locks',
    arguments: [lock],
    flags: [{ name: 'token', kind: 'index', help: 'only if this is still its token' }],
    fenced: true,
    effect: 'changes',
    returns: '{lock, held}',
    help: 'give a lock back',
    text: 'held: how many times it is still held by this terminal; the lock is free for others at 0.',
    examples: ['release build', 'release build --token 118'],
  },
  convert: {
    section: 'locks',
    arguments: [lock, { name: 'mode', kind: 'mode', shown: 's|u|x', help: 'the mode to hold it in from now on' }],
    flags: [{ name: 'wait', kind: 'duration', help: 'how long to wait for it, 30s when not said' }],
    fenced: true,
    effect: 'changes',
    returns: '{lock, mode, token, session}',
    help: 'change the mode in which a lock is held',
    text: [
      'Down at once. Up it waits for other holders, before all who do not hold it yet. Two that hold s cannot both go up: the',
      'second gets DEADLOCK at once. Hold u while you only may have to.',
    ].join(' '),
    examples: ['convert build x', 'convert(build, s)', 'convert build x --wait 5s'],
  },
  holds: {
    section: 'locks',
    arguments: [],
    flags: [],
    fenced: true,
    effect: 'reads',
    returns: `[${ROW}]`,
    help: 'the locks that this terminal holds',
    text: '',
    examples: ['holds'],
  },
  locks: {
    section: 'locks',
    arguments: [{ name: 'glob', kind: 'glob', help: 'only names like this, with * and ?', optional: true }],
    flags: [],
    fenced: true,
    effect: 'reads',
    returns: `[${ROW}]`,
    help: 'the locks that are held or waited for',
    text: 'holders and queue: how many hold it and wait for it. sessions: of those that hold it, the first few.',
    examples: ['locks', 'locks build*'],
  },
  lock: {
    section: 'locks',
    arguments: [lock],
    flags: [],
    fenced: true,
    effect: 'reads',
    returns: '{lock, mode, holders, queue, lastToken, delay}',
    help: 'who holds a lock, and who waits for it',
    text: [
      'holders: {session, client, owner, mode, count, age, left, note}, left being what --hold leaves of it. queue, in the order',
      'in which they are served: {session, client, owner, mode, age, left, conversion}, left until the wait ends. delay: how long',
      'the lock stays shut after the death of a holder. Times are milliseconds. lastToken is null for a lock that nobody wants.',
    ].join(' '),
    examples: ['lock build'],
  },
  waits: {
    section: 'locks',
    arguments: [],
    flags: [],
    fenced: true,
    effect: 'reads',
    returns: '{edges: [{waiter, holder, lock}]}',
    help: 'who waits for whom',
    text: [
      'waiter and holder are {session, owner, mode}. Drawn from those that wait for nobody: below each one stand those that wait',
      'for it, one step further in. An owner is written session/owner.',
    ].join(' '),
    examples: ['waits', 'waits --json'],
  },
  revoke: {
    section: 'locks',
    arguments: [lock],
    flags: [{ name: 'after', kind: 'duration', help: 'ask its holders, and take it from them only after so long' }],
    fenced: true,
    effect: 'destroys',
    returns: '{lock, burnt, holders}',
    help: 'take a lock from its holders',
    text: [
      'They are told at once. burnt is the token that is worth nothing from now on, null if nobody held the lock or --after puts',
      'it off; holders is how many there were. A lock that is given back in time is left alone.',
    ].join(' '),
    examples: ['revoke build --yes', 'revoke build --after 10s --yes'],
  },
  fence: {
    section: 'locks',
    arguments: [{ name: 'fence', kind: 'fence', shown: 'lock:token', help: 'a lock and a token of it' }],
    flags: [],
    effect: 'reads',
    returns: '{lock, token, valid, current}',
    help: 'is this the token by which a lock is held?',
    text: 'For what Concord does not keep itself: ask before you write. current is the token of the lock, null if nobody holds it.',
    examples: ['fence build:118'],
  },
  sem: {
    section: 'locks',
    arguments: [
      { name: 'name', kind: 'semaphore', help: 'the name of a semaphore' },
      {
        name: 'action',
        kind: 'choice',
        help: 'what to do with it',
        optional: true,
        choices: {
          set: { help: 'make it, or change its limit, to n permits; 0 lets it go', effect: 'changes' },
          acquire: { help: 'hold n permits, 1 when not said', effect: 'changes' },
          release: { help: 'give n permits back, 1 when not said', effect: 'changes' },
        },
      },
      { name: 'n', kind: 'permits', help: 'how many permits', optional: true },
    ],
    flags: [{ name: 'wait', kind: 'duration', help: 'acquire: how long to wait for them, 30s when not said' }],
    fenced: true,
    effect: 'reads',
    returns: '{name, limit, free, held}',
    help: 'a semaphore: so many permits for all',
    text: 'held: permits of this terminal after acquire and release, else of all. Permits go back when their session ends.',
    examples: ['sem pool set 3', 'sem pool acquire', 'sem pool acquire 2 --wait 0', 'sem pool release 2', 'sem pool'],
  },
} as const satisfies Record<string, Word>;
