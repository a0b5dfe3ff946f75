/** Pictures of the screen without a terminal: the real components, the frames that Ink hands over, compared with golden files. */
import { EventEmitter } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import type { Observation, SessionInfo } from '../../protocol/client/types.js';
import type { LocalNode } from '../../tui/cluster/types.js';
import type { EditorCommand } from '../../tui/editor/editor.js';
import type { ScreenStore } from '../../tui/runner.js';
import type { OutputAction } from '../../tui/session/output.js';
import { reduceScreen } from '../../tui/session/reducer.js';
import type { Reply } from '../../tui/session/reply.js';
import { emptyScreen, type OpenQuestion } from '../../tui/session/state.js';
import { Store } from '../../tui/session/store.js';
import { widthOf } from '../../tui/terminal/cells.js';
import type { FrameSink, Place } from '../../tui/terminal/frame-out.js';
import { lookOf } from '../../tui/view/look.js';
import { mountScreen } from '../../tui/view/mount.js';
import { FakeClock } from './fake-clock.js';
import { grammar } from './screen-world.js';

/** What Ink is given for a stdout: it keeps the last frame. */
class Capture extends EventEmitter implements FrameSink {
  frame = '';
  frames = 0;
  cursor: Place | null = null;
  readonly columns: number;
  readonly rows: number;

  constructor(columns: number, rows: number) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  write(frame: string): boolean {
    this.frame = frame;
    this.frames += 1;
    return true;
  }

  setCursor(place: Place | null): void {
    this.cursor = place;
  }
}

/** The size of a screen and how it looks. */
export interface PictureOptions {
  readonly columns: number;
  readonly rows: number;
  readonly ascii?: boolean;
  readonly colour?: boolean;
  readonly readonly?: boolean;
  readonly title?: string;
}

/** A screen of one size that is told things and looked at. Take it down with `close`. */
export class Picture {
  readonly clock = new FakeClock();
  readonly store: ScreenStore;
  private readonly out: Capture;
  private readonly unmount: () => void;
  private failure: unknown = null;

  constructor(options: PictureOptions) {
    const { columns, rows, ascii = false, colour = true, readonly = false, title = 'demo' } = options;
    this.store = new Store(emptyScreen(title, readonly, this.clock.now()), reduceScreen, this.clock);
    this.store.dispatch({ kind: 'resize', columns, rows });
    this.out = new Capture(columns, rows);
    const look = lookOf({ ascii, colour });
    this.unmount = mountScreen({ source: this.store, out: this.out, look, grammar }, (error) => {
      this.failure = error;
    });
  }

  tell(...news: readonly Observation[]): this {
    for (const each of news) this.store.dispatch({ kind: 'observation', news: each });
    return this;
  }

  processes(...nodes: readonly LocalNode[]): this {
    this.store.dispatch({ kind: 'processes', nodes });
    return this;
  }

  edit(...commands: readonly EditorCommand[]): this {
    for (const command of commands) this.store.dispatch({ kind: 'edit', command });
    return this;
  }

  output(change: OutputAction): this {
    this.store.dispatch({ kind: 'output', change });
    return this;
  }

  /** A line and what it came to; without a reply it still runs. */
  ran(line: string, reply?: Reply): this {
    const id = this.store.get().nextId;
    this.output({ do: 'queued', id, line }).output({ do: 'started', id });
    return reply ? this.output({ do: 'replied', id, reply }) : this;
  }

  session(session: SessionInfo, heldLocks: readonly string[] = []): this {
    this.store.dispatch({ kind: 'session', session, heldLocks });
    return this;
  }

  ask(question: OpenQuestion): this {
    this.store.dispatch({ kind: 'question', question });
    return this;
  }

  /** Lets time pass, a tick each second. */
  pass(ms: number): this {
    for (let left = ms; left > 0; left -= 1000) {
      this.clock.advance(Math.min(1000, left));
      this.store.dispatch({ kind: 'tick' });
    }
    return this;
  }

  /** The picture as it is now, with its codes. Checks what holds for every picture. */
  async coloured(): Promise<string> {
    await new Promise(setImmediate);
    if (this.failure) throw this.failure;
    const { columns, rows } = this.store.get().size;
    const lines = this.out.frame.split('\n');
    expect(lines.length, 'rows of the frame').to.be.at.most(rows);
    for (const line of lines) {
      const text = withoutColours(line);
      expect(text, 'control characters').not.to.match(/\p{Cc}/u);
      expect(widthOf(text), `cells of "${text}"`).to.be.at.most(columns);
    }
    return this.out.frame;
  }

  /** The picture as it is now, without its codes. */
  async text(): Promise<string> {
    return withoutColours(await this.coloured());
  }

  /** Where the cursor stands. */
  get cursor(): Place | null {
    return this.out.cursor;
  }

  close(): void {
    this.unmount();
    this.store.close();
  }
}

const ESC = '\u001b';
const COLOUR = new RegExp(`${ESC}\\[[\\d;]*m`, 'g');

/** A text without the codes of colours. */
export function withoutColours(text: string): string {
  return text.replaceAll(COLOUR, '');
}

/** Compares with test/golden/`name`.txt; with UPDATE=1 in the environment it writes that file. */
export function expectGolden(name: string, picture: string): void {
  const file = join(process.cwd(), 'test', 'golden', `${name}.txt`);
  const text = `${picture}\n`;
  if (process.env['UPDATE'] === '1') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return;
  }
  expect(text, `differs from ${file}; UPDATE=1 takes it over`).to.equal(readFileSync(file, 'utf8'));
}
