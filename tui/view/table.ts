/** Tables: arrays of objects with a column for each key, fitted to a width. */

import { spell } from '../spelling.js';
import { cutTo, fitTo, widthOf } from '../terminal/cells.js';
import type { Look } from './look.js';
import { dim, type Row, span } from './row.js';
import { isPlainObject, valueText } from './value.js';

/** Rows of a table that are shown. */
const TABLE_ROWS_MAX = 200;
/** Narrowest that a column is squeezed to, cells. */
const COLUMN_MIN = 6;
/** Cells between two columns. */
const GAP = 2;

/** Columns that hold milliseconds. */
const DURATIONS: ReadonlySet<string> = new Set(['since', 'ttl', 'age', 'oldest', 'left']);

/** True for what is shown as a table: a list of objects that is not empty. */
export function isTable(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) && value.length > 0 && value.every(isPlainObject);
}

interface Column {
  readonly key: string;
  readonly cells: readonly string[];
  /** Numbers stand at the right. */
  readonly numeric: boolean;
  readonly width: number;
}

/** The rows of a table: a head, the objects, and a word about those left out. */
export function tableRows(list: readonly Readonly<Record<string, unknown>>[], width: number, look: Look): Row[] {
  const shown = list.slice(0, TABLE_ROWS_MAX);
  const keys = [...new Set(shown.flatMap((each) => Object.keys(each)))];
  const columns = squeeze(
    keys.map((key) => column(key, shown)),
    width,
  );
  const gap = (nth: number) => ' '.repeat(nth === 0 ? 0 : GAP);
  const head: Row = columns.map((each, nth) => dim(gap(nth) + cell(each, each.key.toUpperCase(), look)));
  const rows = shown.map(
    (_, line): Row => columns.map((each, nth) => span(gap(nth) + cell(each, each.cells[line] ?? '', look))),
  );
  const rest = list.length - shown.length;
  return rest > 0 ? [head, ...rows, [dim(`and ${rest} more`)]] : [head, ...rows];
}

function column(key: string, list: readonly Readonly<Record<string, unknown>>[]): Column {
  const values = list.map((each) => each[key]);
  const cells = values.map((value) => span(cellText(key, value)).text);
  const filled = values.filter((value) => value !== null && value !== undefined && value !== '');
  const numeric = filled.length > 0 && filled.every((value) => typeof value === 'number');
  return { key, cells, numeric, width: Math.max(widthOf(key), ...cells.map(widthOf)) };
}

function cellText(key: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  return typeof value === 'number' && DURATIONS.has(key) ? spell(value) : valueText(value);
}

/** Takes from the widest column until all fit. What still does not fit is cut at the edge with the row. */
function squeeze(columns: readonly Column[], width: number): Column[] {
  const squeezed = [...columns];
  let excess = squeezed.reduce((sum, each) => sum + each.width + GAP, -GAP) - width;
  while (excess > 0) {
    const widest = squeezed.reduce((best, each, nth) => (each.width > (squeezed[best]?.width ?? 0) ? nth : best), 0);
    const target = squeezed[widest];
    if (!target || target.width <= COLUMN_MIN) break;
    const others = squeezed.filter((_, nth) => nth !== widest).map((each) => each.width);
    const next = Math.max(COLUMN_MIN, Math.min(target.width - 1, Math.max(target.width - excess, ...others)));
    excess -= target.width - next;
    squeezed[widest] = { ...target, width: next };
  }
  return squeezed;
}

function cell(each: Column, text: string, look: Look): string {
  const cut = cutTo(text, each.width, look.glyphs.more);
  return fitTo(cut, each.width, each.numeric ? 'right' : 'left');
}
