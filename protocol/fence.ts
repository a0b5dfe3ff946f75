/** A fence: the name of a lock and a token of it, "lock:token" as it travels and as people type it. */
import { LIMITS } from './limits.js';

/** That of a holder, sent along with what the lock guards. */
export interface Fence {
  readonly lock: string;
  /** 1 to 2^53 - 1; a later holder has a greater one. */
  readonly token: number;
}

/** Told whoever wrote something else. */
export const FENCE_RULE = 'a fence is a lock and its token, like deploy:4711';

/** As `readFence` reads it. */
export function fenceText({ lock, token }: Fence): string {
  return `${lock}:${token}`;
}

/** The fence in `text`, or undefined when it is none. Of several colons the last separates: the name of a lock may hold others. */
export function readFence(text: string): Fence | undefined {
  const colon = text.lastIndexOf(':');
  const digits = text.slice(colon + 1);
  if (colon < 1 || colon > LIMITS.name_length_max || !/^[1-9]\d{0,15}$/.test(digits)) return undefined;
  const token = Number(digits);
  return Number.isSafeInteger(token) ? { lock: text.slice(0, colon), token } : undefined;
}
