/** What a node is told: flags over a file over defaults, and every mistake named before anything is touched. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { readConfig } from '../../node/config.js';
import { ConcordError } from '../../protocol/errors.js';

const PEERS = 'n1=127.0.0.1:7101,n2=127.0.0.1:7102,n3=127.0.0.1:7103';
const FLAGS = { id: 'n1', listen: '127.0.0.1:7101', data: '/tmp/n1', peers: PEERS };
const FILE = `
version: 1
id: n2
cluster: filed
listen: 127.0.0.1:7102
data: data/n2
peers: { n1: 127.0.0.1:7101, n2: 127.0.0.1:7102 }
election_ms: 3000
`;

describe("a node's configuration", () => {
  let folder: string;
  let path: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'concord-config-'));
    path = join(folder, 'node.yaml');
  });
  after(() => rmSync(folder, { recursive: true }));

  /** From flags by name; undefined leaves one out. */
  function read(flags: Record<string, string | undefined>, file?: string) {
    if (file !== undefined) writeFileSync(path, file);
    const argv = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
    return readConfig(file === undefined ? argv : [...argv, '--config', path], '1.2.3');
  }

  function complaint(flags: Record<string, string | undefined>, file?: string): string {
    try {
      read(flags, file);
    } catch (error) {
      expect(error).to.be.instanceOf(ConcordError);
      expect(error).to.have.property('code', 'BAD_CONFIG');
      return (error as Error).message;
    }
    return 'nothing is wrong';
  }

  it('is complete with the flags that have no default', () => {
    expect(read(FLAGS)).to.deep.equal({
      id: 'n1',
      cluster: 'concord',
      listen: '127.0.0.1:7101',
      data: '/tmp/n1',
      peers: new Map([
        ['n1', '127.0.0.1:7101'],
        ['n2', '127.0.0.1:7102'],
        ['n3', '127.0.0.1:7103'],
      ]),
      election_ms: 1000,
      heartbeat_ms: 100,
      segment_bytes: 16 << 20,
      memory_budget: 256 << 20,
      log_budget: 512 << 20,
      faults: false,
      faults_hold_writes: false,
      keeper_fd: null,
    });
  });

  it('may stand in a file, whose paths are made absolute', () => {
    const { id, cluster, data, peers, election_ms, heartbeat_ms } = read({}, FILE);
    expect({ id, cluster, data, election_ms, heartbeat_ms }).to.deep.equal({
      id: 'n2',
      cluster: 'filed',
      data: resolve('data/n2'),
      election_ms: 3000,
      heartbeat_ms: 100,
    });
    expect([...peers.keys()]).to.deep.equal(['n1', 'n2']);
  });

  it('takes flags over the file', () => {
    const flags = {
      id: 'n1',
      cluster: 'flagged',
      'election-ms': '900',
      'segment-bytes': '65536',
      'memory-budget': '16777216',
      'log-budget': '1048576',
      'keeper-fd': '3',
    };
    const config = read(flags, FILE);
    expect(config).to.deep.include({
      id: 'n1',
      cluster: 'flagged',
      election_ms: 900,
      segment_bytes: 65_536,
      memory_budget: 16 << 20,
      log_budget: 1 << 20,
      keeper_fd: 3,
    });
    expect(config.listen).to.equal('127.0.0.1:7102');
    expect([...read({ peers: PEERS }, FILE).peers.keys()]).to.deep.equal(['n1', 'n2', 'n3']);
  });

  it('opens the fault doors only when told to, by flag or file; held writes are behind them too', () => {
    const doors = (words: string[], file: string) => {
      writeFileSync(path, file);
      const { faults, faults_hold_writes } = readConfig([...words, '--config', path], '1.2.3');
      return [faults, faults_hold_writes];
    };
    expect(doors([], FILE)).to.deep.equal([false, false]);
    expect(doors(['--faults'], FILE)).to.deep.equal([true, false]);
    expect(doors(['--faults-hold-writes'], FILE)).to.deep.equal([true, true]);
    expect(doors([], `${FILE}faults: true\n`)).to.deep.equal([true, false]);
    expect(doors([], `${FILE}faults_hold_writes: true\n`)).to.deep.equal([true, true]);
  });

  describe('is refused', () => {
    for (const listen of [
      '0.0.0.0:7101',
      '192.168.0.1:7101',
      '[::]:7101',
      'example.org:7101',
      '10.0.0.1:1',
      '127.1:80',
    ])
      it(`when it would listen on ${listen}: on the loopback only`, () => {
        expect(complaint({ ...FLAGS, listen })).to.match(/^command line: listen: .*loopback only/);
      });

    for (const listen of ['127.0.0.1', '127.0.0.1:', ':7101', '127.0.0.1:70000', 'localhost', '[::1]', '::1:7101'])
      it(`when ${listen} is no address to listen on`, () => {
        expect(complaint({ ...FLAGS, listen })).to.match(/^command line: listen: /);
      });

    it('not when it listens anywhere on the loopback', () => {
      for (const listen of ['127.0.0.1:0', '127.8.9.10:7101', 'localhost:65535', '[::1]:7101'])
        expect(complaint({ ...FLAGS, listen }), listen).to.equal('nothing is wrong');
    });

    const cases: [why: string, flags: Record<string, string | undefined>, complaint: RegExp][] = [
      ['without an id', { id: undefined }, /^command line: id: /],
      ['with an id that is no name', { id: '1n' }, /^command line: id: is a letter and up to 31/],
      ['without a folder', { data: undefined }, /^command line: data: /],
      ['without peers', { peers: undefined }, /^command line: peers: /],
      ['when it is not among its peers', { id: 'n9' }, /^command line: peers: no entry for n9 itself/],
      ['when a peer has no name', { peers: '127.0.0.1:7101' }, /--peers.*name=host:port/],
      ['when a peer has no port', { peers: `${PEERS},n4=127.0.0.1` }, /peers\.n4: has to be host:port/],
      ['when a peer is there twice', { peers: `${PEERS},n2=127.0.0.1:7109` }, /--peers.*n2 is there twice/],
      [
        'when two peers are one',
        { peers: `${PEERS},n4=127.0.0.1:7102` },
        /n2 and n4 have the same address 127.0.0.1:7102/,
      ],
      ['when a peer has no good name', { peers: `${PEERS},4=127.0.0.1:7104` }, /^command line: peers\.4: /],
      ['with a cluster name that holds a #', { cluster: 'a#b' }, /^command line: cluster: /],
      ['with a number that is none', { 'election-ms': '1s' }, /--election-ms.*whole number/],
      [
        'with a budget for less log than four segments',
        { 'log-budget': '1048576' },
        /^command line: log_budget has to be at least 4 times segment_bytes/,
      ],
      ['with a number out of bounds', { 'segment-bytes': '10' }, /^command line: segment_bytes: /],
      ['with heartbeats too rare', { 'heartbeat-ms': '400' }, /heartbeat_ms has to be at most a third of election_ms/],
      ['with a flag that does not exist', { 'no-such': '1' }, /^command line: unknown option '--no-such'/],
    ];
    for (const [why, flags, message] of cases)
      it(why, () => {
        expect(complaint({ ...FLAGS, ...flags })).to.match(message);
      });

    it('with more members than may be', () => {
      const peers = Array.from({ length: 65 }, (_, i) => `n${i}=127.0.0.1:${7000 + i}`).join(',');
      expect(complaint({ ...FLAGS, peers })).to.match(/at most 64 members/);
    });

    it('with words that nobody asked for', () => {
      expect(() => readConfig(['--id', 'n1', 'start'], '1')).to.throw(ConcordError, /too many arguments/);
    });

    it('with all its mistakes named at once', () => {
      const message = complaint({ ...FLAGS, id: '?', listen: '0.0.0.0:1', 'segment-bytes': '1' });
      for (const part of ['id: ', 'listen: ', 'segment_bytes: ']) expect(message).to.contain(part);
    });

    const files: [why: string, file: string, complaint: RegExp][] = [
      [
        'of another version',
        FILE.replace('version: 1', 'version: 2'),
        /version: has to be 1: run the version of Concord/,
      ],
      ['with a setting that does not exist', `${FILE}\nelection: 5\n`, /election/],
      ['that is no YAML', '{', /node\.yaml: /],
      ['that is no map', '- 1', /has to be a map of settings/],
      ['with a setting of another type', FILE.replace('3000', 'soon'), /election_ms: /],
    ];
    for (const [why, file, message] of files)
      it(`with a file ${why}, by the path of the file`, () => {
        const told = complaint({}, file);
        expect(told).to.match(message);
        expect(told).to.contain(path);
      });

    it('with a file that is not there, by its path', () => {
      expect(() => readConfig(['--config', join(folder, 'missing.yaml')], '1')).to.throw(ConcordError, /missing\.yaml/);
    });
  });
});
