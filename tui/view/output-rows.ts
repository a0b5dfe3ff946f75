/** The output as rows: what was typed, what it came to, and the proof of where the answer came from. */
import { type MetricOfNode, metricTable } from '../session/metric-table.js';
import type { Reply } from '../session/reply.js';
import type { OutputEntry } from '../session/state.js';
import { chainLines, type Edge } from '../session/wait-chains.js';
import { latency, spell } from '../spelling.js';
import { widthOf, wrapTo } from '../terminal/cells.js';
import type { Look, Tone } from './look.js';
import { dim, fitRow, type Row, rowWidth, span, spread } from './row.js';
import { isTable, tableRows } from './table.js';
import { isPlainObject, recordRow, valueRow } from './value.js';

/** Rows that one text may take before it is cut. */
const TEXT_ROWS_MAX = 12;
const INDENT = 2;

/** All entries as rows of at most `width` cells, oldest first. `now` is the moment that running commands count to. */
export function outputRows(entries: readonly OutputEntry[], width: number, look: Look, now: number): Row[] {
  return entries.flatMap((entry) => entryRows(entry, width, look, now));
}

/** Rows of finished entries do not change: they are made once for each width. */
const made = new WeakMap<OutputEntry, { readonly width: number; readonly look: Look; readonly rows: readonly Row[] }>();

function entryRows(entry: OutputEntry, width: number, look: Look, now: number): readonly Row[] {
  if (entry.form === 'running') return [typed(entry.line, look), runningRow(entry, look, now)];
  const known = made.get(entry);
  if (known?.width === width && known.look === look) return known.rows;
  const rows = settledRows(entry, width, look);
  made.set(entry, { width, look, rows });
  return rows;
}

function settledRows(entry: Exclude<OutputEntry, { form: 'running' }>, width: number, look: Look): Row[] {
  switch (entry.form) {
    case 'note':
      return noteRows(entry.text, entry.tone, width);
    case 'queued':
      return [[...typed(entry.line, look), dim(entry.asked ? '   needs a yes' : '   waits its turn')]];
    case 'done':
      return [typed(entry.line, look), ...replyRows(entry.reply, width, look)];
  }
}

function typed(line: string, look: Look): Row {
  return [span(`${look.glyphs.prompt} `, { dim: true }), span(line, { bold: true })];
}

function noteRows(text: string, tone: Tone, width: number): Row[] {
  return wrapTo(span(text).text, width, TEXT_ROWS_MAX).map(
    (line): Row => [span(line, { tone, dim: tone === 'plain' })],
  );
}

/** ms that one picture of the spinner stands. */
const SPIN_MS = 100;

function runningRow(entry: Extract<OutputEntry, { form: 'running' }>, look: Look, now: number): Row {
  const age = Math.max(0, now - entry.since);
  const picture = look.glyphs.spin[Math.floor(age / SPIN_MS) % look.glyphs.spin.length] ?? '';
  const how = entry.givenUp ? 'giving up: its end is being asked for' : '^C gives it up';
  return [span(`  ${picture} `, { tone: 'info' }), span(spell(age)), dim(`   ${how}`)];
}

/** The rows of a reply: mark and value at the left, proof at the right where it fits, else below. */
export function replyRows(answered: Reply, width: number, look: Look): Row[] {
  if (!answered.ok) return errorRows(answered, width, look);
  const reply = { ...answered, result: shown(answered) };
  const mark = span(`  ${look.glyphs.ok} `, { tone: 'good', bold: true });
  const more = isBare(reply) ? [] : below(reply.result, width - INDENT * 2, look);
  const proof: Row = [dim(proofText(reply))];
  const first: Row = [mark, ...headline(reply)];
  const top = withProof(first, proof, width, look);
  return [...top, ...more.map((row): Row => [span(' '.repeat(INDENT * 2)), ...row])];
}

/** What stands behind the mark: the value, or what is said in place of one. */
function headline(reply: Reply): Row {
  const { result } = reply;
  if (reply.found === false) return [dim('nothing there')];
  if (isBare(reply)) return valueRow(result);
  if (result === null || result === undefined) return [span('done')];
  if (Array.isArray(result) && result.length === 0) return [dim('none')];
  if (isTable(result)) return [span(`${result.length} ${result.length === 1 ? 'row' : 'rows'}`)];
  if (isPage(result)) return [span(result.text.split('\n')[0] ?? '', { bold: true })];
  if (isPlainObject(result)) return recordRow(withoutTables(result));
  return valueRow(result);
}

/** Words that answer with a value that somebody put in: it is shown as such, whatever its shape. */
const BARE_WORD = /^\s*(?:dequeue|read)\b/i;

function isBare(reply: Reply): boolean {
  return BARE_WORD.test(reply.command);
}

/** The result as it is shown: metrics with a column for each node, waits as a drawing. */
function shown({ command, result }: Reply): unknown {
  if (METRICS_WORD.test(command) && Array.isArray(result)) return metricTable(result as MetricOfNode[]);
  if (WAITS_WORD.test(command) && isPlainObject(result))
    return { text: chainLines(result['edges'] as Edge[]).join('\n') };
  return result;
}

const METRICS_WORD = /^\s*metrics\b/i;
const WAITS_WORD = /^\s*waits\b/i;

function withoutTables(result: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(result).filter(([, value]) => !isTable(value)));
}

/** What stands below: a table, the tables in an object each under its name, or the rest of a page. */
function below(result: unknown, width: number, look: Look): Row[] {
  if (isTable(result)) return tableRows(result, width, look);
  if (isPage(result))
    return result.text
      .split('\n')
      .slice(1)
      .flatMap((line) => plainRows(line, width));
  if (!isPlainObject(result)) return [];
  return Object.entries(result).flatMap(([key, value]): Row[] =>
    isTable(value) ? [[dim(key)], ...tableRows(value, width, look)] : [],
  );
}

/** A result that is a text to be read, such as that of `help`. */
function isPage(result: unknown): result is { readonly text: string } {
  return isPlainObject(result) && typeof result['text'] === 'string';
}

function plainRows(line: string, width: number): Row[] {
  return wrapTo(span(line).text, width, TEXT_ROWS_MAX).map((piece): Row => [span(piece)]);
}

/** `n1 s0 idx 1041 term 7 2.1ms`, without what is void. */
export function proofText(reply: Reply): string {
  return [
    reply.node,
    reply.group || null,
    reply.index === null ? null : `idx ${reply.index}`,
    reply.term === null ? null : `term ${reply.term}`,
    reply.ms === null ? null : latency(reply.ms),
  ]
    .filter((part) => part !== null)
    .join(' ');
}

function withProof(row: Row, proof: Row, width: number, look: Look): Row[] {
  if (rowWidth(proof) === 0) return wrapRow(row, width, look);
  if (rowWidth(row) + 3 + rowWidth(proof) <= width) return [spread(row, proof, width)];
  const below = spread([{ text: '' }], proof, width);
  return [...wrapRow(row, width, look), below];
}

/** A long value goes on below, indented. Its colours stay; what is beyond the last row is marked as left out. */
function wrapRow(row: Row, width: number, look: Look): Row[] {
  const rows: Row[] = [];
  let current: Row = [];
  let room = width;
  for (const piece of row) {
    let { text } = piece;
    while (text !== '') {
      const head = room < 1 ? '' : widthOf(text) <= room ? text : (wrapTo(text, room, 2)[0] ?? '');
      current = [...current, { ...piece, text: head }];
      room -= widthOf(head);
      text = head === text ? '' : text.slice(head.length).trimStart();
      if (text === '') break;
      if (rows.length === TEXT_ROWS_MAX - 1) return [...rows, fitRow([...current, dim(look.glyphs.more)], width, look)];
      rows.push(current);
      current = [{ text: ' '.repeat(INDENT * 2) }];
      room = width - INDENT * 2;
    }
  }
  return [...rows, current];
}

function errorRows(reply: Reply, width: number, look: Look): Row[] {
  const { error } = reply;
  if (!error) return [[span(`  ${look.glyphs.fail} `, { tone: 'bad', bold: true }), span('no answer')]];
  const tone: Tone = error.definite ? 'bad' : 'warn';
  const mark = error.definite ? look.glyphs.fail : look.glyphs.unsure;
  const head: Row = [
    span(`  ${mark} `, { tone, bold: true }),
    span(error.code, { tone, bold: true }),
    ...(error.definite ? [] : [span(' outcome unknown', { tone })]),
    span(`  ${error.message}`),
  ];
  const hint = error.hint === '' ? [] : wrapTo(span(error.hint).text, width - INDENT * 2, TEXT_ROWS_MAX);
  return [...withProof(head, [dim(proofText(reply))], width, look), ...hint.map((line): Row => [dim(`    ${line}`)])];
}
