/** Commands of the terminal: what each asks of cluster and keeper, and the reply it comes to. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { encode } from '../../protocol/codec.js';
import { ConcordError } from '../../protocol/errors.js';
import { LIMITS } from '../../protocol/limits.js';
import { execute } from '../../tui/session/execute.js';
import {
  bodyOf,
  code,
  contextOf,
  FakeCluster,
  FakeKeeper,
  groupState,
  nodeState,
  reply,
  result,
  statusBut,
  untilGivenUp,
} from './terminal-fakes.js';

describe('the words of the queue', () => {
  it('enqueue puts a value in, and the reply says where it stands', async () => {
    const cluster = new FakeCluster({ 'queue.enqueue': 12 });
    expect(await reply(contextOf(cluster), 'enqueue({a: [1, "x"]})')).to.deep.equal({
      command: 'enqueue({a: [1, "x"]})',
      ok: true,
      result: { queue: 'default', id: 12 },
      error: null,
      node: 'n1',
      group: 's0',
      term: 3,
      index: 41,
      ms: 1.5,
    });
    expect(cluster.asked.map(bodyOf)).to.deep.equal([{ a: [1, 'x'] }]);
  });

  it('enqueue takes the bytes of a file, up to the limit', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'concord-words-'));
    try {
      const cluster = new FakeCluster({ 'queue.enqueue': 1 });
      const file = join(folder, 'a file');
      await writeFile(file, Buffer.from([0, 255, 10]));
      await result(contextOf(cluster), `enqueue --file "${file}"`);
      expect(cluster.asked.map(bodyOf)).to.deep.equal([Buffer.from([0, 255, 10])]);
      await writeFile(file, Buffer.alloc(LIMITS.body_bytes_max + 1));
      expect(await code(contextOf(cluster), `enqueue --file "${file}"`)).to.equal('TOO_BIG');
      expect(await code(contextOf(cluster), `enqueue --file "${folder}/none"`)).to.equal('INVALID');
      expect(cluster.asked).to.have.length(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('enqueue refuses a body beyond the limit before anything is sent', async () => {
    const cluster = new FakeCluster({ 'queue.enqueue': 1 });
    expect(await code(contextOf(cluster), `enqueue ${'x'.repeat(LIMITS.body_bytes_max)}`)).to.equal('TOO_BIG');
    expect(cluster.asked).to.be.empty;
  });

  it('dequeue gives the bare value, and tells an empty queue from a null in it', async () => {
    const dequeued = (value: unknown) => reply(contextOf(new FakeCluster({ 'queue.dequeue': value })), 'dequeue');
    expect(await dequeued([4, encode('hello')]))
      .to.include({ result: 'hello', ok: true })
      .and.not.have.property('found');
    expect(await dequeued([4, encode(null)]))
      .to.include({ result: null, ok: true })
      .and.not.have.property('found');
    expect(await dequeued(null)).to.include({ result: null, ok: true, found: false });
    expect(await dequeued([4, encode(Buffer.from('hi'))])).to.deep.include({ result: Buffer.from('hi') });
  });

  it('dequeue waits as told, on top of the time allowed', async () => {
    const cluster = new FakeCluster({ 'queue.dequeue': null });
    await result(contextOf(cluster), 'dequeue --wait 2s --timeout 1s');
    expect(cluster.asked[0]).to.deep.include({ argument: [2000] });
    expect(cluster.asked[0]?.options).to.include({ timeout_ms: 3000 });
  });

  it('size is a number, of the queue default', async () => {
    const context = contextOf(new FakeCluster({ 'queue.size': 3 }));
    expect(await result(context, 'size')).to.equal(3);
    expect(await result(context, 'size default')).to.equal(3);
    expect(await code(context, 'size jobs')).to.equal('INVALID');
  });
});

describe('the words about the cluster', () => {
  it('nodes has a row for each member, also for one that is down', async () => {
    const keeper = new FakeKeeper();
    keeper.become('n3', { state: 'killed', pid: null });
    const context = contextOf(new FakeCluster({ status: statusBut('n3') }), keeper);
    const none = { role: null, term: null, commit: null, applied: null, leads: null, missing: null, since: null };
    const up = { state: 'up', term: 3, commit: 40, applied: 40, lag: 0, missing: [], since: 1500 };
    expect(await result(context, 'nodes')).to.deep.equal([
      { id: 'n1', address: '127.0.0.1:7101', ...up, role: 'leader', leads: 2 },
      { id: 'n2', address: '127.0.0.1:7102', ...up, role: 'follower', leads: 0 },
      { id: 'n3', address: '127.0.0.1:7103', state: 'down', ...none, lag: 12 },
    ]);
    expect(await result(context, 'node n2')).to.include({ id: 'n2', role: 'follower' });
    expect(await code(context, 'node n9')).to.equal('UNKNOWN_NODE');
  });

  it('nodes does not wait for one that its keeper knows to be frozen or gone', async () => {
    const keeper = new FakeKeeper();
    keeper.become('n2', { state: 'paused' });
    keeper.become('n3', { state: 'stopped', pid: null });
    const cluster = new FakeCluster({ status: statusBut() });
    const rows = (await result(contextOf(cluster, keeper), 'nodes')) as { state: string }[];
    expect(rows.map((row) => row.state)).to.deep.equal(['up', 'paused', 'down']);
    expect(cluster.asked.map((asked) => asked.options?.node)).to.deep.equal(['n1']);
  });

  it('nodes shows the group in focus, or the one named', async () => {
    const told = nodeState('n1', { groups: { s0: groupState({ term: 3 }), c: groupState({ term: 8 }) } });
    const context = contextOf(new FakeCluster({ status: told }));
    const terms = async (line: string) => ((await result(context, line)) as { term: number }[]).map((row) => row.term);
    expect(await terms('nodes')).to.deep.equal([3, 3, 3]);
    expect(await terms('nodes --group c')).to.deep.equal([8, 8, 8]);
    await result(context, 'focus c');
    expect(await terms('nodes')).to.deep.equal([8, 8, 8]);
  });

  it('groups has a row for each group, as its leader tells', async () => {
    const context = contextOf(new FakeCluster({ status: statusBut() }));
    const row = { replicas: ['n1', 'n2', 'n3'], leader: 'n1', term: 3, commit: 40, applied: 40, bytes: null };
    expect(await result(context, 'groups')).to.deep.equal([
      { group: 'c', ...row },
      { group: 's0', ...row },
    ]);
    expect(await result(context, 'groups c')).to.deep.equal([{ group: 'c', ...row }]);
    expect(await code(context, 'groups s9')).to.equal('NO_SUCH_GROUP');
  });

  it('status has it all on one page and names what would stop', async () => {
    const context = contextOf(new FakeCluster({ status: statusBut('n3') }));
    const page = (await result(context, 'status')) as Record<string, unknown>;
    expect(Object.keys(page)).to.deep.equal(['cluster', 'quorum', 'groups', 'nodes', 'warnings']);
    expect(page).to.deep.include({
      cluster: 'local',
      quorum: { up: 2, needed: 2, of: 3 },
      warnings: ['n3 is down', 'one more failure stops c, s0'],
    });
  });

  it('health is true only when every node is up, in touch and led', async () => {
    const healthOf = (status: unknown) => result(contextOf(new FakeCluster({ status })), 'health');
    expect(await healthOf(statusBut())).to.deep.equal({ healthy: true, problems: [] });
    expect(await healthOf(statusBut('n2', 'n3'))).to.deep.equal({
      healthy: false,
      problems: [
        'n2 is down',
        'n3 is down',
        'c has lost its majority: 1 of 3 are in touch, 2 are needed',
        's0 has lost its majority: 1 of 3 are in touch, 2 are needed',
      ],
    });
    const leaderless = groupState({ leader: '' });
    expect(await healthOf(nodeState('n2', { groups: { s0: leaderless } }))).to.deep.include({
      problems: ['s0 has no leader'],
    });
    const lost = ({ options }: { options?: { node?: string } }) =>
      nodeState(options?.node ?? '', options?.node === 'n3' ? { groups: { s0: leaderless } } : {});
    expect(await healthOf(lost)).to.deep.include({
      problems: ['n3 follows no leader of s0', 'one more failure stops s0'],
    });
    const apart = nodeState('n2', { members: [{ id: 'n1', address: '', connected: false }], space: 'full' });
    const parted = ({ options }: { options?: { node?: string } }) =>
      options?.node === 'n2' ? apart : nodeState(options?.node ?? '');
    expect(await healthOf(parted)).to.deep.include({
      problems: ['n2 has no connection to n1', 'the disk of n2 is full'],
    });
  });

  it('nodes, status and health tell of a node that has no vote, of one that gets a snapshot, and what that puts at risk', async () => {
    const repair = { unheard: ['n2'], damaged: [{ part: 'log', aside: 'log.damaged-1' }] } as const;
    const broken = groupState({ leader: '', repairing: true, last: 5 });
    const told = (id: string) => {
      if (id === 'n3') return nodeState(id, { groups: { c: broken, s0: broken }, repair });
      return id === 'n2'
        ? nodeState(id, { groups: { c: groupState(), s0: groupState({ installing: true }) } })
        : nodeState(id);
    };
    const context = contextOf(
      new FakeCluster({ status: ({ options }: { options?: { node?: string } }) => told(options?.node ?? '') }),
    );
    const rows = (await result(context, 'nodes')) as { state: string; role: string; lag: number }[];
    expect(rows.map(({ state, role, lag }) => [state, role, lag])).to.deep.equal([
      ['up', 'leader', 0],
      ['up', 'installing', 0],
      ['up', 'repairing', 35],
    ]);
    const problems = [
      'n2 is far behind: it gets a snapshot of s0',
      'n3 is damaged and has no vote until it has refilled: log put aside as log.damaged-1; it waits to hear n2',
      'losing n1 or n2 stops c, s0',
    ];
    expect(await result(context, 'health')).to.deep.equal({ healthy: false, problems });
    expect(await result(context, 'status')).to.deep.include({ warnings: problems });
  });

  it('a cluster of which nobody answers is not reachable', async () => {
    const context = contextOf(new FakeCluster({ status: statusBut('n1', 'n2', 'n3') }));
    for (const line of ['nodes', 'status', 'health', 'groups'])
      expect(await code(context, line)).to.equal('UNREACHABLE');
  });

  it('log asks the leader of the group in focus, or the node named', async () => {
    const rows = [{ index: 1, term: 1, kind: 'noop', session: null, command: '', bytes: 0, on: ['n1'] }];
    const cluster = new FakeCluster({ log: rows, status: statusBut() });
    const context = contextOf(cluster);
    expect(await reply(context, 'log')).to.deep.include({
      result: rows,
      node: 'n1',
      group: 's0',
      term: null,
      index: null,
    });
    await result(context, 'log 5 --from 3 --group c @n2');
    const logs = cluster.asked.filter((asked) => asked.name === 'log');
    expect(logs.map((asked) => asked.argument)).to.deep.equal([
      { group: 's0', count: 20, from: null },
      { group: 'c', count: 5, from: 3 },
    ]);
    expect(logs.map((asked) => asked.options?.node)).to.deep.equal(['n1', 'n2']);
  });

  it('transfer is an order for the leader, of one group or of all', async () => {
    const answer = ({ argument }: { argument: unknown }) => ({ ...(argument as object), from: 'n1', term: 4 });
    const cluster = new FakeCluster({ transfer: answer, status: statusBut() });
    const context = contextOf(cluster);
    expect(await result(context, 'transfer n2')).to.deep.equal({ group: 's0', from: 'n1', to: 'n2', term: 4 });
    expect(await result(context, 'transfer n2 --all')).to.deep.equal([
      { group: 'c', from: 'n1', to: 'n2', term: 4 },
      { group: 's0', from: 'n1', to: 'n2', term: 4 },
    ]);
    expect(await result(context, 'transfer n1 --all')).to.deep.equal([]);
    expect(await code(context, 'transfer n9')).to.equal('UNKNOWN_NODE');
    const orders = cluster.asked.filter((asked) => asked.name === 'transfer');
    expect(orders.map((asked) => asked.options?.node)).to.deep.equal(['n1', 'n1', 'n1']);
  });

  it('sessions lists them, session shows one and ends it with a yes', async () => {
    const told = [{ id: 14, client: 'client01', node: 'n1', ttl: 10_000, age: 5, locks: 0, inflight: 0, more: 1 }];
    const cluster = new FakeCluster({ sessions: told, 'session.close': true });
    const context = contextOf(cluster);
    const row = { id: 14, client: 'client01', node: 'n1', ttl: 10_000, age: 5, locks: 0, inflight: 0 };
    expect(await result(context, 'sessions')).to.deep.equal([row]);
    expect(await result(context, 'session 14')).to.deep.equal(row);
    expect(await code(context, 'session 15')).to.equal('INVALID');
    expect(await code(context, 'session 14 kill')).to.equal('CONFIRM');
    expect(cluster.asked.some((asked) => asked.name === 'session.close')).to.equal(false);
    expect(await result(context, 'session 14 kill --yes')).to.deep.equal(row);
    expect(cluster.asked.at(-1)).to.deep.include({ name: 'session.close', argument: [14] });
  });
});

describe('the words about local nodes', () => {
  it('are orders to the keeper', async () => {
    const keeper = new FakeKeeper();
    const context = contextOf(new FakeCluster(), keeper);
    expect(await result(context, 'kill n2')).to.deep.equal({ node: 'n2', state: 'killed', pid: null });
    for (const verb of ['start', 'stop', 'restart', 'pause', 'resume']) await result(context, `${verb}(n1)`);
    expect(keeper.orders.map(([verb]) => verb)).to.deep.equal(['kill', 'start', 'stop', 'restart', 'pause', 'resume']);
  });

  it('need a keeper and one of its nodes', async () => {
    expect(await code(contextOf(new FakeCluster()), 'kill n1')).to.equal('NO_KEEPER');
    const { error } = await reply(contextOf(new FakeCluster(), new FakeKeeper()), 'kill m1');
    expect(error).to.deep.include({ code: 'UNKNOWN_NODE', details: { node: 'm1', suggestion: 'n1' } });
  });

  it('do not need the cluster', async () => {
    const context = contextOf(new ConcordError('UNREACHABLE'), new FakeKeeper());
    expect(await result(context, 'restart n1')).to.deep.include({ node: 'n1' });
  });

  it('can be given up, and then nobody knows what came of it', async () => {
    const keeper = new FakeKeeper();
    keeper.order = () => new Promise(() => {});
    const giveUp = new AbortController();
    const pending = execute('stop n1', contextOf(new FakeCluster(), keeper), giveUp.signal);
    giveUp.abort();
    expect((await pending).error).to.include({ code: 'CANCELLED', definite: false });
    expect((await reply(contextOf(new FakeCluster(), keeper), 'stop n1 --timeout 5ms')).error).to.include({
      code: 'TIMEOUT',
    });
  });
});

describe('the words about the terminal', () => {
  it('use sends what follows to a node, @node what it ends', async () => {
    const cluster = new FakeCluster({ 'queue.size': 3 });
    const context = contextOf(cluster);
    expect(await reply(context, 'use n2')).to.deep.include({ result: { node: 'n2' }, ms: null });
    for (const line of ['size', 'size @n3', 'use auto', 'size']) await result(context, line);
    expect(cluster.asked.map((asked) => asked.options?.node)).to.deep.equal(['n2', 'n3', undefined]);
    expect(await code(context, 'use n9')).to.equal('UNKNOWN_NODE');
    expect(await code(context, 'size @n9')).to.equal('UNKNOWN_NODE');
    expect(context.view.use).to.equal('auto');
  });

  it('focus takes a group, a name that lives in one, or auto, and tells whoever looks', async () => {
    const context = contextOf(new FakeCluster({ status: statusBut() }));
    const seen: string[] = [];
    context.view.onChange(() => seen.push(context.view.focus));
    expect(await result(context, 'focus c')).to.deep.equal({ group: 'c' });
    expect(await result(context, 'focus jobs')).to.deep.equal({ group: 's0' });
    expect(await result(context, 'focus auto')).to.deep.equal({ group: 's0' });
    expect(await code(context, 'focus s7')).to.equal('NO_SUCH_GROUP');
    expect(seen).to.deep.equal(['c', 's0', 'auto']);
  });

  it('help answers without a cluster', async () => {
    const context = contextOf(new ConcordError('UNREACHABLE'));
    expect(await result(context, 'help')).to.include({ word: null, usage: 'help [word]' });
    expect(await result(context, 'help quit')).to.include({ word: 'exit', usage: 'exit' });
    expect(await code(context, 'help nonsense')).to.equal('UNKNOWN_WORD');
    expect(await result(context, 'exit')).to.equal(null);
  });
});

describe('a reply', () => {
  it('comes whatever goes wrong, with the code and what is known of where', async () => {
    const refusal = new ConcordError('NOT_LEADER', 'n2 leads', {
      details: { leader: 'n2', node: 'n1', group: 's0', term: 4 },
    });
    const { ms, ...rest } = await reply(contextOf(new FakeCluster({ 'queue.size': refusal })), 'size');
    expect(ms).to.be.a('number');
    expect(rest).to.deep.equal({
      command: 'size',
      ok: false,
      result: null,
      error: {
        code: 'NOT_LEADER',
        message: 'n2 leads',
        definite: true,
        hint: refusal.hint,
        details: { leader: 'n2', node: 'n1', group: 's0', term: 4 },
      },
      node: 'n1',
      group: 's0',
      term: 4,
      index: null,
    });
    expect(await code(contextOf(new FakeCluster({ 'queue.size': new TypeError('oops') })), 'size')).to.equal(
      'INTERNAL',
    );
    expect(await code(contextOf(new ConcordError('START_FAILED')), 'size')).to.equal('START_FAILED');
    expect(await code(contextOf(new FakeCluster()), 'nonsense')).to.equal('UNKNOWN_WORD');
    expect(await code(contextOf(new FakeCluster()), 'size --nonsense')).to.equal('USAGE');
  });

  it('comes soon after the command was given up', async () => {
    const giveUp = new AbortController();
    const pending = execute(
      'dequeue --wait 1h',
      contextOf(new FakeCluster({ 'queue.dequeue': untilGivenUp })),
      giveUp.signal,
    );
    setImmediate(() => giveUp.abort());
    expect((await pending).error).to.include({ code: 'CANCELLED', definite: false });
  });

  it('to a command given up before there was a cluster says that it did not happen', async () => {
    const context = { ...contextOf(new FakeCluster()), cluster: () => new Promise<never>(() => {}) };
    const giveUp = new AbortController();
    const pending = execute('enqueue 5', context, giveUp.signal);
    giveUp.abort();
    expect((await pending).error).to.include({ code: 'CANCELLED', definite: true });
  });

  it('refuses what changes anything in a terminal that only reads', async () => {
    const cluster = new FakeCluster({ 'queue.size': 0 });
    const context = contextOf(cluster, new FakeKeeper(), true);
    for (const line of ['enqueue 5', 'dequeue', 'transfer n2', 'kill n1', 'session 4 kill --yes'])
      expect(await code(context, line), line).to.equal('NOT_ALLOWED');
    expect(cluster.asked).to.be.empty;
    expect(await result(context, 'size')).to.equal(0);
  });
});
