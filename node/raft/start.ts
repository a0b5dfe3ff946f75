/** What a replica starts from, and the state that makes. */
import { RaftLog } from './log.js';
import { isQuorum } from './quorum.js';
import type { Run } from './run.js';
import { type ConfigurationAt, configurationOf, follow, type Random, type State } from './state.js';
import {
  type Configuration,
  type GroupId,
  type HardState,
  invariant,
  type NodeId,
  type RaftSettings,
} from './types.js';

/** What a replica starts from. */
export interface GroupOptions {
  readonly group: GroupId;
  readonly self: NodeId;
  /** The configuration before the first entry. */
  readonly configuration: Configuration;
  readonly settings: RaftSettings;
  readonly random: Random;
  /** What was found on disk. */
  readonly hardState: HardState;
  readonly runs: readonly Run[];
  /** Configurations found in `runs`, in order. */
  readonly configurations: readonly ConfigurationAt[];
  readonly now: number;
}

/** Runs that several followers wait for at once, in appends: so much of what was read back is kept. */
const APPENDS_RELOADED_MAX = 8;

/** A replica as it begins: a follower that knows of no leader. */
export function initialState(options: GroupOptions): State {
  const { group, self, settings, random, hardState, now } = options;
  const log = new RaftLog(options.runs, settings.log_cache_bytes_max, APPENDS_RELOADED_MAX * settings.append_bytes_max);
  invariant(log.lastTerm <= hardState.term, `entries of term ${log.lastTerm} on disk, but no hard state of it`);
  const s: State = {
    group,
    self,
    settings,
    random,
    log,
    term: hardState.term,
    vote: hardState.vote,
    commit: 0,
    applied: 0,
    role: 'follower',
    leader: '',
    configurations: [{ index: 0, configuration: options.configuration }, ...options.configurations],
    now,
    time: log.lastTime,
    timeTerm: log.lastTerm,
    timeAt: now,
    electionAt: 0,
    contactAt: Number.NEGATIVE_INFINITY,
    verified: 0,
    ackOwed: false,
    forwarded: new Map(),
    votes: new Map(),
    attempts: 0,
    transferring: false,
    connected: new Set(),
    progress: new Map(),
    termStart: 0,
    transfer: null,
    uncommittedBytes: 0,
    progressAt: now,
    quorumCheckAt: 0,
    reads: [],
    stateDirty: false,
    stateSave: 0,
    unsaved: [],
    saveSequence: 0,
    savedSequence: 0,
    saves: [],
    held: new Map(),
    loading: new Set(),
    out: { messages: [], reads: [], loads: [], changed: true, reason: '' },
  };
  follow(s, s.term, '', '');
  // A group of one need not wait for silence.
  if (isQuorum(configurationOf(s), (id) => id === self)) s.electionAt = now;
  return s;
}
