/** How a call ends that has no answer: which code, and whether it is sure that it did not happen. */
import { ConcordError, type ErrorCode } from '../errors.js';
import type { Call } from './call.js';
import type { Obstacle } from './route.js';

/** Why a call is given up. */
export type GivenUp = Extract<ErrorCode, 'DEADLINE' | 'CANCELLED' | 'CLOSED'>;

/** The error of `call`, given up `ms` after it was made. `obstacle`: what stood in its way if it was never sent. */
export function endingOf(call: Call, why: GivenUp, ms: number, obstacle: Obstacle | undefined): ConcordError {
  const definite = call.never;
  // A refusal is told even when an earlier attempt leaves it open whether the command ran.
  const details = call.verdict === undefined ? {} : { refused: call.verdict.code };
  if (why !== 'DEADLINE') return new ConcordError(why, undefined, { definite, details });
  const within = `within ${Math.round(ms)} ms`;
  if (!definite)
    return new ConcordError('TIMEOUT', `no answer ${within}; the command may have taken effect`, { details });
  if (obstacle === undefined) return new ConcordError('DEADLINE', `not started ${within}`);
  return new ConcordError(obstacle.code, `${obstacle.message} ${within}`, { details: obstacle.details });
}
