/**
 * All mutations, in the order of the table. Not among them is what a second rule makes up for where frames keep their order on a connection,
 * and tests of the core alone hold: an acknowledgement of an older term counted, a round confirmed by one that follows another leader. Nor that
 * word of an old hold is taken for the new one: for that it has to be delayed past a second grant to the same owner, which 400 seeds do not do.
 */
import { CLIENT_MISTAKES } from './mistakes/client.js';
import { ELECTION_MISTAKES } from './mistakes/election.js';
import { LOCK_MISTAKES } from './mistakes/locks.js';
import { QUEUE_MISTAKES } from './mistakes/queue.js';
import { READ_MISTAKES } from './mistakes/reads.js';
import { REPLICATION_MISTAKES } from './mistakes/replication.js';
import { SESSION_MISTAKES } from './mistakes/sessions.js';
import { STORAGE_MISTAKES } from './mistakes/storage.js';
import type { Mutation } from './mutation.js';

export const MUTATIONS: readonly Mutation[] = [
  ...ELECTION_MISTAKES,
  ...REPLICATION_MISTAKES,
  ...STORAGE_MISTAKES,
  ...READ_MISTAKES,
  ...SESSION_MISTAKES,
  ...QUEUE_MISTAKES,
  ...LOCK_MISTAKES,
  ...CLIENT_MISTAKES,
];
