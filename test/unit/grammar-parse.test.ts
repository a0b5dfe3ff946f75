/** Lines into commands: both forms, flags, nodes, and errors that say where. */
import { expect } from 'chai';
import fc from 'fast-check';
import { ConcordError } from '../../protocol/errors.js';
import { isBlank, LINE_BYTES_MAX, lineOf, parse } from '../../tui/grammar/index.js';
import { failureOf } from './failure.js';

/** A command without the line it was typed as. */
function meaning(line: string): object {
  return { ...parse(line), line: '' };
}

/** [code, position] of the error of a line. */
function wrong(line: string): unknown[] {
  const error = failureOf(() => parse(line));
  const { position } = error.details;
  return [error.code, position];
}

describe('a command line', () => {
  it('means the same with and without parentheses', () => {
    expect(meaning('enqueue(5)')).to.deep.equal(meaning('enqueue 5'));
    expect(meaning('dequeue() --wait 5s @n2')).to.deep.equal(meaning('dequeue --wait 5s @n2'));
    expect(meaning(' log( 50 ) --from 100 --json ')).to.deep.equal(meaning('log 50 --from=100 --json'));
    expect(meaning('session(4, kill) --yes')).to.deep.equal(meaning('session 4 kill --yes'));
    expect(meaning('status')).to.deep.equal(meaning('status()'));
  });

  it('keeps the line as typed', () => {
    expect(parse('  enqueue( 5 ) ').line).to.equal('  enqueue( 5 ) ');
  });

  it('knows the other spellings of a word', () => {
    expect(['exit', 'quit', '-1'].map((line) => parse(line).word)).to.deep.equal(['exit', 'exit', 'exit']);
  });

  it('names a node by its last token only, and not in quotes, parentheses or after --', () => {
    expect(meaning('enqueue @home @n2'))
      .to.include({ node: 'n2' })
      .and.deep.include({ arguments: { x: '@home' } });
    expect(meaning('enqueue "@n2"'))
      .to.include({ node: null })
      .and.deep.include({ arguments: { x: '@n2' } });
    expect(meaning('enqueue(@n2)'))
      .to.include({ node: null })
      .and.deep.include({ arguments: { x: '@n2' } });
    expect(meaning('enqueue -- @n2'))
      .to.include({ node: null })
      .and.deep.include({ arguments: { x: '@n2' } });
    expect(wrong('enqueue @n2')).to.deep.equal(['USAGE', 11]);
  });

  it('takes flags anywhere after the word, up to --', () => {
    expect(meaning('log --from 3 5')).to.deep.equal(meaning('log 5 --from 3'));
    expect(meaning('enqueue -- --json')).to.deep.include({ arguments: { x: '--json' }, flags: {} });
    expect(meaning('enqueue "--json"')).to.deep.include({ arguments: { x: '--json' }, flags: {} });
    expect(meaning('enqueue -5')).to.deep.include({ arguments: { x: -5 } });
  });

  it('fills in defaults, and lets a flag stand in for an argument', () => {
    expect(meaning('log')).to.deep.include({ arguments: { n: 20 } });
    expect(meaning('enqueue --file "a b"')).to.deep.include({ arguments: {}, flags: { file: 'a b' } });
    expect(wrong('enqueue 5 --file x')).to.deep.equal(['USAGE', 8]);
  });

  it('tells what running it does', () => {
    const effect = (line: string) => parse(line).effect;
    expect(['help', 'status', 'enqueue 5', 'session 4', 'session 4 kill'].map(effect)).to.deep.equal([
      'none',
      'reads',
      'changes',
      'reads',
      'destroys',
    ]);
  });

  it('refuses flags inside the parentheses and values after them', () => {
    expect(wrong('enqueue(--json)')).to.deep.equal(['USAGE', 8]);
    expect(wrong('enqueue(5, --timeout 5s)')).to.deep.equal(['USAGE', 21]);
    expect(wrong('dequeue(@n2)')).to.deep.equal(['USAGE', 8]);
    expect(wrong('enqueue(5) 6')).to.deep.equal(['USAGE', 11]);
    expect(wrong('enqueue(5)6')).to.deep.equal(['USAGE', 10]);
  });

  it('says where parentheses are wrong', () => {
    expect(wrong('enqueue(')).to.deep.equal(['USAGE', 7]);
    expect(wrong('enqueue(5')).to.deep.equal(['USAGE', 7]);
    expect(wrong('enqueue(5,')).to.deep.equal(['USAGE', 7]);
    expect(wrong('enqueue(,)')).to.deep.equal(['USAGE', 8]);
    expect(wrong('enqueue(5,)')).to.deep.equal(['USAGE', 10]);
    expect(wrong('enqueue(a b)')).to.deep.equal(['USAGE', 10]);
    expect(wrong('enqueue(f(x))')).to.deep.equal(['USAGE', 9]);
  });

  it('refuses a second value for enqueue and names the word that takes a queue', () => {
    for (const line of ['enqueue(jobs, 5)', 'enqueue jobs 5']) {
      const error = failureOf(() => parse(line));
      expect(error.code).to.equal('USAGE');
      expect(error.message).to.contain('one value').and.contain('produce');
    }
  });

  it('refuses what is missing, too much, unknown or given twice', () => {
    expect(wrong('transfer')).to.deep.equal(['USAGE', 8]);
    expect(wrong('status all')).to.deep.equal(['USAGE', 7]);
    expect(wrong('log --wait 5s')).to.deep.equal(['USAGE', 4]);
    expect(wrong('log --from')).to.deep.equal(['USAGE', 10]);
    expect(wrong('log --from --json')).to.deep.equal(['USAGE', 10]);
    expect(wrong('log --from 1 --from 2')).to.deep.equal(['USAGE', 13]);
    expect(wrong('log --json=yes')).to.deep.equal(['USAGE', 4]);
    for (const n of ['0', '501', '1.5', 'x', '"5"']) expect(wrong(`log ${n}`), n).to.deep.equal(['USAGE', 4]);
    expect(wrong(`use ${'n'.repeat(33)}`)).to.deep.equal(['USAGE', 4]);
  });

  it('names two sides, with or without spaces around the bar', () => {
    const sides = { arguments: { sides: { left: ['n1'], right: ['n2', 'n3'] } } };
    expect(meaning('partition n1 | n2 n3')).to.deep.include(sides);
    expect(meaning('partition n1|n2 n3')).to.deep.include(sides);
    expect(meaning('partition(n1, |, n2, n3)')).to.deep.include(sides);
    expect(meaning(lineOf(['partition', 'n1', '|', 'n2', 'n3']))).to.deep.include(sides);
    expect(meaning('partition --one-way "n1" | n2 n3')).to.deep.include({ ...sides, flags: { 'one-way': true } });
  });

  it('says what is wrong with two sides, and where', () => {
    expect(wrong('partition')).to.deep.equal(['USAGE', 9]);
    expect(wrong('partition n1 n2')).to.deep.equal(['USAGE', 15]);
    expect(wrong('partition n1 |')).to.deep.equal(['USAGE', 14]);
    expect(wrong('partition | n1')).to.deep.equal(['USAGE', 10]);
    expect(wrong('partition n1 | n2 | n3')).to.deep.equal(['USAGE', 18]);
    expect(wrong('partition n1|n2 n1')).to.deep.equal(['USAGE', 16]);
    expect(wrong('partition n1 | {a: 1}')).to.deep.equal(['USAGE', 15]);
    expect(wrong(`partition n1 | ${'n'.repeat(33)}`)).to.deep.equal(['USAGE', 15]);
  });

  it('asks what was meant', () => {
    const meant = (line: string) => {
      const { suggestion } = failureOf(() => parse(line)).details;
      return suggestion;
    };
    expect(failureOf(() => parse('enqeue 5')).code).to.equal('UNKNOWN_WORD');
    expect(failureOf(() => parse('enqeue 5')).message).to.contain('did you mean enqueue?');
    expect(meant('dequeu')).to.equal('dequeue');
    expect(meant('Status')).to.equal('status');
    expect(meant('log --form 3')).to.equal('--from');
    expect(meant('session 4 kil')).to.equal('kill');
    expect(meant('xyzzy')).to.equal(undefined);
  });

  it('asks for nothing when it is empty or a comment', () => {
    expect(['', '   ', '# enqueue(5)', '  #x'].map(isBlank)).to.deep.equal([true, true, true, true]);
    expect(isBlank('size # 5')).to.equal(false);
    expect(wrong('# x')).to.deep.equal(['USAGE', 0]);
  });

  it('may be as long as 1 MiB, and no longer', () => {
    const line = `enqueue "${'x'.repeat(LINE_BYTES_MAX - 10)}"`;
    expect(meaning(line)).to.deep.include({ arguments: { x: 'x'.repeat(LINE_BYTES_MAX - 10) } });
    expect(wrong(`${line} `)).to.deep.equal(['USAGE', 0]);
    expect(wrong(`enqueue ${'é'.repeat(LINE_BYTES_MAX / 2)}`)).to.deep.equal(['USAGE', 0]);
    expect(wrong(`enqueue(${'a,'.repeat(500_000)}a)`)).to.deep.equal(['USAGE', 10]);
    expect(wrong(`enqueue -- ${'a '.repeat(500_000)}`)).to.deep.equal(['USAGE', 13]);
  });

  it('ends in a command or a ConcordError, whatever is typed', () => {
    const pieces = fc.constantFrom(
      'enqueue',
      'log',
      'session',
      '(',
      ')',
      ',',
      ' ',
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ':',
      '--',
      '--json',
      '--from',
      '=',
      '@n1',
      'hex:',
      '5',
      '-',
      'kill',
      '#',
      'é',
      '\u0000',
    );
    const line = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(line, (typed) => {
        try {
          expect(parse(typed).line).to.equal(typed);
        } catch (error) {
          expect(error).to.be.instanceOf(ConcordError);
          const { code, details } = error as ConcordError;
          expect(code).to.be.oneOf(['USAGE', 'UNKNOWN_WORD']);
          expect(details).to.have.property('position').within(0, typed.length);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a shell's arguments", () => {
  it('each stay one token', () => {
    const value = (...words: string[]) => (parse(lineOf(words)).arguments as { x: unknown }).x;
    expect(value('enqueue', '5')).to.equal(5);
    expect(value('enqueue', '"5"')).to.equal('5');
    expect(value('enqueue', 'hello  world')).to.equal('hello  world');
    expect(value('enqueue', '')).to.equal('');
    expect(value('enqueue', 'say "hi"')).to.equal('say "hi"');
    expect(value('enqueue', '{a: [1, 2]}')).to.deep.equal({ a: [1, 2] });
    expect(value('enqueue', '[draft] hello')).to.equal('[draft] hello');
    expect(value('enqueue(5)')).to.equal(5);
    expect(parse(lineOf(['log', '5', '--json', '@n2']))).to.deep.include({ flags: { json: true }, node: 'n2' });
  });
});
