/** What a replica starts from, and the state that makes. */
import { LOG_BEGIN, RaftLog } from './log.js';
import { isQuorum } from './quorum.js';
import { newRepair } from './repair.js';
import type { Run } from './run.js';
import type { Checkpoint } from './snapshots.js';
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
  /** The configuration before the first entry; with a checkpoint, its own counts. */
  readonly configuration: Configuration;
  readonly settings: RaftSettings;
  readonly random: Random;
  /** What was found on disk. */
  readonly hardState: HardState;
  readonly runs: readonly Run[];
  /** Configurations found in `runs`, in order. */
  readonly configurations: readonly ConfigurationAt[];
  /** The newest flushed checkpoint: everything up to there is applied. `runs` lie behind it, or hold its very entry. */
  readonly start?: Checkpoint | null;
  /** Part of what is on disk was lost, or all of it (repair.ts). */
  readonly repairing?: boolean;
  readonly now: number;
}

/** Runs that several followers wait for at once, in appends: so much of what was read back is kept. */
const APPENDS_RELOADED_MAX = 8;

/** A replica as it begins: a follower that knows of no leader. */
export function initialState(options: GroupOptions): State {
  const { group, self, settings, random, hardState, start = null, repairing = false, now } = options;
  const log = new RaftLog(
    options.runs,
    settings.log_cache_bytes_max,
    APPENDS_RELOADED_MAX * settings.append_bytes_max,
    start ?? LOG_BEGIN,
  );
  // Of a damaged disk the hard state may be what was lost.
  const term = repairing ? Math.max(hardState.term, log.lastTerm) : hardState.term;
  invariant(log.lastTerm <= term, `entries of term ${log.lastTerm} on disk, but no hard state of it`);
  const begin = start?.index ?? 0;
  const s: State = {
    group,
    self,
    settings,
    random,
    log,
    term,
    vote: hardState.vote,
    commit: begin,
    applied: begin,
    snapshot: begin,
    role: 'follower',
    leader: '',
    configurations: [
      { index: begin, configuration: start?.configuration ?? options.configuration },
      ...options.configurations.filter(({ index }) => index > begin),
    ],
    now,
    time: Math.max(log.lastTime, start?.time ?? 0),
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
    durableTerm: hardState.term,
    // What the disk holds may be a log that did not agree with the checkpoint: nothing may be written behind that.
    unsavedStart: start !== null && options.runs.length === 0 ? { index: start.index, term: start.term } : null,
    unsaved: [],
    saveSequence: 0,
    savedSequence: 0,
    saves: [],
    held: new Map(),
    loading: new Set(),
    repair: repairing ? newRepair() : null,
    out: { messages: [], reads: [], loads: [], snapshots: [], repaired: false, changed: true, reason: '' },
  };
  follow(s, s.term, '', '');
  // A group of one need not wait for silence.
  if (isQuorum(configurationOf(s), (id) => id === self)) s.electionAt = now;
  return s;
}
