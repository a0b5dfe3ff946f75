/** Line mode: commands one after another, a reply to each, and one exit code at the end. */
import { isBlank } from '../grammar/lex.js';
import { parse } from '../grammar/parse.js';
import type { ParsedCommand } from '../grammar/words.js';
import { escapeHidden } from '../grammar/write.js';
import type { Context } from '../session/call.js';
import { failed, run } from '../session/execute.js';
import { newsText } from '../session/own-locks.js';
import type { Reply } from '../session/reply.js';
import { EXIT, exitCodeOf } from './exit-code.js';
import type { Output } from './output.js';
import { renderJson, renderProof, renderText } from './render.js';

/** How lines are run and answered. */
export interface LineMode {
  /** The lines, one command each. */
  readonly lines: Iterable<string> | AsyncIterable<string>;
  /** Replies, and nothing else. */
  readonly out: Output;
  /** What is said to people: prompts, who answered. */
  readonly notes: Output;
  readonly json: boolean;
  /** End at the first command that fails. */
  readonly stopOnError: boolean;
  /** Somebody sits there: prompt for lines, and let an interrupt end only the command that runs. */
  readonly interactive: boolean;
  /** Say who answered, where, and how fast. */
  readonly proof: boolean;
  readonly context: Context;
  /** Calls back when the program is told to stop (Ctrl-C). Returns the way to stop listening. */
  onInterrupt(listener: () => void): () => void;
}

const PROMPT = 'concord> ';

/** Runs all lines. Resolves with the exit code; never rejects. */
export async function runLines(mode: LineMode): Promise<number> {
  let code: number = EXIT.ok;
  let running: AbortController | null = null;
  let leave = () => {};
  const stopListening = mode.onInterrupt(() => {
    running?.abort();
    if (mode.interactive && running !== null) return;
    code = EXIT.interrupted;
    leave();
  });
  const stopNews = mode.context.locks.onNews((news) => {
    // Somebody sits behind a prompt: the news get a line of their own, and the prompt comes again.
    const waits = mode.interactive && running === null;
    void mode.notes.raw(`${waits ? '\n' : ''}! ${escapeHidden(newsText(news))}\n${waits ? PROMPT : ''}`);
  });
  const lines = iterate(mode.lines);
  try {
    for (;;) {
      if (mode.interactive) await mode.notes.raw(PROMPT);
      // One promise for each line: what a long-lived one is raced with would stay with it.
      const left = new Promise<typeof LEFT>((resolve) => {
        leave = () => resolve(LEFT);
      });
      if (code === EXIT.interrupted) break;
      const next = await Promise.race([lines.next(), left]);
      if (next === LEFT || next.done === true) break;
      if (isBlank(next.value)) continue;
      running = new AbortController();
      const command = parsed(next.value);
      const reply = 'word' in command ? await run(command, mode.context, running.signal) : command;
      running = null;
      code = Math.max(code, exitCodeOf(reply));
      await answer(reply, 'word' in command ? command : null, mode);
      if ('word' in command && command.word === 'exit') break;
      if (mode.out.closed || code === EXIT.interrupted || (mode.stopOnError && exitCodeOf(reply) !== EXIT.ok)) break;
    }
  } catch (error) {
    await mode.notes.line(`the input cannot be read: ${(error as Error).message}`);
    code = Math.max(code, EXIT.failed);
  } finally {
    stopListening();
    stopNews();
    // Not awaited: an input that is being waited for ends only with its next line.
    void lines.return?.()?.catch(() => {});
  }
  return code;
}

const LEFT = Symbol('left');

function iterate(lines: LineMode['lines']): AsyncIterator<string> {
  if (Symbol.asyncIterator in lines) return lines[Symbol.asyncIterator]();
  const all = lines[Symbol.iterator]();
  return { next: async () => all.next() };
}

/** The command in a line, or the reply that says what is wrong with it. */
function parsed(line: string): ParsedCommand | Reply {
  try {
    return parse(line);
  } catch (error) {
    return failed(line, error, null);
  }
}

async function answer(reply: Reply, command: ParsedCommand | null, mode: LineMode): Promise<void> {
  if (mode.json || command?.flags.json === true) {
    await mode.out.line(renderJson(reply));
    return;
  }
  await mode.out.line(renderText(reply, command?.word ?? null));
  if (mode.proof) await mode.notes.line(renderProof(reply));
}
