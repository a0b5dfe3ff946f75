/** The reply to a command as every face of the terminal shows it: one object with all keys always there. */
import type { ErrorCode } from '../../protocol/errors.js';

/** Why a command failed. */
export interface ReplyError {
  readonly code: ErrorCode;
  readonly message: string;
  /** false: it may have taken effect. */
  readonly definite: boolean;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** What a command came to. null where void. */
export interface Reply {
  /** The command as typed. */
  readonly command: string;
  readonly ok: boolean;
  readonly result: unknown;
  readonly error: ReplyError | null;
  readonly node: string | null;
  readonly group: string | null;
  readonly term: number | null;
  readonly index: number | null;
  readonly ms: number | null;
  /** Only where a thing asked for may be missing: `dequeue` of an empty queue. */
  readonly found?: false;
}
