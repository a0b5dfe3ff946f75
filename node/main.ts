#!/usr/bin/env -S node --initial-old-space-size=128
/** The concord-node executable: arguments, one node, and its end. */
import { readFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { ConcordError } from '../protocol/errors.js';
import { type NodeConfig, readConfig } from './config.js';
import { breakableWorld } from './faults/world.js';
import { Lives, type LivesHandlers } from './lives.js';
import { lockFolder } from './lock.js';
import { openNodeLog } from './observe/log.js';
import { DEFAULT_RAFT_SETTINGS } from './raft/types.js';
import { realWorld } from './world-real.js';

/** How long a clean stop may take before the process ends anyway, ms: less than a keeper waits before it kills. */
const STOP_MS_MAX = 4000;
/** Of the memory budget, and beside it. */
const LOG_CACHE_SHARE = 1 / 8;

// Read by the thread pool at its first use: syncs, zero-filling and reads of several files must not wait for each other.
process.env['UV_THREADPOOL_SIZE'] ??= '8';

// What runs a thousand times a second is compiled after seconds and not minutes: V8 waits three times as long by itself.
setFlagsFromString('--interrupt-budget=20000');

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function main(): void {
  let config: NodeConfig;
  try {
    config = readConfig(process.argv.slice(2), version);
  } catch (error) {
    process.stderr.write(`concord-node: ${(error as Error).message}\n`);
    process.exitCode = 2;
    return;
  }
  const log = openNodeLog(config.data, config.id);
  const keeper = config.keeper_fd === null ? null : new KeeperPipe(config.keeper_fd);
  let node: Lives | null = null;

  const fail = (error: Error): void => {
    log.error(error, 'the node cannot go on');
    log.flush();
    process.stderr.write(`concord-node ${config.id}: ${error.message}\n`);
    keeper?.tell({
      error: { code: error instanceof ConcordError ? error.code : codeOf(error), message: error.message },
    });
    process.exit(1);
  };
  process.on('uncaughtException', fail);

  const stop = (reason: string): void => {
    log.event('stopping', { reason });
    const end = () => {
      log.event('stopped', {});
      log.flush();
      process.exit(0);
    };
    setTimeout(end, STOP_MS_MAX).unref();
    if (node === null) end();
    else node.stop(end);
  };
  let stopping = false;
  const stopOnce = (reason: string) => {
    if (!stopping) stop(reason);
    stopping = true;
  };
  process.on('SIGTERM', () => stopOnce('SIGTERM'));
  process.on('SIGINT', () => stopOnce('SIGINT'));
  process.on('SIGHUP', () => {});
  keeper?.onEnd(() => stopOnce('the keeper is gone'));

  const { election_ms, heartbeat_ms, memory_budget, log_budget, faults, faults_hold_writes: hold, ...rest } = config;
  const options = {
    ...rest,
    members: config.peers,
    raft: { ...DEFAULT_RAFT_SETTINGS, election_ms, heartbeat_ms, log_cache_bytes_max: logCacheOf(memory_budget) },
    budgets: { memory_budget, log_budget },
    version,
    pid: process.pid,
  };
  const doors = faults ? { faults, faults_hold_writes: hold } : {};
  log.event('starting', { version, pid: process.pid, listen: config.listen, data: config.data, ...doors });
  lockFolder(config.data, (error) => {
    if (error !== null) {
      fail(error);
      return;
    }
    const outside = realWorld();
    const handlers: LivesHandlers = {
      event: (event, facts) => log.event(event, facts),
      listening: (address) => keeper?.tell({ ready: address, pid: process.pid }),
      deaf: (listenError) => fail(portError(config.listen, listenError)),
      fatal: fail,
    };
    if (faults) {
      const breakable = breakableWorld(outside, { ...options, hold });
      node = new Lives(breakable.world, { ...options, faults: breakable.faults }, handlers);
    } else node = new Lives(outside, options, handlers);
    node.start();
  });
}

/** Runs of the log in memory, bytes: little beside a small memory budget. What is not in it is read back. */
function logCacheOf(memory_budget: number): number {
  return Math.min(DEFAULT_RAFT_SETTINGS.log_cache_bytes_max, Math.floor(memory_budget * LOG_CACHE_SHARE));
}

/** The descriptor that the keeper left this process: lines of JSON go out, its end comes in. */
class KeeperPipe {
  readonly #fd: number;
  readonly #socket: Socket;

  constructor(fd: number) {
    this.#fd = fd;
    this.#socket = new Socket({ fd, readable: true, writable: true });
    this.#socket.on('error', () => {});
    this.#socket.resume();
  }

  /** Sends a line at once: the process may end right after. */
  tell(line: unknown): void {
    try {
      writeSync(this.#fd, `${JSON.stringify(line)}\n`);
    } catch {
      // The keeper is gone or does not read; its end is noticed elsewhere.
    }
  }

  onEnd(task: () => void): void {
    this.#socket.once('close', task);
  }
}

function portError(listen: string, error: Error): Error {
  return codeOf(error) === 'EADDRINUSE'
    ? new ConcordError('PORT_TAKEN', `${listen} is in use by another program`)
    : new ConcordError('START_FAILED', `cannot listen on ${listen}: ${error.message}`);
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? 'INTERNAL';
}

main();
