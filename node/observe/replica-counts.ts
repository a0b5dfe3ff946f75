/** What a replica counts while it works: plain numbers, read when somebody asks for metrics. */
import { Durations, Histogram } from './histogram.js';
import type { Leadership } from './leadership.js';
import type { Tally } from './tally.js';

export class ReplicaCounts {
  /** Commands of all groups of the node. */
  readonly commands: Tally;
  readonly leadership: Leadership;
  /** From the arrival of a command to its answer. */
  readonly commandTimes = new Durations();
  /** From the arrival of a read to its answer. */
  readonly readTimes = new Durations();
  /** Entries proposed together. */
  readonly proposals = new Histogram();
  /** Payload of entries proposed. */
  proposedBytes = 0;
  /** Entries that were not taken. */
  proposalsRefused = 0;
  /** Commands refused for their fencing tokens: told on the leader, those that waited among them. */
  fenced = 0;
  /** Entries applied since this process began. */
  applied = 0;

  constructor(commands: Tally, leadership: Leadership) {
    this.commands = commands;
    this.leadership = leadership;
  }
}
