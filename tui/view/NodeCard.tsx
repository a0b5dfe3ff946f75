/** A node as a card: its state in the frame, the focus group inside. What is out of date is dim and says so. */

import { count, size, some } from '../spelling.js';
import { Lines } from './Lines.js';
import type { Look, Tone } from './look.js';
import type { NodeWords } from './node-words.js';
import { PANEL_MARGIN, panel } from './panel.js';
import { dim, faded, fitRow, type Row, type Span, span, spread } from './row.js';

/** A card of exactly `width` cells and CARD_ROWS rows. */
export function NodeCard({ node, width, look }: { node: NodeWords; width: number; look: Look }) {
  return <Lines rows={cardRows(node, width, look)} width={width} look={look} />;
}

const LABEL_WIDTH = 9;
const NUMBER_WIDTH = 10;

function cardRows(node: NodeWords, width: number, look: Look): Row[] {
  const inner = width - PANEL_MARGIN;
  const isStale = node.stale !== null;
  const values = [
    termRow(node, inner),
    commitRow(node, inner, look),
    appliedRow(node, inner, look),
    loadRow(node, inner),
  ];
  return panel(
    [
      [span(node.line, isStale ? { tone: node.tone } : {})],
      ...values.map((row) => (isStale ? faded(row) : row)),
      lastRow(node, inner, look),
    ],
    width,
    look,
    {
      title: [
        span(node.id, { bold: true }),
        span(` ${node.mark} ${node.word}`, { tone: node.tone, bold: node.word === node.word.toUpperCase() }),
      ],
      corner: node.address === '' ? [] : [dim(portOf(node.address))],
      edge: edgeOf(node),
    },
  );
}

/** The frame of a leader and of whatever is wrong has the colour of its state; the others keep to the background. */
function edgeOf(node: NodeWords): { tone?: Tone; dim?: boolean } {
  return node.condition === 'follower' || node.tone === 'plain' ? { dim: true } : { tone: node.tone };
}

function portOf(address: string): string {
  return address.startsWith('127.0.0.1:') ? address.slice('127.0.0.1'.length) : address;
}

function label(name: string): Span {
  return dim(name.padEnd(LABEL_WIDTH));
}

function number(value: number | null): Span {
  return span((value === null ? '-' : count(value)).padStart(NUMBER_WIDTH), { bold: value !== null });
}

function termRow(node: NodeWords, width: number): Row {
  const right = node.leads === null ? [] : [dim('leads '), span(some(node.leads, 'group'))];
  return spread([label('term'), number(node.term)], right, width);
}

function commitRow(node: NodeWords, width: number, look: Look): Row {
  const bar = node.lag === null ? [] : lagBar(node.lag, width - LABEL_WIDTH - NUMBER_WIDTH - 3, look);
  return spread([label('commit'), number(node.commit)], bar, width);
}

function appliedRow(node: NodeWords, width: number, look: Look): Row {
  return spread([label('applied'), number(node.applied)], node.behind.length > 0 ? acks(node, look) : lag(node), width);
}

function lag(node: NodeWords): Row {
  if (node.lag === null) return [];
  return [dim('lag '), span(count(node.lag), node.lag > 0 ? { tone: 'warn' } : {})];
}

/** Who else holds all that the leader committed, and how far the rest is behind. */
function acks(node: NodeWords, look: Look): Row {
  return node.behind.flatMap(
    ({ id, lag: entries }, nth): Row => [
      dim(`${nth === 0 ? '' : '  '}${id} `),
      entries === 0 ? span(look.glyphs.ok, { tone: 'good' }) : span(`-${count(entries)}`, { tone: 'warn' }),
    ],
  );
}

function loadRow(node: NodeWords, width: number): Row {
  const log = node.log_bytes === null ? '-' : size(node.log_bytes);
  const right = node.clients === null ? [] : [dim('clients '), span(count(node.clients))];
  const full: Row = node.space === 'ok' ? [] : [span(`  disk ${node.space}`, { tone: 'bad', bold: true })];
  return spread([label('log'), span(log.padStart(NUMBER_WIDTH)), ...full], right, width);
}

function lastRow(node: NodeWords, width: number, look: Look): Row {
  // What is broken on order matters more than the number of a process.
  if (node.faults !== '') return fitRow([faultSpan(node, look)], width, look);
  if (node.voteless !== '') return fitRow([votelessSpan(node, look)], width, look);
  const pid = node.pid === null ? [] : [dim('pid '), span(String(node.pid))];
  if (node.stale !== null)
    return spread([span(node.stale, { tone: 'warn', bold: true })], node.condition === 'down' ? [] : pid, width);
  return spread([label('up'), span((node.up ?? '-').padStart(NUMBER_WIDTH))], pid, width);
}

function faultSpan(node: NodeWords, look: Look): Span {
  return span(`${look.glyphs.flag} fault: ${node.faults}`, { tone: 'warn', bold: true });
}

function votelessSpan(node: NodeWords, look: Look): Span {
  return span(`${look.glyphs.flag} ${node.voteless}`, { tone: 'warn', bold: true });
}

/** Orders of magnitude of lag from a full bar to an empty one. */
const LAG_ORDERS = 5;

/** Full when nothing is missing; each order of magnitude of missing entries takes the same piece away. */
function lagBar(entries: number, width: number, look: Look): Row {
  const share = 1 - Math.min(1, Math.log10(1 + entries) / LAG_ORDERS);
  const filled = Math.round(Math.max(0, width) * share);
  return fitRow(
    [
      { text: look.glyphs.bar.repeat(filled), tone: entries === 0 ? 'good' : 'warn' },
      { text: look.glyphs.barRest.repeat(Math.max(0, width - filled)), dim: true },
    ],
    Math.max(0, width),
    look,
  );
}
