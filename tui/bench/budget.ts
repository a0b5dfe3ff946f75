/** What a command may cost each process, and the measurement beside it. */

/** Processor time, us a command. */
export interface Budget {
  readonly client: number;
  readonly leader: number;
  readonly follower: number;
}

/**
 * 70,000 commands a second are meant to fit two cores with the load on them: 28 us for each, over four processes. The leader gets
 * most, for it alone reads commands, replies, and feeds the others; 2 us stay for everybody else.
 */
export const BUDGET_US: Budget = { client: 6, leader: 10, follower: 5 };
