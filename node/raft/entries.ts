/** Changes to the log of a replica, and what hangs on them: what is to be saved, the configuration in force, the commit index. */
import { configurationIn } from './configuration.js';
import { Progress } from './progress.js';
import { lastOf, type Run } from './run.js';
import { hearTime, others, type State } from './state.js';
import { invariant } from './types.js';

/** Appends a run that continues the log. */
export function append(s: State, run: Run): void {
  s.log.append(run);
  s.unsaved.push(run);
  hearTime(s, run.term, run.time);
  rememberConfiguration(s, run);
}

/** Removes the entries from `index` on. */
export function truncate(s: State, index: number): void {
  invariant(index > s.commit, `entry ${index} is committed (${s.commit}) and must not be cut`);
  invariant(index > s.verified, `entry ${index} is the leader's own (${s.verified}) and must not be cut`);
  s.log.truncate(index);
  // What is on its way to disk may be overwritten by what follows: it no longer proves anything from here on.
  for (const save of s.saves) save.last = Math.min(save.last, index - 1);
  s.unsaved = s.unsaved.filter((run) => run.first < index);
  while ((s.configurations.at(-1)?.index ?? 0) >= index) s.configurations.pop();
}

/** Moves the commit index, never back. */
export function advanceCommit(s: State, index: number): void {
  if (index <= s.commit) return;
  invariant(index <= s.log.last, `commit ${index} beyond the log's end ${s.log.last}`);
  if (s.role === 'leader') releaseBytes(s, index);
  s.commit = index;
  s.progressAt = s.now;
  for (const read of s.reads) if (read.index < 0 && s.commit >= s.termStart) read.index = s.commit;
}

// A configuration counts from the moment it is in the log, and an older one returns when it is cut (paper section 6).
function rememberConfiguration(s: State, run: Run): void {
  const configuration = configurationIn(run);
  if (configuration === null) return;
  s.configurations.push({ index: run.first, configuration });
  if (s.role !== 'leader') return;
  for (const id of others(s))
    if (!s.progress.has(id)) s.progress.set(id, new Progress(s.log.last + 1, s.now, s.connected.has(id)));
}

function releaseBytes(s: State, commit: number): void {
  let index = Math.max(s.commit + 1, s.termStart);
  while (index <= commit) {
    const run = s.log.runAt(index);
    if (run === undefined) return;
    if (lastOf(run) <= commit) s.uncommittedBytes -= run.size;
    index = lastOf(run) + 1;
  }
}
