/** From a data folder to a node: who it is, what its log holds, then the node itself. */
import { basename } from 'node:path';
import type { Damage } from '../protocol/client/types.js';
import { ConcordError } from '../protocol/errors.js';
import { clusterName, isComplete } from './birth.js';
import type { Budgets } from './checkpoints.js';
import type { FaultDoors } from './faults/doors.js';
import { Node } from './node.js';
import type { NodeHandlers } from './node-options.js';
import { openData } from './open-data.js';
import type { RaftSettings } from './raft/types.js';
import { BadRow } from './services/tables.js';
import { type Identity, readIdentity, writeIdentity } from './storage/identity.js';
import type { Opening } from './storage/opening-guard.js';
import type { Done, FileError, World } from './world.js';

/** Everything a node is told at its start. */
export interface BootOptions {
  readonly id: string;
  readonly cluster: string;
  readonly listen: string;
  /** Absolute path of its data folder. */
  readonly data: string;
  readonly members: ReadonlyMap<string, string>;
  readonly raft: RaftSettings;
  /** Length of a log segment, bytes. */
  readonly segment_bytes: number;
  readonly budgets: Budgets;
  readonly version: string;
  readonly pid: number;
  readonly faults?: FaultDoors;
  /** What an earlier life of the node in this process ended of. */
  readonly damaged?: readonly Damage[];
}

/** What a node tells whoever boots it; it keeps its identity itself. */
export interface BootHandlers extends Pick<NodeHandlers, 'event'> {
  /**
   * The node cannot go on. When `isDamage(error)`, everything of it is closed, what must not be read again was put aside (`damaged`), and
   * another start repairs it, if there are others to refill from.
   */
  fatal(error: Error, damaged: Damage | null): void;
}

const RESTORE = 'put back what was there, or bring the node back as a new member';

/** Opens the data folder and makes the node; it has still to be started. Fails when what is there must not be used. */
export function boot(world: World, options: BootOptions, handlers: BootHandlers, done: Done<Node | null>): void {
  ownIdentity(world, options, (identityError, identity) => {
    if (identityError !== null || identity === null) {
      done(identityError, null);
      return;
    }
    openNode(world, options, identity, handlers, done);
  });
}

function openNode(
  world: World,
  options: BootOptions,
  found: Identity,
  handlers: BootHandlers,
  done: Done<Node | null>,
): void {
  const { data, segment_bytes } = options;
  const { event } = handlers;
  let ended = false;
  let node: Node | null = null;
  let opening: Opening | null = null;
  const fatal = (error: Error) => {
    if (ended) return;
    ended = true;
    const forget = () => forgetIfDamaged(world, data, error, event, (damaged) => handlers.fatal(error, damaged));
    // What is to be put aside must not be open. And it was this error that ended the opening, nothing worse.
    if (node !== null && isDamage(error))
      node.halt(() => {
        if (opening === null) forget();
        else opening.ended(forget);
      });
    else forget();
  };
  openData(world, found, { data, segment_bytes, event, fatal }, (openError, opened) => {
    if (openError !== null || opened === null) {
      done(openError, null);
      return;
    }
    const { identity } = opened;
    opening = opened.opening;
    const remember = keeperOf(world, data, fatal);
    const loaded = () =>
      opened.opening.ended((error) => {
        opening = null;
        if (error !== null) fatal(error);
      });
    const damaged = [...(options.damaged ?? []), ...opened.damaged];
    try {
      node = new Node(world, { ...options, identity }, { ...opened, damaged }, { event, fatal, remember, loaded });
    } catch (error) {
      // What is on the disk contradicts itself: the core does not begin with it.
      fatal(error as Error);
      return;
    }
    done(null, node);
  });
}

/** True when what the node has on its disk is not what was written. */
export function isDamage(error: Error): boolean {
  return error instanceof BadRow || (error as FileError).code === 'ROT';
}

/** Rows of the base that rotted are found when they are read: the next start must not read them again. */
function forgetIfDamaged(
  world: World,
  data: string,
  error: Error,
  event: NodeHandlers['event'],
  done: (damaged: Damage | null) => void,
): void {
  const { path = '' } = error as FileError & { path?: string };
  // What is wrong with the log is found anew.
  if (!isDamage(error) || path.startsWith(`${data}/log/`)) {
    done(null);
    return;
  }
  readIdentity(world.files, data, (readError, identity) => {
    if (readError !== null || identity === null || Object.keys(identity.members).length === 0) {
      done(null);
      return;
    }
    writeIdentity(world.files, data, { ...identity, repairing: true }, (writeError) => {
      if (writeError !== null) {
        done(null);
        return;
      }
      world.bases.setAside(`${data}/base`, (_, aside) => {
        if (aside === null) {
          done(null);
          return;
        }
        event('damaged', { part: 'base', error: error.message, aside });
        done({ part: 'base', aside: basename(aside) });
      });
    });
  });
}

// The identity in the folder, or a new one in a folder without a log.
function ownIdentity(world: World, options: BootOptions, done: Done<Identity | null>): void {
  const { files } = world;
  readIdentity(files, options.data, (error, found) => {
    if (error !== null) done(error, null);
    else if (found !== null) done(mismatch(found, options), found);
    else
      files.list(`${options.data}/log`, (_, names) => {
        if ((names ?? []).length > 0) {
          done(startError(`${options.data} has a log and no identity.json: ${RESTORE}`), null);
          return;
        }
        const identity: Identity = {
          cluster: options.cluster,
          node: options.id,
          incarnation: hex(world) + hex(world),
          born: false,
          members: {},
          repairing: false,
        };
        writeIdentity(files, options.data, identity, (writeError) =>
          done(writeError, writeError === null ? identity : null),
        );
      });
  });
}

function mismatch(found: Identity, options: BootOptions): Error | null {
  if (found.node !== options.id)
    return startError(
      `${options.data} belongs to node ${found.node}, not ${options.id}: give each node a folder of its own`,
    );
  if (clusterName(found.cluster) !== options.cluster)
    return startError(`${options.data} belongs to cluster ${clusterName(found.cluster)}, not ${options.cluster}`);
  const members = [found.node, ...Object.keys(found.members)].sort().join(', ');
  const named = [...options.members.keys()].sort().join(', ');
  // With fewer of them it could be a majority where there is none.
  if (isComplete(found) && members !== named)
    return startError(`${options.data} belongs to a cluster of ${members}, not of ${named}: name the first members`);
  return null;
}

// Changes of identity are written one after the other; only the newest of those that wait matters.
function keeperOf(world: World, folder: string, fatal: (error: Error) => void): NodeHandlers['remember'] {
  let busy = false;
  let waiting: { identity: Identity; done: () => void }[] = [];
  const write = (): void => {
    const batch = waiting;
    const newest = batch.at(-1);
    waiting = [];
    busy = newest !== undefined;
    if (newest === undefined) return;
    writeIdentity(world.files, folder, newest.identity, (error) => {
      if (error !== null) {
        fatal(error);
        return;
      }
      for (const { done } of batch) done();
      write();
    });
  };
  return (identity, done) => {
    waiting.push({ identity, done });
    if (!busy) write();
  };
}

function startError(message: string): ConcordError {
  return new ConcordError('START_FAILED', message);
}

function hex(world: World): string {
  return world.random.uint32().toString(16).padStart(8, '0');
}
