/** The words of locks as they are typed: several names, modes, fences, permits. */
import { expect } from 'chai';
import { LIMITS } from '../../protocol/limits.js';
import { complete, parse, signature } from '../../tui/grammar/index.js';
import { failureOf } from './failure.js';

const names = { nodes: ['n1'], groups: ['c'], locks: ['build', 'deploy'] };

/** A command without the line it was typed as. */
function meaning(line: string): object {
  return { ...parse(line), line: '' };
}

/** [code, position] of the error of a line. */
function wrong(line: string): unknown[] {
  const error = failureOf(() => parse(line));
  return [error.code, error.details['position']];
}

function offered(line: string): string[] {
  return complete(line, line.length, names).candidates.map((one) => one.text);
}

describe('acquire and try', () => {
  it('take one lock or several, in both forms, and flags anywhere', () => {
    expect(meaning('acquire(a, b) --mode s,x --wait 5s')).to.deep.equal(meaning('acquire --wait 5s a --mode s,x b'));
    expect(parse('acquire a b --mode s,x --hold 1m --delay 0 --note "at night"')).to.deep.include({
      arguments: { locks: ['a', 'b'] },
      flags: { mode: ['s', 'x'], hold: 60_000, delay: 0, note: 'at night' },
      effect: 'changes',
    });
    expect(parse('try "a b" @n1')).to.deep.include({ arguments: { locks: ['a b'] }, node: 'n1' });
    expect(parse('acquire -- --a').arguments).to.deep.equal({ locks: ['--a'] });
  });

  it('refuse what is no lock, and say where', () => {
    expect(wrong('acquire')).to.deep.equal(['USAGE', 7]);
    expect(wrong('acquire a b a')).to.deep.equal(['USAGE', 12]);
    expect(wrong('acquire a {b: 1}')).to.deep.equal(['USAGE', 10]);
    expect(wrong('acquire a ""')).to.deep.equal(['USAGE', 10]);
    expect(wrong(`acquire a ${'x'.repeat(LIMITS.name_length_max + 1)}`)).to.deep.equal(['USAGE', 10]);
    expect(wrong('acquire a --mode y')).to.deep.equal(['USAGE', 17]);
    expect(wrong('acquire a --mode s,,x')).to.deep.equal(['USAGE', 17]);
    expect(wrong(`acquire a --note ${'x'.repeat(LIMITS.note_length_max + 1)}`)).to.deep.equal(['USAGE', 17]);
    expect(wrong('try a --wait 5s')).to.deep.equal(['USAGE', 6]);
    const many = Array.from({ length: LIMITS.locks_per_request_max + 1 }, (_, i) => `k${i}`).join(' ');
    expect(wrong(`acquire ${many}`)[0]).to.equal('USAGE');
  });
});

describe('a fence', () => {
  it('is a lock and a token, with --fence on every word that a group serves', () => {
    expect(parse('fence build:118').arguments).to.deep.equal({ fence: { lock: 'build', token: 118 } });
    expect(parse('fence a:b:7').arguments).to.deep.equal({ fence: { lock: 'a:b', token: 7 } });
    for (const line of ['enqueue 5', 'dequeue', 'size', 'acquire a', 'release a', 'locks', 'sem p', 'revoke a'])
      expect(parse(`${line} --fence build:118`).flags, line).to.deep.include({ fence: { lock: 'build', token: 118 } });
  });

  it('is refused where nobody could check it', () => {
    for (const line of ['status', 'log', 'kill n1', 'help', 'sessions']) {
      const error = failureOf(() => parse(`${line} --fence build:118`));
      expect(error.code, line).to.equal('USAGE');
      expect(error.message, line).to.contain('no group serves');
    }
  });

  it('is refused when it is none', () => {
    for (const text of ['build', 'build:', ':5', 'build:0', 'build:-1', 'build:1.5', 'build:x', '9007199254740993:'])
      expect(wrong(`fence ${text}`), text).to.deep.equal(['USAGE', 6]);
  });
});

describe('the other words of locks', () => {
  it('say what running them does', () => {
    const effect = (line: string) => parse(line).effect;
    expect(['release a', 'convert a x', 'sem p acquire', 'sem p set 3'].map(effect)).to.deep.equal(
      Array(4).fill('changes'),
    );
    expect(['holds', 'locks', 'lock a', 'waits', 'fence a:1', 'sem p'].map(effect)).to.deep.equal(
      Array(6).fill('reads'),
    );
    expect(effect('revoke a --after 10s')).to.equal('destroys');
  });

  it('take a mode, a token, permits', () => {
    expect(parse('convert a u').arguments).to.deep.equal({ lock: 'a', mode: 'u' });
    expect(wrong('convert a')).to.deep.equal(['USAGE', 9]);
    expect(wrong('convert a X')).to.deep.equal(['USAGE', 10]);
    expect(parse('release a --token 118').flags).to.deep.equal({ token: 118 });
    expect(parse('sem p set 0').arguments).to.deep.equal({ name: 'p', action: 'set', n: 0 });
    expect(parse('sem(p, acquire, 2)').arguments).to.deep.equal({ name: 'p', action: 'acquire', n: 2 });
    expect(wrong('sem p acquire -1')).to.deep.equal(['USAGE', 14]);
    expect(wrong('sem p take')).to.deep.equal(['USAGE', 6]);
  });

  it('are completed with the locks that are held, and with modes', () => {
    expect(offered('release ')).to.deep.equal(['build', 'deploy']);
    expect(offered('convert b')).to.deep.equal(['build']);
    expect(offered('convert build ')).to.deep.equal(['x', 'u', 's']);
    expect(offered('acquire k --mode ')).to.deep.equal(['x', 'u', 's']);
    expect(offered('sem p ')).to.deep.equal(['set', 'acquire', 'release']);
    expect(offered('acquire ')).to.deep.equal([]);
    expect(offered('acquire k --f')).to.deep.equal(['--fence']);
    expect(offered('status --f')).to.deep.equal([]);
  });

  it('show their signatures', () => {
    expect(signature('acquire')).to.equal(
      'acquire lock... [--wait 5s] [--mode x] [--hold 5s] [--delay 5s] [--note text]',
    );
    expect(signature('convert(')).to.equal('convert(lock, s|u|x) [--wait 5s]');
    expect(signature('sem')).to.equal('sem name [set|acquire|release] [n] [--wait 5s]');
    expect(signature('fence')).to.equal('fence lock:token');
  });
});
