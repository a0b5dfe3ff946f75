/** Rows as an aligned table, and single values as the cells of one. */
import { escapeHidden, write } from '../grammar/write.js';

/** Longer cells are cut. */
const CELL_LENGTH_MAX = 100;

/** Columns that hold milliseconds. */
const DURATIONS: ReadonlySet<string> = new Set(['since', 'ttl', 'age', 'left', 'delay']);

/** A row of a table by its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** A table with a head; the columns are those of the first row. '' when there are no rows. */
export function table(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const lines = [columns, ...rows.map((row) => columns.map((column) => cell(column, row[column])))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const right = columns.map((column) => rows.every((row) => isRight(column, row[column])));
  return lines
    .map((line) =>
      line
        .map((text, i) => align(text, widths[i] ?? 0, right[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** One row on one line: `queue default  id 12`. */
export function record(row: Row): string {
  return Object.entries(row)
    .map(([column, value]) => `${column} ${cell(column, value)}`)
    .join('  ');
}

/** A value as the text of a cell. `-` for what is void. */
function cell(column: string, value: unknown): string {
  const text = cellText(column, value);
  return text.length > CELL_LENGTH_MAX ? `${text.slice(0, CELL_LENGTH_MAX - 1)}…` : text;
}

function cellText(column: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (typeof value === 'number' && DURATIONS.has(column)) return duration(value);
  if (typeof value === 'string') return escapeHidden(value);
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map((one) => cell(column, one)).join(',');
  return write(value);
}

/** A duration as it is typed, to the coarsest unit that tells it: 350ms, 4s, 12m, 3h. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 120_000) return `${Math.floor(ms / 1000)}s`;
  if (ms < 7_200_000) return `${Math.floor(ms / 60_000)}m`;
  return `${Math.floor(ms / 3_600_000)}h`;
}

function isRight(column: string, value: unknown): boolean {
  return value === null || (typeof value === 'number' && !DURATIONS.has(column));
}

function align(text: string, width: number, right: boolean | undefined): string {
  return right === true ? text.padStart(width) : text.padEnd(width);
}
