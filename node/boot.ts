/** From a data folder to a node: who it is, what its log holds, then the node itself. */
import { ConcordError } from '../protocol/errors.js';
import { clusterName, isComplete } from './birth.js';
import type { FaultDoors } from './faults/doors.js';
import { describeRun } from './groups.js';
import { Node, type NodeHandlers } from './node.js';
import type { RaftSettings } from './raft/types.js';
import { type Identity, readIdentity, writeIdentity } from './storage/identity.js';
import { openLog } from './storage/log.js';
import { parseSegmentName } from './storage/segment.js';
import type { Done, World } from './world.js';

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
  readonly version: string;
  readonly pid: number;
  readonly faults?: FaultDoors;
}

/** What a node tells whoever boots it; it keeps its identity itself. */
export type BootHandlers = Omit<NodeHandlers, 'remember'>;

const RESTORE = 'put back what was there, or bring the node back as a new member';

/** Opens the data folder and makes the node; it has still to be started. Fails when what is there must not be used. */
export function boot(world: World, options: BootOptions, handlers: BootHandlers, done: Done<Node | null>): void {
  const { files } = world;
  ownIdentity(world, options, (identityError, identity) => {
    if (identityError !== null || identity === null) {
      done(identityError, null);
      return;
    }
    const open = () => openNode(world, options, identity, handlers, done);
    if (!identity.born) {
      open();
      return;
    }
    // Looked for before the log is opened, which would begin a new one.
    files.list(`${options.data}/log`, (listError, names) => {
      if (listError !== null && listError.code !== 'ENOENT') done(listError, null);
      else if (listError === null && names.some((name) => parseSegmentName(name)?.finished === true)) open();
      // Its vote and its part of what was acknowledged are gone: started empty, it could help to forget them.
      else
        done(
          startError(`${options.data}/log is missing or empty, and ${options.id} has been a member: ${RESTORE}`),
          null,
        );
    });
  });
}

function openNode(
  world: World,
  options: BootOptions,
  identity: Identity,
  handlers: BootHandlers,
  done: Done<Node | null>,
): void {
  const { files, scheduler } = world;
  const { segment_bytes } = options;
  const log = {
    files,
    scheduler,
    folder: `${options.data}/log`,
    segment_bytes,
    describe: describeRun,
    fatal: handlers.fatal,
  };
  openLog(log, (logError, opened) => {
    if (logError !== null || opened === null) {
      done(logError, null);
      return;
    }
    const remember = keeperOf(world, options.data, handlers.fatal);
    done(null, new Node(world, { ...options, identity }, opened.log, opened.recovered, { ...handlers, remember }));
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
