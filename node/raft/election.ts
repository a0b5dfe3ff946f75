/** Elections: paper 5.2 and 5.4.1, with PreVote (thesis 9.6) so that a node that comes back never unseats a working leader. */
import { becomeLeader } from './leadership.js';
import { isVoter, tally } from './quorum.js';
import {
  armElection,
  below,
  configurationOf,
  follow,
  forgetLeader,
  others,
  type State,
  send,
  sendDurably,
} from './state.js';
import { invariant, type NodeId, type VoteReply, type VoteRequest } from './types.js';

/** A lost round is tried again after a random delay of this, doubled each time up to an election timeout, ms. */
const RETRY_MS = 50;
/** A closed connection to the leader, or a first majority after the start, is acted on within this, ms. */
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
  startRound(s, true);
}

/** The leader has named this replica its heir: it need not ask first, and voters do not protect the old leader. */
export function campaignAsHeir(s: State): void {
  if (!mayCampaign(s)) return;
  s.transferring = true;
  runForOffice(s);
}

/** Silence is ruled out: the connection to the leader has closed, or a majority is up and nobody has heard a leader yet. */
export function expectElection(s: State): void {
  s.contactAt = Number.NEGATIVE_INFINITY;
  s.electionAt = Math.min(s.electionAt, s.now + below(s, EVIDENCE_MS));
}

/** Someone asks for this replica's vote. */
export function onVoteRequest(s: State, from: NodeId, request: VoteRequest): void {
  const reply = (granted: boolean, term: number): VoteReply => ({
    kind: 'vote_reply',
    group: s.group,
    term,
    pre: request.pre,
    granted,
  });
  // Whoever hears a leader protects it: neither vote nor term moves. This and PreVote together keep a returning node from deposing it.
  const hearsLeader = s.role === 'leader' || (s.leader !== '' && s.now - s.contactAt < s.settings.election_ms);
  const protectsLeader = hearsLeader && !request.transfer;
  const upToDate = isUpToDate(s, request.lastTerm, request.lastIndex);
  if (request.pre) {
    // A pre-vote changes nothing here, and it is granted even if the real vote of that term has gone elsewhere.
    const granted = request.term > s.term && upToDate && !protectsLeader;
    send(s, from, reply(granted, granted ? request.term : s.term));
    return;
  }
  if (request.term > s.term && !protectsLeader) follow(s, request.term, '', `a candidate of term ${request.term}`);
  const granted = request.term === s.term && (s.vote === '' || s.vote === from) && upToDate && s.role !== 'leader';
  if (!granted) {
    send(s, from, reply(false, s.term));
    return;
  }
  if (s.vote !== from) {
    s.vote = from;
    s.stateDirty = true;
  }
  armElection(s);
  sendDurably(s, from, reply(true, s.term));
}

/** An answer to a request of this replica's. */
export function onVoteReply(s: State, from: NodeId, reply: VoteReply): void {
  if (!reply.granted && reply.term > s.term) {
    follow(s, reply.term, '', `${from} is in term ${reply.term}`);
    return;
  }
  // A granted pre-vote is not a vote: only answers to the question that is open count.
  if (s.role !== (reply.pre ? 'precandidate' : 'candidate')) return;
  if (!reply.granted) {
    // Refused by someone who still hears the leader, or who votes for itself: do not sit out a whole timeout.
    if (!s.votes.has(from)) s.votes.set(from, false);
    retrySoon(s);
  } else if (reply.term === (reply.pre ? s.term + 1 : s.term)) {
    s.votes.set(from, true);
    settle(s);
  }
}

/** This replica's own vote has become durable. */
export function ownVoteSaved(s: State): void {
  if (s.role !== 'candidate' || s.vote !== s.self || s.stateDirty || s.stateSave > s.savedSequence) return;
  s.votes.set(s.self, true);
  settle(s);
}

function mayCampaign(s: State): boolean {
  return isVoter(configurationOf(s), s.self) && s.role !== 'leader';
}

function runForOffice(s: State): void {
  armElection(s);
  forgetLeader(s);
  s.role = 'candidate';
  s.term++;
  s.vote = s.self;
  s.stateDirty = true;
  s.verified = 0;
  s.ackOwed = false;
  s.out.changed = true;
  startRound(s, false);
}

function startRound(s: State, pre: boolean): void {
  s.votes.clear();
  const request: VoteRequest = {
    kind: 'vote_request',
    group: s.group,
    term: pre ? s.term + 1 : s.term,
    pre,
    lastIndex: s.log.durable,
    lastTerm: s.log.termAt(s.log.durable) ?? 0,
    transfer: s.transferring,
  };
  for (const id of others(s)) {
    if (!isVoter(configurationOf(s), id)) continue;
    if (pre) send(s, id, request);
    else sendDurably(s, id, request);
  }
  // The own vote of an election counts when it is durable; the own opinion in a pre-vote at once.
  if (pre) {
    s.votes.set(s.self, true);
    settle(s);
  }
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
