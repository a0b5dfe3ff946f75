/** Batch files: what is read from them, and how every mistake is told with its line and column. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConcordError } from '../../protocol/errors.js';
import { type Batch, leavesOf } from '../../tui/batch/batch.js';
import { BATCH_LIMITS } from '../../tui/batch/limits.js';
import { parseBatch, readBatch } from '../../tui/batch/read.js';

/** The batch in a text, which stands in a YAML file unless another is named. */
function read(text: string, file = 'b.yaml', set: Record<string, unknown> = {}): Batch {
  return parseBatch(text, file, { set: new Map(Object.entries(set)) });
}

/** Every mistake that is told of a text. */
function mistakes(text: string, file = 'b.yaml', set: Record<string, unknown> = {}): string[] {
  try {
    read(text, file, set);
  } catch (error) {
    expect(error).to.be.instanceOf(ConcordError);
    const { code, details } = error as ConcordError;
    expect(code).to.equal('BAD_CONFIG');
    const all = details['mistakes'] as { line: number; column: number; message: string }[];
    return all.map(({ line, column, message }) => `${line}:${column} ${message}`);
  }
  return [];
}

/** A batch whose only client has these lines under `steps:`. */
const steps = (...lines: string[]) => `version: 1\nsteps:\n${lines.map((line) => `  ${line}\n`).join('')}`;

describe('a batch file', () => {
  it('has steps for one client, in short or at length', () => {
    const batch = read(steps('- enqueue(5)', '- run: dequeue', '  expect: 5', '- sleep: 200ms'));
    expect(batch).to.include({ file: 'b.yaml', name: 'b', goesOn: false });
    expect(batch.target).to.deep.equal({ kind: 'local' });
    const [client, ...more] = batch.clients;
    expect(more).to.be.empty;
    expect(client?.name).to.equal('main');
    expect(client?.steps.map((step) => step.kind)).to.deep.equal(['run', 'run', 'sleep']);
    expect(client?.steps[0]).to.deep.include({ number: 1, place: { line: 3, column: 5 }, expect: null });
    expect(client?.steps[1]).to.deep.include({ number: 2, place: { line: 4, column: 5 }, expect: { equals: 5 } });
    expect(client?.steps[2]).to.include({ number: 3, ms: 200 });
  });

  it('may give a client a TTL of its own', () => {
    const text = `version: 1\nvars: {ttl: 2s}\nclients:\n  - {name: a, ttl: "\${ttl}", steps: [size]}\n  - {name: b, steps: [size]}\n`;
    expect(read(text).clients.map(({ ttl_ms }) => ttl_ms)).to.deep.equal([2000, null]);
  });

  it('may be JSON, indented with tabs, too', () => {
    const text = JSON.stringify(
      { version: 1, name: 'j', temp: { nodes: 5 }, steps: [{ run: 'size', expect: 0 }] },
      null,
      '\t',
    );
    const batch = read(text, 'b.json');
    expect(batch).to.deep.include({ name: 'j', target: { kind: 'temp', nodes: 5 } });
    expect(mistakes(text.replace('"size"', '"sise"'), 'b.json')).to.deep.equal([
      '9:12 there is no word "sise"; did you mean size?',
    ]);
  });

  it('may be plain text with one command a line, up to an exit', () => {
    const batch = read(`# a comment\n\n  enqueue(5)\r\nenqueue(\${x})\nexit\nsize\n`, 'b.txt');
    expect(batch.goesOn).to.equal(true);
    const [client] = batch.clients;
    expect(client?.steps.map((step) => step.kind === 'run' && step.command.source)).to.deep.equal([
      'enqueue(5)',
      `enqueue(\${x})`,
    ]);
    expect(client?.steps[0]).to.deep.include({ place: { line: 3, column: 3 } });
    expect(mistakes('size\n  log x\nenqueu 5\n', 'b.txt')).to.deep.equal([
      '2:7 n is a whole number of 1 to 500, not "x"',
      '3:1 there is no word "enqueu"; did you mean enqueue?',
    ]);
    expect(() => read('size\n', 'b.txt', { x: 1 })).to.throw(ConcordError, 'has no variables');
  });

  it('says where it runs', () => {
    const target = (line: string) => read(`${steps('- size')}${line}\n`).target;
    expect(target('temp: true')).to.deep.equal({ kind: 'temp', nodes: 3 });
    expect(target('temp: false')).to.deep.equal({ kind: 'local' });
    expect(target('connect: a:1, b:2')).to.deep.equal({ kind: 'connect', addresses: ['a:1', 'b:2'] });
    expect(target('connect: ["[::1]:1"]')).to.deep.equal({ kind: 'connect', addresses: ['[::1]:1'] });
  });

  it('makes copies of a client, each with its own name and number', () => {
    const batch = read('version: 1\nclients:\n  - {name: a, count: 2, steps: [size]}\n  - {name: b}\n');
    expect(
      batch.clients.map(({ name, variables }) => [name, variables.get('client'), variables.get('index')]),
    ).to.deep.equal([
      ['a-1', 'a-1', 1],
      ['a-2', 'a-2', 2],
      ['b', 'b', 1],
    ]);
  });

  it('takes quantities from variables, which --set overrides', () => {
    const text = `vars: {n: 3, t: 5s}\n${steps(`- run: enqueue(\${i})`, `  repeat: \${n}`, `  pace: \${t}`, `  within: \${t}`)}`;
    expect(read(text).clients[0]?.steps[0]).to.deep.include({ repeat: { times: 3, pace_ms: 5000 }, within_ms: 5000 });
    expect(read(text, 'b.yaml', { n: 7 }).clients[0]?.steps[0]).to.deep.include({
      repeat: { times: 7, pace_ms: 5000 },
    });
    expect(mistakes(text, 'b.yaml', { m: 7 })).to.deep.equal(['1:1 --set m: vars names no such variable']);
    expect(mistakes(text, 'b.yaml', { n: 'many' })).to.deep.equal([
      '5:13 expected a whole number of 1 to 1000000, not "many"',
    ]);
  });

  it('lets commands be wrong whose mistake is expected', () => {
    expect(mistakes(steps('- run: nonsense', '  expect: {error: UNKNOWN_WORD}'))).to.be.empty;
    expect(mistakes(steps('- run: log x', '  expect: {error: [USAGE, INVALID]}'))).to.be.empty;
    expect(mistakes(steps('- run: session 4 kill', '  expect: {error: CONFIRM}'))).to.be.empty;
    expect(mistakes(steps('- run: nonsense', '  expect: {error: USAGE}'))).to.have.length(1);
  });

  it('is checked as if any value may be captured', () => {
    const capture = ['- run: groups s0', '  capture: {x: result.s0.leader, y: result.s0.term, z: ms}'];
    const uses = [`- kill \${x}`, `- log \${y} --timeout \${z} @\${x}`, `- dequeue --wait \${z}`, `- enqueue(a-\${x})`];
    expect(mistakes(steps(...capture, ...uses))).to.be.empty;
    expect(mistakes(steps(...capture, `- kil \${x}`))).to.deep.equal([
      '5:5 there is no word "kil"; did you mean kill?',
    ]);
    expect(mistakes(steps(...capture, `- enqueue(\${x}) \${x}`))).to.have.length(1);
  });

  it('gives what stands in finally every capture before it', () => {
    const text = `${steps('- run: enqueue(1)', '  capture: {id: result.id}')}finally:\n  - enqueue(\${id})\n`;
    expect(mistakes(text)).to.be.empty;
    expect(leavesOf(read(text).clients[0]?.finally ?? [])).to.have.length(1);
  });

  it('is refused when there is no such file, or it is too large', () => {
    const folder = mkdtempSync(join(tmpdir(), 'batch-test-'));
    try {
      const file = join(folder, 'b.txt');
      expect(() => readBatch(file, { set: new Map() }))
        .to.throw(ConcordError, 'cannot be read')
        .with.property('code', 'USAGE');
      writeFileSync(file, 'size\n'.repeat(BATCH_LIMITS.steps_max));
      expect(readBatch(file, { set: new Map() }).clients[0]?.steps).to.have.length(BATCH_LIMITS.steps_max);
      writeFileSync(file, 'x'.repeat(BATCH_LIMITS.file_bytes_max + 1));
      expect(() => readBatch(file, { set: new Map() })).to.throw(ConcordError, 'bytes');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the mistakes of a batch file', () => {
  const TABLE: readonly (readonly [what: string, text: string, ...told: string[]])[] = [
    ['nothing in it', '', '1:1 expected a batch: version: 1, and steps or clients'],
    ['no version', 'steps: [size]\n', '1:1 the version is missing: version: 1'],
    [
      'another version, before anything else',
      'name: x\nversion: 2\nstesp: []\n',
      '2:10 version 2 is not known; this Concord reads version 1: run the Concord it was written for, or write it anew',
    ],
    ['nothing to do', 'version: 1\n', '1:1 there is nothing to do: expected steps, or clients with steps'],
    ['an unknown key', `${steps('- size')}nmae: x\n`, '4:1 nmae means nothing here; did you mean name?'],
    [
      'a key of another place',
      steps('- do: [size]', '  expect: 5'),
      '4:5 expect means nothing here: it belongs elsewhere',
    ],
    [
      'a timeout',
      steps('- {run: size, timeout: 5s}'),
      '3:17 timeout means nothing here: write --timeout 5s behind the command',
    ],
    ['a key twice', 'version: 1\nversion: 1\n', '2:1 Map keys must be unique'],
    ['an unknown word', steps('- size', '- enqueu(5)'), '4:5 there is no word "enqueu"; did you mean enqueue?'],
    ['a wrong argument', steps('- run: log 3x'), '3:14 n is a whole number of 1 to 500, not "3x"'],
    ['the same in quotes', steps('- run: "log 3x"'), '3:15 n is a whole number of 1 to 500, not "3x"'],
    [
      'an unknown flag',
      steps('- run: size --timeot 5s'),
      '3:15 there is no flag --timeot here; did you mean --timeout?',
    ],
    ['what destroys', steps('- session 4 kill'), '3:5 session destroys something here: add --yes'],
    ['an exit', steps('- exit'), '3:5 a batch ends with its last step: exit means nothing here'],
    [
      'a command that YAML reads as a map',
      steps('- enqueue({a: 1})'),
      '3:5 expected a command, or a step with one of run, do, barrier, sleep, vanish; a command with ": " in it needs quotes',
    ],
    [
      'the same behind run',
      steps('- run: enqueue({a: 1})'),
      '3:10 Nested mappings are not allowed in compact mappings; a command with ": " in it needs quotes',
    ],
    ['no step', steps('- 5'), '3:5 expected a command, or a step with one of run, do, barrier, sleep, vanish'],
    [
      'a TTL that no session may have',
      'version: 1\nclients:\n  - {name: a, ttl: 10ms, steps: [size]}\n',
      '3:20 the TTL of a session is 1000 to 3600000 ms',
    ],
    ['nobody who vanishes', steps('- vanish: nobody'), '3:13 there is no client nobody; there are main'],
    ['two steps in one', steps('- {run: size, sleep: 1s}'), '3:5 a step is one of run and sleep, not both'],
    ['an empty do', steps('- do: []'), '3:9 there are no steps'],
    ['a mistake inside do', steps('- do:', '    - do: [sise]'), '4:14 there is no word "sise"; did you mean size?'],
    ['an unknown variable', steps(`- enqueue(\${jobz})`), `3:13 \${jobz} is neither in vars nor captured before`],
    [
      'a mistyped one',
      `vars: {jobs: 1}\n${steps(`- enqueue(a-\${jobz})`)}`,
      `4:15 \${jobz} is neither in vars nor captured before; did you mean \${jobs}?`,
    ],
    [
      'no variable at all',
      steps(`- enqueue(\${a b})`),
      `3:13 a variable looks like \${name}; $\${ stands for \${ itself`,
    ],
    [
      'a count outside of repeats',
      steps(`- enqueue(\${i})`),
      `3:13 \${i} is neither in vars nor captured before: i counts repeats`,
    ],
    [
      'a variable of an expectation',
      steps('- run: size', `  expect: {equals: [1, {a: "x\${y}"}]}`),
      `4:32 \${y} is neither in vars nor captured before`,
    ],
    [
      'one captured later',
      steps(`- enqueue(\${id})`, '- {run: size, capture: {id: result}}'),
      `3:13 \${id} is neither in vars nor captured before`,
    ],
    ['a variable that is given', `vars: {i: 1}\n${steps('- size')}`, '1:8 i is given by Concord: use another name'],
    [
      'a bad name',
      `vars: {a-b: 1}\n${steps('- size')}`,
      '1:8 expected a name: letters, digits and _, not a digit first',
    ],
    [
      'a capture over a variable',
      `vars: {x: 1}\n${steps('- {run: size, capture: {x: result}}')}`,
      '4:27 x is one of vars: use another name',
    ],
    [
      'an unknown condition',
      steps('- run: size', '  expect: {abov: 3}'),
      '4:14 abov means nothing here; did you mean above?',
    ],
    [
      'an object as a value',
      steps('- run: size', '  expect: {queue: default}'),
      '4:14 queue means nothing here; to expect an object, write equals: { ... }',
    ],
    [
      'an unknown code',
      steps('- run: size', '  expect: {error: NO_LEADR}'),
      '4:21 there is no error NO_LEADR; did you mean NO_LEADER?',
    ],
    [
      'a field outside of the reply',
      steps('- run: size', '  expect: {field: leader, equals: n1}'),
      '4:21 a field is one of the reply, such as result.id, node or error.code; did you mean result.leader?',
    ],
    [
      'a field without a condition',
      steps('- run: size', '  expect: {field: node}'),
      '4:13 a field needs a condition: equals, not, match, in, above or below',
    ],
    [
      'a broken pattern',
      steps('- run: size', '  expect: /a(/'),
      '4:13 Invalid regular expression: /a(/: Unterminated group',
    ],
    [
      'a pattern without slashes',
      steps('- run: size', '  expect: {match: a}'),
      '4:21 a pattern stands between slashes: /^job-/',
    ],
    [
      'a bound that is no number',
      steps('- run: size', '  expect: {above: many}'),
      `4:21 expected a number, or a \${variable}`,
    ],
    [
      'a time without its unit',
      steps('- {run: size, within: 5}'),
      '3:25 expected a time such as 200ms, 5s or 2m, not 5',
    ],
    ['a count of none', steps('- {run: size, repeat: 0}'), '3:25 expected a whole number of 1 to 1000000, not 0'],
    [
      'a pace without repeat',
      steps('- {run: size, pace: 1s}'),
      '3:17 pace is the time between repeats: there is no repeat',
    ],
    [
      'a captured value as a quantity',
      steps('- {run: size, capture: {n: result}}', `- {run: size, repeat: "\${n}"}`),
      `4:25 \${n} has no value: only vars stand here`,
    ],
    ['an unknown client', steps('- {run: size, as: mian}'), '3:21 there is no client mian; did you mean main?'],
    [
      'two clients of a name',
      'version: 1\nclients: [{name: a-1}, {name: a, count: 1}]\n',
      '2:18 there are two clients a-1',
      '2:31 there are two clients a-1',
    ],
    [
      'steps beside clients',
      `${steps('- size')}clients: [{name: a}]\n`,
      '2:1 steps stands inside a client where there are clients',
    ],
    ['a barrier for one', steps('- barrier: go'), '3:5 only one client comes to the barrier go'],
    [
      'a mistyped barrier',
      'version: 1\nclients:\n  - {name: a, count: 2, steps: [barrier: start]}\n  - {name: b, steps: [barrier: strat]}\n',
      '4:23 only one client comes to the barrier strat; did you mean start?',
    ],
    [
      'a barrier at the end',
      'version: 1\nclients:\n  - {name: a, count: 2, finally: [barrier: x]}\n',
      '3:35 a barrier cannot stand in finally: some client may have stopped long before',
    ],
    [
      'temp and connect',
      `${steps('- size')}temp: true\nconnect: a:1\n`,
      '4:1 a batch has either temp or connect, not both',
    ],
    ['no address', `${steps('- size')}connect: [a:1, b]\n`, '4:16 "b" is no host:port'],
    ['too many nodes', `${steps('- size')}temp: {nodes: 10}\n`, '4:15 expected true, or { nodes: 1 to 9 }'],
    [
      'too many clients',
      'version: 1\nclients: [{name: a, count: 65}]\n',
      '2:28 expected a whole number of 1 to 64, not 65',
    ],
    [
      'too many commands',
      steps('- repeat: 1000', '  do: [{run: size, repeat: 1001}]'),
      '1:1 1001000 commands are too many: steps, repeats and clients make at most 1000000',
    ],
    [
      'a number that would be rounded',
      steps('- {run: size, expect: 9007199254740993}'),
      '3:25 integers beyond 2^53-1 would be rounded: put it in quotes',
    ],
    [
      'no end',
      'version: 1\nsteps: [size\n',
      '3:1 Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ];

  for (const [what, text, ...told] of TABLE)
    it(`${what}: told at its place`, () => {
      expect(mistakes(text)).to.deep.equal(told);
    });

  it('are told all at once, whatever kind they are of', () => {
    const text = steps(
      '- enqueu(5)',
      '- {run: size, expet: 5}',
      '- {run: size, capture: {id: id}}',
      `- enqueue(\${id})`,
      `- enqueue(\${no})`,
      '- {run: size, within: soon}',
    );
    expect(mistakes(text).map((told) => told.split(' ')[0])).to.deep.equal(['3:5', '4:17', '5:31', '7:13', '8:25']);
  });

  it('do not follow from a step that could not be read', () => {
    expect(mistakes(steps('- {runs: size, capture: {id: result.id}}', `- enqueue(\${id})`))).to.have.length(1);
  });

  it('are shown up to a limit, and counted', () => {
    const many = BATCH_LIMITS.mistakes_max + 5;
    const text = steps(...Array<string>(many).fill('- sise'));
    expect(mistakes(text)).to.have.length(BATCH_LIMITS.mistakes_max);
    expect(() => read(text)).to.throw(
      ConcordError,
      `b.yaml:3:5: there is no word "sise"; did you mean size? (and ${many - 1} more)`,
    );
  });
});
