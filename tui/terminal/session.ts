/**
 * The hold on the terminal: alternate screen, raw mode, bracketed paste, no wrapping. Whatever ends the process (a signal, an
 * error, exit) gives the terminal back as it was. The mouse is never captured: selecting and copying stay the terminal's.
 */

import type { FrameClock } from './frame-out.js';
import type { KeyEvent } from './key-event.js';
import { KeyReader } from './keys.js';

const CSI = '\u001b[';
/** Alternate screen, no wrapping, bracketed paste. */
const ENTER = `${CSI}?1049h${CSI}?7l${CSI}?2004h${CSI}0m${CSI}2J`;
const RESTORE = `${CSI}?2004l${CSI}?7h${CSI}?25h${CSI}0m${CSI}?1049l`;

/** How long an escape may wait for the rest of its sequence, ms. */
const ESCAPE_MS = 50;
/** How long a paste may pause before it counts as ended, ms. */
const PASTE_MS = 2000;
/** Lines kept that something wrote to stderr while the screen was up. */
const STRAY_LINES_MAX = 200;

/** Signals that end the session, and what a shell calls such an exit. */
export const SIGNAL_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
export type EndSignal = keyof typeof SIGNAL_CODES;

/** What the owner of the screen is told. */
export interface SessionHandlers {
  /** What was typed, in order; all events of one chunk at once. */
  keys(events: readonly KeyEvent[]): void;
  /** The screen was given back because of this signal; what is left is to end. */
  ended(signal: EndSignal): void;
  /** The screen was taken again, or something else may have changed it: paint all of it. */
  repaint(): void;
  /** Lines for the main screen, asked for when the terminal is given back. */
  farewell(): readonly string[];
}

/** The hold on the terminal of this process. */
export class TerminalSession {
  private readonly reader = new KeyReader();
  private readonly handlers: SessionHandlers;
  private readonly clock: FrameClock;
  private timer: { cancel(): void } | null = null;
  private state: 'new' | 'open' | 'stopped' | 'closed' = 'new';
  private stray: string[] = [];
  private readonly writeError = process.stderr.write;

  constructor(handlers: SessionHandlers, clock: FrameClock) {
    this.handlers = handlers;
    this.clock = clock;
  }

  /** Takes the terminal. */
  open(): void {
    this.state = 'open';
    this.take();
    process.stdin.on('data', this.data);
    process.stdin.on('end', this.hangup);
    process.stdin.on('error', this.hangup);
    process.stdout.on('error', ignore);
    process.on('exit', this.exit);
    process.on('uncaughtExceptionMonitor', this.exit);
    process.on('SIGTSTP', this.suspend);
    process.on('SIGCONT', this.resume);
    process.on('SIGWINCH', this.resized);
    for (const [signal, end] of this.ends) process.on(signal, end);
  }

  /** Gives the terminal back and prints the farewell. Safe to call again. */
  close(): void {
    if (this.state === 'new' || this.state === 'closed') return;
    if (this.state === 'open') this.give();
    this.state = 'closed';
    this.timer?.cancel();
    process.stdin.off('data', this.data);
    process.stdin.off('end', this.hangup);
    process.off('exit', this.exit);
    process.off('uncaughtExceptionMonitor', this.exit);
    process.off('SIGTSTP', this.suspend);
    process.off('SIGCONT', this.resume);
    process.off('SIGWINCH', this.resized);
    for (const line of this.handlers.farewell()) process.stdout.write(`${line}\n`);
    for (const text of this.stray) process.stderr.write(text);
  }

  /** Stops the process as ^Z does everywhere; the shell gets its terminal until `fg`. */
  readonly suspend = (): void => {
    if (this.state !== 'open') return;
    this.give();
    this.state = 'stopped';
    process.kill(process.pid, 'SIGSTOP');
  };

  private readonly resume = (): void => {
    if (this.state === 'closed') return;
    this.state = 'open';
    this.take();
    this.handlers.repaint();
  };

  // Node tells a resize only when the size differs from the last one it saw: there and back again is none, and yet rows are lost.
  private readonly resized = (): void => {
    if (this.state === 'open') this.handlers.repaint();
  };

  /**
   * The first signal ends the session, a further one the process. These handlers stay: Ink's own would otherwise find itself
   * alone and end the process before the cluster was let go of.
   */
  private readonly ends = Object.keys(SIGNAL_CODES).map((name) => {
    const signal = name as EndSignal;
    const end = (): void => {
      // A terminal that goes away says so twice: its input ends, and the signal comes.
      if (this.state === 'closed' && signal === 'SIGHUP') return;
      if (this.state === 'closed') process.exit(SIGNAL_CODES[signal]);
      this.close();
      this.handlers.ended(signal);
    };
    return [signal, end] as const;
  });

  private readonly exit = (): void => this.close();

  /** The terminal went away: what the system says with SIGHUP, mostly. */
  private readonly hangup = (): void => {
    this.close();
    this.handlers.ended('SIGHUP');
  };

  private readonly data = (chunk: Buffer): void => {
    this.timer?.cancel();
    this.timer = null;
    this.hand(this.reader.push(chunk));
    const { waiting } = this.reader;
    if (waiting === null || this.state === 'closed') return;
    this.timer = this.clock.after(waiting === 'paste' ? PASTE_MS : ESCAPE_MS, () => this.hand(this.reader.flush()));
  };

  private hand(events: readonly KeyEvent[]): void {
    if (events.length > 0) this.handlers.keys(events);
  }

  private take(): void {
    setRaw(true);
    process.stdin.resume();
    process.stdout.write(ENTER);
    // A warning printed in the middle of the screen would break it: it is kept for later.
    process.stderr.write = (text: string | Uint8Array): boolean => {
      this.stray.push(text.toString());
      if (this.stray.length > STRAY_LINES_MAX) this.stray.shift();
      return true;
    };
  }

  private give(): void {
    process.stderr.write = this.writeError;
    process.stdout.write(RESTORE);
    setRaw(false);
    process.stdin.pause();
  }
}

/** The terminal may be gone already; then there is nothing to set. */
function setRaw(on: boolean): void {
  try {
    if (process.stdin.isTTY) process.stdin.setRawMode(on);
  } catch {
    // Gone.
  }
}

function ignore(): void {}
