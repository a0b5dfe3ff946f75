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
  const begun = entries.filter((entry) => entry.form !== 'queued').slice(-FAREWELL_ENTRIES_MAX);
  return begun
    .flatMap((entry) => outputRows([entry.form === 'running' ? unanswered(entry) : entry], width, look, now))
    .slice(-FAREWELL_LINES_MAX)
    .map((row) => rowText(row, look));
}

function unanswered({ id, line }: Extract<OutputEntry, { form: 'running' }>): OutputEntry {
  return { form: 'note', id, text: `${line}: left before its answer came`, tone: 'warn' };
}
