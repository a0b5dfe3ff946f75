/** Help over the whole screen: the keys from the table of keys, the words from the grammar. */
import type { Candidate } from '../grammar/index.js';
import { KEYS, keyLabel } from '../keys.js';
import { fitTo, widthOf } from '../terminal/cells.js';
import { Lines } from './Lines.js';
import type { Look } from './look.js';
import { PANEL_MARGIN, panel } from './panel.js';
import { dim, fitRow, type Row, span } from './row.js';

/** Cells from which keys and words stand side by side. */
const TWO_COLUMNS = 90;
const GAP = 4;

interface HelpProps {
  readonly words: readonly Candidate[];
  readonly columns: number;
  readonly rows: number;
  /** Rows scrolled down from the top. */
  readonly scroll: number;
  readonly look: Look;
}

/** The whole screen. */
export function Help({ words, columns, rows, scroll, look }: HelpProps) {
  const all = helpRows(words, columns, look);
  const room = Math.max(1, rows - 2);
  const first = Math.min(scroll, Math.max(0, all.length - room));
  const shown = all.slice(first, first + room);
  while (shown.length < room) shown.push([]);
  const more = all.length - first - room;
  const framed = panel(shown, columns, look, {
    title: [span('help', { bold: true })],
    corner: more > 0 ? [dim(`${more} more, PgDn`)] : [],
    footer: [dim('Esc back')],
    edge: { tone: 'info' },
  });
  return <Lines rows={framed} width={columns} look={look} />;
}

/** Rows that the help can be scrolled by. */
export function helpScrollMax(words: readonly Candidate[], columns: number, rows: number, look: Look): number {
  return Math.max(0, helpRows(words, columns, look).length - Math.max(1, rows - 2));
}

function helpRows(words: readonly Candidate[], columns: number, look: Look): Row[] {
  const keys = section('KEYS', keyPairs(), look);
  const terms = section(
    'WORDS',
    words.map((word) => [word.text.trim(), word.help] as const),
    look,
  );
  const width = columns - PANEL_MARGIN;
  if (width < TWO_COLUMNS) return [...keys, [], ...terms];
  const half = Math.floor((width - GAP) / 2);
  return Array.from(
    { length: Math.max(keys.length, terms.length) },
    (_, nth): Row => [...fitRow(keys[nth] ?? [], half, look), { text: ' '.repeat(GAP) }, ...(terms[nth] ?? [])],
  );
}

function keyPairs(): (readonly [string, string])[] {
  return KEYS.filter((row) => row.help !== '').map(
    (row) => [row.keys.slice(0, 2).map(keyLabel).join(' '), row.help] as const,
  );
}

function section(title: string, pairs: readonly (readonly [string, string])[], look: Look): Row[] {
  const names = pairs.map(([name]) => span(name).text);
  const width = Math.min(24, Math.max(0, ...names.map(widthOf)));
  return [
    [dim(title)],
    ...pairs.map(
      ([, text], nth): Row => [
        span(`  ${fitTo(names[nth] ?? '', width, 'left', look.glyphs.more)}  `, { tone: 'info' }),
        span(text),
      ],
    ),
  ];
}
