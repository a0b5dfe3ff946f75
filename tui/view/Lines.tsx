/** Rows on the screen: the one component that writes text. */
import { Transform } from 'ink';
import { useCallback } from 'react';
import type { Look } from './look.js';
import { fitRow, paintRow, type Row } from './row.js';

/**
 * Draws rows in a block of exactly `width` cells and as many lines as there are rows. Ink measures only blanks of that size,
 * the rows are put in their place when they are written: Ink remembers for ever every text that it has measured, and a
 * screen of counters has no end of them.
 */
export function Lines({ rows, width, look }: { rows: readonly Row[]; width: number; look: Look }) {
  const write = useCallback(
    (_blank: string, line: number) => paintRow(fitRow(rows[line] ?? [], width, look), look),
    [rows, width, look],
  );
  if (rows.length === 0) return null;
  const blank = ' '.repeat(width);
  return <Transform transform={write}>{rows.map(() => blank).join('\n')}</Transform>;
}
