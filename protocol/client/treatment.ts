/** What the library makes of a refusal, code by code: a table, so that nothing is decided twice. */
import { CODES, ConcordError, type ErrorCode, type ErrorDetails, isErrorCode } from '../errors.js';
import type { MessageOf } from '../messages.js';

/**
 * elsewhere: this node cannot, another may. again: the same again after a pause. ended: the session is gone. forgotten: what became
 * of it will never be known. answer: it is the caller's to know.
 */
export type Treatment = 'elsewhere' | 'again' | 'ended' | 'forgotten' | 'answer';

const TREATMENTS: Partial<Record<ErrorCode, Treatment>> = {
  NOT_LEADER: 'elsewhere',
  NO_LEADER: 'elsewhere',
  NO_SUCH_GROUP: 'elsewhere',
  STOPPING: 'elsewhere',
  RETRY: 'again',
  LANE_GAP: 'again',
  OVERLOADED: 'again',
  WINDOW_FULL: 'again',
  // The node lost sight of it. Sending it again tells: what ran is answered from the record.
  TIMEOUT: 'again',
  SESSION_EXPIRED: 'ended',
  LANE_FORGOTTEN: 'forgotten',
};

/** Refusals of a command that did not use up its lane number, also when they come as a reply. */
const NOT_RUN: ReadonlySet<string> = new Set(['RETRY', 'LANE_GAP', 'WINDOW_FULL', 'SESSION_EXPIRED']);

/** What to do about `code`. */
export function treatmentOf(code: ErrorCode): Treatment {
  return TREATMENTS[code] ?? 'answer';
}

/** True when a reply with this refusal means that the command did not run at all: its number is still to be used. */
export function leavesNumber(code: string): boolean {
  return NOT_RUN.has(code);
}

/** The error in a `failure`. A code that this version does not know becomes INTERNAL and stays in the text. */
export function failureError(failure: MessageOf<'failure'>): ConcordError {
  return errorOf(failure.code, failure.message, failure.details, failure.definite);
}

/** An error as it came over the wire; `definite` undefined leaves it to the catalogue. */
export function errorOf(code: string, message: string, details: unknown, definite?: boolean): ConcordError {
  const known = isErrorCode(code);
  const name: ErrorCode = known ? code : 'INTERNAL';
  return new ConcordError(name, known ? message || CODES[name].meaning : `${code}: ${message}`, {
    definite: definite ?? CODES[name].definite,
    details: isDetails(details) ? details : {},
  });
}

function isDetails(value: unknown): value is ErrorDetails {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}
