/** Who gets how many rows and columns at which size of the terminal. */
import { nodesInOrder } from '../session/selectors.js';
import type { ScreenState } from '../session/state.js';

/** The forms of the screen, from large to small. */
export type Form =
  /** Node cards side by side. */
  | 'cards'
  /** One line per node. */
  | 'table'
  /** Header, output, prompt. */
  | 'bare'
  /** A message that this is too small. */
  | 'tiny';

/** Rows of each part; 0 leaves it out. */
export interface Layout {
  readonly form: Form;
  readonly columns: number;
  readonly rows: number;
  readonly header: number;
  /** Nodes shown. */
  readonly nodes: number;
  readonly nodeRows: number;
  /** Rows of the feed, its frame or rule included. */
  readonly feed: number;
  /** Rows of the panel with output and prompt, its frame included. */
  readonly console: number;
  /** Rows of output when nothing is open above the prompt. */
  readonly output: number;
  /** Cells of a row of output. */
  readonly width: number;
}

/** Smallest sizes at which each form fits. */
const CARDS_SIZE = { columns: 110, rows: 34 };
const TABLE_SIZE = { columns: 60, rows: 16 };
const BARE_SIZE = { columns: 40, rows: 8 };

/** Narrowest node card, cells. */
export const CARD_WIDTH_MIN = 36;
/** Rows of a node card, its frame included. */
export const CARD_ROWS = 8;
/** What the frame of the console takes: two edges, the divider and the prompt. */
const CONSOLE_FRAME = 4;
const FRAME_WIDTH = 4;

/** The layout for the size and the nodes of this state. */
export function layoutOf(state: ScreenState): Layout {
  const { columns, rows } = state.size;
  const count = nodesInOrder(state).length;
  const fits = (least: { columns: number; rows: number }) => columns >= least.columns && rows >= least.rows;
  if (!fits(BARE_SIZE)) return { ...bare(columns, rows), form: 'tiny' };
  if (!fits(TABLE_SIZE)) return bare(columns, rows);
  const asCards = fits(CARDS_SIZE) && count > 0 && count <= Math.floor(columns / CARD_WIDTH_MIN);
  return asCards ? framed('cards', columns, rows, count, CARD_ROWS, cardsFeed(rows)) : table(columns, rows, count);
}

function cardsFeed(rows: number): number {
  return Math.min(10, Math.max(4, Math.floor((rows - 10) * 0.2))) + 2;
}

function table(columns: number, rows: number, count: number): Layout {
  const shown = Math.min(count, Math.max(1, Math.floor(rows / 4)));
  const nodeRows = count === 0 ? 0 : shown + 1 + (shown < count ? 1 : 0);
  const feed = rows >= 24 ? 4 : rows >= 20 ? 3 : 0;
  return framed('table', columns, rows, shown, nodeRows, feed);
}

function framed(form: Form, columns: number, rows: number, nodes: number, nodeRows: number, feed: number): Layout {
  const header = 2;
  const rest = rows - header - nodeRows - feed;
  const width = columns - FRAME_WIDTH;
  return { form, columns, rows, header, nodes, nodeRows, feed, console: rest, output: rest - CONSOLE_FRAME, width };
}

function bare(columns: number, rows: number): Layout {
  const rest = { header: 1, nodes: 0, nodeRows: 0, feed: 0, console: rows - 1, output: rows - 2 };
  return { form: 'bare', columns, rows, ...rest, width: columns };
}
