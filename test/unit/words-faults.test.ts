/** The words that break nodes on order: whom they tell what, when they refuse, and where a fault that is on can be seen. */
import { expect } from 'chai';
import type { Fault } from '../../protocol/client/types.js';
import { ConcordError } from '../../protocol/errors.js';
import type { Keeper } from '../../tui/cluster/types.js';
import { renderText } from '../../tui/plain/render.js';
import { execute } from '../../tui/session/execute.js';
import { faultWords } from '../../tui/session/faults.js';
import type { Reply } from '../../tui/session/reply.js';
import { type Asked, contextOf, FakeCluster, FakeKeeper, nodeState } from './terminal-fakes.js';

const NONE = { peer: null, way: null, ms: null, percent: null } as const;
const cut = (peer: string, way: Fault['way'] = 'both'): Fault => ({ ...NONE, fault: 'partition', peer, way });
const FILL: Fault = { ...NONE, fault: 'fill' };

/** What a node has in force; null: it has no doors; 'down': it does not answer. */
type Doors = readonly Fault[] | null | 'down';

describe('the words about faults', () => {
  let cluster: FakeCluster;
  let doors: Record<string, Doors>;

  beforeEach(() => {
    doors = { n1: [], n2: [], n3: [] };
    const status = ({ options }: Asked) => {
      const id = options?.node ?? '';
      const faults = doors[id] ?? null;
      if (faults === 'down') return new ConcordError('UNREACHABLE');
      return nodeState(id, faults === null ? {} : { faults });
    };
    // Every order comes to one fault that names its node.
    const obey = ({ options }: Asked) => ({ faults: [cut(`of ${options?.node}`)] });
    const healed = () => ({ faults: [] });
    cluster = new FakeCluster({ status, partition: obey, slow: obey, lose: obey, fill: obey, heal: healed });
  });

  function run(line: string, keeper: Keeper | null = null): Promise<Reply> {
    return execute(line, contextOf(cluster, keeper), new AbortController().signal);
  }

  /** The orders that a line came to. */
  async function orders(line: string): Promise<unknown[]> {
    cluster.asked.splice(0);
    const { error } = await run(line);
    expect(error, error?.message).to.equal(null);
    return cluster.asked.flatMap(({ name, argument, options }) =>
      name === 'status' ? [] : [[options?.node, name, argument]],
    );
  }

  async function refusal(line: string): Promise<string> {
    cluster.asked.splice(0);
    const { error } = await run(line);
    expect(cluster.asked.filter(({ name }) => name !== 'status')).to.deep.equal([]);
    expect(error?.definite).to.equal(true);
    return `${error?.code}: ${error?.message}`;
  }

  it('partition tells both sides whom they are cut off from', async () => {
    expect(await orders('partition n1 | n2 n3')).to.deep.equal([
      ['n1', 'partition', { peers: ['n2', 'n3'], way: 'both' }],
      ['n2', 'partition', { peers: ['n1'], way: 'both' }],
      ['n3', 'partition', { peers: ['n1'], way: 'both' }],
    ]);
    expect(await orders('partition n1 | n2 --one-way')).to.deep.equal([
      ['n1', 'partition', { peers: ['n2'], way: 'out' }],
      ['n2', 'partition', { peers: ['n1'], way: 'in' }],
    ]);
  });

  it('slow, lose and fill tell the node that is meant', async () => {
    expect(await orders('slow n2 200ms')).to.deep.equal([['n2', 'slow', { ms: 200, disk: false, peers: null }]]);
    expect(await orders('slow n2 10ms --disk')).to.deep.equal([['n2', 'slow', { ms: 10, disk: true, peers: null }]]);
    expect(await orders('lose n2 2.5%')).to.deep.equal([['n2', 'lose', { percent: 2.5, peers: null }]]);
    expect(await orders('fill n3')).to.deep.equal([['n3', 'fill', {}]]);
  });

  it('heal ends everything, or what one node and the links to it have', async () => {
    expect(await orders('heal')).to.deep.equal(['n1', 'n2', 'n3'].map((id) => [id, 'heal', { peers: null }]));
    expect(await orders('heal n2')).to.deep.equal([
      ['n1', 'heal', { peers: ['n2'] }],
      ['n2', 'heal', { peers: null }],
      ['n3', 'heal', { peers: ['n2'] }],
    ]);
  });

  it('answer with what is in force everywhere then', async () => {
    doors = { n1: [FILL], n2: [], n3: null };
    const none = { peer: null, way: null, ms: null, percent: null };
    expect((await run('fill n2')).result).to.deep.equal({
      faults: [
        { node: 'n1', fault: 'fill', ...none },
        { node: 'n2', fault: 'partition', ...none, peer: 'of n2', way: 'both' },
      ],
    });
    expect((await run('faults')).result).to.deep.equal({ faults: [{ node: 'n1', fault: 'fill', ...none }] });
    expect((await run('faults n2')).result).to.deep.equal({ faults: [] });
  });

  it('do nothing unless every node that is concerned is there and takes it', async () => {
    doors = { n1: [], n2: null, n3: 'down' };
    expect(await refusal('fill n2')).to.equal('FAULTS_OFF: n2 was started without --faults');
    expect(await refusal('partition n1 | n2')).to.equal('FAULTS_OFF: n2 was started without --faults');
    expect(await refusal('partition n1 | n3 --one-way')).to.equal('UNREACHABLE: n3 is down and takes no orders');
    expect(await refusal('slow n9 5ms')).to.match(/^UNKNOWN_NODE: there is no node n9/);
    expect(await refusal('faults n2')).to.match(/^FAULTS_OFF: n2/);
    expect(await refusal('faults n3')).to.match(/^UNREACHABLE: n3/);
    doors = { n1: null, n2: null, n3: 'down' };
    for (const line of ['faults', 'heal', 'heal n1', 'heal n3'])
      expect(await refusal(line), line).to.match(/^FAULTS_OFF/);
  });

  it('heal what can be: a node that is down has no faults, one that does not answer keeps them', async () => {
    doors = { n1: [], n2: [], n3: 'down' };
    cluster.members = cluster.members.map((member) => ({ ...member, connected: member.id !== 'n3' }));
    expect(await orders('heal')).to.deep.equal(['n1', 'n2'].map((id) => [id, 'heal', { peers: null }]));
    expect(await orders('heal n3')).to.deep.equal(['n1', 'n2'].map((id) => [id, 'heal', { peers: ['n3'] }]));
    const keeper = new FakeKeeper();
    keeper.become('n3', { state: 'paused' });
    const message = 'no answer from n3: what was broken there still is; the others are healed';
    for (const line of ['heal', 'heal n3'])
      expect((await run(line, keeper)).error).to.include({ code: 'UNREACHABLE', message });
    expect((await run('heal n1', keeper)).ok).to.equal(true);
    cluster.members = cluster.members.map((member) => ({ ...member, connected: true }));
    expect((await run('heal')).error).to.include({ code: 'UNREACHABLE', message });
  });

  it('change nothing in a terminal that only reads', async () => {
    const readonly = contextOf(cluster, null, true);
    for (const line of ['partition n1 | n2', 'slow n1 1s', 'lose n1 1%', 'fill n1', 'heal'])
      expect((await execute(line, readonly, new AbortController().signal)).error?.code, line).to.equal('NOT_ALLOWED');
    expect((await execute('faults', readonly, new AbortController().signal)).ok).to.equal(true);
  });

  it('are shown as a table, or in two words', async () => {
    doors['n1'] = [cut('n2', 'out'), FILL];
    expect(renderText(await run('faults'), 'faults')).to.equal(
      [
        'node  fault      peer  way  ms  percent',
        'n1    partition  n2    out   -        -',
        'n1    fill       -     -     -        -',
      ].join('\n'),
    );
    expect(renderText(await run('faults n2'), 'faults')).to.equal('no faults');
  });

  it('leave nothing unseen: health and status name what is on', async () => {
    expect((await run('health')).result).to.deep.equal({ healthy: true, problems: [] });
    doors['n1'] = [cut('n2'), cut('n3')];
    const problems = ['a fault is on: n1 cut off from n2 n3'];
    expect((await run('health')).result).to.deep.equal({ healthy: false, problems });
    expect((await run('status')).result).to.deep.include({ warnings: problems });
  });
});

describe('faults in words', () => {
  it('are one phrase for each kind, with all peers', () => {
    const slow = (peer: string | null, ms: number): Fault => ({ ...NONE, fault: 'slow', peer, ms });
    const lose: Fault = { ...NONE, fault: 'lose', peer: 'n3', percent: 2.5 };
    expect(
      faultWords([cut('n2'), cut('n3', 'out'), cut('n4', 'in'), cut('n5'), slow('n2', 200), slow('n3', 200)]),
    ).to.deep.equal(['cut off from n2 n5', 'not heard by n3', 'deaf to n4', 'slow by 200 ms to n2 n3']);
    expect(faultWords([lose, FILL, slow(null, 10)])).to.deep.equal([
      'loses 2.5% to n3',
      'disk filled up',
      'syncs take 10 ms',
    ]);
    expect(faultWords([])).to.deep.equal([]);
  });
});
