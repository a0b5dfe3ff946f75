/** The words about the queue. */
import type { Word } from './word.js';

/** Their rows, in the order of `help`. */
export const QUEUE_WORDS = {
  enqueue: {
    section: 'queue',
    arguments: [{ name: 'x', kind: 'value', help: 'what to put in', insteadFlag: 'file' }],
    flags: [{ name: 'file', kind: 'path', help: 'put in the bytes of a file' }],
    fenced: true,
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
    fenced: true,
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
    fenced: true,
    effect: 'reads',
    returns: 'the number',
    help: 'how many values wait in the queue',
    text: '',
    examples: ['size', 'size @n2'],
  },
} as const satisfies Record<string, Word>;
