/** What a leader knows of one other member: how far its log agrees, and what is under way to it. */
interface Flight {
  readonly last: number;
  readonly bytes: number;
}

/**
 * Probe: where the logs part is not known; one append at a time. Replicate: they agree up to `match`; appends follow each other without
 * waiting, bounded in number and bytes. Snapshot: it needs what is purged here, and gets nothing else meanwhile. (etcd-io/raft, tracker.)
 */
export class Progress {
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  /** Highest index known to be durable and equal on the member. Invariant: match < next. */
  match = 0;
  /** Next index to send. */
  next: number;
  /** The first heartbeat round that told it of this leadership, 0 before: answers to earlier ones prove nothing. */
  firstRound = 0;
  /** Highest heartbeat round it answered while following this leader's term. */
  round = 0;
  /** When the heartbeat it last answered was sent: it certainly heard of this leader after that. */
  contactAt: number;
  /** When something that should have been acknowledged was sent. */
  sentAt = 0;
  /** What it lacks next is being read from disk. */
  loading = false;
  /** A link to it is up. */
  connected: boolean;
  /** In state `snapshot`: one is on its way. Else the last one came to nothing. */
  streaming = false;
  /** It has no vote, and what it acknowledged earlier may be lost: it said so in its last answer. */
  repairing = false;
  #flights: Flight[] = [];
  #bytes = 0;

  constructor(next: number, now: number, connected: boolean) {
    this.next = next;
    this.contactAt = now;
    this.connected = connected;
  }

  /** May an append with entries be sent now? */
  maySend(inFlightMax: number, bytesMax: number): boolean {
    if (!this.connected || this.loading || this.state === 'snapshot') return false;
    if (this.state === 'probe') return this.#flights.length === 0;
    return this.#flights.length < inFlightMax && this.#bytes < bytesMax;
  }

  get inFlight(): number {
    return this.#flights.length;
  }

  /** Where to start over when what was sent may be lost: behind what is known to agree, or where it was last looked for. */
  get restart(): number {
    return this.match === 0 ? this.next : this.match + 1;
  }

  /** An append whose last entry is `last` has been sent. */
  sent(last: number, bytes: number, now: number): void {
    if (this.#flights.length === 0) this.sentAt = now;
    this.#flights.push({ last, bytes });
    this.#bytes += bytes;
    if (this.state === 'replicate') this.next = last + 1;
  }

  /** Everything up to `match` is durable there. Returns true when that is news. */
  acknowledged(match: number, now: number): boolean {
    while (this.#flights.length > 0 && (this.#flights[0]?.last ?? 0) <= match)
      this.#bytes -= this.#flights.shift()?.bytes ?? 0;
    this.sentAt = now;
    // Late news from before a snapshot change nothing, unless they make it unnecessary.
    if (this.state !== 'snapshot' || match >= this.next - 1) {
      // Not rejected: the logs agree up to what was sent, though not all of it need be durable yet.
      this.state = 'replicate';
      this.next = Math.max(this.next, match + 1, (this.#flights.at(-1)?.last ?? 0) + 1);
    }
    if (match <= this.match) return false;
    this.match = match;
    return true;
  }

  /** A rejection of an append behind `previous` that comes late: that has since been acknowledged, or is not what is being asked. */
  isStale(previous: number): boolean {
    if (this.state === 'snapshot') return true;
    return previous <= this.match || (this.state === 'probe' && previous !== this.next - 1);
  }

  /** What it acknowledged it has lost: it has to be looked for anew where the logs part. */
  forget(): void {
    this.match = 0;
  }

  /** It needs what is purged: a snapshot is on its way, behind which `next` is the first that can be sent. */
  awaitSnapshot(next: number): void {
    this.probe(next);
    this.state = 'snapshot';
    this.streaming = true;
  }

  /** Starts over from `next`: after a rejection, a loss or a new connection. */
  probe(next: number): void {
    this.state = 'probe';
    this.next = Math.max(next, this.match + 1);
    this.loading = false;
    this.streaming = false;
    this.#flights = [];
    this.#bytes = 0;
  }
}
