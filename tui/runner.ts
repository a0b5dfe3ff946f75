/** Runs lines one after the other: asks before what destroys, gives up on request, keeps what waits in a bounded queue. */
import { ConcordError } from '../protocol/errors.js';
import type { ScreenContext } from './session/context.js';
import type { ScreenAction } from './session/reducer.js';
import type { Reply } from './session/reply.js';
import { SCREEN_LIMITS, type ScreenState } from './session/state.js';
import type { Store } from './session/store.js';

interface Waiting {
  readonly id: number;
  readonly line: string;
  /** The answer to its question was given: nothing is asked again. */
  readonly confirmed: boolean;
}

/** The store of the screen. */
export type ScreenStore = Store<ScreenState, ScreenAction>;

/** Runs the lines of one screen. */
export class Runner {
  private readonly context: ScreenContext;
  private readonly store: ScreenStore;
  private readonly leave: () => void;
  private queue: Waiting[] = [];
  private running: { readonly id: number; readonly abort: AbortController } | null = null;
  /** The line whose question is open. */
  private asked: Waiting | null = null;

  constructor(context: ScreenContext, store: ScreenStore, leave: () => void) {
    this.context = context;
    this.store = store;
    this.leave = leave;
  }

  /** True while a command runs. */
  get busy(): boolean {
    return this.running !== null;
  }

  /** Puts lines behind those that wait. Blank ones are passed over; when there is no room for all, none is taken. */
  submit(lines: readonly string[]): void {
    const filled = lines.filter((line) => line.trim() !== '');
    if (filled.length + this.queue.length > SCREEN_LIMITS.queued_lines_max) {
      this.note(`Too many lines: at most ${SCREEN_LIMITS.queued_lines_max} can wait.`);
      return;
    }
    for (const line of filled) {
      const id = this.store.get().nextId;
      this.store.dispatch({ kind: 'output', change: { do: 'queued', id, line } });
      this.queue.push({ id, line, confirmed: false });
    }
    this.next();
  }

  /** Gives up the command that runs and forgets those that wait. Its reply still comes and says what became of it. */
  giveUp(): void {
    this.forgetWaiting();
    if (!this.running) return;
    this.store.dispatch({ kind: 'output', change: { do: 'given-up', id: this.running.id } });
    this.running.abort.abort();
  }

  /**
   * Closes the question. For that of a line `line` is what is run then, null leaves it and forgets what waits behind it; for a
   * question of another kind the queue only goes on.
   */
  answer(line: string | null): void {
    const asked = this.asked;
    this.asked = null;
    this.store.dispatch({ kind: 'question', question: null });
    if (asked && line === null) {
      this.forgetWaiting();
      this.drop([asked.id]);
      this.note(`Left alone: ${asked.line}`);
    } else if (asked && line !== null) {
      this.queue.unshift({ id: asked.id, line, confirmed: true });
    }
    this.next();
  }

  private next(): void {
    // While anything is asked nothing new begins: the answer comes back here.
    if (this.running || this.store.get().question) return;
    const waiting = this.queue.shift();
    if (!waiting) return;
    if (this.context.leaves(waiting.line)) {
      this.drop([waiting.id]);
      this.leave();
      return;
    }
    const question = waiting.confirmed ? null : this.context.confirm(waiting.line);
    if (question) {
      this.asked = waiting;
      this.store.dispatch({ kind: 'output', change: { do: 'asked', id: waiting.id } });
      this.store.dispatch({ kind: 'question', question: { ...question, purpose: 'run', typed: '', lines: [] } });
      return;
    }
    void this.run(waiting);
  }

  private async run({ id, line }: Waiting): Promise<void> {
    const abort = new AbortController();
    this.running = { id, abort };
    this.store.dispatch({ kind: 'output', change: { do: 'started', id } });
    const reply = await this.context.execute(line, abort.signal).catch((error) => defect(line, error));
    this.running = null;
    this.store.dispatch({ kind: 'output', change: { do: 'replied', id, reply } });
    this.store.dispatch({ kind: 'session', session: this.context.session(), heldLocks: this.context.heldLocks() });
    this.next();
  }

  private forgetWaiting(): void {
    this.drop(this.queue.map(({ id }) => id));
    this.queue = [];
  }

  private drop(ids: readonly number[]): void {
    if (ids.length > 0) this.store.dispatch({ kind: 'output', change: { do: 'dropped', ids } });
  }

  private note(text: string): void {
    this.store.dispatch({ kind: 'output', change: { do: 'note', text, tone: 'warn' } });
  }
}

/** `execute` never rejects; should it do so all the same, the person gets to know. */
function defect(command: string, cause: unknown): Reply {
  const { code, message, definite, hint, details } = new ConcordError('INTERNAL', String(cause));
  const error = { code, message, definite, hint, details };
  return { command, ok: false, result: null, error, node: null, group: null, term: null, index: null, ms: null };
}
