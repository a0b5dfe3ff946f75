/** The limits of the protocol: what a peer can make grow has a bound here, with its unit last in the name. */
export const LIMITS = {
  /** A frame's body. Larger ones are refused before they are buffered. */
  frame_bytes_max: 1 << 20,
  /** A frame's body before the hello was accepted. */
  hello_bytes_max: 4096,
  /** A command's envelope: small enough that a log run and an append message around it still fit a frame. */
  envelope_bytes_max: 1_016_000,
  /** A command's body: an envelope less the names around it. */
  body_bytes_max: 1_000_000,
  /** Nesting of a message. */
  depth_max: 32,
  /** Items in a message, containers and their contents counted alike. */
  items_max: 65_536,
  id_length_max: 32,
  name_length_max: 255,
  group_length_max: 16,
  /** Locks that one command may ask for. */
  locks_per_request_max: 64,
  /** A fence: the name of a lock, a colon and 16 digits. */
  fence_length_max: 272,
  /** A note that a holder leaves on its lock. */
  note_length_max: 255,
  address_length_max: 255,
  message_length_max: 1024,
  members_max: 64,
  groups_max: 1024,
  runs_per_append_max: 1024,
  /** The head of a checkpoint. */
  head_bytes_max: 16_384,
  /** A connection that has not said hello by then is closed. */
  hello_ms_max: 5000,
  /** A connection that one side has closed and the other keeps open is cut after this. */
  linger_ms_max: 1000,
  /** The shortest and the longest TTL: a session ends when nothing was heard of its client for so long. */
  ttl_ms_min: 1000,
  ttl_ms_max: 3_600_000,
  /** Bytes waiting to be sent on one connection before it is cut as too slow. */
  outgoing_bytes_max: 64 << 20,
  /** Bytes waiting to be sent on one connection above which its requests are no longer read. */
  outgoing_bytes_pause: 4 << 20,
  /** Requests of one client connection under way at a node before it stops reading. */
  requests_max: 4096,
  /** Commands of one session and group without a confirmed reply. */
  window_max: 1024,
  /** Connections of a node, peers included. */
  connections_max: 1024,
} as const;
