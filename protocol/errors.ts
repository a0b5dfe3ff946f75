/** The catalogue of error codes: what each means, whether the command may have taken effect, and what to do next. */

interface Code {
  /** true: it did not and will not happen. false: it may have happened. */
  readonly definite: boolean;
  /** One sentence for documents and `help`. */
  readonly meaning: string;
  /** What a person can do next. */
  readonly hint: string;
}

const code = (definite: boolean, meaning: string, hint: string): Code => ({ definite, meaning, hint });

/** Every code that Concord can answer with. Codes are stable: a meaning never changes, a code is never used again. */
export const CODES = {
  // The connection. The node closes it after each of these.
  BAD_FRAME: code(
    true,
    'The bytes are no frame of this protocol.',
    'Check that the client speaks the Concord protocol and that nothing else writes to this port.',
  ),
  FRAME_TOO_BIG: code(
    true,
    'A frame is larger than the limit.',
    'Send less in one command: a frame holds at most 1 MiB.',
  ),
  BAD_MESSAGE: code(
    true,
    'A message has a wrong kind, field or type.',
    'Compare the message with the catalogue in protocol/README.md.',
  ),
  NOT_ALLOWED: code(
    true,
    'This connection may not send that message.',
    'A client connection can never send the messages of a peer.',
  ),
  HELLO_EXPECTED: code(true, 'The first message has to be a hello, in time.', 'Send HELLO first, within five seconds.'),
  VERSION: code(
    true,
    'The other side speaks another version of the protocol.',
    'Run the same version of Concord on both sides.',
  ),
  WRONG_CLUSTER: code(
    true,
    'This node belongs to another cluster.',
    'Check the address, or leave the cluster name out.',
  ),
  WRONG_NODE: code(
    true,
    'This address belongs to another node than the one expected.',
    'Check the peers in the configuration of both nodes.',
  ),
  UNKNOWN_MEMBER: code(
    true,
    'This node is not a member of the cluster, or lost its data and came back empty.',
    'Restore its data folder, or remove the member and add it as a new one.',
  ),
  TOO_MANY_CONNECTIONS: code(
    true,
    'The node has as many connections as it allows.',
    'Close connections that are not used, or use another node.',
  ),
  TOO_SLOW: code(true, 'The other side does not read what it is sent.', 'Read replies as fast as requests are sent.'),

  // Where a command goes.
  NOT_LEADER: code(true, 'This node does not lead the group.', 'Send the command to the leader that the reply names.'),
  NO_LEADER: code(
    true,
    'The group has no leader at the moment.',
    'Try again shortly: a majority of its nodes has to be up and connected.',
  ),
  NO_SUCH_GROUP: code(true, 'This node has no replica of that group.', 'Ask another node, or check the name.'),
  STOPPING: code(true, 'The node is stopping.', 'Use another node.'),
  OVERLOADED: code(true, 'The node has as much work waiting as it allows.', 'Slow down and try again.'),
  NO_SPACE: code(true, 'The disk of the node is nearly full.', 'Make room; commands that free space still work.'),
  RETRY: code(
    true,
    'The command met a change and was not executed.',
    'Send it again; the client library does so by itself.',
  ),

  // Time.
  DEADLINE: code(
    true,
    'The deadline passed before the command was started.',
    'Allow more time with --timeout, or look at `health`.',
  ),
  TIMEOUT: code(
    false,
    'No answer came before the deadline; the command may have taken effect.',
    'Look before repeating it: read the state it would have changed.',
  ),
  UNREACHABLE: code(
    true,
    'No node of the cluster could be reached.',
    'Check that the nodes are up (`status`) and the addresses right.',
  ),
  CANCELLED: code(false, 'The call was given up by its caller; it may have taken effect.', 'Look before repeating it.'),
  CLOSED: code(false, 'The client was closed before an answer came.', 'Look before repeating it.'),

  // Sessions and lanes.
  SESSION_EXPIRED: code(true, 'The session has ended.', 'Open a new session; what the old one held is released.'),
  LANE_GAP: code(
    true,
    'A command arrived before one that was numbered before it.',
    'Send the unanswered commands again, in order.',
  ),
  LANE_FORGOTTEN: code(
    false,
    'The reply to this command was confirmed or is too old to be remembered.',
    'Do not repeat a command whose reply was received.',
  ),
  WINDOW_FULL: code(
    true,
    'The session has too many replies unconfirmed.',
    'Confirm replies, or send fewer commands at once.',
  ),
  VOID: code(
    true,
    'The command was closed before it ran.',
    'It never happened; send it again as a new command if it is still wanted.',
  ),

  // Commands.
  INVALID: code(true, 'The command has a wrong argument.', 'Look at `help` for the word.'),
  UNKNOWN_COMMAND: code(true, 'The node does not know this command.', 'Run the same version of Concord on both sides.'),
  TOO_BIG: code(true, 'A value is larger than the limit.', 'A body holds at most 1,000,000 bytes.'),
  QUEUE_FULL: code(true, 'The queue has as many messages as it allows.', 'Take messages out first.'),
  WAIT_LIMIT: code(true, 'Too many commands wait already.', 'Wait for fewer things at once.'),
  // Locks.
  WOULD_BLOCK: code(
    true,
    'The lock is held by others.',
    'Wait for it with --wait, or look at its holders with `lock`.',
  ),
  LOCK_TIMEOUT: code(
    true,
    'The lock was not free in time.',
    'Look at its holders with `lock`, allow more with --wait, or take it from them with `revoke`.',
  ),
  DEADLOCK: code(
    true,
    'Waiting would never end: owners wait for each other in a circle.',
    'Release all that this owner holds and begin again; to read first and write later acquire mode u.',
  ),
  NOT_HOLDER: code(
    true,
    'This owner does not hold it.',
    'Look at its holders with `lock`; what was held may have run out.',
  ),
  STALE_TOKEN: code(true, 'The lock was given anew since that token.', 'Acquire it again; the old hold is gone.'),
  FENCED: code(
    true,
    'The fencing token is older than one that was seen here.',
    'The lock has had another holder since: stop, and acquire it again.',
  ),
  REENTRANCY_LIMIT: code(true, 'The owner holds it as many times as it may.', 'Release it as often as it is acquired.'),
  LOCK_LIMIT: code(true, 'There are as many locks, holds or waits as there may be.', 'Release some first.'),
  LOCK_LOST: code(
    true,
    'The lock is no longer ours, or nobody can be sure that it is.',
    'Stop what it guarded; acquire it again, and use fencing tokens for what others guard by it.',
  ),
  NO_SUCH_SEMAPHORE: code(true, 'There is no semaphore of that name.', 'Make it with `sem name set n`.'),
  TRANSFER_FAILED: code(
    true,
    'The leadership was not handed over.',
    'Look at `nodes`: the target has to be up and caught up.',
  ),
  FAULTS_OFF: code(
    true,
    'This node takes no faults: it was started without its fault doors.',
    'Start the nodes with --faults: `concord --temp`, or `concord down` and then `concord up --faults`.',
  ),

  // The terminal.
  USAGE: code(true, 'The command line could not be understood.', 'Look at `help`.'),
  UNKNOWN_WORD: code(true, 'There is no such word.', 'Type `help` for the list.'),
  UNKNOWN_NODE: code(true, 'There is no node of that name.', 'Type `nodes` for the list.'),
  NO_KEEPER: code(
    true,
    'The nodes of this cluster were not started from here.',
    'Start and stop them where they were started.',
  ),
  ALREADY: code(true, 'It is so already.', 'Nothing to do.'),
  NOT_RUNNING: code(true, 'The node is not running.', 'Start it with `start`.'),
  PORT_TAKEN: code(
    true,
    'A port is in use by another program.',
    'Stop that program or change the port in the configuration.',
  ),
  START_FAILED: code(true, 'A node did not start.', 'Read the last lines of its log.'),
  BAD_CONFIG: code(true, 'The configuration has a mistake.', 'Mend the line that is named.'),
  CONFIRM: code(true, 'This destroys something and needs a yes.', 'Repeat it with --yes.'),
  INTERNAL: code(false, 'A defect of Concord.', 'Please report it with the log of the node.'),
} as const satisfies Record<string, Code>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof CODES;

/** True when `text` is a code of the catalogue. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(CODES, text);
}

/** Further facts of an error, plain data: `{leader: 'n2', address: '127.0.0.1:7102'}`. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** An error of the catalogue with what happened to what. */
export class ConcordError extends Error {
  override readonly name = 'ConcordError';
  readonly code: ErrorCode;
  /** false: the command may have taken effect. */
  readonly definite: boolean;
  readonly details: ErrorDetails;

  /** `definite` overrides the catalogue, for example when a first attempt may have gone through. */
  constructor(code: ErrorCode, message?: string, options: { definite?: boolean; details?: ErrorDetails } = {}) {
    super(message ?? CODES[code].meaning);
    this.code = code;
    this.definite = options.definite ?? CODES[code].definite;
    this.details = options.details ?? {};
  }

  /** What a person can do next. */
  get hint(): string {
    return CODES[this.code].hint;
  }
}
