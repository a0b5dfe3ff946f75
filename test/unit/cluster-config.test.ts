/** The configuration of a local cluster: what is read from it, and how a mistake is told. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConcordError } from '../../protocol/errors.js';
import { parseConfig, readConfig } from '../../tui/cluster/config.js';
import { configFile, dataFolder } from '../../tui/cluster/locate.js';

const GOOD = `version: 1
cluster: test
data: ../data/test
nodes:
  n1: 127.0.0.1:7101
  n2: '[::1]:7102'
`;

/** What the refusal of a text says, without the name of the file. */
function mistake(text: string): string {
  try {
    parseConfig(text, '/c.yaml');
  } catch (error) {
    expect(error).to.be.instanceOf(ConcordError);
    const { code, message, details } = error as ConcordError;
    expect(code).to.equal('BAD_CONFIG');
    expect(details).to.have.property('file', '/c.yaml');
    return message.replace('/c.yaml, ', '');
  }
  throw new Error('no mistake was found');
}

describe('the configuration of a local cluster', () => {
  it('comes with Concord, and can be read', () => {
    const file = configFile(null);
    const config = readConfig(file);
    expect(config.cluster).to.equal('local');
    expect(config.data).to.equal(join(file, '../../data/local'));
    expect(config.nodes).to.deep.equal([
      { id: 'n1', address: '127.0.0.1:7101' },
      { id: 'n2', address: '127.0.0.1:7102' },
      { id: 'n3', address: '127.0.0.1:7103' },
    ]);
    expect(config.stop_grace_ms).to.equal(5000);
  });

  it('has nodes in the order of the file, and a data folder that counts from the file', () => {
    const config = parseConfig(GOOD.replace('n1', 'z1'), '/etc/concord/c.yaml');
    expect(config.nodes.map((node) => node.id)).to.deep.equal(['z1', 'n2']);
    expect(config.data).to.equal('/etc/data/test');
    expect(config.stop_grace_ms).to.equal(5000);
  });

  it('has budgets for its nodes, or leaves them to these', () => {
    expect(parseConfig(GOOD, '/c.yaml').budgets).to.deep.equal({ memory_budget: null, log_budget: null });
    const told = parseConfig(`${GOOD}memory_budget: 1048576\nlog_budget: 67108864\n`, '/c.yaml');
    expect(told.budgets).to.deep.equal({ memory_budget: 1_048_576, log_budget: 67_108_864 });
  });

  for (const [what, text, told] of [
    [
      'a wrong version',
      GOOD.replace('1', '2'),
      /^line 1, column 1: version: 2 is not known; this Concord reads version 1/,
    ],
    ['no version', GOOD.replace('version: 1\n', ''), /^line 1, column 1: version: is missing/],
    ['no file content', '', /^line 1, column 1: expected options/],
    ['a list', '- 1\n', /^line 1, column 1: expected options/],
    ['a missing option', GOOD.replace('data: ../data/test\n', ''), /^line 1, column 1: data: is missing/],
    ['an unknown option', `${GOOD}colour: red\n`, /^line 7, column 1: colour: is no option/],
    ['an option given twice', `${GOOD}cluster: b\n`, /^line 7, column 1: .*unique/],
    ['a name with a space', GOOD.replace(': test', ': a b'), /^line 2, column 1: cluster: expected a name/],
    ['a number as name', GOOD.replace(': test', ': 5'), /^line 2, column 1: cluster: expected a name/],
    ['a node with a wrong name', GOOD.replace('n2', '2n'), /^line 6, column 3: nodes\.2n: expected a name/],
    [
      'an address outside',
      GOOD.replace('127.0.0.1', '10.0.0.1'),
      /^line 5, column 3: nodes\.n1: expected a loopback address/,
    ],
    [
      'an address of all interfaces',
      GOOD.replace('127.0.0.1', '0.0.0.0'),
      /^line 5, column 3: nodes\.n1: expected a loopback/,
    ],
    ['a host name', GOOD.replace('127.0.0.1', 'localhost'), /^line 5, column 3: nodes\.n1: expected a loopback/],
    ['port 0', GOOD.replace('7101', '0'), /^line 5, column 3: nodes\.n1: expected a loopback/],
    ['port 65536', GOOD.replace('7101', '65536'), /^line 5, column 3: nodes\.n1: expected a loopback/],
    ['no port', GOOD.replace(':7101', ''), /^line 5, column 3: nodes\.n1: expected a loopback/],
    ['byte 256', GOOD.replace('127.0.0.1', '127.0.0.256'), /^line 5, column 3: nodes\.n1: expected a loopback/],
    [
      'an address given twice',
      `${GOOD}  n3: 127.0.0.1:7101\n`,
      /^line 7, column 3: nodes\.n3: .* address of n1 already/,
    ],
    [
      'no nodes',
      GOOD.replace(/nodes:[\s\S]*/, 'nodes: {}\n'),
      /^line 4, column 1: nodes: expected 1 to 9 nodes, found 0/,
    ],
    [
      'nodes as a list',
      GOOD.replace(/nodes:[\s\S]*/, 'nodes: [a]\n'),
      /^line 4, column 1: nodes: expected a line "name: address"/,
    ],
    ['a grace of 1 ms', `${GOOD}stop_grace_ms: 1\n`, /^line 7, column 1: stop_grace_ms: expected milliseconds/],
    ['a budget too small', `${GOOD}log_budget: 1000\n`, /^line 7, column 1: log_budget: expected bytes, 67108864/],
    ['a budget in words', `${GOOD}memory_budget: 1GB\n`, /^line 7, column 1: memory_budget: expected bytes, 1048576/],
    ['a grace in words', `${GOOD}stop_grace_ms: 5s\n`, /^line 7, column 1: stop_grace_ms: expected milliseconds/],
    ['no YAML', 'version: 1\ncluster: [a\n', /^line 3, column 1: /],
    ['a tab', 'version: 1\nnodes:\n\tn1: x\n', /^line 3, column 1: /],
    ['a heap of aliases', `a: &a [1]\nb: [${'*a,'.repeat(200)}]\n`, /^line 1, column 1: /],
  ] as const) {
    it(`is refused with line, column and field: ${what}`, () => {
      expect(mistake(text)).to.match(told);
    });
  }

  it('is refused when it is no configuration by its size, or cannot be read', () => {
    expect(mistake(`${GOOD}# ${'x'.repeat(70_000)}`)).to.contain('larger');
    expect(() => readConfig('/nowhere/c.yaml')).to.throw(ConcordError, '/nowhere/c.yaml cannot be read');
  });
});

describe('the data folder of a configuration', () => {
  let home: string;
  let file: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'config-test-'));
    file = join(home, 'c.yaml');
  });

  afterEach(() => rmSync(home, { recursive: true }));

  for (const line of [
    'data: ../data/test',
    'data: ../data/test # with a comment',
    'data:   ./a.b/c-d_e   ',
    'data: "../data/with space"',
    "'data': /absolute/path",
    'data: plain',
    'data:\n  ../data/next-line',
    'data: ~/not-a-home',
    'data: a/b#c',
    'data: a/b c',
    'data : a/b',
  ]) {
    it(`is the same read off as it is parsed: ${JSON.stringify(line)}`, async () => {
      writeFileSync(file, GOOD.replace('data: ../data/test', line));
      expect(await dataFolder(file, null)).to.equal(readConfig(file).data);
    });
  }

  it('is read off without a look at the rest of the file', async () => {
    writeFileSync(file, `${GOOD}colour: red\n`);
    expect(await dataFolder(file, null)).to.equal(join(home, '../data/test'));
  });

  it('is the named one, when one is named', async () => {
    expect(await dataFolder('/nowhere/c.yaml', '/some/data')).to.equal('/some/data');
  });

  it('is refused where the configuration has a mistake', async () => {
    writeFileSync(file, GOOD.replace('data: ../data/test', 'data: 5'));
    const outcome = await dataFolder(file, null).then(
      () => 'a folder',
      (error: ConcordError) => error.message,
    );
    expect(outcome).to.contain('line 3, column 1: data: expected the path of a folder');
  });
});

describe('the configuration that comes with Concord', () => {
  it('documents every option', () => {
    const text = readFileSync(configFile(null), 'utf8');
    for (const option of ['version', 'cluster', 'data', 'nodes', 'stop_grace_ms', 'memory_budget', 'log_budget']) {
      expect(text).to.match(new RegExp(`^# .*\\n(?:# .*\\n)*${option}:`, 'm'));
    }
  });
});
