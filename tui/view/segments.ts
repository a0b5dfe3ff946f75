/** A row of segments that gives way when it is narrow: first to short forms, then by leaving out what matters least. */
import { dim, type Row, rowWidth } from './row.js';

/** A part of a row with its forms, longest first. */
export interface Segment {
  readonly forms: readonly Row[];
  /** Those with the greatest number give way first; 0 never goes. */
  readonly yields: number;
}

/** As many segments as fit into `width` cells, with a mark between them. */
export function joinSegments(segments: readonly Segment[], width: number, mark: string): Row {
  const chosen = segments.map((segment) => ({ segment, form: 0, shown: true }));
  const order = [...chosen].sort((a, b) => b.segment.yields - a.segment.yields);
  const row = (): Row =>
    joined(
      chosen.filter((each) => each.shown).map((each) => each.segment.forms[each.form] ?? []),
      mark,
    );
  for (const each of order) {
    while (each.form < each.segment.forms.length - 1 && rowWidth(row()) > width) each.form += 1;
  }
  for (const each of order) {
    if (each.segment.yields > 0 && rowWidth(row()) > width) each.shown = false;
  }
  return row();
}

function joined(rows: readonly Row[], mark: string): Row {
  return rows.flatMap((row, nth) => (nth === 0 ? row : [dim(mark), ...row]));
}
