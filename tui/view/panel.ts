/** Frames around rows: a box with a title in its upper edge and hints in its lower one, and a thin rule. */
import type { Look } from './look.js';
import { fitRow, type Row, rowWidth, type Span, type Style } from './row.js';

/** What stands in the edges of a box. */
export interface PanelText {
  readonly title?: Row;
  /** At the right end of the upper edge. */
  readonly corner?: Row;
  /** At the right end of the lower edge. */
  readonly footer?: Row;
  /** Look of the edges. */
  readonly edge?: Style;
}

/** Cells that the edges and margins take of a box's width. */
export const PANEL_MARGIN = 4;

/** Rows in a box of `width` cells. It is two rows higher than its content. */
export function panel(rows: readonly Row[], width: number, look: Look, text: PanelText = {}): Row[] {
  const [topLeft, topRight, bottomLeft, bottomRight] = look.glyphs.box;
  return [
    edge(topLeft, topRight, text.title ?? [], text.corner ?? [], width, look, text.edge),
    ...rows.map((row) => sides(row, width, look, text.edge)),
    edge(bottomLeft, bottomRight, [], text.footer ?? [], width, look, text.edge),
  ];
}

/** A line across a box, to stand among its rows: it takes the whole width, edges included. */
export function divider(width: number, look: Look, style: Style = {}): Row {
  const [, , , , , , left, right] = look.glyphs.box;
  return edge(left, right, [], [], width, look, style);
}

/** One row between the sides of a box. */
export function sides(row: Row, width: number, look: Look, style: Style = {}): Row {
  const side: Span = { text: look.glyphs.box[5], ...style };
  return [side, { text: ' ' }, ...fitRow(row, width - PANEL_MARGIN, look), { text: ' ' }, side];
}

/** A thin rule with a title: what stands for a box where rows are scarce. */
export function rule(title: Row, width: number, look: Look): Row {
  const line = look.glyphs.box[4];
  const rest = Math.max(0, width - rowWidth(title) - 4);
  const ends: Style = { dim: true };
  return [{ text: `${line}${line} `, ...ends }, ...title, { text: ` ${line.repeat(rest)}`, ...ends }];
}

function edge(left: string, right: string, title: Row, end: Row, width: number, look: Look, style: Style = {}): Row {
  const line = look.glyphs.box[4];
  const head = captioned(title, line, style, 'before');
  const tail = captioned(end, line, style, 'after');
  const room = width - 2;
  const fits = rowWidth(head) + rowWidth(tail) <= room;
  const first = rowWidth(head) <= room ? head : fitRow(head, room, look);
  const last = fits ? tail : [];
  const rest = room - rowWidth(first) - rowWidth(last);
  return [
    { text: left, ...style },
    ...first,
    { text: line.repeat(Math.max(0, rest)), ...style },
    ...last,
    { text: right, ...style },
  ];
}

/** A caption with blanks around it, and a bit of the edge before or after. */
function captioned(row: Row, line: string, style: Style, side: 'before' | 'after'): Row {
  if (row.length === 0) return [];
  const bit: Span = { text: line, ...style };
  const blank: Span = { text: ' ' };
  return side === 'before' ? [bit, blank, ...row, blank] : [blank, ...row, blank, bit];
}
