/** What has to be durable before what: saves in order, and the messages that wait for them (thesis 3.8; openraft, I/O ordering). */
import type { Save, State } from './state.js';
import { send } from './state.js';
import type { HardState, NodeId, PeerMessage } from './types.js';

/** Kinds of messages that wait for a save: requests for votes, votes, acknowledgements. Of each, one for each member may. */
export const HELD_KINDS = 3;

/** Sends when the hard state as it stands is durable: at once if it is. A newer message of a kind to the same peer replaces the older. */
export function sendDurably(s: State, to: NodeId, message: PeerMessage): void {
  const sequence = s.stateDirty ? s.saveSequence + 1 : s.stateSave;
  if (sequence <= s.savedSequence) send(s, to, message);
  else s.held.set(`${to} ${message.kind}`, { sequence, term: s.term, outgoing: { to, message } });
}

/** What is to be made durable now, or null. With it, all of the log is on its way. */
export function takeSave(s: State, now: number): Save | null {
  if (!s.stateDirty && s.unsavedStart === null && s.unsaved.length === 0) return null;
  const sequence = ++s.saveSequence;
  const state: HardState | null = s.stateDirty ? { term: s.term, vote: s.vote } : null;
  if (state !== null) s.stateSave = sequence;
  s.stateDirty = false;
  const start = s.unsavedStart;
  s.unsavedStart = null;
  const runs = s.unsaved;
  s.unsaved = [];
  s.saves.push({ sequence, term: s.term, last: s.log.last, since: now });
  return { sequence, state, start, runs };
}

/** The saves up to `sequence` are durable: so is what of their entries is still in the log, and what waited for their hard state may go. */
export function onSaved(s: State, sequence: number): void {
  s.savedSequence = sequence;
  for (let save = s.saves[0]; save !== undefined && save.sequence <= sequence; save = s.saves[0]) {
    s.log.saved(save.last);
    s.durableTerm = save.term;
    s.saves.shift();
  }
  for (const [key, held] of s.held) {
    if (held.sequence > sequence) continue;
    s.held.delete(key);
    // In another term it would promise what is no longer so.
    if (held.term === s.term) send(s, held.outgoing.to, held.outgoing.message);
  }
}
