/** The words about local nodes: their processes, and what can be broken in them. */
import type { Word } from './word.js';

const node = { name: 'node', kind: 'node', help: 'the id of a node' } as const;

const DOORS = 'Only nodes with --faults take it, as those of --temp do; it ends by `heal` or with the process.';

/** Their rows, in the order of `help`. */
export const NODE_WORDS = {
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
