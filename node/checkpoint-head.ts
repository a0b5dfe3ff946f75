/** The head of a checkpoint: what the base says of a group besides its rows. Committed in one with the last of them. */
import { decode, encode } from '../protocol/codec.js';
import { list, text, tuple, u32, u53 } from '../protocol/fields.js';
import { LIMITS } from '../protocol/limits.js';
import type { Configuration } from './raft/types.js';
import { MACHINE_VERSION } from './services/group-machine.js';
import type { Base } from './storage/base.js';
import { StorageError } from './storage/errors.js';

/** What a group was when it was written down. */
export interface CheckpointHead {
  /** The rows of this space of the base are its state; those of any other are left over. */
  readonly space: number;
  /** The last entry that was applied, and its term. */
  readonly index: number;
  readonly term: number;
  /** Cluster time of that entry, ms. */
  readonly time: number;
  /** The configuration in force at that entry. */
  readonly configuration: Configuration;
  /** The version of the state machine that wrote the rows. */
  readonly machine: number;
}

const FORMAT_VERSION = 1;

const ids = list(text(LIMITS.id_length_max), LIMITS.members_max);
const HEAD = tuple(u32, u53, u53, u53, u53, tuple(ids, ids, ids), u32);

export function encodeHead({ space, index, term, time, configuration, machine }: CheckpointHead): Buffer {
  const { voters, outgoing, learners } = configuration;
  return encode([FORMAT_VERSION, space, index, term, time, [voters, outgoing, learners], machine]);
}

/** @throws StorageError FORMAT when it is of another version, ROT when it is none */
export function decodeHead(bytes: Buffer): CheckpointHead {
  const value: unknown = decode(bytes);
  if (Array.isArray(value) && value[0] !== FORMAT_VERSION)
    throw new StorageError('FORMAT', 'checkpoint', 0, `it is of format ${value[0]}, this is ${FORMAT_VERSION}`);
  const [, space, index, term, time, [voters, outgoing, learners], machine] = HEAD.check(value);
  if (machine !== MACHINE_VERSION)
    throw new StorageError('FORMAT', 'checkpoint', 0, `its rows are of version ${machine}, this is ${MACHINE_VERSION}`);
  return { space, index, term, time, configuration: { voters, outgoing, learners }, machine };
}

/** The heads in a base, by group. @throws StorageError FORMAT when one cannot be read */
export function headsOf(base: Base): Map<string, CheckpointHead> {
  return new Map([...base.heads()].map(([group, bytes]) => [group, decodeHead(bytes)]));
}
