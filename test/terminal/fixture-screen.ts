/**
 * The real screen on a make-believe cluster, for tests in a pseudo-terminal and for looking at it by eye:
 * `node .build/x/test/terminal/fixture-screen.js`. FIXTURE_BUSY=1 lets commits run, FIXTURE_LEFT names a file for what was done.
 */
import '../../tui/env.js';
import { appendFileSync } from 'node:fs';
import type { Observation, SessionInfo } from '../../protocol/client/types.js';
import type { LocalNode } from '../../tui/cluster/types.js';
import type { ScreenContext } from '../../tui/session/context.js';
import type { Reply } from '../../tui/session/reply.js';
import { down, failure, grammar, group, healthy, leading, local, reply, status, up } from './screen-world.js';

const listeners = new Set<(news: Observation) => void>();
const watchers = new Set<(nodes: readonly LocalNode[]) => void>();
const values: unknown[] = [];
const processes = new Map(['n1', 'n2', 'n3'].map((id) => [id, local(id)]));
const world = { commit: 1042, term: 7, leader: 'n1', since: Date.now() - 252_000, began: Date.now() - 723_000 };
let session: SessionInfo = { id: 0, state: 'none' };

function tell(news: Observation): void {
  for (const listener of listeners) listener(news);
}

function record(line: string): void {
  const file = process.env['FIXTURE_LEFT'];
  if (file) appendFileSync(file, `${line}\n`);
}

function alive(): string[] {
  return [...processes.values()].filter((node) => node.state === 'running').map((node) => node.id);
}

function push(): void {
  const { commit, term, leader } = world;
  const s0 = { commit, applied: commit, last: commit, term, since_ms: Date.now() - world.since };
  const c = { commit: 17, applied: 17, term: term - 4, since_ms: Date.now() - world.since };
  const started_ms = Date.now() - world.began;
  for (const id of alive()) {
    const members = [...processes.values()].map((node) => ({ ...node, connected: node.state === 'running' }));
    const groups =
      id === leader
        ? { c: leading(id, c), s0: leading(id, { ...s0, match: matches(commit) }) }
        : { c: group({ ...c, leader }), s0: group({ ...s0, leader }) };
    tell(status(id, groups, { started_ms, members }));
  }
}

function matches(commit: number): Record<string, number> {
  return Object.fromEntries([...processes.keys()].map((id) => [id, alive().includes(id) ? commit : 1042]));
}

function order(verb: string, id: string): Reply {
  const node = processes.get(id);
  if (!node) return failure(`${verb} ${id}`, 'UNKNOWN_NODE', `there is no node ${id}`);
  const state = verb === 'kill' ? 'killed' : verb === 'pause' ? 'paused' : 'running';
  processes.set(id, local(id, state));
  for (const watcher of watchers) watcher([...processes.values()]);
  if (state === 'killed') setTimeout(() => tell(down(id, 'connection closed')), 20);
  if (state === 'running') tell(up(id));
  if (id === world.leader && state !== 'running') setTimeout(elect, 700);
  push();
  return reply(
    `${verb} ${id}`,
    { node: id, state, pid: node.pid },
    { node: null, group: null, term: null, index: null },
  );
}

function elect(): void {
  const [next] = alive();
  if (alive().length < 2 || !next) return;
  world.term += 1;
  world.leader = next;
  world.since = Date.now();
  push();
}

async function execute(line: string, signal: AbortSignal): Promise<Reply> {
  record(`run ${line}`);
  const [word = '', ...rest] = line.split(/[\s(),]+/).filter((part) => part !== '');
  const proof = { node: world.leader, term: world.term, index: world.commit + 1, ms: 2.1 };
  switch (word) {
    case 'enqueue':
      values.push(rest.join(' '));
      world.commit += 1;
      session = { id: 12, state: 'open' };
      push();
      return reply(line, { queue: 'default', id: values.length }, proof);
    case 'dequeue':
      if (values.length > 0) return reply(line, values.shift(), proof);
      return rest.includes('--wait') ? wait(line, signal) : reply(line, null, { ...proof, found: false });
    case 'nodes':
      return reply(line, nodeRows(), { group: null, index: null, term: null, ms: 3.4 });
    case 'log':
      return reply(line, logRows(), proof);
    case 'kill':
    case 'pause':
    case 'resume':
    case 'start':
      return order(word, rest[0] ?? '');
    case 'evil':
      return reply(line, 'a\u001b[31mred\u001b]0;title\u0007\u202eabc\u0000 👩‍👩‍👧 宽字', proof);
    case 'crash':
      setTimeout(() => {
        throw new Error('a defect');
      }, 10);
      return reply(line, null);
    case 'warn':
      process.stderr.write('a stray warning\n');
      return reply(line, null);
    default:
      return failure(line, 'UNKNOWN_WORD', `there is no word ${word}`);
  }
}

function wait(line: string, signal: AbortSignal): Promise<Reply> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(failure(line, 'CANCELLED')), { once: true });
  });
}

function nodeRows(): unknown[] {
  return [...processes.values()].map((node) => ({
    id: node.id,
    address: node.address,
    state: node.state,
    role: node.id === world.leader ? 'leader' : 'follower',
    term: world.term,
    commit: world.commit,
    lag: 0,
  }));
}

function logRows(): unknown[] {
  return Array.from({ length: 8 }, (_, nth) => ({
    index: world.commit - 7 + nth,
    term: world.term,
    kind: nth === 0 ? 'noop' : 'command',
    session: nth === 0 ? null : 12,
    command: nth === 0 ? '' : `enqueue(${nth * 7})`,
    bytes: 61 + nth,
    on: ['n1', 'n2', 'n3'],
  }));
}

const context: ScreenContext = {
  title: 'demo',
  grammar,
  history: { load: async () => ['log 5', 'enqueue(1)'], add: (line) => record(`history ${line}`) },
  view: { use: 'auto', focus: 'auto', onChange: () => () => {} },
  options: { ascii: process.env['FIXTURE_ASCII'] === '1', readonly: false },
  observe(listener) {
    listeners.add(listener);
    for (const news of healthy()) listener(news);
    push();
    return () => listeners.delete(listener);
  },
  watchProcesses(listener) {
    watchers.add(listener);
    listener([...processes.values()]);
    return () => watchers.delete(listener);
  },
  names: () => ({ nodes: [...processes.keys()], groups: ['c', 's0'], locks: [] }),
  heldLocks: () => [],
  onNotice: () => () => {},
  session: () => session,
  confirm(line) {
    if (!line.startsWith('kill')) return null;
    return { text: `${line}: it ends at once and writes nothing more`, answer: 'y', line };
  },
  leaves: (line) => ['exit', 'quit', '-1'].includes(line.trim()),
  execute,
  async leave() {
    record('left');
  },
};

if (process.env['FIXTURE_BUSY'] === '1') {
  setInterval(() => {
    if (alive().length >= 2 && alive().includes(world.leader)) world.commit += Math.floor(Math.random() * 9);
    push();
  }, 100).unref();
}

const { runScreen } = await import('../../tui/app.js');
const code = await runScreen(context);
record(`code ${code}`);
process.exit(code);
