/** The load process as the bench sees it. It has a processor to itself as far as there is one: nothing is drawn or printed in it. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ConcordError } from '../../protocol/errors.js';
import { heard } from '../cluster/keeper-link.js';
import type { FromLoad, LoadOrder, ToLoad } from './load-talk.js';

const PROGRAM = fileURLToPath(new URL('./load-main.js', import.meta.url));

/** Longer than it takes to empty a queue that is half full; then the load process is killed. */
const STOP_MS_MAX = 60_000;

/** Runs a load in a process of its own and passes on what it tells. An aborted signal ends it early. @throws ConcordError */
export function runLoad(
  order: LoadOrder,
  signal: AbortSignal,
  tell: (news: Extract<FromLoad, { readonly type: 'begun' | 'measured' }>) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // Detached: keys pressed in the terminal reach this process only, which ends the load in good order.
    const child = fork(PROGRAM, { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let late: NodeJS.Timeout | undefined;
    // What goes wrong with a process that has ended is told by its end.
    const say = (message: ToLoad) => child.connected && child.send(message, () => {});
    const stop = () => {
      say({ type: 'stop' });
      late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    };
    let outcome: ConcordError | null = new ConcordError('INTERNAL', 'the load process ended by itself');
    child.on('message', (message: FromLoad) => {
      if (message.type === 'done') outcome = null;
      else if (message.type === 'failed') outcome = heard(message.error);
      else tell(message);
    });
    child.on('error', (error) => {
      outcome = new ConcordError('INTERNAL', `the load process did not start: ${error.message}`);
      if (child.pid === undefined) reject(outcome);
    });
    child.on('close', () => {
      clearTimeout(late);
      signal.removeEventListener('abort', stop);
      if (outcome === null) resolve();
      else reject(outcome);
    });
    signal.addEventListener('abort', stop);
    say({ type: 'begin', order });
    if (signal.aborted) stop();
  });
}
