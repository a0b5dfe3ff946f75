/** The whole screen as a picture of the state: always exactly as many rows and columns as the terminal has. */
import { Box } from 'ink';
import type { Candidate } from '../grammar/index.js';
import { nodesInOrder } from '../session/selectors.js';
import type { ScreenState } from '../session/state.js';
import { Console } from './Console.js';
import { EventFeed } from './EventFeed.js';
import { Header } from './Header.js';
import { Help } from './Help.js';
import { Lines } from './Lines.js';
import { type Layout, layoutOf } from './layout.js';
import type { Look } from './look.js';
import { NodeCard } from './NodeCard.js';
import { NodeTable } from './NodeTable.js';
import { nodeWords } from './node-words.js';
import { span } from './row.js';

/** What the screen shows besides the state. */
export interface ScreenProps {
  readonly state: ScreenState;
  readonly look: Look;
  /** The signature of the word being typed. */
  readonly hint: string;
  /** All words of the language, for the help. */
  readonly words: readonly Candidate[];
}

/** The picture of a state. */
export function Screen({ state, look, hint, words }: ScreenProps) {
  const layout = layoutOf(state);
  const { columns, rows } = layout;
  if (layout.form === 'tiny') return <TooSmall columns={columns} rows={rows} look={look} />;
  if (state.help) return <Help words={words} columns={columns} rows={rows} scroll={state.scroll} look={look} />;
  return (
    <Box flexDirection="column" width={columns} height={rows}>
      <Header state={state} rows={layout.header} look={look} />
      <Nodes state={state} layout={layout} look={look} />
      {layout.feed > 0 ? (
        <EventFeed
          events={state.feed}
          height={layout.feed}
          width={columns}
          boxed={layout.form === 'cards'}
          look={look}
        />
      ) : null}
      <Console state={state} layout={layout} hint={hint} look={look} />
    </Box>
  );
}

function Nodes({ state, layout, look }: { state: ScreenState; layout: Layout; look: Look }) {
  if (layout.nodeRows === 0) return null;
  const all = nodesInOrder(state);
  const nodes = all.slice(0, layout.nodes).map((node) => nodeWords(state, node, look));
  if (layout.form === 'table') {
    return <NodeTable nodes={nodes} hidden={all.length - nodes.length} width={layout.columns} look={look} />;
  }
  const width = Math.floor(layout.columns / nodes.length);
  const spare = layout.columns - width * nodes.length;
  return (
    <Box>
      {nodes.map((node, nth) => (
        <NodeCard key={node.id} node={node} width={nth < spare ? width + 1 : width} look={look} />
      ))}
    </Box>
  );
}

function TooSmall({ columns, rows, look }: { columns: number; rows: number; look: Look }) {
  const text = ['This terminal is too small:', 'Concord needs 40 x 8.', 'Line mode: concord --plain'];
  return <Lines rows={text.slice(0, rows).map((line) => [span(line)])} width={columns} look={look} />;
}
