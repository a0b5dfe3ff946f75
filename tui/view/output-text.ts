/** The last of the output as plain lines, for the main screen after the other one is gone. */
import type { OutputEntry } from '../session/state.js';
import type { Look } from './look.js';
import { outputRows } from './output-rows.js';
import { rowText } from './row.js';

/** Entries that are printed at the end. */
const FAREWELL_ENTRIES_MAX = 20;
/** Lines that are printed at the end. */
const FAREWELL_LINES_MAX = 200;

/** The last entries as lines without codes, in `width` cells. */
export function outputLines(entries: readonly OutputEntry[], width: number, look: Look, now: number): string[] {
  const settled = entries.filter((entry) => entry.form !== 'queued').slice(-FAREWELL_ENTRIES_MAX);
  return outputRows(settled, width, look, now)
    .slice(-FAREWELL_LINES_MAX)
    .map((row) => rowText(row, look));
}
