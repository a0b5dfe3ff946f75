/**
 * All groups of a node: one heartbeat a peer for every group it leads, in numbered rounds. The answer to a round tells which groups are
 * not followed, so that a quorum check and a read count a peer only where it follows (design: coalesced heartbeats).
 */
import type { RaftGroup } from './group.js';
import type { GroupId, Heartbeat, HeartbeatReply, NodeId, Outgoing, PeerMessage, RaftSettings } from './types.js';

/** Times of rounds are noted this often in an election timeout, and kept for two of them: however many rounds there are. */
const NOTES_PER_TIMEOUT = 64;
const NOTES_MAX = 2 * NOTES_PER_TIMEOUT;

interface Note {
  readonly round: number;
  readonly at: number;
}

export class MultiRaft {
  readonly #self: NodeId;
  readonly #settings: RaftSettings;
  readonly #groups = new Map<GroupId, RaftGroup>();
  readonly #peers = new Set<NodeId>();
  #round = 0;
  #beatAt = Number.POSITIVE_INFINITY;
  /** When some rounds were sent, oldest first. */
  readonly #notes: Note[] = [];
  readonly #messages: Outgoing[] = [];

  constructor(self: NodeId, settings: RaftSettings) {
    this.#self = self;
    this.#settings = settings;
  }

  get self(): NodeId {
    return this.#self;
  }

  get groups(): ReadonlyMap<GroupId, RaftGroup> {
    return this.#groups;
  }

  add(group: RaftGroup): void {
    this.#groups.set(group.id, group);
  }

  /** Number of the next round: a read that arrives now is confirmed by its answers. */
  get nextRound(): number {
    return this.#round + 1;
  }

  connected(peer: NodeId, now: number): void {
    this.#peers.add(peer);
    for (const group of this.#groups.values()) group.connected(peer, now);
  }

  disconnected(peer: NodeId, now: number): void {
    this.#peers.delete(peer);
    for (const group of this.#groups.values()) group.disconnected(peer, now);
  }

  /** A message from another node's core. @throws RunError on a malformed run. */
  receive(from: NodeId, message: PeerMessage, now: number): void {
    if (message.kind === 'heartbeat') this.#onHeartbeat(from, message, now);
    else if (message.kind === 'heartbeat_reply') this.#onHeartbeatReply(from, message, now);
    else this.#groups.get(message.group)?.receive(from, message, this.nextRound, now);
  }

  /** Sends a round when one is due, or when reads wait for it. Called at the end of each turn: at most one round a turn. */
  beat(now: number): void {
    let leads = false;
    let due = now >= this.#beatAt;
    for (const group of this.#groups.values()) {
      if (!group.leads) continue;
      leads = true;
      due ||= this.#beatAt === Number.POSITIVE_INFINITY || group.wantsRound(this.nextRound);
    }
    if (!leads) this.#beatAt = Number.POSITIVE_INFINITY;
    if (!leads || !due) return;
    this.#round++;
    this.#beatAt = now + this.#settings.heartbeat_ms;
    this.#note(now);
    for (const peer of this.#peers) {
      const groups: Heartbeat['groups'] = [];
      for (const group of this.#groups.values()) {
        const row = group.heartbeatFor(peer, this.#round, now);
        if (row !== null) groups.push(row);
      }
      if (groups.length > 0)
        this.#messages.push({ to: peer, message: { kind: 'heartbeat', round: this.#round, groups } });
    }
  }

  /** Monotonic time at which `beat` or a group's `tick` is due. */
  deadline(): number {
    let deadline = this.#beatAt;
    for (const group of this.#groups.values()) deadline = Math.min(deadline, group.deadline());
    return deadline;
  }

  /** Lets every group look at the clock. */
  tick(now: number): void {
    for (const group of this.#groups.values()) if (now >= group.deadline()) group.tick(now);
  }

  /** Heartbeats and their answers since the last time. */
  take(): Outgoing[] {
    return this.#messages.splice(0);
  }

  #onHeartbeat(from: NodeId, message: Heartbeat, now: number): void {
    const strays: [GroupId, number][] = [];
    for (const [id, term, commit, time] of message.groups) {
      const group = this.#groups.get(id);
      const stray = group === undefined ? 0 : group.heartbeat(from, term, commit, time, now);
      if (stray !== null) strays.push([id, stray]);
    }
    this.#messages.push({ to: from, message: { kind: 'heartbeat_reply', round: message.round, strays } });
  }

  #onHeartbeatReply(from: NodeId, { round, strays }: HeartbeatReply, now: number): void {
    if (round > this.#round) return;
    const sentAt = this.#sentAt(round);
    const terms = new Map(strays);
    for (const group of this.#groups.values())
      if (group.leads) group.heartbeatReply(from, round, sentAt, terms.get(group.id) ?? null, now);
  }

  #note(now: number): void {
    const last = this.#notes.at(-1);
    if (last !== undefined && now - last.at < this.#settings.election_ms / NOTES_PER_TIMEOUT) return;
    this.#notes.push({ round: this.#round, at: now });
    if (this.#notes.length > NOTES_MAX) this.#notes.shift();
  }

  // When a round was sent, or a little before; a round from before the notes proves no contact.
  #sentAt(round: number): number {
    return this.#notes.findLast((note) => note.round <= round)?.at ?? Number.NEGATIVE_INFINITY;
  }
}
