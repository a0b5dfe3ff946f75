/** The word `metrics`: whom it asks, its rows for programs, and the table for people. */
import { expect } from 'chai';
import { ConcordError } from '../../protocol/errors.js';
import { METRIC_PREFIX, type MetricRow } from '../../protocol/metrics.js';
import { complete, NO_NAMES, parse } from '../../tui/grammar/index.js';
import { renderJson, renderText } from '../../tui/plain/render.js';
import { execute } from '../../tui/session/execute.js';
import type { Reply } from '../../tui/session/reply.js';
import { widthOf } from '../../tui/terminal/cells.js';
import { lookOf } from '../../tui/view/look.js';
import { replyRows } from '../../tui/view/output-rows.js';
import { rowText } from '../../tui/view/row.js';
import { type Asked, contextOf, FakeCluster, FakeKeeper } from './terminal-fakes.js';

const row = (name: string, labels: Record<string, string>, value: number): MetricRow => [
  METRIC_PREFIX + name,
  labels,
  value,
];

/** What n1, who leads, and its followers tell. */
const LEADER = [
  row('commands_total', { operation: 'queue.enqueue', outcome: 'done' }, 1_234_567),
  row('commands_parked', {}, 3),
  row('commands_parked_limit', {}, 16_384),
  row('disk_sync_seconds', { quantile: '0.99' }, 0.003_25),
  row('disk_sync_seconds_count', {}, 20_000),
];
const FOLLOWER = [
  row('up', {}, 1),
  row('commands_parked', {}, 0),
  row('commands_parked_limit', {}, 16_384),
  row('commit_index', { group: 's0' }, 123_456_789),
  row('disk_log_bytes', {}, 67_108_864),
  row('disk_sync_seconds', { quantile: '0.99' }, 0.000_42),
];

/** A cluster in which `down` nodes do not answer. */
function clusterBut(...down: string[]): FakeCluster {
  return new FakeCluster({
    metrics: ({ options }: Asked) => {
      const id = options?.node ?? '';
      if (down.includes(id)) return new ConcordError('UNREACHABLE');
      return id === 'n1' ? LEADER : FOLLOWER;
    },
  });
}

const run = (cluster: FakeCluster, line: string, keeper: FakeKeeper | null = null): Promise<Reply> =>
  execute(line, contextOf(cluster, keeper), new AbortController().signal);

describe('the word metrics', () => {
  it('asks every node with the pattern, and has a row for each value', async () => {
    const cluster = clusterBut();
    const { result } = await run(cluster, 'metrics disk_*');
    expect(cluster.asked.map(({ argument, options }) => [options?.node, argument])).to.deep.equal(
      ['n1', 'n2', 'n3'].map((id) => [id, { pattern: 'disk_*' }]),
    );
    expect(result).to.have.length(LEADER.length + 2 * FOLLOWER.length);
    expect((result as unknown[])[0]).to.deep.equal({
      node: 'n1',
      name: 'concord_commands_total',
      labels: { operation: 'queue.enqueue', outcome: 'done' },
      value: 1_234_567,
    });
  });

  it('asks one node that is named, and says who answered', async () => {
    const cluster = clusterBut();
    const reply = await run(cluster, 'metrics @n2');
    expect(cluster.asked.map(({ argument, options }) => [options?.node, argument])).to.deep.equal([
      ['n2', { pattern: '' }],
    ]);
    expect(reply.node).to.equal('n2');
    expect(reply.result).to.have.length(FOLLOWER.length);
  });

  it('tells of a node that does not answer that it is not up, whatever the pattern', async () => {
    const { result } = await run(clusterBut('n3'), 'metrics disk');
    expect((result as { node: string }[]).filter(({ node }) => node === 'n3')).to.deep.equal([
      { node: 'n3', name: 'concord_up', labels: {}, value: 0 },
    ]);
    const keeper = new FakeKeeper();
    keeper.become('n2', { state: 'killed', pid: null });
    const cluster = clusterBut();
    const killed = await run(cluster, 'metrics', keeper);
    expect(cluster.asked.map(({ options }) => options?.node)).to.deep.equal(['n1', 'n3']);
    expect(killed.result).to.deep.include({ node: 'n2', name: 'concord_up', labels: {}, value: 0 });
  });

  it('fails when nobody answers, or when a node refuses the question', async () => {
    expect((await run(clusterBut('n1', 'n2', 'n3'), 'metrics')).error?.code).to.equal('UNREACHABLE');
    expect((await run(clusterBut('n2'), 'metrics @n2')).error?.code).to.equal('UNREACHABLE');
    const crowded = new FakeCluster({ metrics: new ConcordError('INVALID', '2500 values are more than one answer') });
    expect((await run(crowded, 'metrics')).error).to.include({ code: 'INVALID' });
  });

  it('answers programs with exact numbers', async () => {
    const json = JSON.parse(renderJson(await run(clusterBut(), 'metrics @n2')));
    expect(json).to.include({ command: 'metrics @n2', ok: true, error: null, node: 'n2' });
    expect(json.result[3]).to.deep.equal({
      node: 'n2',
      name: 'concord_commit_index',
      labels: { group: 's0' },
      value: 123_456_789,
    });
  });

  it('shows people a column for each node and one for limits, in the order of the catalogue', async () => {
    expect(renderText(await run(clusterBut('n3'), 'metrics'), 'metrics').split('\n')).to.deep.equal([
      'metric                                                n1      n2         n3  limit',
      'up                                                    -       1          0   -',
      'commands_total{operation=queue.enqueue,outcome=done}  1.23M   -          -   -',
      'commands_parked                                       3       0          -   16.4k',
      'commit_index{group=s0}                                -       123456789  -   -',
      'disk_sync_seconds{quantile=0.99}                      3.25ms  420us      -   -',
      'disk_sync_seconds_count                               20k     -          -   -',
      'disk_log_bytes                                        -       67.1MB     -   -',
    ]);
    expect(renderText(await run(new FakeCluster({ metrics: [] }), 'metrics nothing'), 'metrics')).to.equal('(none)');
  });

  it('shows limits alone when they alone are meant', async () => {
    const limits = new FakeCluster({ metrics: [row('commands_parked_limit', {}, 16_384)] });
    expect(renderText(await run(limits, 'metrics *_limit @n1'), 'metrics')).to.equal(
      'metric           n1  limit\ncommands_parked   -  16.4k',
    );
  });

  it('shows a screen of 80 columns everything that a person looks for', async () => {
    const look = lookOf({ ascii: false, colour: false });
    const rows = replyRows(await run(clusterBut('n3'), 'metrics'), 78, look);
    const lines = rows.map((one) => rowText(one, look).trimEnd());
    for (const line of lines) expect(widthOf(line), line).to.be.at.most(78);
    expect(lines[0]).to.contain('7 rows');
    expect(lines[1]).to.match(/^ +METRIC +N1 +N2 +N3 +LIMIT$/);
    expect(lines[4]).to.match(/^ +commands_parked +3 +0 +- +16\.4k$/);
    expect(lines[6]).to.match(/^ +disk_sync_seconds\{quantile=0\.99\} +3\.25ms +420us/);
  });

  it('has a pattern that need not be quoted, and no more than one', () => {
    expect(parse('metrics disk_*_seconds')).to.deep.include({ arguments: { pattern: 'disk_*_seconds' } });
    expect(parse('metrics("*sync?")')).to.deep.include({ arguments: { pattern: '*sync?' } });
    expect(() => parse('metrics a b')).to.throw(/too much/);
  });

  it('completes the names of metrics, each with its help', () => {
    const { from, candidates } = complete('metrics disk_s', 14, NO_NAMES);
    expect(from).to.equal(8);
    expect(candidates.map(({ text }) => text)).to.deep.equal(['disk_sync_seconds', 'disk_space']);
    for (const { help } of candidates) expect(help).to.not.equal('');
  });
});
