/** Hands a terminal to the screen: everything the screen may ask of it. */

import type { Observation } from '../../protocol/client/types.js';
import { COORDINATION, SHARD } from '../../protocol/groups.js';
import { needsYes, withYes } from '../grammar/confirm.js';
import { complete, type ParsedCommand, parse, signature } from '../grammar/index.js';
import type { HistoryFile, Question, ScreenContext } from './context.js';
import { execute } from './execute.js';
import { newsText } from './own-locks.js';
import type { Terminal } from './terminal.js';

/** What the screen is besides its terminal. */
export interface ScreenOptions {
  readonly title: string;
  readonly history: HistoryFile;
  readonly ascii: boolean;
  readonly readonly: boolean;
}

/** The context of a screen on `terminal`. */
export function screenContext(terminal: Terminal, options: ScreenOptions): ScreenContext {
  const { context } = terminal;
  const groups = new Set([COORDINATION, SHARD]);
  const { keeper } = terminal;
  return {
    title: options.title,
    grammar: { complete, hint: signature },
    history: options.history,
    view: context.view,
    options: { ascii: options.ascii, readonly: options.readonly },
    observe(listener) {
      return observeWhenOpen(terminal, (news) => {
        if (news.kind === 'status') for (const group of Object.keys(news.state.groups ?? {})) groups.add(group);
        listener(news);
      });
    },
    ...(keeper === undefined
      ? {}
      : {
          watchProcesses(listener) {
            listener(keeper.nodes);
            return keeper.watch(listener);
          },
        }),
    names() {
      const members = terminal.cluster?.members ?? keeper?.nodes ?? [];
      const nodes = members.map((member) => member.id).filter((id) => id !== '');
      return { nodes, groups: [...groups], locks: context.locks.names };
    },
    session: () => terminal.cluster?.session ?? { id: 0, state: 'none' },
    heldLocks: () => context.locks.names,
    onNotice: (listener) => context.locks.onNews((news) => listener(newsText(news))),
    confirm: (line) => questionAbout(parsed(line)),
    leaves: (line) => parsed(line)?.word === 'exit',
    execute: (line, signal) => execute(line, context, signal),
    leave: () => terminal.leave(),
  };
}

/** Observes the cluster from the moment it is open. If it does not open, it is tried again whenever a local node changes. */
function observeWhenOpen(terminal: Terminal, listener: (news: Observation) => void): () => void {
  let stopped = false;
  let stop = () => {};
  const open = () => {
    stop();
    stop = () => {};
    terminal.context.cluster().then(
      (cluster) => {
        if (!stopped) stop = cluster.observe(listener);
      },
      () => {
        // Commands say why there is no cluster.
        if (!stopped) stop = terminal.keeper?.watch(open) ?? stop;
      },
    );
  };
  open();
  return () => {
    stopped = true;
    stop();
  };
}

function questionAbout(command: ParsedCommand | null): Question | null {
  if (command === null || !needsYes(command)) return null;
  return { text: `${command.line.trim()}: this cannot be undone`, answer: 'y', line: withYes(command) };
}

function parsed(line: string): ParsedCommand | null {
  try {
    return parse(line);
  } catch {
    return null;
  }
}
