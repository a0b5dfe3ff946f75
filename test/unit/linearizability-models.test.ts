/** Histories of registers, locks and sets; of several objects; and the limit of a check. */
import { expect } from 'chai';
import { checkLinearizable } from '../simulation/history/check.js';
import type { Operation } from '../simulation/history/history.js';
import { lock } from '../simulation/history/lock.js';
import type { Model } from '../simulation/history/model.js';
import { register } from '../simulation/history/register.js';
import { set } from '../simulation/history/set.js';
import { lockHistory, registerHistory, setHistory } from './drawn-history.js';

function verdict<S, I, O>(model: Model<S, I, O>, history: readonly Operation<I, O>[]): string {
  return checkLinearizable(model, history).verdict;
}

describe('The history of a register', () => {
  const passes = (picture: string) => expect(verdict(register, registerHistory(picture))).to.equal('ok');
  const fails = (picture: string) => expect(verdict(register, registerHistory(picture))).to.equal('violation');

  it('reads what was written last', () => {
    passes(`
      a  [read = nothing] [write x =]
      b                               [read = x]`);
  });

  it('reads nothing stale', () => {
    fails(`
      a  [write x =] [write y =]
      b                          [read = x]`);
    fails(`
      a  [write x         =]
      b    [read = x]
      c               [read = nothing]`);
  });

  it('reads before or after a write that overlaps', () => {
    passes(`
      a   [write x            =]
      b     [read = nothing]
      c                    [read = x]`);
  });

  it('sets only what compares equal', () => {
    passes('a [cas nothing x = true] [cas y z = false] [cas x y = true] [read = y]');
    fails('a [cas nothing x = true] [cas nothing z = true]');
    fails('a [cas nothing x = false]');
    fails('a [write x =] [cas x y = false]');
  });

  it('loses no update', () => {
    fails(`
      a  [write x =] [cas x y = true]
      b              [cas x z = true]`);
  });

  it('lets an unknown write happen late, or never, or unseen', () => {
    passes(`
      a  [write x ?]
      b              [read = nothing]  [read = x]`);
    passes(`
      a  [write x ?]
      b              [read = nothing]  [read = nothing]`);
    passes(`
      a  [write x =] [write y ?]
      b                          [cas x z = false]`);
  });

  it('lets an unknown write happen once', () => {
    fails(`
      a  [write x ?]
      b              [read = x] [write y =] [read = x]`);
  });

  it('knows that an unknown write has happened once it was seen', () => {
    fails(`
      a  [write x ?]
      b              [read = x] [read = nothing]`);
    fails(`
      a              [write y =]
      b  [cas nothing x ?]        [read = x] [read = y]`);
  });

  it('never shows a refused write', () => {
    fails('a [write x !] [read = x]');
  });
});

describe('The history of a lock', () => {
  const passes = (picture: string, may_expire = false) =>
    expect(verdict(lock({ may_expire }), lockHistory(picture))).to.equal('ok');
  const fails = (picture: string, may_expire = false) =>
    expect(verdict(lock({ may_expire }), lockHistory(picture))).to.equal('violation');

  it('grants it to the next when it was released', () => {
    passes(`
      a  [acquire = 1]  [check 1 = true] [release 1 = true]
      b                 [acquire               =              4] [check 4 = true]`);
  });

  it('grants it to one at a time', () => {
    const both = `
      a  [acquire = 1]                    [release 1 = true]
      b                 [acquire = 2]`;
    fails(both);
    fails(both, true);
    const gone = `
      a  [acquire = 1]                    [release 1 = false]
      b                 [acquire = 2]`;
    fails(gone);
    passes(gone, true);
  });

  it('grants greater and greater tokens', () => {
    fails('a [acquire = 2] [release 2 = true] [acquire = 1]');
    fails('a [acquire = 2] [release 2 = true] [acquire = 2]');
  });

  it('is held by another when it says so', () => {
    passes(`
      a  [acquire = 1]
      b                [acquire = held]`);
    fails(`
      a  [acquire = 1] [release 1 = true]
      b                                   [acquire = held]`);
  });

  it('fences off lower tokens once a greater one was seen, and not before', () => {
    passes(
      `
      a  [acquire = 1]               [check 1 = true]                  [check 1 = false]
      b                [acquire = 2]                  [check 2 = true]`,
      true,
    );
    fails(
      `
      a  [acquire = 1]                                [check 1 = true]
      b                [acquire = 2] [check 2 = true]`,
      true,
    );
    fails(
      `
      a  [acquire = 1]               [check 1 = false]
      b                [acquire = 2]`,
      true,
    );
  });

  it('may be held by one who never heard of it', () => {
    passes(`
      a  [acquire ?]
      b              [acquire = held]`);
    passes(`
      a  [acquire ?]
      b              [acquire = 1] [acquire = held]`);
    fails(`
      a  [acquire ?]
      b              [acquire = held] [acquire = 5]`);
    passes(
      `
      a  [acquire ?]
      b              [acquire = held] [acquire = 2]`,
      true,
    );
    fails(
      `
      a  [acquire ?]
      b              [acquire = held] [acquire = 1]`,
      true,
    );
  });

  it('may be released, and a token seen, without an answer', () => {
    passes(`
      a  [acquire = 1] [check 1 ?] [release 1 ?]
      b                                            [acquire = 2]`);
    passes('a [acquire = 1] [release 1 = true] [acquire = 2] [check 2 ?] [check 1 = false]');
    fails('a [acquire = 1] [release 1 = true] [acquire = 2] [check 2 !] [check 1 = false]');
  });
});

describe('The history of a set', () => {
  const passes = (picture: string) => expect(verdict(set(), setHistory(picture))).to.equal('ok');
  const fails = (picture: string) => expect(verdict(set(), setHistory(picture))).to.equal('violation');

  it('contains what was added and not removed', () => {
    passes('a [add x = true] [add x = false] [contains x = true] [remove x = true] [remove x = false] [members =]');
    fails('a [add x = true] [contains x = false]');
    fails('a [add x = true] [remove x = true] [contains x = true]');
    fails('a [add x = true] [add x = true]');
    fails('a [remove x = true]');
  });

  it('lists its members at one instant, each once', () => {
    passes(`
      a  [add x = true] [add y = true]
      b    [members                = x] [members = y x]`);
    fails(`
      a  [add x = true] [add y = true]
      b                 [members  = y]`);
    fails('a [add x = true] [members = x x]');
    fails('a [members = x]');
  });

  it('may change late by what was not answered', () => {
    passes(`
      a  [add x ?]
      b            [contains x = false] [add x = false] [remove x = true] [members =]`);
    fails(`
      a  [add x ?]
      b            [contains x = true] [remove x = true] [contains x = true]`);
    fails('a [add x !] [contains x = true]');
  });
});

describe('A check', () => {
  it('looks at each object on its own, and names the one that is wrong', () => {
    const history = registerHistory(`
      a@one    [write x =]              [read = x]
      a@two                [write y =]              [read = nothing]
      a@three                                                          [read = nothing]`);
    const { verdict, object, explanation } = checkLinearizable(register, history);
    expect({ verdict, object }).to.deep.equal({ verdict: 'violation', object: 'two' });
    expect(explanation).to.include('register "two" is not linearizable').and.include('a: read -> null');
  });

  it('gives up at its limit, and says so', () => {
    const history = registerHistory('a [write x =] [write y =] [read = x]');
    const found = checkLinearizable(register, history, { steps_max: 2 });
    expect(found.verdict).to.equal('undecided');
    expect(found.explanation).to.include('not decided within 2 steps');
    expect(found.longest).to.have.length(2);
  });

  it('prefers a violation elsewhere to giving up', () => {
    const history = registerHistory(`
      a@one  [write x =] [write y =] [read = x]
      a@two  [read = z]`);
    expect(checkLinearizable(register, history, { steps_max: 2 })).to.include({ verdict: 'violation', object: 'two' });
  });
});
