/** How a step ended, and what a batch came to: what the reports are made of. */
import { EXIT, exitCodeOf } from '../plain/exit-code.js';
import type { Reply } from '../session/reply.js';
import type { Leaf } from './batch.js';
import type { Difference, Expectation } from './expectation.js';

/** A step that ended. */
export interface Ended {
  readonly client: string;
  readonly step: Leaf;
  /** `stopped`: the batch was interrupted, or another client's miss ended it. */
  readonly outcome: 'held' | 'missed' | 'stopped';
  /** The last reply; one made up for steps that run no command. */
  readonly reply: Reply;
  /** With its variables filled in. */
  readonly expected: Expectation | null;
  /** Why it missed, where a difference does not say it. */
  readonly why: string | null;
  readonly difference: Difference | null;
  /** How often it ran, tries of `within` not counted. */
  readonly runs: number;
  /** How often its last run was tried. */
  readonly tries: number;
  /** All its runs together, tries and all, ms. */
  readonly ms: number;
}

/** What a batch came to. */
export interface Totals {
  readonly clients: number;
  /** Steps of all clients, as written. */
  readonly steps: number;
  readonly held: number;
  readonly missed: number;
  readonly stopped: number;
  /** Not run, because of an earlier miss or an interruption. */
  readonly skipped: number;
  /** Commands that were run. */
  readonly runs: number;
  readonly ms: number;
  readonly code: number;
}

/** The exit code of a step. */
export function codeOf({ outcome, reply, why }: Ended): number {
  if (outcome !== 'missed') return EXIT.ok;
  return why !== null ? EXIT.failed : Math.max(EXIT.failed, exitCodeOf(reply));
}

/** The reply of a step that runs no command: what it did, and how it went. */
export function replyOf(command: string, ms: number): Reply {
  const rounded = Math.round(ms * 1000) / 1000;
  const more = { node: null, group: null, term: null, index: null, ms: rounded };
  return { command, ok: true, result: null, error: null, ...more };
}
