/** The committed log of a group, entry by entry: no command is done with a token older than one that was seen before it. */
import { decodeEntry } from '../../node/services/entry.js';
import type { Applied } from '../../node/services/group-machine.js';
import { readFence } from '../../protocol/fence.js';
import { BrokenPromise } from './promise.js';

/** With these the command has not come so far that its token was looked at. */
const NOT_RUN: ReadonlySet<string> = new Set([
  'INVALID',
  'LANE_GAP',
  'LANE_FORGOTTEN',
  'WINDOW_FULL',
  'RETRY',
  'SESSION_EXPIRED',
  'VOID',
]);

export class FenceWatch {
  /** Lock -> greatest token of a command that was done, or would have been. */
  readonly #seen = new Map<string, number>();
  /** Commands that were done: a repeat is answered from what is remembered. */
  readonly #done = new Set<string>();

  /** An entry has been applied. @throws BrokenPromise */
  applied(entry: Buffer, { session, lane, outcome }: Applied): void {
    const decoded = decodeEntry(entry);
    if (decoded === undefined || !('envelope' in decoded) || outcome === undefined) return;
    const fence = readFence(decoded.envelope.fence);
    const key = `${session}/${lane}`;
    if (fence === undefined || this.#done.has(key)) return;
    const code = outcome.form === 'refusal' ? outcome.code : '';
    if (NOT_RUN.has(code)) return;
    this.#done.add(key);
    const { lock, token } = fence;
    const seen = this.#seen.get(lock) ?? 0;
    if (code === 'FENCED') return;
    if (token < seen) throw new BrokenPromise(`Fenced: a command with token ${token} of ${lock} is done after ${seen}`);
    this.#seen.set(lock, token);
  }
}
