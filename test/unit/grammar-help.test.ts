/** What the grammar offers to whoever is typing: completion, signatures, help. */
import { expect } from 'chai';
import fc from 'fast-check';
import { complete, help, parse, signature, usage } from '../../tui/grammar/index.js';
import { entries } from '../../tui/grammar/words.js';
import { failureOf } from './failure.js';

const names = { nodes: ['n1', 'n2', 'n3'], groups: ['c', 's0'], locks: ['build'] };

/** The texts offered at the end of `line`, or at the cursor `|` in it. */
function offered(line: string): string[] {
  const cursor = line.includes('|') ? line.indexOf('|') : line.length;
  return complete(line.replace('|', ''), cursor, names).candidates.map((one) => one.text);
}

describe('completion', () => {
  it('offers every word on an empty line, each with its help', () => {
    const { from, candidates } = complete('', 0, names);
    expect(from).to.equal(0);
    expect(candidates.map((one) => one.text)).to.deep.equal(entries().map(([name]) => name));
    expect(candidates.every((one) => one.help !== '')).to.equal(true);
  });

  it('completes words, other spellings too', () => {
    expect(offered('enq')).to.deep.equal(['enqueue']);
    expect(offered('ses')).to.deep.equal(['sessions', 'session']);
    expect(offered('qu')).to.deep.equal(['quit']);
    expect(offered('help st')).to.deep.equal(['status', 'start', 'stop']);
    expect(offered('xyz')).to.deep.equal([]);
  });

  it('completes arguments by their kind, in both forms', () => {
    expect(offered('transfer ')).to.deep.equal(['n1', 'n2', 'n3']);
    expect(offered('transfer(n')).to.deep.equal(['n1', 'n2', 'n3']);
    expect(offered('use a')).to.deep.equal(['auto']);
    expect(offered('focus ')).to.deep.equal(['c', 's0', 'auto']);
    expect(offered('session 4 ')).to.deep.equal(['kill']);
    expect(offered('session(4, k')).to.deep.equal(['kill']);
    expect(offered('start n1 ')).to.deep.equal([]);
    expect(offered('transfer(n1 ')).to.deep.equal([]);
  });

  it('completes two sides to the end of the line, naming nothing twice', () => {
    const at = (line: string) => complete(line, line.length, names).candidates.map((one) => one.text);
    expect(at('partition ')).to.deep.equal(['n1', 'n2', 'n3', '|']);
    expect(at('partition n1 | n2 ')).to.deep.equal(['n3']);
    expect(at('partition n1 --')).to.deep.equal(['--one-way', '--json', '--timeout', '--yes']);
    expect(at('partition(n1, |, n')).to.deep.equal(['n2', 'n3']);
    expect(offered('slow n2 2')).to.deep.equal(['200ms', '2m']);
    expect(offered('lose n2 ')).to.deep.equal(['1%', '10%', '30%']);
  });

  it('completes flags that are not there yet, and their values', () => {
    expect(offered('log --')).to.deep.equal(['--from', '--group', '--json', '--timeout', '--yes']);
    expect(offered('log --from 3 --')).to.deep.equal(['--group', '--json', '--timeout', '--yes']);
    expect(offered('log 5 ')).to.deep.equal(['--from', '--group']);
    expect(offered('log(5) --f')).to.deep.equal(['--from']);
    expect(offered('log --group ')).to.deep.equal(['c', 's0']);
    expect(offered('log --group s')).to.deep.equal(['s0']);
    expect(offered('dequeue --wait ')).to.deep.equal(['200ms', '5s', '2m', '1h']);
    expect(offered('log -- ')).to.deep.equal([]);
  });

  it('completes nodes after @', () => {
    expect(offered('status @')).to.deep.equal(['@n1', '@n2', '@n3']);
    expect(offered('size() @n2')).to.deep.equal(['@n2']);
  });

  it('offers nothing inside quotes, brackets and free values', () => {
    for (const line of ['enqueue ', 'enqueue "en', 'enqueue {a', 'enqueue(["', 'enqueue "a"', 'nonsense '])
      expect(offered(line), line).to.deep.equal([]);
  });

  it('replaces what stands between the word start and the cursor', () => {
    expect(complete('transfer n', 10, names).from).to.equal(9);
    expect(complete('transfer(n', 10, names).from).to.equal(9);
    expect(complete('log --f 5', 7, names)).to.deep.include({ from: 4 });
    expect(offered('lo|g 5')).to.deep.equal(['locks', 'lock', 'log', 'lose']);
  });

  it('never throws and stays within the line', () => {
    const typed = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('log(', 'log (', 'enqueue {', 'x(,', '"', '-- @', '('),
    );
    fc.assert(
      fc.property(typed, fc.nat(40), (line, cursor) => {
        const at = Math.min(cursor, line.length);
        expect(complete(line, at, names).from).to.be.within(0, at);
        expect(signature(line)).to.be.a('string');
      }),
    );
  });

  it('offers only what parses', () => {
    for (const line of [
      'transfer ',
      'session 4 ',
      'focus ',
      'use ',
      'help ',
      'log --group ',
      'dequeue --wait ',
      'status @',
      'groups ',
    ])
      for (const text of offered(line)) expect(() => parse(line.replace(/@$/, '') + text), line + text).not.to.throw();
  });
});

describe('signatures', () => {
  it('show the word being typed in its form', () => {
    expect(signature('log')).to.equal('log [n=20] [--from index] [--group group]');
    expect(signature('log(5')).to.equal('log([n=20]) [--from index] [--group group]');
    expect(signature('partition')).to.equal('partition n1 | n2 n3 [--one-way]');
    expect(signature('enqueue "unfinished')).to.equal('enqueue x [--file path]');
    expect(signature('-1')).to.equal('exit');
    expect(signature('lo')).to.equal('');
    expect(signature('')).to.equal('');
  });
});

describe('help', () => {
  it('lists every word with its one line', () => {
    const text = help();
    for (const [name, word] of entries())
      expect(text).to.match(new RegExp(`^  ${name}\\b.*${literal(word.help)}$`, 'm'));
  });

  it('explains every word: usage, flags, result, and examples that parse', () => {
    for (const [name, word] of entries()) {
      const text = help(name);
      expect(text).to.contain(usage(name)).and.contain(word.help).and.contain(word.returns);
      for (const flag of word.flags) expect(text).to.contain(`--${flag.name}`);
      expect(word.examples).not.to.be.empty;
      for (const example of word.examples) expect(parse(example).word).to.equal(name);
    }
  });

  it('keeps its prose to lines that fit the narrowest screen', () => {
    const texts = [help(), ...entries().map(([name]) => help(name).replace(usage(name), ''))];
    for (const line of texts.flatMap((text) => text.split('\n'))) {
      const isProse = !/^( |returns )/.test(line);
      if (isProse) expect(line.length, line).to.be.at.most(72);
    }
  });

  it('begins a line with every paragraph, and breaks it only where the next word would not fit', () => {
    for (const [name, { text }] of entries()) {
      for (const paragraph of text.split('\n')) {
        const broken = paragraph.split(' ').map(literal).join('[ \n]');
        const [found] = new RegExp(`^${broken}$`, 'm').exec(help(name)) ?? [];
        const lines = found?.split('\n') ?? [];
        expect(lines.join(' ')).to.equal(paragraph);
        for (const [i, line] of lines.slice(1).entries())
          expect(`${lines[i]} ${line.split(' ')[0]}`.length, line).to.be.above(72);
      }
    }
  });

  it('explains the exit codes where one leaves', () => {
    expect(help('quit')).to.equal(help('exit')).and.contain('130');
  });

  it('asks what was meant', () => {
    const error = failureOf(() => help('dequeu'));
    expect(error.code).to.equal('UNKNOWN_WORD');
    expect(error.details).to.include({ suggestion: 'dequeue' });
  });
});

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
