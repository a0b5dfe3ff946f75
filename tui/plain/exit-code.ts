/** What the shell is told at the end. */
import type { Reply } from '../session/reply.js';

/** The exit codes of `concord`. Of several commands the highest holds: an outcome that is unknown must not be hidden by others. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, unknown: 4, interrupted: 130 } as const;

/** The exit code of one reply. */
export function exitCodeOf(reply: Reply): number {
  const { error } = reply;
  if (error === null) return isUnhealthy(reply.result) ? EXIT.failed : EXIT.ok;
  if (!error.definite) return EXIT.unknown;
  switch (error.code) {
    case 'USAGE':
    case 'UNKNOWN_WORD':
    case 'BAD_CONFIG':
    case 'CONFIRM':
      return EXIT.usage;
    case 'UNREACHABLE':
    case 'START_FAILED':
    case 'PORT_TAKEN':
      return EXIT.unreachable;
    default:
      return EXIT.failed;
  }
}

/** True for the result of `health` when something is wrong. */
function isUnhealthy(result: unknown): boolean {
  return result instanceof Object && 'healthy' in result && 'problems' in result && result.healthy === false;
}
