/** The limits of what is typed. */

/** Most rows that a list may be asked for: what a node gives in one answer. */
export const COUNT_MAX = 500;

/** The longest duration that can be typed, ms: what a timer can hold. */
export const DURATION_MS_MAX = 2 ** 31 - 1;

/** Longest line of input, bytes. */
export const LINE_BYTES_MAX = 1 << 20;

/** Most permits that a semaphore can have. */
export const PERMITS_MAX = 2 ** 32 - 1;
