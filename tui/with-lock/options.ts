/** The subcommand `concord with-lock` and its options. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type LockMode, WAIT_MS } from '../../protocol/client/index.js';
import { LIMITS } from '../../protocol/limits.js';
import { DURATION_MS_MAX } from '../grammar/limits.js';
import { MODES } from '../grammar/locks.js';
import { durationOf } from '../grammar/value.js';
import { addOptions } from '../shell/options.js';

/** What `with-lock` is told besides the shell's own options. Times in ms. */
export interface WithLockOptions {
  readonly mode: LockMode;
  /** How long to wait for the lock; 0: not at all. */
  readonly wait: number;
  /** The grant ends by itself after so long; 0: only with the program. */
  readonly hold: number;
  /** If this process dies, others get the lock only so long after. */
  readonly delay: number;
  readonly note: string;
  /** Between SIGTERM and SIGKILL for a program that has lost its lock. */
  readonly killAfter: number;
}

/** The options when none is given. */
export const WITH_LOCK_DEFAULTS: WithLockOptions = {
  mode: 'x',
  wait: WAIT_MS,
  hold: 0,
  delay: 0,
  note: '',
  killAfter: 10_000,
};

/** The subcommand: `concord with-lock build -- make`. */
export function withLockCommand(): Command {
  const time = (flags: string, help: string) => new Option(`${flags} <time>`, help).argParser(duration);
  const command = new Command('with-lock')
    .description('run a program while holding a lock')
    .usage('[options] <lock> -- <program...>')
    .argument('<lock>', 'the name of the lock')
    .argument('<program...>', 'the program and its arguments, behind --')
    .addOption(new Option('--mode <mode>', 'x (when not said), u or s').choices(Object.keys(MODES)))
    .addOption(time('--wait', 'how long to wait for the lock, 30s when not said; 0: not at all'))
    .addOption(time('--hold', 'the lock is lost after so long, even to a program that goes on'))
    .addOption(time('--delay', 'if this process dies, others get the lock only so long after'))
    .addOption(new Option('--note <text>', 'shown to whoever asks who holds it').argParser(note))
    .addOption(time('--kill-after', 'when the lock is lost: from SIGTERM to SIGKILL, 10s when not said'))
    .addHelpText('after', `\n${HELP}`);
  return addOptions(command);
}

const HELP = [
  'The program finds CONCORD_FENCE (lock:token), CONCORD_LOCK and CONCORD_TOKEN',
  'in its environment. Give CONCORD_FENCE on with whatever the lock guards: only',
  'that keeps out a holder that was too slow to notice that it is one no more.',
  '',
  'SIGINT and SIGTERM are passed on to the program; the lock is given back when',
  'it has ended. When the lock is lost the program gets SIGTERM, after',
  '--kill-after SIGKILL.',
  '',
  "Exit codes: the program's own, 128+n if signal n ended it; 1 with LOCK_LOST",
  'on stderr when the lock was lost meanwhile; 126 or 127 if the program cannot be',
  'run or is not there; and without starting it: 1 the lock was not to be had,',
  '2 wrong usage, 3 the cluster cannot be reached, 130 interrupted.',
].join('\n');

function duration(text: string): number {
  const ms = durationOf(text);
  if (ms === undefined || ms > DURATION_MS_MAX) throw new InvalidArgumentError('Expected a time like 200ms, 5s or 2m.');
  return ms;
}

function note(text: string): string {
  if (text.length > LIMITS.note_length_max)
    throw new InvalidArgumentError(`A note has at most ${LIMITS.note_length_max} characters.`);
  return text;
}
