/** What happened in the cluster, newest last. */
import type { EventKind, FeedEvent } from '../session/state.js';
import { timeOfDay } from '../spelling.js';
import { fitTo, widthOf } from '../terminal/cells.js';
import { Lines } from './Lines.js';
import type { Glyphs, Look, Tone } from './look.js';
import { panel, rule } from './panel.js';
import { dim, type Row, span } from './row.js';

const MARKS: Readonly<Record<EventKind, { glyph: Exclude<keyof Glyphs, 'spark' | 'spin' | 'box'>; tone: Tone }>> = {
  up: { glyph: 'up', tone: 'good' },
  down: { glyph: 'down', tone: 'bad' },
  leader: { glyph: 'leader', tone: 'good' },
  vote: { glyph: 'candidate', tone: 'vote' },
  warn: { glyph: 'flag', tone: 'warn' },
  lost: { glyph: 'flag', tone: 'bad' },
  good: { glyph: 'ok', tone: 'good' },
  process: { glyph: 'gear', tone: 'info' },
};

/** The newest events in `height` rows: in a box, or under a rule where rows are scarce. */
export function EventFeed(props: {
  events: readonly FeedEvent[];
  height: number;
  width: number;
  boxed: boolean;
  look: Look;
}) {
  const { events, height, width, boxed, look } = props;
  const room = height - (boxed ? 2 : 1);
  const shown = events.slice(Math.max(0, events.length - room));
  const names = Math.max(2, ...shown.map((event) => Math.min(12, widthOf(span(event.node).text))));
  const rows = shown.map((event) => eventRow(event, names, look));
  if (rows.length === 0) rows.push([dim('nothing has happened yet')]);
  while (rows.length < room) rows.push([]);
  const title: Row = [dim('events')];
  const all = boxed
    ? panel(rows, width, look, { title, edge: { dim: true } })
    : [rule(title, width, look), ...rows.map((row): Row => [span(' '), ...row])];
  return <Lines rows={all} width={width} look={look} />;
}

function eventRow(event: FeedEvent, names: number, look: Look): Row {
  const { glyph, tone } = MARKS[event.kind];
  const isLoud = event.kind === 'down' || event.kind === 'lost' || event.kind === 'leader';
  return [
    dim(`${timeOfDay(event.wall)}  `),
    span(`${look.glyphs[glyph]} `, { tone }),
    span(`${fitTo(span(event.node).text, names)}  `, { bold: true }),
    span(event.text, event.kind === 'lost' || event.kind === 'warn' ? { tone } : { bold: isLoud }),
  ];
}
