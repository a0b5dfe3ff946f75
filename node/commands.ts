/** The way of a command into a log: who may run it here, and whether its session is alive. */
import { decodeEnvelope, type Envelope } from '../protocol/envelope.js';
import { ConcordError } from '../protocol/errors.js';
import type { MessageOf } from '../protocol/messages.js';
import { type Client, fail, proposalOf, type Replica } from './replica.js';
import { ENTRY_KINDS, firstCommandEntry } from './services/entry.js';
import type { Sessions } from './services/sessions.js';

/** Commands that wait until this node's replica of `c` has caught up with their sessions. */
const PARKED_MAX = 16_384;

/** What commands need of their node. */
export interface CommandHost {
  now(): number;
  replica(group: string): Replica | undefined;
  /** True while the disk has no room for commands that take space. */
  lacksSpace(): boolean;
  notLeader(replica: Replica): ConcordError;
}

interface Parked {
  readonly client: Client;
  readonly correlation: number;
  readonly envelope: Envelope;
  readonly bytes: Buffer;
  readonly replica: Replica;
  readonly deadline: number;
  /** Index of `c` to wait for. */
  readonly until: number;
}

export class Commands {
  readonly #host: CommandHost;
  /** Applied state of `c` on this node. */
  readonly #sessions: Sessions;
  readonly #coordination: Replica;
  #parked: Parked[] = [];
  /** The furthest index of `c` that its leader was asked about. */
  #askedFor = 0;

  constructor(host: CommandHost, sessions: Sessions, coordination: Replica) {
    this.#host = host;
    this.#sessions = sessions;
    this.#coordination = coordination;
  }

  /** A command from a client: it is answered, now or later, in every case. */
  submit(client: Client, message: MessageOf<'command'>): void {
    let envelope: Envelope;
    try {
      envelope = decodeEnvelope(message.envelope);
    } catch (error) {
      fail(client, message.correlation, new ConcordError('INVALID', `the envelope: ${(error as Error).message}`));
      return;
    }
    const replica = this.#host.replica(envelope.group);
    if (replica === undefined)
      fail(client, message.correlation, new ConcordError('NO_SUCH_GROUP', `no group ${envelope.group} here`));
    else
      this.#admit(
        client,
        message.correlation,
        envelope,
        message.envelope,
        replica,
        this.#host.now() + envelope.deadline_ms,
      );
  }

  /** This node's replica of `c` has moved on, time has, or a leadership is over: looks at what was parked. */
  retry(): void {
    const applied = this.#coordination.applied;
    const now = this.#host.now();
    const isDue = ({ until, deadline, replica }: Parked) => until <= applied || deadline <= now || !replica.raft.leads;
    if (!this.#parked.some(isDue)) return;
    const parked = this.#parked;
    this.#parked = [];
    // In order of arrival: the lanes of a session must not overtake each other.
    for (const one of parked)
      this.#admit(one.client, one.correlation, one.envelope, one.bytes, one.replica, one.deadline);
  }

  /** Monotonic time at which a parked command runs out. */
  deadline(): number {
    return this.#parked.reduce((earliest, { deadline }) => Math.min(earliest, deadline), Number.POSITIVE_INFINITY);
  }

  get parked(): number {
    return this.#parked.length;
  }

  #admit(
    client: Client,
    correlation: number,
    envelope: Envelope,
    bytes: Buffer,
    replica: Replica,
    deadline: number,
  ): void {
    const { machine, raft } = replica;
    const { session } = envelope;
    const waiter = { client, correlation, session };
    if (!raft.leads) {
      fail(client, correlation, this.#host.notLeader(replica));
      return;
    }
    if (this.#host.lacksSpace() && machine.growing(envelope.operation)) {
      fail(client, correlation, new ConcordError('NO_SPACE', 'the disk of the leader is nearly full'));
      return;
    }
    if (deadline < this.#host.now()) {
      fail(client, correlation, new ConcordError('DEADLINE', `session ${session} became known here too late`));
      return;
    }
    if (session === 0 || machine.hasLane(session)) {
      replica.propose({ kind: ENTRY_KINDS.command, payload: bytes }, waiter);
      return;
    }
    // Its first command here: whether the session is alive is for `c` to say, as far as this node's replica has read it.
    const seen = this.#coordination.applied;
    const until = Math.max(session, machine.horizon);
    if (seen >= until) {
      if (this.#sessions.alive(session)) replica.propose(proposalOf(firstCommandEntry(seen, bytes)), waiter);
      else fail(client, correlation, new ConcordError('SESSION_EXPIRED', `session ${session} has ended`));
    } else if (deadline <= this.#host.now())
      fail(client, correlation, new ConcordError('DEADLINE', `session ${session} is not known here yet`));
    else if (this.#parked.length >= PARKED_MAX)
      fail(client, correlation, new ConcordError('OVERLOADED', 'too many commands wait for their sessions'));
    else {
      this.#parked.push({ client, correlation, envelope, bytes, replica, deadline, until });
      this.#ask(until, deadline);
    }
  }

  // The next heartbeat of the leader of `c` would tell this node how far it is; a question brings it at once.
  #ask(until: number, deadline: number): void {
    if (until <= this.#askedFor) return;
    this.#askedFor = until;
    this.#coordination.confirm(deadline, () => {});
  }
}
