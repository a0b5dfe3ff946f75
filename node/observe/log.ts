/** The node's own log: one JSON line an event, written asynchronously to a file in its data folder, never to a terminal. */
import { mkdirSync, openSync } from 'node:fs';
import { destination, type Logger, pino } from 'pino';

/** Bytes of lines that may wait for the disk; beyond it lines are dropped and counted. */
const WAITING_BYTES_MAX = 1 << 20;
/** Lines are written when so many bytes have come together, or after the flush interval. */
const WRITE_BYTES_MIN = 4096;
const FLUSH_MS = 250;

/** A log that can be flushed before the process ends. */
export interface NodeLog {
  event(event: string, facts: Readonly<Record<string, unknown>>): void;
  error(error: Error, message: string): void;
  flush(): void;
}

/** Opens `<folder>/node.log` for appending. */
export function openNodeLog(folder: string, node: string): NodeLog {
  mkdirSync(folder, { recursive: true });
  const sink = destination({
    dest: openSync(`${folder}/node.log`, 'a', 0o600),
    sync: false,
    minLength: WRITE_BYTES_MIN,
    maxLength: WAITING_BYTES_MAX,
    periodicFlush: FLUSH_MS,
  });
  const logger: Logger = pino({ base: { node }, timestamp: pino.stdTimeFunctions.isoTime }, sink);
  let dropped = 0;
  sink.on('drop', () => dropped++);
  const count = () => (dropped === 0 ? {} : { dropped });
  return {
    event: (event, facts) => logger.info({ ...facts, ...count() }, event),
    error: (error, message) => logger.error({ err: error, ...count() }, message),
    flush: () => sink.flushSync(),
  };
}
