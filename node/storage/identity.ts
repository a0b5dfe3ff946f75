/** Who a node is: a small file in its data folder, replaced as a whole or not at all. */
import { crc32 } from 'node:zlib';
import { type Field, FieldError, flag, list, text, tuple } from '../../protocol/fields.js';
import { LIMITS } from '../../protocol/limits.js';
import type { Done, Files } from '../world.js';
import { StorageError } from './errors.js';
import { makeDurableFolder } from './folder.js';

/** What a node must not forget about itself and the others. */
export interface Identity {
  readonly cluster: string;
  readonly node: string;
  /** Chosen anew for each empty data folder: a node that lost its data is not the one that voted. */
  readonly incarnation: string;
  /** The cluster has been founded: from then on members are known by their incarnations. */
  readonly born: boolean;
  /** Incarnations by node. */
  readonly members: Readonly<Record<string, string>>;
  /** Part of what it had was lost: it has no vote until it holds again all that it can have acknowledged. */
  readonly repairing: boolean;
}

const NAME = 'identity.json';
const VERSION = 3;
/** A longer file is none of ours. */
const BYTES_MAX = 64 << 10;

const MEMBERS = list(tuple(text(LIMITS.id_length_max), text(64)), LIMITS.members_max);

/** What a file may hold. */
type Written = Partial<Record<keyof Identity | 'version' | 'crc', unknown>>;

/** Reads the identity in a node's data folder; null when there is none yet. Fails with StorageError when it cannot be trusted. */
export function readIdentity(files: Files, folder: string, done: Done<Identity | null>): void {
  const path = `${folder}/${NAME}`;
  files.open(path, {}, (openError, file) => {
    if (openError) return done(openError.code === 'ENOENT' ? null : openError, null);
    file.read(0, BYTES_MAX + 1, (readError, bytes) => {
      file.close(() => {
        if (readError) return done(readError, null);
        const identity = decode(bytes, path);
        if (identity instanceof StorageError) return done(identity, null);
        // It may have been put there just before the node died: what is acted upon has to stay.
        files.syncFolder(folder, (error) => done(error, error ? null : identity));
      });
    });
  });
}

/** Replaces the identity in a node's data folder, which is made when it is missing. One call at a time. */
export function writeIdentity(files: Files, folder: string, identity: Identity, done: Done): void {
  const path = `${folder}/${NAME}`;
  const temporary = `${path}.tmp`;
  const bytes = Buffer.from(`${JSON.stringify({ version: VERSION, ...identity, crc: crcOf(identity) }, null, 2)}\n`);
  inOrder(
    [
      (next) => makeDurableFolder(files, folder, next),
      // What an attempt before may have left could be longer.
      (next) => files.remove(temporary, () => next(null)),
      (next) => writeWhole(files, temporary, bytes, next),
      (next) => files.rename(temporary, path, next),
      (next) => files.syncFolder(folder, next),
    ],
    done,
  );
}

/** Writes a new file, makes it durable and closes it. */
function writeWhole(files: Files, path: string, bytes: Buffer, done: Done): void {
  files.open(path, { exclusive: true }, (openError, file) => {
    if (openError) return done(openError);
    const close: Done = (error) => file.close((closeError) => done(error ?? closeError));
    inOrder([(next) => file.write(0, bytes, next), (next) => file.sync(next)], close);
  });
}

/** Runs steps one after the other, up to the first that fails. */
function inOrder(steps: readonly ((next: Done) => void)[], done: Done): void {
  const [step, ...others] = steps;
  if (step === undefined) done(null);
  else step((error) => (error ? done(error) : inOrder(others, done)));
}

function decode(bytes: Buffer, path: string): Identity | StorageError {
  const rot = (what: string) => new StorageError('ROT', path, 0, what);
  if (bytes.length > BYTES_MAX) return rot('the file is too long for an identity');
  let value: Written;
  try {
    value = Object(JSON.parse(bytes.toString('utf8')));
  } catch {
    return rot('the file is not JSON');
  }
  const { version } = value;
  if (typeof version !== 'number') return rot('the file is no identity of a node');
  if (version !== VERSION)
    return new StorageError('FORMAT', path, 0, `the identity has format ${version}, known is ${VERSION}`);
  try {
    const identity: Identity = {
      cluster: checked('cluster', text(LIMITS.name_length_max), value.cluster),
      node: checked('node', text(LIMITS.id_length_max), value.node),
      incarnation: checked('incarnation', text(64), value.incarnation),
      born: checked('born', flag, value.born),
      members: Object.fromEntries(checked('members', MEMBERS, Object.entries(Object(value.members)))),
      repairing: checked('repairing', flag, value.repairing),
    };
    return value.crc === crcOf(identity) ? identity : rot('the identity is not what was written');
  } catch (error) {
    if (error instanceof FieldError) return rot(error.message);
    throw error;
  }
}

// Of what it says, not of how it is laid out: someone may look at the file with an editor.
function crcOf({ cluster, node, incarnation, born, members, repairing }: Identity): number {
  return crc32(JSON.stringify([cluster, node, incarnation, born, Object.entries(members), repairing]));
}

/** @throws FieldError that names the field */
function checked<T>(name: keyof Identity, field: Field<T>, value: unknown): T {
  try {
    return field.check(value);
  } catch (error) {
    throw new FieldError(`${name}: ${(error as Error).message}`);
  }
}
