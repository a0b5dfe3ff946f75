/** What opens above the prompt: the list of completions, or a question that waits for its answer. */
import type { OpenCompletion } from '../editor/editor.js';
import type { OpenQuestion } from '../session/state.js';
import { fitTo, widthOf, wrapTo } from '../terminal/cells.js';
import type { Look } from './look.js';
import { dim, type Row, span } from './row.js';

/** Candidates shown at once. */
const LIST_ROWS_MAX = 8;
const NAME_WIDTH_MAX = 32;

/** The candidates around the chosen one, in at most `rows` rows. */
export function completionRows(completion: OpenCompletion, rows: number, look: Look): Row[] {
  const { candidates, selected } = completion;
  const room = Math.max(1, Math.min(LIST_ROWS_MAX, rows));
  const first = Math.max(0, Math.min(selected - Math.floor(room / 2), candidates.length - room));
  const shown = candidates.slice(first, first + room);
  const names = shown.map((candidate) => span(candidate.text.trim()).text);
  const width = Math.min(NAME_WIDTH_MAX, Math.max(...names.map(widthOf)));
  return shown.map((candidate, nth): Row => {
    const isChosen = first + nth === selected;
    const name = fitTo(names[nth] ?? '', width, 'left', look.glyphs.more);
    return [
      span(isChosen ? `${look.glyphs.pick} ` : '  ', { tone: 'info', bold: true }),
      span(name, isChosen ? { inverse: true } : { tone: 'info' }),
      dim(`  ${candidate.help}`),
    ];
  });
}

/** Lines shown of a paste that is asked about. */
const PASTE_LINES_SHOWN_MAX = 4;
const QUESTION_ROWS_MAX = 3;

/** The question, and for a paste its first lines. */
export function questionRows(question: OpenQuestion, width: number, look: Look): Row[] {
  const text = wrapTo(span(`${look.glyphs.flag} ${question.text}`).text, width, QUESTION_ROWS_MAX);
  const lines = question.lines.slice(0, PASTE_LINES_SHOWN_MAX).map((line): Row => [dim('    '), span(line)]);
  const rest = question.lines.length - lines.length;
  const more: Row[] = rest > 0 ? [[dim(`    and ${rest} more`)]] : [];
  return [...text.map((line): Row => [span(line, { tone: 'warn', bold: true })]), ...lines, ...more];
}
