/** `concord` with the screen. */
import { join } from 'node:path';
import { configFile, dataFolder } from '../cluster/locate.js';
import { exitCodeOf } from '../plain/exit-code.js';
import { Output } from '../plain/output.js';
import { renderText } from '../plain/render.js';
import { failed } from '../session/execute.js';
import { openHistory } from '../session/history-file.js';
import { screenContext } from '../session/screen-context.js';
import { terminalOf } from './line-mode.js';
import type { ShellOptions } from './options.js';

/** The file of the history, in the folder of all data. */
const HISTORY_FILE = '.history';

/** Shows the screen until it is left. Resolves with the exit code. */
export async function runOnScreen(options: ShellOptions): Promise<number> {
  const terminal = terminalOf(options);
  terminal.open();
  let title: string;
  // Ink takes a third of a second to load: the nodes start meanwhile.
  const loading = import('../app.js');
  try {
    const keeper = await terminal.context.keeper();
    // Local nodes can be watched as they start; others have to be there.
    if (keeper === null) await terminal.context.cluster();
    title = keeper?.cluster ?? (options.cluster || options.connect.join(', '));
  } catch (error) {
    const reply = failed('', error, null);
    await new Output(process.stderr).line(renderText(reply, null));
    await terminal.leave();
    return exitCodeOf(reply);
  }
  const { runScreen } = await loading;
  const history = openHistory(await historyFile(options));
  return runScreen(screenContext(terminal, { title, history, ascii: options.ascii, readonly: options.readonly }));
}

/** A temporary cluster leaves nothing behind, its history neither. */
async function historyFile(options: ShellOptions): Promise<string | null> {
  return options.temp ? null : join(await dataFolder(configFile(null), null), HISTORY_FILE);
}
