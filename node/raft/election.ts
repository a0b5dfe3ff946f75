/** Elections: paper 5.2 and 5.4.1, with PreVote (thesis 9.6) so that a node that comes back never unseats a working leader. */
import { sendDurably } from './durability.js';
import { becomeLeader } from './leadership.js';
import { isVoter, tally } from './quorum.js';
import {
  armElection,
  below,
  configurationOf,
  enterTerm,
  follow,
  forgetLeader,
  others,
  type State,
  send,
} from './state.js';
import { invariant, type NodeId, type VoteReply, type VoteRequest } from './types.js';

/** A lost round is tried again after a random delay of this, doubled each time up to an election timeout, ms. */
const RETRY_MS = 50;
/** A closed connection to the leader, or a majority that can be asked for a new one, is acted on within this, ms. */
const EVIDENCE_MS = 100;

/** The election timer has run out: asks first whether an election could be won. */
export function campaign(s: State): void {
  armElection(s);
  if (!mayCampaign(s)) return;
  s.attempts++;
  forgetLeader(s);
  s.out.changed ||= s.role !== 'precandidate';
  s.role = 'precandidate';
  s.transferring = false;
  startRound(s);
  // The own opinion counts at once, the own vote of an election only when it is durable.
  s.votes.set(s.self, true);
  settle(s);
}

/** The leader has named this replica its heir: it need not ask first, and voters do not protect the old leader. */
export function campaignAsHeir(s: State): void {
  if (!mayCampaign(s)) return;
  s.transferring = true;
  runForOffice(s);
}

/** Silence need not be waited for: the connection to the leader has closed, or none is known and a majority can be asked. */
export function expectElection(s: State): void {
  s.contactAt = Number.NEGATIVE_INFINITY;
  s.electionAt = Math.min(s.electionAt, s.now + below(s, EVIDENCE_MS));
}

/** Asks `id` again: the request may have been lost with the link before. */
export function askAgain(s: State, id: NodeId): void {
  if (isRunning(s) && !s.votes.has(id) && isVoter(configurationOf(s), id)) ask(s, id);
}

/** A round that those who are left cannot let this replica win is over: it does not sit out a whole timeout. */
export function retryIfLost(s: State): void {
  if (!isRunning(s)) return;
  const voteOf = (id: NodeId) => s.votes.get(id) ?? (id === s.self || s.connected.has(id) ? undefined : false);
  if (tally(configurationOf(s), voteOf) === 'lost') retrySoon(s);
}

/** Someone asks for this replica's vote. */
export function onVoteRequest(s: State, from: NodeId, request: VoteRequest): void {
  const { pre } = request;
  const reply = (granted: boolean, term: number): VoteReply => ({
    kind: 'vote_reply',
    group: s.group,
    term,
    pre,
    granted,
  });
  // Whoever hears a leader protects it: neither vote nor term moves. This and PreVote together keep a returning node from deposing it.
  const hearsLeader = s.role === 'leader' || (s.leader !== '' && s.now - s.contactAt < s.settings.election_ms);
  const protectsLeader = hearsLeader && !request.transfer;
  const upToDate = isUpToDate(s, request.lastTerm, request.lastIndex);
  if (pre) {
    // A pre-vote changes nothing here, and it is granted even if the real vote of that term has gone elsewhere.
    const granted = request.term > s.term && upToDate && !protectsLeader && s.repair === null;
    send(s, from, reply(granted, granted ? request.term : s.term));
    return;
  }
  if (request.term > s.term && !protectsLeader) follow(s, request.term, '', `a candidate of term ${request.term}`);
  const free = (s.vote === '' || s.vote === from) && s.role !== 'leader' && s.repair === null;
  const granted = request.term === s.term && free && upToDate;
  if (!granted) {
    send(s, from, reply(false, s.term));
    return;
  }
  if (s.vote !== from) {
    s.vote = from;
    s.stateDirty = true;
  }
  // Whoever votes for another does not go on asking for itself.
  if (s.role === 'precandidate') follow(s, s.term, '', '');
  armElection(s);
  sendDurably(s, from, reply(true, s.term));
}

/** An answer to a request of this replica's. */
export function onVoteReply(s: State, from: NodeId, reply: VoteReply): void {
  if (!reply.granted && reply.term > s.term) {
    const asked = isRunning(s);
    follow(s, reply.term, '', `${from} is in term ${reply.term}`);
    // It asked in a term that was over: that says nothing against asking in the next.
    if (asked) retrySoon(s);
    return;
  }
  // A granted pre-vote is not a vote: only answers to the question that is open count.
  if (s.role !== (reply.pre ? 'precandidate' : 'candidate')) return;
  if (!reply.granted) {
    if (!s.votes.has(from)) s.votes.set(from, false);
    retryIfLost(s);
  } else if (reply.term === termAsked(s)) {
    s.votes.set(from, true);
    settle(s);
  }
}

/** This replica's own vote may have become durable. Called after every save. */
export function ownVoteSaved(s: State): void {
  if (s.role !== 'candidate' || s.stateDirty || s.stateSave > s.savedSequence) return;
  s.votes.set(s.self, true);
  settle(s);
}

function isRunning(s: State): boolean {
  return s.role === 'precandidate' || s.role === 'candidate';
}

function mayCampaign(s: State): boolean {
  return isVoter(configurationOf(s), s.self) && s.role !== 'leader' && s.repair === null;
}

function runForOffice(s: State): void {
  armElection(s);
  forgetLeader(s);
  s.role = 'candidate';
  enterTerm(s, s.term + 1, s.self);
  s.out.changed = true;
  startRound(s);
}

function startRound(s: State): void {
  s.votes.clear();
  for (const id of others(s)) if (isVoter(configurationOf(s), id)) ask(s, id);
}

function ask(s: State, id: NodeId): void {
  const pre = s.role === 'precandidate';
  const request: VoteRequest = {
    kind: 'vote_request',
    group: s.group,
    term: termAsked(s),
    pre,
    // Only what is durable is claimed: a tail that a crash could take must not decide anything.
    lastIndex: s.log.durable,
    lastTerm: s.log.termAt(s.log.durable) ?? 0,
    transfer: s.transferring,
  };
  if (pre) send(s, id, request);
  else sendDurably(s, id, request);
}

function termAsked(s: State): number {
  return s.role === 'precandidate' ? s.term + 1 : s.term;
}

function settle(s: State): void {
  if (tally(configurationOf(s), (id) => s.votes.get(id)) !== 'won') return;
  if (s.role === 'precandidate') runForOffice(s);
  else {
    invariant(s.role === 'candidate' && s.vote === s.self, 'only a candidate that voted for itself wins');
    becomeLeader(s);
  }
}

function retrySoon(s: State): void {
  const longest = Math.min(s.settings.election_ms, RETRY_MS * 2 ** Math.min(s.attempts, 10));
  s.electionAt = Math.min(s.electionAt, s.now + RETRY_MS / 2 + below(s, longest));
}

// Term first, then length; only what is durable here counts, for a lost tail must not have decided anything.
function isUpToDate(s: State, lastTerm: number, lastIndex: number): boolean {
  const ownTerm = s.log.termAt(s.log.durable) ?? 0;
  return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= s.log.durable);
}
