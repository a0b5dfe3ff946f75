/** Histories of locks that owners hold, and of permits, as the lock seeds of the simulator check them. */
import { expect } from 'chai';
import { checkLinearizable } from '../simulation/history/check.js';
import type { Operation } from '../simulation/history/history.js';
import type { Model } from '../simulation/history/model.js';
import { modes } from '../simulation/history/modes.js';
import { fencedMutex, ownerAwareMutex, reentrantFencedMutex, reentrantMutex } from '../simulation/history/mutex.js';
import { acquiredPermits } from '../simulation/history/permits.js';
import { holdHistory, permitsHistory } from './drawn-history.js';

/** What is to be seen of a model: histories that it explains, and histories that it does not. */
function judged<S, I, O>(model: Model<S, I, O>, history: (picture: string) => readonly Operation<I, O>[]) {
  const verdict = (picture: string) => checkLinearizable(model, history(picture));
  return {
    passes: (picture: string) => expect(verdict(picture).explanation).to.equal(''),
    fails: (picture: string) => expect(verdict(picture).verdict, picture).to.equal('violation'),
  };
}

const TWO_AT_ONCE = `
  a  [acquire a = 1]                   [release a = true]
  b                   [acquire b = 2]`;
const TAKEN_AWAY = `
  a  [acquire a = 1] [end a ?]
  b                            [acquire b = 2]`;

describe('The history of an owner-aware mutex', () => {
  const { passes, fails } = judged(ownerAwareMutex, holdHistory);

  it('has one owner at a time', () => {
    passes(`
      a  [acquire a = 1]  [release a = true]
      b                   [acquire b        = 2] [release b = true]`);
    fails(TWO_AT_ONCE);
    fails('a [acquire a = 1] [acquire a = 1]');
  });

  it('is released by its owner alone', () => {
    fails(`
      a  [acquire a = 1]
      b                   [release b = true]`);
    passes(`
      a  [acquire a = 1]
      b                   [release b = false]`);
    fails('a [acquire a = 1] [release a = false]');
    fails('a [acquire a = 1] [release a = true] [release a = true]');
  });

  it('may be lost when the session of its owner ends, not before its client was unsure, and once', () => {
    passes(TAKEN_AWAY);
    fails(`
      a  [acquire a = 1]                    [end a ?]
      b                   [acquire b = 2]`);
    fails(`
      a  [acquire a = 1] [end a ?]                 [acquire a = 3]
      b                            [acquire b = 2]                  [acquire b = 4]`);
  });

  it('may have been held by one who never heard of it', () => {
    passes(`
      a  [acquire a ?]
      b                 [acquire b = 2] [release b = true]`);
    passes(`
      a  [acquire a ?]                   [release a = true]
      b                 [release b = false]`);
    fails(`
      a  [acquire a ?]                   [release a = true]
      b  [acquire b = 1]`);
  });

  it('is not held by one who was refused', () => {
    fails('a [acquire a !] [release a = true]');
  });
});

describe('The history of a reentrant mutex', () => {
  const { passes, fails } = judged(reentrantMutex(2), holdHistory);

  it('is acquired again by its owner, up to its limit', () => {
    passes('a [acquire a = 1] [acquire a = 1] [release a = true] [acquire a = 1]');
    fails('a [acquire a = 1] [acquire a = 1] [acquire a = 1]');
    fails(TWO_AT_ONCE);
  });

  it('is held until it was released as often', () => {
    const half = `
      a  [acquire a = 1] [acquire a = 1] [release a = true]
      b                                                      [acquire b = 2]`;
    fails(half);
    passes(
      half
        .replace('[release a = true]', '[release a = true] [release a = true]')
        .replace('\n      b  ', '\n      b                      '),
    );
    fails('a [acquire a = 1] [acquire a = 1] [release a = true] [release a = true] [release a = true]');
  });

  it('is lost altogether', () => {
    passes(`
      a  [acquire a = 1] [acquire a = 1] [end a ?]
      b                                            [acquire b = 2]`);
    fails(`
      a  [acquire a = 1] [acquire a = 1] [end a ?]                 [release a = true]
      b                                            [acquire b = 2]`);
  });
});

describe('The history of a fenced mutex', () => {
  const { passes, fails } = judged(fencedMutex, holdHistory);

  it('gives each owner a greater token than all before', () => {
    passes('a [acquire a = 3] [release a = true] [acquire b = 7]');
    fails('a [acquire a = 3] [release a = true] [acquire b = 3]');
    fails('a [acquire a = 3] [release a = true] [acquire b = 2]');
    passes(TAKEN_AWAY);
    fails(TAKEN_AWAY.replace('b = 2', 'b = 1'));
  });

  it('may have given tokens of which nobody heard', () => {
    passes(`
      a  [acquire a ?]                    [release a = true]
      b                                                       [acquire b = 2]`);
    fails(`
      a  [acquire a ?]                    [release a = true]
      b                                                       [acquire b = 1]`);
  });

  it('has one owner at a time', () => {
    fails(TWO_AT_ONCE);
  });
});

describe('The history of a reentrant fenced mutex', () => {
  const { passes, fails } = judged(reentrantFencedMutex(2), holdHistory);

  it('gives its owner the same token again, and every other a greater one', () => {
    passes('a [acquire a = 3] [acquire a = 3] [release a = true] [release a = true] [acquire b = 4]');
    fails('a [acquire a = 3] [acquire a = 4]');
    fails('a [acquire a = 3] [acquire a = 2]');
    fails('a [acquire a = 3] [release a = true] [acquire a = 3]');
    fails('a [acquire a = 3] [acquire a = 3] [release a = true] [acquire b = 4]');
  });

  it('tells a token of which nobody heard when it is acquired again', () => {
    passes('a [acquire a ?] [acquire a = 3] [release a = true] [release a = true]');
    fails('a [acquire a = 4] [release a = true] [acquire a ?] [acquire a = 4] [release a = true] [release a = true]');
  });
});

describe('The history of a lock in modes', () => {
  const { passes, fails } = judged(modes, holdHistory);
  const beside = (one: string, other: string, token: number) => `
      a  [acquire a ${one} = 1]                              [release a = true]
      b                         [acquire b ${other} = ${token}]`;

  it('is shared by s with s and u, and by nobody else', () => {
    for (const [one, other] of ['ss', 'su', 'us'] as const) passes(beside(one ?? '', other ?? '', 1));
    for (const [one, other] of ['uu', 'sx', 'ux', 'xs', 'xu', 'xx'] as const)
      for (const token of [1, 2]) fails(beside(one ?? '', other ?? '', token));
  });

  it('tells those who share it the same token', () => {
    fails(beside('s', 's', 2));
    fails(beside('s', 'u', 2));
  });

  it('gives a greater token in and out of mode x', () => {
    passes(
      'a [acquire a x = 1] [release a = true] [acquire b s = 2] [convert b x = 3] [convert b s = 4] [convert b u = 4]',
    );
    fails('a [acquire a x = 1] [release a = true] [acquire b s = 1]');
    fails('a [acquire a s = 1] [convert a x = 1]');
    fails('a [acquire a x = 1] [convert a u = 1]');
    fails('a [acquire a s = 1] [convert a u = 2]');
  });

  it('is converted by who holds it, if that goes with the others', () => {
    fails('a [convert a s = 1]');
    fails(`
      a  [acquire a s = 1]                   [convert a x = 2]
      b                    [acquire b s = 1]`);
    passes(`
      a  [acquire a s = 1]                   [convert a x                      = 2]
      b                    [acquire b s = 1]                [release b = true]`);
    passes('a [acquire a s = 1] [acquire a x = 2] [release a = true] [release a = true] [acquire b s = 3]');
  });

  it('may be converted without an answer', () => {
    passes(`
      a  [acquire a x = 1] [convert a s ?]
      b                                     [acquire b s = 2]`);
    fails(`
      a  [acquire a x = 1] [convert a s ?]
      b                                     [acquire b s = 1]`);
    fails(`
      a  [acquire a x = 1] [convert a s ?]
      b                                     [acquire b x = 5]`);
  });

  it('may have been shared all the while by one of whom nothing was heard', () => {
    passes('a [acquire a s = 1] [release a = true] [acquire b s = 1]');
    passes(TAKEN_AWAY);
    fails(TWO_AT_ONCE);
  });
});

describe('The history of a semaphore', () => {
  const { passes, fails } = judged(acquiredPermits(2), permitsHistory);

  it('hands out no more permits than there are', () => {
    passes(`
      a  [acquire a 1 = true]                         [release a 1 = true]
      b                       [acquire b 1 = true]                         [acquire c 1 = true]`);
    fails(`
      a  [acquire a 1 = true]                         [release a 1 = true]
      b                       [acquire b 2 = true]`);
    fails('a [acquire a 1 = true] [acquire b 1 = true] [acquire c 1 = true]');
  });

  it('takes back what an owner has, and no more', () => {
    passes('a [acquire a 2 = true] [release a 1 = true] [release a 1 = true] [release a 1 = false]');
    fails('a [acquire a 1 = true] [release a 2 = true]');
    fails('a [acquire a 1 = true] [release a 1 = false]');
    fails('a [acquire a 1 = true] [release b 1 = true]');
  });

  it('gets all of them back when a session ends', () => {
    passes(`
      a  [acquire a 2 = true] [end a ?]
      b                                 [acquire b 2 = true]`);
    fails(`
      a  [acquire a 2 = true]                        [end a ?]
      b                       [acquire b 1 = true]`);
  });

  it('may have been asked without an answer', () => {
    passes(`
      a  [acquire a 2 ?]
      b                  [acquire b 1 = true]`);
    fails(`
      a  [acquire a 2 ?]                      [release a 2 = true]
      b                  [acquire b 1 = true] `);
  });
});
