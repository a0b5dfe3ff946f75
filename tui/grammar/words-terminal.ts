/** The words about the terminal itself. */
import type { Word } from './word.js';

/** Their rows, in the order of `help`. */
export const TERMINAL_WORDS = {
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
    ].join(' '),
    examples: ['exit', '-1'],
  },
} as const satisfies Record<string, Word>;
