/** The modes in which a lock is held: who may hold it beside whom. */
import { LOCK_MODES, type LockModeNumber } from '../../../protocol/operations.js';

/** Shared, update (reads now and means to write: beside sharers, but one at a time), exclusive. The greater one is the stronger. */
export type Mode = LockModeNumber;

export const SHARED: Mode = LOCK_MODES.s;
export const UPDATE: Mode = LOCK_MODES.u;
export const EXCLUSIVE: Mode = LOCK_MODES.x;

/** All modes, the weakest first. */
export const MODES: readonly Mode[] = [SHARED, UPDATE, EXCLUSIVE];

/** True when `mode` is the number of one. */
export function isMode(mode: number): mode is Mode {
  return mode === SHARED || mode === UPDATE || mode === EXCLUSIVE;
}

/** True when two owners can hold a lock at once in these modes: S and S, or S and U. */
export function compatible(a: Mode, b: Mode): boolean {
  return CONFLICTS[a].every((mode) => mode !== b);
}

/** The modes that cannot be held beside each. */
export const CONFLICTS: Readonly<Record<Mode, readonly Mode[]>> = {
  [LOCK_MODES.s]: [EXCLUSIVE],
  [LOCK_MODES.u]: [UPDATE, EXCLUSIVE],
  [LOCK_MODES.x]: MODES,
};
