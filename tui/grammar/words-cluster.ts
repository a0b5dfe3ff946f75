/** The words about the cluster: its nodes, groups, logs, metrics and sessions. */
import { COUNT_MAX } from './limits.js';
import type { Word } from './word.js';

const node = { name: 'node', kind: 'node', help: 'the id of a node' } as const;
const group = { name: 'group', kind: 'group', help: 'show this group instead of the focus' } as const;

/** Their rows, in the order of `help`. */
export const CLUSTER_WORDS = {
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
    ].join(' '),
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
    text: 'ttl and age are milliseconds. locks: how many it holds. inflight: commands of it that wait for something.',
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
} as const satisfies Record<string, Word>;
