/** The fault doors of a node: what each word does, what is in force after it, and that nothing is done without them or by half. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Admin } from '../../node/admin.js';
import { FAULT_WORDS, type FaultDoors } from '../../node/faults/doors.js';
import { breakableWorld } from '../../node/faults/world.js';
import { realWorld } from '../../node/world-real.js';
import type { Fault } from '../../protocol/client/types.js';
import { until } from '../integration/until.js';
import { Listener } from './groups-world.js';

const MEMBERS = new Map([
  ['n1', '127.0.0.1:7101'],
  ['n2', '127.0.0.1:7102'],
  ['n3', '127.0.0.1:7103'],
]);
const NONE = { peer: null, way: null, ms: null, percent: null };

describe('fault doors', () => {
  let data: string;
  let doors: FaultDoors;
  let client: Listener;
  let admin: Admin;
  let news: string[];
  let correlation: number;

  beforeEach(() => {
    data = mkdtempSync(join(tmpdir(), 'concord-doors-'));
    doors = breakableWorld(realWorld(), { id: 'n1', data, members: MEMBERS, hold: false }).faults;
    client = new Listener();
    news = [];
    correlation = 0;
    admin = make(doors);
  });
  afterEach(() => rmSync(data, { recursive: true }));

  function make(faults: FaultDoors | null): Admin {
    const nothing = () => {
      throw new Error('not asked for here');
    };
    return new Admin({
      self: 'n1',
      now: () => 0,
      replica: () => undefined,
      notLeader: nothing,
      load: nothing,
      checkpoint: nothing,
      status: nothing,
      sessions: nothing,
      metrics: nothing,
      wake: () => {},
      broken: (word) => news.push(word),
      ...(faults && { faults }),
    });
  }

  function ask(word: string, argument: unknown = {}): number {
    admin.ask(client, { kind: 'admin', correlation: ++correlation, deadline_ms: 1000, word, argument });
    return correlation;
  }

  /** What is in force after a word, as it says. */
  function inForce(word: string, argument: unknown = {}): Fault[] {
    const asked = ask(word, argument);
    return (client.said[asked] as { faults: Fault[] }).faults;
  }

  function complaint(word: string, argument: unknown = {}): string {
    const asked = ask(word, argument);
    const failure = client.failure(asked);
    expect(failure?.definite).to.equal(true);
    return `${failure?.code}: ${failure?.message}`;
  }

  const cut = (peer: string, way: 'both' | 'out' | 'in') => ({ ...NONE, fault: 'partition', peer, way });

  it('are shut on a node that was started without them', () => {
    admin = make(null);
    for (const word of FAULT_WORDS)
      expect(complaint(word, { peers: ['n2'], way: 'both' })).to.equal('FAULTS_OFF: n1 was started without --faults');
    expect(news).to.deep.equal([]);
  });

  it('begin with nothing in force', () => {
    expect(inForce('faults')).to.deep.equal([]);
  });

  it('cut links in either direction or both, one after the other', () => {
    expect(inForce('partition', { peers: ['n2'], way: 'out' })).to.deep.equal([cut('n2', 'out')]);
    expect(doors.gates.of('n2')).to.include({ deaf: true, mute: false });
    expect(inForce('partition', { peers: ['n3'], way: 'in' })).to.deep.equal([cut('n2', 'out'), cut('n3', 'in')]);
    expect(doors.gates.of('n3')).to.include({ deaf: false, mute: true });
    expect(inForce('partition', { peers: ['n2'], way: 'in' })).to.deep.equal([cut('n2', 'both'), cut('n3', 'in')]);
    expect(inForce('partition', { peers: null, way: 'both' })).to.deep.equal([cut('n2', 'both'), cut('n3', 'both')]);
  });

  it('slow links and syncs, and 0 ends it', () => {
    const slow = (peer: string | null, ms: number) => ({ ...NONE, fault: 'slow', peer, ms });
    expect(inForce('slow', { ms: 200, disk: false, peers: null })).to.deep.equal([slow('n2', 200), slow('n3', 200)]);
    expect(inForce('slow', { ms: 10, disk: true, peers: null })).to.deep.equal([
      slow('n2', 200),
      slow('n3', 200),
      slow(null, 10),
    ]);
    expect(inForce('slow', { ms: 0, disk: false, peers: ['n2'] })).to.deep.equal([slow('n3', 200), slow(null, 10)]);
    expect(inForce('slow', { ms: 0, disk: true, peers: null })).to.deep.equal([slow('n3', 200)]);
  });

  it('lose messages, and fill the disk', () => {
    const lose = { ...NONE, fault: 'lose', peer: 'n3', percent: 2.5 };
    expect(inForce('lose', { percent: 2.5, peers: ['n3'] })).to.deep.equal([lose]);
    expect(inForce('fill')).to.deep.equal([lose, { ...NONE, fault: 'fill' }]);
  });

  it('heal everything, or the links to some members only', () => {
    ask('partition', { peers: null, way: 'both' });
    ask('slow', { ms: 5, disk: true, peers: null });
    ask('fill');
    expect(inForce('heal', { peers: ['n2'] }).map(({ fault, peer }) => [fault, peer])).to.deep.equal([
      ['partition', 'n3'],
      ['fill', null],
      ['slow', null],
    ]);
    expect(inForce('heal', { peers: null })).to.deep.equal([]);
    expect(doors.gates.isCut('n3')).to.equal(false);
  });

  it('refuse what makes no sense, and then nothing has changed', () => {
    expect(complaint('partition', { peers: ['n2', 'n9'], way: 'both' })).to.match(
      /^UNKNOWN_NODE: n9 is no other member/,
    );
    expect(complaint('partition', { peers: ['n1'], way: 'both' })).to.match(/^UNKNOWN_NODE: n1/);
    expect(complaint('partition', { peers: ['n2'], way: 'up' })).to.match(/^INVALID: partition: way: expected both/);
    expect(complaint('partition', { peers: 'n2', way: 'both' })).to.match(/^INVALID: partition: peers: /);
    expect(complaint('slow', { ms: -1, disk: false })).to.match(/^INVALID: slow: ms: /);
    expect(complaint('slow', { ms: 600_001, disk: false })).to.match(/^INVALID: slow: ms is at most 600000/);
    expect(complaint('slow', { ms: 1 })).to.match(/^INVALID: slow: disk: /);
    for (const percent of [-1, 101, '10%', Number.NaN])
      expect(complaint('lose', { percent }), String(percent)).to.match(/^INVALID: lose: percent: /);
    expect(inForce('faults')).to.deep.equal([]);
  });

  it('tell the node of every word that was carried out', () => {
    ask('fill');
    ask('lose', { percent: 200 });
    ask('heal');
    expect(news).to.deep.equal(['fill', 'heal']);
  });

  it('turn over a bit of a file in the data folder, and of no other', async () => {
    mkdirSync(join(data, 'log'));
    writeFileSync(join(data, 'log', 'a'), 'abc');
    const asked = ask('flip', { file: 'log/a', offset: 2, bit: 0 });
    await until('it is flipped', () => client.said[asked] !== undefined);
    expect(client.said[asked]).to.deep.equal({ file: 'log/a', offset: 2, before: 99, after: 98 });
    expect(readFileSync(join(data, 'log', 'a'), 'utf8')).to.equal('abb');
    for (const file of ['', '/etc/hosts', '../x', 'log/../../x'])
      expect(complaint('flip', { file, offset: 0, bit: 0 }), file).to.match(/^INVALID: flip: file is a path inside/);
    expect(complaint('flip', { file: 'log/a', offset: 0, bit: 8 })).to.match(/^INVALID: flip: bit is 0 to 7/);
    const beyond = ask('flip', { file: 'log/a', offset: 3, bit: 0 });
    await until('it is refused', () => client.failure(beyond) !== undefined);
    expect(client.failure(beyond)?.message).to.equal('flip: log/a, byte 3: the file ends before it');
  });
});
