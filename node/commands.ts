/** The way of a command into a log: who may run it here, and whether its session is alive. */
import { decodeEnvelope, type Envelope } from '../protocol/envelope.js';
import { ConcordError } from '../protocol/errors.js';
import type { MessageOf } from '../protocol/messages.js';
import { OUTCOMES } from './observe/tally.js';
import { type Client, fail, proposalOf, type Replica } from './replica.js';
import { ENTRY_KINDS, firstCommandEntry } from './services/entry.js';
import type { Directory } from './services/sessions.js';

/** Commands that wait until this node's replica of `c` has caught up with their sessions. */
export const PARKED_MAX = 16_384;

/** What commands need of their node. */
export interface CommandHost {
  now(): number;
  replica(group: string): Replica | undefined;
  /** True while the disk has no room for commands that take space. */
  lacksSpace(): boolean;
  notLeader(replica: Replica): ConcordError;
}

interface Command {
  readonly client: Client;
  readonly correlation: number;
  readonly session: number;
  readonly operation: number;
  /** The envelope as it came. */
  readonly bytes: Buffer;
  readonly replica: Replica;
  /** When it arrived, monotonic ms. */
  readonly since: number;
  /** Monotonic time by which it has to be proposed. */
  readonly deadline: number;
}

interface Parked {
  readonly command: Command;
  /** Index of `c` to wait for. */
  readonly until: number;
}

export class Commands {
  readonly #host: CommandHost;
  /** Applied state of `c` on this node. */
  readonly #directory: Directory;
  readonly #coordination: Replica;
  /** Commands that named no group here, or could not be read. */
  misdirected = 0;
  #parked: Parked[] = [];
  /** The furthest index of `c` that its leader was asked about. */
  #askedFor = 0;

  constructor(host: CommandHost, directory: Directory, coordination: Replica) {
    this.#host = host;
    this.#directory = directory;
    this.#coordination = coordination;
  }

  /** A command from a client: it is answered, now or later, in every case. */
  submit(client: Client, { correlation, envelope: bytes }: MessageOf<'command'>): void {
    let envelope: Envelope;
    try {
      envelope = decodeEnvelope(bytes);
    } catch (error) {
      this.misdirected++;
      fail(client, correlation, new ConcordError('INVALID', `the envelope: ${(error as Error).message}`));
      return;
    }
    const { group, session, operation, deadline_ms } = envelope;
    const replica = this.#host.replica(group);
    if (replica === undefined) {
      this.misdirected++;
      fail(client, correlation, new ConcordError('NO_SUCH_GROUP', `no group ${group} here`));
      return;
    }
    const since = this.#host.now();
    const command = { client, correlation, session, operation, bytes, replica, since, deadline: since + deadline_ms };
    const until = this.#admit(command);
    if (until === 0) return;
    if (this.#parked.length >= PARKED_MAX)
      refuse(command, new ConcordError('OVERLOADED', 'too many commands wait for their sessions'));
    // What came is a slice of all that its socket read at once: who waits must not hold on to so much.
    else this.#park({ ...command, bytes: Buffer.from(bytes) }, until);
  }

  /** This node's replica of `c` has moved on, time has, or a leadership is over: looks at what was parked. */
  retry(): void {
    const { known } = this.#coordination;
    const now = this.#host.now();
    const isDue = ({ command: { deadline, replica }, until }: Parked) =>
      until <= known || deadline <= now || !replica.raft.leads;
    if (!this.#parked.some(isDue)) return;
    const parked = this.#parked;
    this.#parked = [];
    // In order of arrival: the lanes of a session must not overtake each other.
    for (const { command } of parked) {
      const until = this.#admit(command);
      if (until > 0) this.#park(command, until);
    }
  }

  /** Monotonic time at which a parked command runs out. */
  deadline(): number {
    return this.#parked.reduce(
      (earliest, { command }) => Math.min(earliest, command.deadline),
      Number.POSITIVE_INFINITY,
    );
  }

  get parked(): number {
    return this.#parked.length;
  }

  /** Proposes a command or answers it, and returns 0; or the index of `c` that this node's replica has to come to first. */
  #admit(command: Command): number {
    const { client, correlation, session, operation, bytes, replica, since, deadline } = command;
    const { machine, raft } = replica;
    const waiter = { client, correlation, session, operation, since };
    const known = session === 0 || machine.hasLane(session);
    // Its first command here: whether the session is alive is for `c` to say, as far as this node's replica has read it.
    const seen = this.#coordination.known;
    const until = known ? 0 : Math.max(session, machine.horizon);
    const left_ms = deadline - this.#host.now();
    if (!raft.leads) refuse(command, this.#host.notLeader(replica));
    else if (this.#host.lacksSpace() && machine.growing(operation))
      refuse(command, new ConcordError('NO_SPACE', 'the disk of the leader is nearly full'));
    else if (left_ms < 0 || (left_ms === 0 && until > seen))
      refuse(command, new ConcordError('DEADLINE', `session ${session} was not known here in time`));
    else if (until > seen) return until;
    else if (known) replica.propose({ kind: ENTRY_KINDS.command, payload: bytes }, waiter);
    else if (this.#directory.sessions.alive(session))
      replica.propose(proposalOf(firstCommandEntry(seen, bytes)), waiter);
    else refuse(command, new ConcordError('SESSION_EXPIRED', `session ${session} has ended`));
    return 0;
  }

  #park(command: Command, until: number): void {
    this.#parked.push({ command, until });
    this.#ask(until, command.deadline);
  }

  // The next heartbeat of the leader of `c` would tell this node how far it is; a question brings it at once.
  #ask(until: number, deadline: number): void {
    if (until <= this.#askedFor) return;
    this.#askedFor = until;
    this.#coordination.confirm(deadline, () => {});
  }
}

function refuse({ client, correlation, operation, replica }: Command, error: ConcordError): void {
  replica.counts.commands.count(operation, OUTCOMES.failed);
  fail(client, correlation, error);
}
