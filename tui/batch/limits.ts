/** How large a batch may be. A file that asks for more is refused before anything runs. */

/** The limits of a batch. */
export const BATCH_LIMITS = {
  file_bytes_max: 1 << 20,
  /** Steps as written, those inside `do` included. */
  steps_max: 2000,
  /** Commands of a whole run: steps times repeats times clients, tries of `within` not counted. */
  runs_max: 1_000_000,
  /** Clients with all copies: each has a connection to every node. */
  clients_max: 64,
  /** `do` inside `do`. */
  depth_max: 8,
  variables_max: 200,
  /** What one client may hold in variables it captured, bytes as `weigh` counts them. */
  captured_bytes_max: 4 << 20,
  /** Nodes of a temporary cluster. */
  nodes_max: 9,
  name_length_max: 64,
  /** Mistakes that are told of one file. */
  mistakes_max: 100,
} as const;
