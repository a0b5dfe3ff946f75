/** What a terminal asks of the keeper, the process that owns the local nodes. */

/** The verbs about local nodes. */
export const NODE_VERBS = ['start', 'stop', 'kill', 'restart', 'pause', 'resume'] as const;
export type NodeVerb = (typeof NODE_VERBS)[number];

/**
 * The fault doors of the nodes of a keeper: none; open, so that they can be broken on order; or open, and every write held back until
 * its sync, so that a killed node has lost what a power cut would have taken.
 */
export const FAULT_DOORS = ['off', 'on', 'hold-writes'] as const;
export type FaultDoors = (typeof FAULT_DOORS)[number];

/** State of a node's process. */
export type ProcessState = 'starting' | 'running' | 'paused' | 'stopping' | 'stopped' | 'killed' | 'failed';

/** One local node as its keeper knows it. */
export interface LocalNode {
  readonly id: string;
  readonly address: string;
  readonly data: string;
  readonly state: ProcessState;
  /** null while there is no process. */
  readonly pid: number | null;
  /** Why it failed, else ''. */
  readonly reason: string;
}

/** A terminal's hold on the keeper. While at least one terminal holds it, the nodes run. */
export interface Keeper {
  readonly cluster: string;
  /** All nodes as last pushed by the keeper. */
  readonly nodes: readonly LocalNode[];
  /** Carries out a verb; resolves when the process is in its new state (for start: ready to serve). @throws ConcordError */
  order(verb: NodeVerb, node: string): Promise<LocalNode>;
  /** Calls back at every change of a node's process. Returns the way to stop. */
  watch(listener: (nodes: readonly LocalNode[]) => void): () => void;
  /** Lets go. The last one to leave stops the nodes, unless the keeper was told to stay (`concord up`). */
  leave(): Promise<void>;
}
