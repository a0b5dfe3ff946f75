/** Nodes as one line each, where there is no room for cards or there are many of them. */

import { count } from '../spelling.js';
import { fitTo } from '../terminal/cells.js';
import { Lines } from './Lines.js';
import type { Look } from './look.js';
import type { NodeWords } from './node-words.js';
import { dim, type Row, type Span, span } from './row.js';

/** A head and a line per node; `hidden` more do not fit. */
export function NodeTable(props: { nodes: readonly NodeWords[]; hidden: number; width: number; look: Look }) {
  const { nodes, hidden, width, look } = props;
  const columns = COLUMNS.filter((column) => width >= column.from);
  const head: Row = [dim(' '), ...columns.map((column) => dim(cell(column, column.head))), dim(' STATE')];
  const rows = nodes.map((node) => nodeRow(node, columns));
  const rest: Row[] = hidden > 0 ? [[dim(` and ${hidden} more: see \`nodes\``)]] : [];
  return <Lines rows={[head, ...rows, ...rest]} width={width} look={look} />;
}

interface Column {
  readonly head: string;
  readonly width: number;
  readonly align: 'left' | 'right';
  /** Narrowest screen that shows it, cells. */
  readonly from: number;
  readonly value: (node: NodeWords) => string;
}

const number = (value: number | null): string => (value === null ? '-' : count(value));

const COLUMNS: readonly Column[] = [
  { head: 'NODE', width: 5, align: 'left', from: 0, value: (node) => node.id },
  { head: 'ROLE', width: 12, align: 'left', from: 0, value: (node) => `${node.mark} ${node.word}` },
  { head: 'TERM', width: 5, align: 'right', from: 0, value: (node) => number(node.term) },
  { head: 'COMMIT', width: 8, align: 'right', from: 0, value: (node) => number(node.commit) },
  { head: 'APPLIED', width: 8, align: 'right', from: 76, value: (node) => number(node.applied) },
  { head: 'LAG', width: 6, align: 'right', from: 0, value: (node) => number(node.lag) },
  { head: 'LEADS', width: 5, align: 'right', from: 70, value: (node) => number(node.leads) },
];

function cell(column: Column, text: string): string {
  return `${fitTo(text, column.width, column.align)}  `.slice(0, column.align === 'left' ? undefined : -1);
}

function nodeRow(node: NodeWords, columns: readonly Column[]): Row {
  const isStale = node.stale !== null;
  return [
    span(' '),
    ...columns.map((column): Span => {
      const text = cell(column, span(column.value(node)).text);
      if (column.head === 'NODE') return span(text, { bold: true });
      if (column.head === 'ROLE') return span(text, { tone: node.tone, bold: node.condition === 'leader' });
      if (isStale) return dim(text);
      return span(text, column.head === 'LAG' && (node.lag ?? 0) > 0 ? { tone: 'warn' } : {});
    }),
    span(' '),
    ...stateWords(node),
  ];
}

function stateWords(node: NodeWords): Row {
  if (node.faults !== '') return [span(`fault: ${node.faults}`, { tone: 'warn' })];
  if (node.stale !== null) return [span(node.stale, { tone: 'warn' }), dim(`  ${node.line}`)];
  if (node.condition === 'repairing') return [span(node.line, { tone: 'warn' })];
  if (node.condition === 'installing') return [span('gets a snapshot', { tone: 'warn' })];
  if (node.up !== null) return [dim('up '), span(node.up)];
  return [dim(node.line)];
}
