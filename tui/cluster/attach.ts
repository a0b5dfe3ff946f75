/** How a terminal comes by a keeper: attaches to the one that owns the data folder, or starts it. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ConcordError } from '../../protocol/errors.js';
import { attachAt, heard } from './keeper-link.js';
import { readLines } from './lines.js';
import { configFile, dataFolder } from './locate.js';
import { holderOf, keeperWords } from './lock.js';
import { lastError, openLog } from './log-file.js';
import { goneWithin } from './processes.js';
import type { SpokenError } from './talk.js';
import { makeTempFolder } from './temp-folders.js';
import type { FaultDoors, Keeper } from './types.js';

const KEEPER_PROGRAM = fileURLToPath(new URL('./keeper-main.js', import.meta.url));
const NODE_PROGRAM = fileURLToPath(new URL('../../node/main.js', import.meta.url));

/** Time to get hold of a keeper, ms: it may have to wait for one that is stopping its nodes. */
const ATTACH_MS_MAX = 30_000;
const RETRY_MS = 10;

/** How long `down` waits for the keeper's end, ms. */
const DOWN_MS_MAX = 30_000;

/** Which cluster to attach to. */
export interface AttachOptions {
  /** A configuration file; null for the one that comes with Concord (with `temp`: three nodes). */
  readonly config: string | null;
  /** A cluster of its own: new folder, free ports, gone when this terminal is. */
  readonly temp: boolean;
  /** How many nodes a temporary cluster without a configuration has, 1 to 9. Default 3. */
  readonly nodes?: number;
  /** Keep the nodes running when the last terminal has left, until `downKeeper`. */
  readonly stay?: boolean;
  /** The data folder, in place of the configuration's. */
  readonly data?: string;
  /** The fault doors of the nodes, where this terminal starts them; default off. */
  readonly faults?: FaultDoors;
  /** For tests: the program that is run as node. */
  readonly nodeProgram?: string;
}

/** What a keeper that was just started says. */
type Answer = { readonly ready: true } | { readonly held: number } | { readonly error: SpokenError };

/**
 * Finds or starts the keeper and attaches to it. The nodes may still be starting when this resolves: see their states.
 * @throws ConcordError BAD_CONFIG, PORT_TAKEN, START_FAILED, VERSION
 */
export async function attachKeeper(options: AttachOptions): Promise<Keeper> {
  if (options.temp) return attachTemp(options);
  const config = configFile(options.config);
  const folder = madeFolder(await dataFolder(config, options.data ?? null));
  return attachFolder(folder, config, options);
}

/** Ends the keeper of a cluster and its nodes, whoever is attached. Resolves false when there was none. @throws ConcordError */
export async function downKeeper(options: Pick<AttachOptions, 'config' | 'data'>): Promise<boolean> {
  let folder = await dataFolder(configFile(options.config), options.data ?? null);
  try {
    folder = realpathSync(folder);
  } catch {
    return false;
  }
  const holder = holderOf(folder);
  if (holder === null) return false;
  process.kill(holder.pid, 'SIGTERM');
  if (await goneWithin(holder.pid, keeperWords(folder), DOWN_MS_MAX)) return true;
  throw new ConcordError('TIMEOUT', `The keeper (pid ${holder.pid}) has not ended within ${DOWN_MS_MAX / 1000} s.`);
}

async function attachTemp(options: AttachOptions): Promise<Keeper> {
  if (options.stay || options.data !== undefined) {
    throw new ConcordError(
      'USAGE',
      'A temporary cluster goes with its terminal: it can neither stay nor have a folder of its own choice.',
    );
  }
  const folder = makeTempFolder();
  try {
    return await attachFolder(folder, options.config === null ? null : configFile(options.config), options);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function attachFolder(folder: string, config: string | null, options: AttachOptions): Promise<Keeper> {
  const end = performance.now() + ATTACH_MS_MAX;
  for (;;) {
    const holder = holderOf(folder);
    if (holder === null) {
      const answer = await startKeeper(folder, config, options);
      if ('error' in answer) throw heard(answer.error);
      continue;
    }
    const keeper = await attachAt(holder.socket, options.stay ?? false);
    if (keeper !== null) return keeper;
    // It is about to listen, or it is stopping its nodes: then the folder is free when it is gone.
    if (performance.now() > end) {
      throw new ConcordError('START_FAILED', `The keeper (pid ${holder.pid}) of ${folder} lets nobody in.`, {
        details: { pid: holder.pid },
      });
    }
    await sleep(RETRY_MS);
  }
}

function madeFolder(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return realpathSync(folder);
  } catch (error) {
    throw new ConcordError(
      'START_FAILED',
      `The data folder cannot be made: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** Starts the keeper in a session of its own, where neither the keys nor the end of this terminal reach it. */
function startKeeper(folder: string, config: string | null, options: AttachOptions): Promise<Answer> {
  const logFile = join(folder, 'keeper.log');
  const { fd: log, size } = openLog(logFile);
  const words = [...keeperWords(folder), '--program', options.nodeProgram ?? NODE_PROGRAM];
  if (config !== null) words.push('--config', config);
  if (options.temp) words.push('--temp');
  if (options.nodes !== undefined) words.push('--nodes', `${options.nodes}`);
  if (options.stay) words.push('--stay');
  if (options.faults !== undefined && options.faults !== 'off') words.push('--faults', options.faults);
  const child = spawn(process.execPath, [KEEPER_PROGRAM, ...words], {
    detached: true,
    cwd: folder,
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  const pipe = child.stdio[3] as Socket;
  let late: NodeJS.Timeout | undefined;
  return new Promise<Answer>((resolve, reject) => {
    const fail = (what: string) => {
      const details = { log: logFile };
      reject(new ConcordError('START_FAILED', `The keeper did not start: ${what}`, { details }));
    };
    late = setTimeout(() => fail(`no answer in ${ATTACH_MS_MAX / 1000} s`), ATTACH_MS_MAX);
    child.once('error', (error) => fail(error.message));
    child.once('close', (code) => fail(lastError(logFile, size) || `it ended with exit code ${code}`));
    readLines(
      pipe,
      (value) => resolve(value as Answer),
      () => fail('its answer makes no sense'),
    );
  }).finally(() => {
    clearTimeout(late);
    child.unref();
    pipe.destroy();
  });
}
