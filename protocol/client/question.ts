/** A question of the caller: a read or an admin word, put to one node at a time, which can be given up. */
import { ConcordError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { MessageOf } from '../messages.js';
import { Ask, type AskOwner, type Question } from './ask.js';
import type { Link } from './link.js';
import { readReply } from './reply.js';
import type { CallOptions, Receipt } from './types.js';

/** Questions (reads, admin words) under way at once. */
const ASKS_MAX = LIMITS.requests_max;

/** What a question needs of its client. */
export interface QuestionOwner extends AskOwner {
  readonly follow: boolean;
  readonly timeout_ms: number;
}

/** Asks a node and waits for the one kind of answer that fits. @throws ConcordError OVERLOADED, and what an `Ask` ends in */
export function question(
  owner: QuestionOwner,
  options: CallOptions | undefined,
  kind: { readonly effect: boolean; readonly answers: 'reply' | 'answer' },
  message: Question['message'],
): Promise<Receipt> {
  const signal = options?.signal;
  if (signal?.aborted === true)
    return Promise.reject(new ConcordError('CANCELLED', 'given up before it was sent', { definite: true }));
  if (owner.asks.size >= ASKS_MAX)
    return Promise.reject(new ConcordError('OVERLOADED', `this client asks ${ASKS_MAX} questions already`));
  const started_ms = owner.alarms.now();
  let abort = () => {};
  const asked = new Promise<Receipt>((resolve, reject) => {
    const ask = new Ask(
      owner,
      {
        node: options?.node ?? '',
        leaderOf: '',
        follow: owner.follow,
        effect: kind.effect,
        message,
        answered: (answer, link) => {
          if (answer.kind === kind.answers) receiptOf(answer, link, owner.alarms.now() - started_ms, resolve, reject);
          else reject(new ConcordError('INTERNAL', `${link.node} answered with ${answer.kind}`));
        },
        failed: reject,
      },
      options?.timeout_ms ?? owner.timeout_ms,
    );
    abort = () => ask.giveUp(new ConcordError('CANCELLED'));
  });
  if (signal === undefined) return asked;
  signal.addEventListener('abort', abort, { once: true });
  return asked.finally(() => signal.removeEventListener('abort', abort));
}

/** Resolves with what an answer holds, or rejects with the refusal in it. */
function receiptOf(
  answer: MessageOf<'reply'> | MessageOf<'answer'>,
  { node }: Link,
  ms: number,
  resolve: (receipt: Receipt) => void,
  reject: (error: ConcordError) => void,
): void {
  if (answer.kind === 'answer') {
    resolve({ value: answer.value, node, group: '', term: 0, index: 0, ms });
    return;
  }
  const value = readReply(answer, node);
  const { group, term, index } = answer;
  if (value instanceof ConcordError) reject(value);
  else resolve({ value, node, group, term, index, ms });
}
