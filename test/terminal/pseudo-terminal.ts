/** A program in a pseudo-terminal: keys in, screen out, as a person has it before them. */
import { readFileSync } from 'node:fs';
import pty from '@lydell/node-pty';
import xterm from '@xterm/headless';

/** How to start it. */
export interface PseudoTerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folder that it is started in. Default: the present one. */
  readonly cwd?: string;
}

/** Longest wait for anything on the screen, ms. */
const WAIT_MS_MAX = 15_000;

/** One run of a Node program. */
export class PseudoTerminal {
  /** All that it wrote, codes included. */
  raw = '';
  readonly exited: Promise<number>;
  private readonly process: pty.IPty;
  private readonly terminal: xterm.Terminal;

  /** Starts `node file ...args`. */
  constructor(file: string, args: readonly string[], options: PseudoTerminalOptions = {}) {
    const { columns = 100, rows = 30, env = {}, cwd = process.cwd() } = options;
    this.terminal = new xterm.Terminal({ cols: columns, rows, scrollback: 1000, allowProposedApi: true });
    const all: Record<string, string | undefined> = { ...process.env, LANG: 'C.UTF-8', CI: 'false', ...env };
    for (const name of ['NO_COLOR', 'FORCE_COLOR', 'LC_ALL', 'LC_CTYPE', 'NODE_V8_COVERAGE'])
      if (!(name in env)) delete all[name];
    const name = env['TERM'] ?? 'xterm-256color';
    this.process = pty.spawn(process.execPath, [file, ...args], { name, cols: columns, rows, cwd, env: all });
    this.process.onData((data) => {
      this.raw += data;
      this.terminal.write(data);
    });
    this.exited = new Promise((resolve) => {
      this.process.onExit(({ exitCode }) => resolve(exitCode));
    });
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Types, all of it in one piece. */
  keys(text: string): void {
    this.process.write(text);
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.process.pid, name);
  }

  resize(columns: number, rows: number): void {
    this.process.resize(columns, rows);
    this.terminal.resize(columns, rows);
  }

  /** The rows of the screen, blanks at their ends left out. */
  rows(): string[] {
    const { active } = this.terminal.buffer;
    const rows = Array.from({ length: this.terminal.rows }, (_, row) => active.getLine(active.viewportY + row));
    return rows.map((row) => row?.translateToString(true).trimEnd() ?? '');
  }

  text(): string {
    return this.rows().join('\n');
  }

  /** True while the alternate screen is shown. */
  get isAlternate(): boolean {
    return this.terminal.buffer.active.type === 'alternate';
  }

  /** Where the cursor stands, from 0. */
  get cursor(): { readonly row: number; readonly column: number } {
    const { cursorX, cursorY } = this.terminal.buffer.active;
    return { row: cursorY, column: cursorX };
  }

  /** Waits until the condition holds. @throws Error with the screen as it is when it does not in time */
  async until(what: string, holds: (terminal: PseudoTerminal) => boolean): Promise<void> {
    const end = performance.now() + WAIT_MS_MAX;
    while (!holds(this)) {
      if (performance.now() > end) throw new Error(`waited in vain for ${what}:\n${this.text()}`);
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }

  /** Waits until the screen holds a text. */
  shows(text: string): Promise<void> {
    return this.until(`"${text}"`, () => this.text().includes(text));
  }

  /** True once the process stands still: only then may it be told to go on. */
  get isStopped(): boolean {
    const stat = readFileSync(`/proc/${this.process.pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  }

  /** Ends it, whatever it does. */
  async close(): Promise<void> {
    try {
      this.process.kill('SIGKILL');
    } catch {
      // It has ended already.
    }
    await this.exited;
    this.terminal.dispose();
  }
}
