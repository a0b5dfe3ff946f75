/** What keys do: from events of the keyboard to changes of the state, by the table of keys. */
import type { EditorCommand } from './editor/editor.js';
import { LINE_LENGTH_MAX } from './editor/line.js';
import { actionOf, type KeyAction, type KeyPlace, type ScreenDeed } from './keys.js';
import type { Runner, ScreenStore } from './runner.js';
import type { ScreenContext } from './session/context.js';
import type { OpenQuestion, ScreenState } from './session/state.js';
import type { KeyEvent } from './terminal/key-event.js';

/** Letters of an answer that is typed out. */
const ANSWER_LENGTH_MAX = 256;

/** What the keys can reach besides the state. */
export interface InputPorts {
  readonly context: ScreenContext;
  readonly store: ScreenStore;
  readonly runner: Runner;
  leave(): void;
  repaint(): void;
  suspend(): void;
  /** A page of what is on the screen, and how far it can be scrolled. */
  scrollRange(state: ScreenState): { readonly page: number; readonly most: number };
}

/** Applies keys to the screen. */
export class Input {
  private readonly ports: InputPorts;
  /** ^C on an empty line, times in a row. */
  private interrupts = 0;

  constructor(ports: InputPorts) {
    this.ports = ports;
  }

  /** Applies events in order. */
  readonly keys = (events: readonly KeyEvent[]): void => {
    for (const event of events) this.key(event);
  };

  private key(event: KeyEvent): void {
    if (!(event.kind === 'key' && event.name === 'ctrl+c')) this.interrupts = 0;
    if (event.kind === 'paste') this.paste(event.text, event.cut);
    else if (event.kind === 'text') this.text(event.text);
    else this.act(actionOf(event.name, placesOf(this.state)), event.name);
  }

  private get state(): ScreenState {
    return this.ports.store.get();
  }

  private text(text: string): void {
    const { question, help, editor } = this.state;
    if (question) {
      this.typeAnswer(text);
    } else if (help) {
      this.act(actionOf(text, ['help']), text);
    } else if (text === '?' && editor.line.text === '' && !editor.search) {
      this.help(true);
    } else {
      this.edit({ do: 'type', text });
      this.refreshList();
    }
  }

  private act(action: KeyAction | undefined, name: string): void {
    if (action === undefined) return;
    if (isDeed(this.deeds, action)) {
      this.deeds[action](name);
    } else {
      this.edit({ do: action });
      if (action === 'delete.left') this.refreshList();
    }
  }

  private readonly deeds: Readonly<Record<ScreenDeed, (name: string) => void>> = {
    run: () => this.run(),
    complete: () => this.complete(false),
    'complete.accept': () => this.acceptCandidate(),
    help: () => this.help(true),
    'help.close': () => this.help(false),
    'output.up': (name) => this.scroll(1, name),
    'output.down': (name) => this.scroll(-1, name),
    'output.end': () => this.ports.store.dispatch({ kind: 'scroll', to: 0 }),
    repaint: () => this.ports.repaint(),
    cancel: () => this.cancel(),
    leave: () => this.leave(),
    suspend: () => this.ports.suspend(),
    'question.accept': () => this.acceptAnswer(),
    'question.cancel': () => this.settle(false),
    'question.shorten': () => this.setAnswer((typed) => Array.from(typed).slice(0, -1).join('')),
  };

  private edit(command: EditorCommand): void {
    this.ports.store.dispatch({ kind: 'edit', command });
  }

  private run(): void {
    const line = this.state.editor.line.text;
    if (line.trim() !== '') this.ports.context.history.add(line);
    this.edit({ do: 'submitted' });
    this.ports.runner.submit([line]);
  }

  /** ^C: the command that runs, else the line; on an empty line the second one says how to leave. */
  private cancel(): void {
    const { runner } = this.ports;
    if (runner.busy) {
      runner.giveUp();
    } else if (this.state.editor.line.text !== '') {
      this.edit({ do: 'clear' });
    } else {
      this.interrupts += 1;
      if (this.interrupts >= 2) this.note('To leave: ^D, or type exit.', 'plain');
    }
  }

  private leave(): void {
    if (this.state.editor.line.text === '') this.ports.leave();
    else this.edit({ do: 'delete.right' });
  }

  /** While nothing was chosen from the list the key means what it means without one. */
  private acceptCandidate(): void {
    if (this.state.editor.completion?.selected === -1) this.run();
    else this.edit({ do: 'complete.close' });
  }

  private complete(refresh: boolean): void {
    const { context } = this.ports;
    const { text, cursor } = this.state.editor.line;
    this.edit({ do: 'complete', completion: context.grammar.complete(text, cursor, context.names()), refresh });
  }

  private refreshList(): void {
    if (this.state.editor.completion) this.complete(true);
  }

  private help(open: boolean): void {
    this.ports.store.dispatch({ kind: 'help', open });
  }

  /** Help begins at its top, output at its end: up and down turn round. */
  private scroll(pages: 1 | -1, name: string): void {
    const { page, most } = this.ports.scrollRange(this.state);
    const rows = name.startsWith('page') ? page : 1;
    const direction = this.state.help ? -pages : pages;
    const to = Math.min(most, Math.max(0, Math.min(most, this.state.scroll) + direction * rows));
    this.ports.store.dispatch({ kind: 'scroll', to });
  }

  /** One line goes into the line; several are asked about and then run one after the other. */
  private paste(text: string, cut: boolean): void {
    const { question, help, editor } = this.state;
    if (question || help) return;
    const lines = text.split('\n').map((line) => line.replace(/\p{Cc}+/gu, ' '));
    while (lines.length > 1 && lines.at(-1)?.trim() === '') lines.pop();
    if (cut) this.note('The paste was too long: its end is missing.', 'warn');
    if (lines.length === 1 || editor.search) this.pasteLine(lines[0] ?? '');
    else this.askPaste([editor.line.text + lines[0], ...lines.slice(1)].filter((line) => line.trim() !== ''));
  }

  private pasteLine(line: string): void {
    const isTooLong = this.state.editor.line.text.length + line.length > LINE_LENGTH_MAX;
    if (isTooLong) this.note(`The line is full: it holds ${LINE_LENGTH_MAX} letters.`, 'warn');
    this.edit({ do: 'type', text: line });
    this.refreshList();
  }

  private askPaste(lines: readonly string[]): void {
    const text = `Run ${lines.length} pasted lines?`;
    const question: OpenQuestion = { purpose: 'paste', text, answer: 'y', line: '', typed: '', lines };
    this.ports.store.dispatch({ kind: 'question', question });
  }

  /** A question for a plain yes is answered by one key. */
  private typeAnswer(text: string): void {
    if (this.state.question?.answer !== 'y') this.setAnswer((typed) => (typed + text).slice(0, ANSWER_LENGTH_MAX));
    else if (text.toLowerCase() === 'y') this.settle(true);
    else if (text.toLowerCase() === 'n') this.settle(false);
  }

  private setAnswer(change: (typed: string) => string): void {
    const { question } = this.state;
    if (question)
      this.ports.store.dispatch({ kind: 'question', question: { ...question, typed: change(question.typed) } });
  }

  private acceptAnswer(): void {
    const { question } = this.state;
    if (question) this.settle(question.typed.trim() === question.answer);
  }

  private settle(yes: boolean): void {
    const { question } = this.state;
    const { runner } = this.ports;
    if (!question) return;
    runner.answer(yes && question.purpose === 'run' ? question.line : null);
    if (!yes || question.purpose !== 'paste') return;
    this.edit({ do: 'clear' });
    for (const line of question.lines) this.ports.context.history.add(line);
    runner.submit(question.lines);
  }

  private note(text: string, tone: 'plain' | 'warn'): void {
    this.ports.store.dispatch({ kind: 'output', change: { do: 'note', text, tone } });
  }
}

function isDeed(deeds: object, action: KeyAction): action is ScreenDeed {
  return Object.hasOwn(deeds, action);
}

/** Where keys have their meaning at the moment, innermost first. */
function placesOf(state: ScreenState): readonly KeyPlace[] {
  if (state.question) return ['question'];
  if (state.help) return ['help'];
  if (state.editor.search) return ['search', 'line'];
  return state.editor.completion ? ['list', 'line'] : ['line'];
}
