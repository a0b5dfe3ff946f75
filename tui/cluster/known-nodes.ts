/**
 * What a data folder remembers of its cluster, in cluster.json: its name, its members, and which of them were born. A node that was born
 * once has voted and promised; started again without its data it could break those promises, so it is not.
 */
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ConcordError } from '../../protocol/errors.js';

/** Version of cluster.json. */
const KNOWN_VERSION = 1;

/** Files that the keeper itself puts into a node's folder. */
export const KEEPER_FILES = { log: 'stderr.log', pid: 'node.pid' } as const;

interface Remembered {
  readonly version: number;
  readonly cluster: string;
  readonly members: readonly string[];
  readonly born: readonly string[];
}

/** The memory of one data folder. */
export class KnownNodes {
  readonly #file: string;
  #remembered: Remembered;

  /** @throws ConcordError BAD_CONFIG when the folder belongs to another cluster, START_FAILED when its memory cannot be read */
  constructor(folder: string, cluster: string, members: readonly string[]) {
    this.#file = join(folder, 'cluster.json');
    this.#remembered = remembered(this.#file) ?? { version: KNOWN_VERSION, cluster, members, born: [] };
    const { cluster: name, members: names, born } = this.#remembered;
    if (name !== cluster) throw new ConcordError('BAD_CONFIG', `${folder} holds the cluster ${name}, not ${cluster}`);
    if (born.length === 0) this.#remembered = { version: KNOWN_VERSION, cluster, members, born };
    else if ([...names].sort().join() !== [...members].sort().join()) {
      const was = names.join(', ');
      throw new ConcordError(
        'BAD_CONFIG',
        `the cluster in ${folder} was born with the nodes ${was}; configured are ${members.join(', ')}`,
      );
    }
  }

  /** @throws ConcordError START_FAILED when the node was born and `folder`, its data, is gone */
  refuseLost(id: string, folder: string): void {
    if (!this.#remembered.born.includes(id) || holdsData(folder)) return;
    const message = `${id} has data in this cluster, but its folder ${folder} is missing or empty. Started without, it would forget what it promised: put the folder back.`;
    throw new ConcordError('START_FAILED', message, { details: { node: id, folder } });
  }

  /** Remembers, durably, that a node has served. */
  markBorn(id: string): void {
    if (this.#remembered.born.includes(id)) return;
    this.#remembered = { ...this.#remembered, born: [...this.#remembered.born, id] };
    const draft = `${this.#file}.draft`;
    const file = openSync(draft, 'w');
    try {
      writeSync(file, `${JSON.stringify(this.#remembered)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, this.#file);
  }
}

/** Text logs and the pid are no data: they may be all that is left after somebody cleaned up. */
function holdsData(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => !name.endsWith('.log') && name !== KEEPER_FILES.pid);
  } catch {
    return false;
  }
}

function remembered(file: string): Remembered | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    const value = JSON.parse(text);
    const isNames = (names: unknown) => Array.isArray(names) && names.every((name) => typeof name === 'string');
    if (
      value.version === KNOWN_VERSION &&
      typeof value.cluster === 'string' &&
      isNames(value.members) &&
      isNames(value.born)
    ) {
      return value;
    }
  } catch {
    // Falls through to the refusal: what was remembered must not be forgotten silently.
  }
  throw new ConcordError(
    'START_FAILED',
    `${file} is damaged or of another version of Concord; put back the one that was there`,
  );
}
