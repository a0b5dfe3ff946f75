/** The table of words: everything that parsing, completion, help and the shell know about a word stands in its row here. */
import type { Flag, ParsedArguments, ParsedFlags, Word } from './word.js';

/** Most rows that a list may be asked for: what a node gives in one answer. */
export const COUNT_MAX = 500;

/** The longest duration that can be typed, ms: what a timer can hold. */
export const DURATION_MS_MAX = 2 ** 31 - 1;

/** Longest line of input, bytes. */
export const LINE_BYTES_MAX = 1 << 20;

const node = { name: 'node', kind: 'node', help: 'the id of a node' } as const;
const group = { name: 'group', kind: 'group', help: 'show this group instead of the focus' } as const;

const DOORS = 'Only nodes with --faults take it, as those of --temp do; it ends by `heal` or with the process.';

/** Flags that every word takes. */
export const GLOBAL_FLAGS = [
  { name: 'json', kind: 'switch', help: 'answer with one JSON object' },
  { name: 'timeout', kind: 'duration', help: 'time allowed for the answer, 5s when not said' },
  { name: 'yes', kind: 'switch', help: 'yes, destroy it' },
] as const satisfies readonly Flag[];

/** Every word, in the order of `help`. */
export const WORDS = {
  enqueue: {
    section: 'queue',
    arguments: [{ name: 'x', kind: 'value', help: 'what to put in', insteadFlag: 'file' }],
    flags: [{ name: 'file', kind: 'path', help: 'put in the bytes of a file' }],
    effect: 'changes',
    returns: '{queue, id}',
    help: 'put a value into the queue `default`',
    text: 'The answer comes when the value is on the disks of a majority.',
    examples: ['enqueue(5)', 'enqueue hello', 'enqueue {job: 7, tags: ["a", "b"]}', 'enqueue hex:00ff'],
    tooMany: 'enqueue takes one value, for the queue `default`; a queue by its name will be the word `produce`',
  },
  dequeue: {
    section: 'queue',
    arguments: [],
    flags: [{ name: 'wait', kind: 'duration', help: 'wait so long while the queue is empty' }],
    effect: 'changes',
    returns: 'the value',
    help: 'take the first value out of the queue `default`',
    text: 'An empty queue answers null, and in JSON "found": false. The time of --wait comes on top of --timeout.',
    examples: ['dequeue', 'dequeue --wait 5s'],
  },
  size: {
    section: 'queue',
    arguments: [{ name: 'queue', kind: 'queue', help: '`default`', optional: true }],
    flags: [],
    effect: 'reads',
    returns: 'the number',
    help: 'how many values wait in the queue',
    text: '',
    examples: ['size', 'size @n2'],
  },
  status: {
    section: 'cluster',
    arguments: [],
    flags: [],
    effect: 'reads',
    returns: '{cluster, quorum, groups, nodes, warnings}',
    help: 'the cluster on one page',
    text: 'quorum is {up, needed, of}. Each node and group tells its own state: the rows are not of one instant.',
    examples: ['status', 'status --json'],
  },
  health: {
    section: 'cluster',
    arguments: [],
    flags: [],
    effect: 'reads',
    returns: '{healthy, problems}',
    help: 'is everything up, led and in touch?',
    text: 'From the shell the exit code is 0 when healthy, else 1.',
    examples: ['health', 'health --json'],
  },
  nodes: {
    section: 'cluster',
    arguments: [],
    flags: [group],
    effect: 'reads',
    returns: '[{id, address, state, role, term, commit, applied, lag, leads, missing, since}]',
    help: 'every node and its part in the group in focus',
    text: 'lag: committed entries the node has not been seen to hold. leads: groups it leads. missing: members it has no connection to. since: ms in its role.',
    examples: ['nodes', 'nodes --group c'],
  },
  node: {
    section: 'cluster',
    arguments: [node],
    flags: [group],
    effect: 'reads',
    returns: '{id, address, state, role, term, commit, applied, lag, leads, missing, since}',
    help: 'one node, as a row of `nodes`',
    text: '',
    examples: ['node n2'],
  },
  groups: {
    section: 'cluster',
    arguments: [{ name: 'group', kind: 'group', help: 'only this one', optional: true }],
    flags: [],
    effect: 'reads',
    returns: '[{group, replicas, leader, term, commit, applied, bytes}]',
    help: 'the Raft groups and who leads them',
    text: '`c` coordinates: members and sessions. `s0` holds the queue. bytes is null while groups share one log.',
    examples: ['groups', 'groups s0'],
  },
  log: {
    section: 'cluster',
    arguments: [
      { name: 'n', kind: 'count', help: `how many entries, ${COUNT_MAX} at most`, optional: true, default: 20 },
    ],
    flags: [{ name: 'from', kind: 'index', help: 'first index, else the newest entries' }, group],
    effect: 'reads',
    returns: '[{index, term, kind, session, command, bytes, on}]',
    help: "the log of the group's leader, or of @node",
    text: 'on: the members known to hold the entry on disk.',
    examples: ['log', 'log 5', 'log(50) --from 100 @n2'],
  },
  metrics: {
    section: 'cluster',
    arguments: [
      { name: 'pattern', kind: 'metric', help: 'part of a name, or a whole one with * and ?', optional: true },
    ],
    flags: [],
    effect: 'reads',
    returns: '[{node, name, labels, value}]',
    help: 'what the nodes have counted and measured',
    text: [
      'Of times and sizes there are quantiles (0.5, 0.99, and 1 for the greatest), sum and count since the node was started;',
      'buckets when the pattern names them. What may not grow beyond a limit has that beside it, as name_limit. Names begin',
      'with concord_, which a pattern may leave out. A node that does not answer has the one row concord_up 0.',
    ].join('\n'),
    examples: ['metrics', 'metrics elections', 'metrics disk_*_seconds', 'metrics commands @n2'],
  },
  transfer: {
    section: 'cluster',
    arguments: [node],
    flags: [{ name: 'all', kind: 'switch', help: 'every group, not only the one in focus' }, group],
    effect: 'changes',
    returns: '{group, from, to, term}',
    help: 'hand the leadership of a group to a node',
    text: 'The target has to be up and caught up. With --all the result is an array.',
    examples: ['transfer n2', 'transfer n1 --group c', 'transfer n3 --all'],
  },
  sessions: {
    section: 'cluster',
    arguments: [],
    flags: [],
    effect: 'reads',
    returns: '[{id, client, node, ttl, age, locks, inflight}]',
    help: 'the sessions of clients',
    text: 'ttl and age are milliseconds.',
    examples: ['sessions'],
  },
  session: {
    section: 'cluster',
    arguments: [
      { name: 'id', kind: 'session', help: 'the id of a session' },
      {
        name: 'action',
        kind: 'choice',
        help: 'what to do with it',
        optional: true,
        choices: { kill: { help: 'end it and release what it holds', effect: 'destroys' } },
      },
    ],
    flags: [],
    effect: 'reads',
    returns: '{id, client, node, ttl, age, locks, inflight}',
    help: 'one session, or the end of it',
    text: 'A killed session never comes back: its client gets SESSION_EXPIRED.',
    examples: ['session 14', 'session 14 kill --yes'],
  },
  start: nodeVerb('start the process of a node', 'start n2', 'Answers when the node is ready to serve.'),
  stop: nodeVerb('stop a node in good order', 'stop n2', 'It hands over what it leads first.'),
  kill: nodeVerb('kill a node, as a crash would', 'kill n2', 'SIGKILL. Nothing acknowledged is lost.'),
  restart: nodeVerb('stop a node and start it again', 'restart n2', ''),
  pause: nodeVerb('freeze a node', 'pause n2', 'SIGSTOP: it keeps its connections and says nothing.'),
  resume: nodeVerb('let a frozen node go on', 'resume n2', ''),
  partition: {
    section: 'nodes',
    arguments: [
      {
        name: 'sides',
        kind: 'sides',
        shown: 'n1 | n2 n3',
        help: 'nodes, a |, and the nodes that they are cut off from',
      },
    ],
    flags: [{ name: 'one-way', kind: 'switch', help: 'only what the left ones send is lost' }],
    effect: 'changes',
    returns: '{faults}',
    help: 'cut nodes off from others',
    text: `What they send each other is lost; their connections stay, and clients reach all of them. A shell wants the | in quotes.\n${DOORS}`,
    examples: ['partition n1 | n2 n3', 'partition n1 n2 | n3 --one-way'],
  },
  slow: {
    section: 'nodes',
    arguments: [node, { name: 'time', kind: 'duration', help: 'how much later; 0 ends it' }],
    flags: [{ name: 'disk', kind: 'switch', help: 'its disk, not its links: no sync takes less' }],
    effect: 'changes',
    returns: '{faults}',
    help: 'let what a node sends to the others leave later',
    text: `In order, each message by that time.\n${DOORS}`,
    examples: ['slow n2 200ms', 'slow n2 10ms --disk', 'slow n2 0'],
  },
  lose: {
    section: 'nodes',
    arguments: [node, { name: 'part', kind: 'percent', help: 'how much of it, 0% to 100%; 0% ends it' }],
    flags: [],
    effect: 'changes',
    returns: '{faults}',
    help: 'lose a part of what a node sends to the others',
    text: DOORS,
    examples: ['lose n2 10%'],
  },
  fill: {
    section: 'nodes',
    arguments: [node],
    flags: [],
    effect: 'changes',
    returns: '{faults}',
    help: 'fill the disk of a node',
    text: `Its files grow no more. Once its log needs room it refuses commands that take some.\n${DOORS}`,
    examples: ['fill n2'],
  },
  heal: {
    section: 'nodes',
    arguments: [{ ...node, help: 'only this one, and all links to it', optional: true }],
    flags: [],
    effect: 'changes',
    returns: '{faults}',
    help: 'end all faults, or those of a node',
    text: 'The result is what is still in force.',
    examples: ['heal', 'heal n2'],
  },
  faults: {
    section: 'nodes',
    arguments: [{ ...node, help: 'only of this one', optional: true }],
    flags: [],
    effect: 'reads',
    returns: '{faults}',
    help: 'the faults that are in force',
    text: 'A row for each: {node, fault, peer, way, ms, percent}. A slow without a peer is the disk.',
    examples: ['faults', 'faults n2'],
  },
  use: {
    section: 'terminal',
    arguments: [{ name: 'node', kind: 'node', help: 'the id of a node, or `auto`', also: ['auto'] }],
    flags: [],
    effect: 'none',
    returns: '{node}',
    help: 'the node that this terminal talks to',
    text: '`auto` leaves it to the client: the leader for commands, any node for the rest. @node does it for one command.',
    examples: ['use n2', 'use auto'],
  },
  focus: {
    section: 'terminal',
    arguments: [{ name: 'group', kind: 'group', help: '`c`, `s0`, a name, or `auto`', also: ['auto'] }],
    flags: [],
    effect: 'none',
    returns: '{group}',
    help: 'the group that cards, log and transfer show',
    text: 'A name stands for the group it lives in; `auto` for that of the queue `default`.',
    examples: ['focus c', 'focus auto'],
  },
  help: {
    section: 'terminal',
    arguments: [{ name: 'word', kind: 'word', help: 'a word', optional: true }],
    flags: [],
    effect: 'none',
    returns: '{word, usage, text}',
    help: 'all words, or one of them',
    text: '',
    examples: ['help', 'help log'],
  },
  exit: {
    section: 'terminal',
    aliases: ['quit', '-1'],
    arguments: [],
    flags: [],
    effect: 'none',
    returns: 'nothing',
    help: 'leave',
    text: [
      'The exit code: 0 all went well, 1 a command failed, 2 wrong usage (or a --yes is missing), 3 the cluster could not be',
      'reached or started, 4 the outcome of a command is unknown, 130 interrupted. If several hold, the highest of them.',
    ].join('\n'),
    examples: ['exit', '-1'],
  },
} as const satisfies Record<string, Word>;

/** The words about the processes of local nodes differ in their texts only. */
function nodeVerb<const H extends string, const E extends string>(help: H, example: E, text: string) {
  return {
    section: 'nodes',
    arguments: [node],
    flags: [],
    effect: 'changes',
    returns: '{node, state, pid}',
    help,
    text,
    examples: [example],
  } as const satisfies Word;
}

/** The name of a word: of `exit`, `quit` and `-1` it is `exit`. */
export type WordName = keyof typeof WORDS;

/** A parsed command of the word `W`. */
export interface CommandOf<W extends WordName> {
  readonly word: W;
  /** The line as typed. */
  readonly line: string;
  readonly arguments: ParsedArguments<(typeof WORDS)[W]['arguments']>;
  readonly flags: ParsedFlags<(typeof WORDS)[W]['flags']> & ParsedFlags<typeof GLOBAL_FLAGS>;
  /** The node named by a last token @id, else null. */
  readonly node: string | null;
  /** What running it does. */
  readonly effect: Word['effect'];
}

/** A parsed command of any word. */
export type ParsedCommand = { [W in WordName]: CommandOf<W> }[WordName];

const NAMES = new Map<string, WordName>();
for (const [name, word] of entries()) {
  NAMES.set(name, name);
  for (const alias of word.aliases ?? []) NAMES.set(alias, name);
}

/** Every word with its row, in the order of `help`. */
export function entries(): [WordName, Word][] {
  return Object.entries(WORDS) as [WordName, Word][];
}

/** The row of a word. */
export function wordOf(name: WordName): Word {
  return WORDS[name];
}

/** The name of the word that `text` spells, or undefined. */
export function wordName(text: string): WordName | undefined {
  return NAMES.get(text);
}

/** Every spelling of every word. */
export function spellings(): string[] {
  return [...NAMES.keys()];
}
