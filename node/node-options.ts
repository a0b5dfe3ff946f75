/** What a node is made of: what it is told, what was found on its disk, and what it tells whoever runs it. */
import type { Damage } from '../protocol/client/types.js';
import type { Budgets } from './checkpoints.js';
import type { FaultDoors } from './faults/doors.js';
import type { FoundRun } from './groups.js';
import type { RaftSettings } from './raft/types.js';
import type { Base } from './storage/base.js';
import type { Identity } from './storage/identity.js';
import type { Log, Recovered } from './storage/log.js';

/** What a node is told. */
export interface NodeOptions {
  readonly id: string;
  readonly listen: string;
  /** Address of every first member, this node's own among them. */
  readonly members: ReadonlyMap<string, string>;
  readonly identity: Identity;
  readonly raft: RaftSettings;
  readonly version: string;
  readonly pid: number;
  readonly budgets: Budgets;
  /** Only of a node that may be broken on order. */
  readonly faults?: FaultDoors;
}

/** What was found on its disk. */
export interface Found {
  readonly base: Base;
  readonly log: Log;
  readonly recovered: Recovered<FoundRun>;
  /** What was damaged and begun anew. */
  readonly damaged: readonly Damage[];
}

/** What a node tells whoever runs it. */
export interface NodeHandlers {
  /** An event worth a line in the log. */
  event(event: string, facts: Readonly<Record<string, unknown>>): void;
  /** Keeps a changed identity; the node goes on when it is durable. */
  remember(identity: Identity, done: () => void): void;
  /** The rows of all checkpoints have been read. */
  loaded(): void;
  /** The node cannot go on. It has stopped doing anything. */
  fatal(error: Error): void;
}
