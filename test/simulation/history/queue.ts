/** Model of Concord's queue: first in, first out, and numbered without gaps from 1. */
import type { Model } from './model.js';
import { gather, type QueueFacts, type QueueInput, type QueueOutput } from './queue-facts.js';

/**
 * Messages leave in the order of their ids, so a queue always holds a run of them, and two numbers are its whole state.
 * Which body has which id does not change in time: `gather` compares that once, for the whole history.
 */
export interface QueueState {
  /** Lowest id that nobody has taken. */
  readonly first: number;
  /** Id of the next message. */
  readonly next: number;
}

type QueueModel = Model<QueueState, QueueInput, QueueOutput>;

/** Nothing is known yet, and everything may be. */
const NO_FACTS: QueueFacts = { bodies: new Map(), received: new Set(), last: 0, sized: true };

/**
 * The model of a queue that begins empty. The drain at the end of a run needs no word of its own: it is the dequeues
 * that received the rest and the one that found nothing, and they say that whatever was enqueued before is out. (Not
 * that a body which nobody saw was never enqueued: a dequeue whose answer was lost may have taken it.)
 */
export const queue: QueueModel = queueModel(NO_FACTS);

function queueModel(facts: QueueFacts): QueueModel {
  return {
    name: 'queue',
    init: { first: 1, next: 1 },
    step: (state, input, output) => step(facts, state, input, output),
    key: ({ first, next }) => `${first},${next}`,
    reads: ({ op }, output) => op === 'size' || (op === 'dequeue' && output === null),
    // The bodies of enqueues that stay unknown were seen by nobody, so they make no difference.
    alike: ({ op }) => op,
    describe,
    show: (state) => show(facts, state),
    settle: (history) => {
      const { facts, operations, contradictions } = gather(history);
      return { model: queueModel(facts), operations, contradictions };
    },
  };
}

function step(
  facts: QueueFacts,
  state: QueueState,
  input: QueueInput,
  output: QueueOutput | undefined,
): QueueState | undefined {
  const { first, next } = state;
  switch (input.op) {
    case 'enqueue': {
      const fits = output === undefined ? mayBeUnseen(facts, next) : output === next;
      return fits ? { first, next: next + 1 } : undefined;
    }
    case 'dequeue': {
      if (output === null) return first === next ? state : undefined;
      if (first === next) return output === undefined ? state : undefined;
      const fits =
        output === undefined ? !facts.received.has(first) : typeof output === 'object' && output.id === first;
      return fits ? { first: first + 1, next } : undefined;
    }
    case 'size':
      return output === undefined || output === next - first ? state : undefined;
  }
}

// May an unknown enqueue, whose body nobody ever saw, have been given this id? Not when an answer names the id: it is
// another's. And above all those named only a size could tell that it happened. Without one, all that have ids up
// there can be left out of an order, together with the unknown dequeues that take them (nobody received them): no
// other message gets another id by that, and the queue is still empty whenever it was.
function mayBeUnseen({ bodies, last, sized }: QueueFacts, id: number): boolean {
  return !bodies.has(id) && (id < last || sized);
}

function describe(input: QueueInput, output: QueueOutput | undefined): string {
  const asked = input.op === 'enqueue' ? `enqueue ${input.body}` : input.op;
  if (output === undefined) return `${asked} -> ?`;
  if (output === null) return `${asked} -> empty`;
  return typeof output === 'number' ? `${asked} -> ${output}` : `${asked} -> ${output.id} ${output.body}`;
}

function show({ bodies }: QueueFacts, { first, next }: QueueState): string {
  if (first === next) return `the queue is empty and the next id ${next}`;
  const body = bodies.get(first) ?? 'a body that nobody saw';
  return `the queue holds ${next - first}, the first ${first} (${body}), and the next id is ${next}`;
}
