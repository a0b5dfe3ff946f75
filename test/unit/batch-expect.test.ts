/** What a batch's steps are made of: variables in text, expectations and what is different where they do not hold. */
import { expect } from 'chai';
import { ConcordError } from '../../protocol/errors.js';
import { type DiffLine, diffLines } from '../../tui/batch/diff.js';
import { differenceOf, type Expectation, fillExpectation, Phrase } from '../../tui/batch/expectation.js';
import { fieldOf, fieldProblem } from '../../tui/batch/fields.js';
import { BadTemplate, fillCommand, fillText, NoValue, template, typedValue } from '../../tui/batch/template.js';
import { parse } from '../../tui/grammar/index.js';
import { failed, succeeded } from '../../tui/session/execute.js';
import type { Reply } from '../../tui/session/reply.js';

/** A command with its variables filled in. */
function filled(text: string, values: Record<string, unknown>): string {
  return fillCommand(template(text), (name) => values[name]).text;
}

/** A reply with this result. */
function reply(result: unknown, more: Partial<Reply> = {}): Reply {
  return { ...succeeded('x', { result }, 1), ...more };
}

const failure = failed('size', new ConcordError('NO_LEADER', 'nobody leads s0', { details: { group: 's0' } }), 2);

describe('variables of a batch', () => {
  it('are one value again wherever they stand in a command', () => {
    const values = [
      'plain',
      'with space',
      '5',
      'null',
      '-5',
      'a,b',
      '@n1',
      '--yes',
      '{',
      '"',
      '',
      'hex:00',
      'é\u2028',
      5,
      1.5,
    ];
    const more = [true, null, { a: [1, 'x y'] }, ['a'], Buffer.from([0, 255])];
    for (const x of [...values, ...more])
      for (const text of [`enqueue(\${x})`, `enqueue \${x}`, `enqueue -- \${x}`])
        expect(
          (parse(filled(text, { x })).arguments as { x: unknown }).x,
          `${text} ${JSON.stringify(x)}`,
        ).to.deep.equal(x);
  });

  it('are text inside quotes, JSON inside brackets, and part of a word inside one', () => {
    expect(filled(`enqueue("a \${x} b")`, { x: 'say "hi"\\' })).to.equal('enqueue("a say \\"hi\\"\\\\ b")');
    expect(filled(`enqueue({a: \${x}, b: [\${x},\${n}]})`, { x: 'p q', n: 3 })).to.equal(
      'enqueue({a: "p q", b: ["p q",3]})',
    );
    expect(filled(`enqueue [\${x}]`, { x: 'plain' })).to.equal('enqueue ["plain"]');
    expect(filled(`enqueue(job-\${n}-\${x})`, { x: 'y', n: 3 })).to.equal('enqueue(job-3-y)');
    expect(filled(`size --timeout \${t} @\${node}`, { t: '5s', node: 'n2' })).to.equal('size --timeout 5s @n2');
    expect(filled(`enqueue("\${n}")`, { n: 3 })).to.equal('enqueue("3")');
  });

  it('are left alone behind two dollars', () => {
    expect(filled(`enqueue($\${x})`, {})).to.equal(`enqueue(\${x})`);
    expect(filled(`$\${x}\${x}`, { x: 1 })).to.equal(`\${x}1`);
  });

  it('lead back from the line to where they were written', () => {
    const { text, origin } = fillCommand(template(`log \${n} --timeot 5s`), () => 12345);
    expect(text).to.equal('log 12345 --timeot 5s');
    expect([0, 4, 8, text.indexOf('--')].map(origin)).to.deep.equal([0, 4, 4, 9]);
  });

  it('need names that can be read, and values', () => {
    for (const text of [`\${}`, `\${a b}`, `\${1}`, `x \${a`]) expect(() => template(text)).to.throw(BadTemplate);
    expect(() => filled(`enqueue(\${x})`, {})).to.throw(NoValue, `\${x} has no value`);
  });

  it('keep their kind where a text is nothing else', () => {
    const fill = (text: string) => fillText(template(text), () => 5);
    expect(fill(`\${n}`)).to.equal(5);
    expect(fill(`job-\${n}`)).to.equal('job-5');
  });

  it('are read as at the prompt from the command line', () => {
    expect(typedValue('5')).to.equal(5);
    expect(typedValue('{a: 1}')).to.deep.equal({ a: 1 });
    expect(typedValue('"5"')).to.equal('5');
    expect(typedValue('hello world')).to.equal('hello world');
    expect(typedValue('')).to.equal('');
  });
});

describe('fields of a reply', () => {
  const groups = reply([
    { group: 'c', leader: 'n1' },
    { group: 's0', leader: 'n2' },
  ]);

  it('are found by keys, indexes, the first column of a row, and length', () => {
    expect(fieldOf(groups, 'result.s0.leader')).to.equal('n2');
    expect(fieldOf(groups, 'result.0.leader')).to.equal('n1');
    expect(fieldOf(groups, 'result.length')).to.equal(2);
    expect(fieldOf(failure, 'error.details.group')).to.equal('s0');
    expect(fieldOf(reply({ body: Buffer.from([1]) }), 'result.body.$bytes')).to.equal('AQ==');
    expect(fieldOf(groups, 'node')).to.equal(null);
    for (const path of ['result.s1.leader', 'result.s0.leader.x', 'result.constructor', 'found'])
      expect(fieldOf(groups, path)).to.equal(undefined);
  });

  it('begin at the reply', () => {
    expect(fieldProblem('result.s0.leader')).to.equal(null);
    expect(fieldProblem('leader')).to.contain('did you mean result.leader?');
    expect(fieldProblem('reslt.id')).to.contain('did you mean result?');
    expect(fieldProblem('result..id')).to.be.a('string');
  });
});

describe('an expectation', () => {
  const nothing = reply(null, { found: false });
  const row = reply({ id: 7, leader: 'n2', tags: ['a', 'b'] }, { node: 'n1', ms: 12 });

  const TABLE: readonly (readonly [what: string, expectation: Expectation | null, holds: Reply, misses: Reply])[] = [
    ['of nothing in particular', null, row, failure],
    [
      'of a healthy cluster',
      null,
      reply({ healthy: true, problems: [] }),
      reply({ healthy: false, problems: ['n1 is down'] }),
    ],
    ['of a value', { equals: 5 }, reply(5), reply('5')],
    [
      'of an object, its keys in any order',
      { equals: { b: [1], a: null } },
      reply({ a: null, b: [1] }),
      reply({ a: null, b: [2] }),
    ],
    ['of bytes', { equals: 'hex:00ff' }, reply(Buffer.from([0, 255])), reply('hex:00ff')],
    ['of no other key', { equals: { a: 1 } }, reply({ a: 1 }), reply({ a: 1, b: 1 })],
    ['of another value', { not: 5 }, reply(6), reply(5)],
    ['of a pattern', { match: '/^job-\\d+$/' }, reply('job-12'), reply('job-x')],
    ['of a pattern in a value as it is written', { match: '/tags.*"B"/i' }, row, reply(5)],
    ['of one of several', { in: [1, { a: 2 }] }, reply({ a: 2 }), reply(2)],
    ['of a number above', { above: 3 }, reply(4), reply(3)],
    ['of a number below', { below: 3 }, reply(2), reply('2')],
    ['of a range', { above: 1, below: 3 }, reply(2), reply(3)],
    ['of nothing there', { empty: true }, nothing, reply(null)],
    ['of something there', { empty: false }, reply(null), nothing],
    ['of a field', { field: 'result.tags.1', equals: 'b' }, row, reply({ tags: ['b'] })],
    ['of a field beside the result', { field: 'node', equals: 'n1' }, row, reply(1)],
    ['of another field than one that is missing', { field: 'result.leader', not: 'n1' }, row, reply({})],
    ['of an error', { error: 'NO_LEADER' }, failure, row],
    [
      'of one of several errors',
      { error: ['TIMEOUT', 'NO_LEADER'] },
      failure,
      failed('x', new ConcordError('USAGE'), 1),
    ],
    [
      'of an error with its details',
      { error: 'NO_LEADER', field: 'error.details.group', equals: 's0' },
      failure,
      failed('x', new ConcordError('NO_LEADER'), 1),
    ],
    ['of success, not only of a field', { field: 'ms', below: 100 }, row, failure],
    [
      'of several fields',
      {
        all: [
          { field: 'result.id', above: 6 },
          { field: 'result.leader', in: ['n2'] },
        ],
      },
      row,
      reply({ id: 7, leader: 'n1' }),
    ],
    [
      'of several fields of an error',
      { error: 'NO_LEADER', all: [{ field: 'ms', below: 5 }] },
      failure,
      { ...failure, ms: 6 },
    ],
  ];

  for (const [what, expectation, holds, misses] of TABLE)
    it(`${what} holds and misses`, () => {
      const full = expectation && fillExpectation(expectation, () => undefined);
      expect(differenceOf(full, holds)).to.equal(null);
      expect(differenceOf(full, misses)).not.to.equal(null);
    });

  it('takes variables: typed where they stand alone, literally in patterns', () => {
    const values: Record<string, unknown> = { n: 5, name: 'a.b' };
    const lookup = (name: string) => values[name];
    expect(fillExpectation({ equals: { id: `\${n}`, text: `x\${n}` } }, lookup)).to.deep.equal({
      equals: { id: 5, text: 'x5' },
    });
    expect(fillExpectation({ above: `\${n}`, in: [`\${name}`] }, lookup)).to.deep.equal({ above: 5, in: ['a.b'] });
    const pattern = fillExpectation({ all: [{ match: `/^\${name}$/` }] }, lookup);
    expect(differenceOf(pattern, reply('a.b'))).to.equal(null);
    expect(differenceOf(pattern, reply('axb'))).not.to.equal(null);
  });
});

describe('the difference between a reply and what was expected', () => {
  const told = (expectation: Expectation | null, given: Reply) => {
    const difference = differenceOf(expectation, given);
    return difference === null ? [] : diffLines(difference).map(({ mark, text }) => `${mark} ${text}`);
  };

  it('is one line each for short values', () => {
    expect(told({ equals: 6 }, reply(5))).to.deep.equal(['- 6', '+ 5']);
    expect(told({ equals: { a: 1, b: 'x' } }, reply({ a: 1, b: 'y' }))).to.deep.equal([
      '- {"a": 1, "b": "x"}',
      '+ {"a": 1, "b": "y"}',
    ]);
    expect(told({ equals: 'hex:01' }, reply(Buffer.from([2])))).to.deep.equal(['- "hex:01"', '+ "hex:02"']);
  });

  it('names fields and conditions', () => {
    expect(told({ field: 'result.id', equals: 1 }, reply({ id: 2 }))).to.deep.equal([
      '- result.id: 1',
      '+ result.id: 2',
    ]);
    expect(told({ field: 'result.id', below: 2 }, reply({ id: 2 }))).to.deep.equal([
      '- result.id: below 2',
      '+ result.id: 2',
    ]);
    expect(told({ field: 'result.x', not: 'a b' }, reply({}))).to.deep.equal([
      '- result.x: not "a b"',
      '+ result.x: (no such field)',
    ]);
    expect(told({ in: [1, 'b'] }, reply(2))).to.deep.equal(['- one of 1, b', '+ 2']);
    expect(told({ match: '/a/' }, reply('b'))).to.deep.equal(['- match /a/', '+ "b"']);
    expect(told({ empty: true }, reply(5))).to.deep.equal(['- nothing', '+ 5']);
    expect(told({ empty: false }, reply(null, { found: false }))).to.deep.equal(['- something', '+ nothing']);
  });

  it('says which error came, or that none did', () => {
    const error =
      '+ error NO_LEADER: nobody leads s0. Try again shortly: a majority of its nodes has to be up and connected.';
    expect(told(null, failure)).to.deep.equal(['- success', error]);
    expect(told({ equals: 5 }, failure)).to.deep.equal(['- 5', error]);
    expect(told({ error: ['TIMEOUT', 'USAGE'] }, failure)).to.deep.equal(['- error TIMEOUT or error USAGE', error]);
    expect(told({ error: 'TIMEOUT' }, reply(5))).to.deep.equal(['- error TIMEOUT', '+ success: 5']);
  });

  it('marks the lines of long values that differ, and shows little of the rest', () => {
    const list = Array.from({ length: 30 }, (_, i) => `value ${i}`);
    const other = list.map((text, i) => (i === 15 ? 'another' : text));
    expect(told({ equals: list }, reply(other))).to.deep.equal([
      '  …',
      '    "value 13",',
      '    "value 14",',
      '-   "value 15",',
      '+   "another",',
      '    "value 16",',
      '    "value 17",',
      '  …',
    ]);
  });

  it('is bounded, whatever the values are', () => {
    const lines = (expectation: Expectation, given: Reply): DiffLine[] =>
      diffLines(differenceOf(expectation, given) ?? { field: '', expected: 0, got: 0 });
    const many = lines(
      { equals: Array.from({ length: 5000 }, (_, i) => i) },
      reply(Array.from({ length: 5000 }, (_, i) => -i - 1)),
    );
    expect(many.length).to.be.at.most(61);
    const long = lines({ equals: `${'x'.repeat(50_000)}a` }, reply(`${'x'.repeat(50_000)}b`));
    expect(long.map(({ text }) => text)).to.deep.equal([`…${'x'.repeat(20)}a"`, `…${'x'.repeat(20)}b"`]);
  });

  it('shows no character that could move the cursor', () => {
    expect(told({ equals: 'a' }, reply('\u001b[2J\u202e'))).to.deep.equal(['- "a"', '+ "\\u001b[2J\\u202e"']);
    expect(diffLines({ field: '', expected: new Phrase('\u001b'), got: 1 })[0]?.text).to.equal('\\u001b');
  });
});
