/**
 * The stdout that Ink is given. Ink hands over whole frames (its debug mode); this writes only the rows that changed, each at
 * its absolute address, at most 30 times a second, between the marks of synchronised output. So nothing flickers, the full
 * height can be used, and the cursor stands where the person types.
 */
import { EventEmitter } from 'node:events';
import type { Timer } from '../../protocol/env.js';

/** What is written to: a terminal, or a capture in tests. */
export interface TerminalOut {
  /** Size in cells; 0 or absent while it is not known. */
  readonly columns?: number;
  readonly rows?: number;
  /** False asks to wait for `drain`. */
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize' | 'drain', listener: () => void): unknown;
}

/** Monotonic time and one-shot timers. */
export interface FrameClock {
  now(): number;
  after(delay_ms: number, task: () => void): Timer;
}

/** A place on the screen, counted from 0. */
export interface Place {
  readonly row: number;
  readonly column: number;
}

/** Where the screen's picture goes: what Ink asks of a stdout when it hands over whole frames, and the cursor. */
export interface FrameSink {
  readonly columns: number;
  readonly rows: number;
  write(frame: string): boolean;
  setCursor(place: Place | null): void;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** Shortest time between two paints, ms. */
const PAINT_MS_MIN = 33;
const DEFAULT_SIZE = { columns: 80, rows: 24 };

const CSI = '\u001b[';
const SYNC_BEGIN = `${CSI}?2026h`;
const SYNC_END = `${CSI}?2026l`;
const HIDE_CURSOR = `${CSI}?25l`;
const SHOW_CURSOR = `${CSI}?25h`;
const CLEAR = `${CSI}0m${CSI}2J`;

/** Paints frames as differences. Emits `resize` as Ink expects it. */
export class FrameOut extends EventEmitter implements FrameSink {
  readonly isTTY = true;
  private readonly terminal: TerminalOut;
  private readonly clock: FrameClock;
  private frame = '';
  private cursor: Place | null = null;
  private shownRows: readonly string[] = [];
  private shownCursor: Place | null | undefined;
  private clear = true;
  private timer: Timer | null = null;
  private paintedAt = Number.NEGATIVE_INFINITY;
  private blocked = false;
  private open = true;

  constructor(terminal: TerminalOut, clock: FrameClock) {
    super();
    this.terminal = terminal;
    this.clock = clock;
    terminal.on('resize', this.resized);
  }

  /** Width in cells. */
  get columns(): number {
    return this.terminal.columns || DEFAULT_SIZE.columns;
  }

  /** Height in cells. */
  get rows(): number {
    return this.terminal.rows || DEFAULT_SIZE.rows;
  }

  /** Takes the next whole frame. What came before it and was not painted yet is dropped. */
  write(frame: string): boolean {
    this.frame = frame;
    this.schedule();
    return true;
  }

  /** Where the cursor stands from the next paint on; null hides it. */
  setCursor(place: Place | null): void {
    this.cursor = place;
    this.schedule();
  }

  /** Paints everything again: after a resize, or when something else wrote on the screen. */
  repaint(): void {
    this.clear = true;
    this.schedule();
  }

  /** Writes nothing from here on. */
  close(): void {
    this.open = false;
    this.timer?.cancel();
    this.timer = null;
    this.terminal.off('resize', this.resized);
    this.terminal.off('drain', this.drained);
  }

  private readonly resized = (): void => {
    this.repaint();
    this.emit('resize');
  };

  private readonly drained = (): void => {
    this.blocked = false;
    this.schedule();
  };

  private schedule(): void {
    if (!this.open || this.timer !== null || this.blocked) return;
    const delay = Math.max(0, this.paintedAt + PAINT_MS_MIN - this.clock.now());
    this.timer = this.clock.after(delay, () => this.paint());
  }

  private paint(): void {
    this.timer = null;
    if (!this.open) return;
    const rows = this.frame.split('\n').slice(0, this.rows);
    const changes = this.clear ? CLEAR + rowChanges([], rows) : rowChanges(this.shownRows, rows);
    if (changes === '' && samePlace(this.cursor, this.shownCursor)) return;
    this.clear = false;
    this.shownRows = rows;
    this.shownCursor = this.cursor;
    this.paintedAt = this.clock.now();
    const text = SYNC_BEGIN + HIDE_CURSOR + changes + cursorAt(this.cursor) + SYNC_END;
    if (!this.terminal.write(text)) {
      this.blocked = true;
      this.terminal.once('drain', this.drained);
    }
  }
}

/** What turns the rows shown into the rows wanted. Erasing comes first: erasing behind a full row may eat its last cell. */
function rowChanges(shown: readonly string[], wanted: readonly string[]): string {
  let text = '';
  for (let row = 0; row < Math.max(shown.length, wanted.length); row++) {
    const content = wanted[row] ?? '';
    if (content === (shown[row] ?? '')) continue;
    text += `${CSI}${row + 1};1H${CSI}0m${CSI}2K${content}`;
  }
  return text;
}

function cursorAt(place: Place | null): string {
  return place === null ? '' : `${CSI}${place.row + 1};${place.column + 1}H${CSI}0m${SHOW_CURSOR}`;
}

function samePlace(one: Place | null, other: Place | null | undefined): boolean {
  if (one === null || other === null || other === undefined) return one === other;
  return one.row === other.row && one.column === other.column;
}
