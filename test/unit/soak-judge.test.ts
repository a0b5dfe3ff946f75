/** The judge of the soak on real processes: what clients may believe of locks, and which stories show that a promise was broken. */
import { expect } from 'chai';
import type { Asked, Line, Saw, Told } from '../soak/journal.js';
import { excerpt, judge } from '../soak/judge.js';
import { storyOf } from '../soak/story.js';

/** A line short of what does not matter here. */
const asked = (
  op: number,
  at: number,
  owner: string,
  verb: Asked['verb'],
  mode: Saw['mode'] = 'x',
  hold_ms = 0,
): Line => {
  return { kind: 'asked', op, at, client: owner, owner, verb, locks: [['k', mode]], hold_ms };
};
const told = (op: number, at: number, tokens: readonly number[] = [], code = ''): Told => {
  return { kind: 'told', op, at, code, definite: true, tokens };
};
const saw = (at: number, owner: string, mode: Saw['mode'] = 'x', token = 1): Line => {
  return { kind: 'saw', at, owner, lock: 'k', mode, token };
};
const broken = (...lines: readonly Line[]) => judge(storyOf([lines])).map(({ promise }) => promise);

/** Holds it alone from 2 to 10 ms. */
const FIRST = [asked(1, 1, 'a', 'acquire'), told(1, 2, [5]), saw(3, 'a'), saw(10, 'a')];

describe('the judge of the soak', () => {
  it('finds nothing wrong with one who holds a lock after another', () => {
    const handedOver = [asked(2, 11, 'a', 'release'), told(2, 13), asked(3, 4, 'b', 'acquire'), told(3, 12, [7])];
    expect(broken(...FIRST, ...handedOver, saw(14, 'b'), saw(20, 'b'))).to.deep.equal([]);
  });

  it('takes a look as good for all the time since the look before, and not for longer', () => {
    const next = [asked(2, 4, 'b', 'acquire'), told(2, 9, [7])];
    expect(broken(...FIRST, ...next, saw(10.5, 'b'), saw(20, 'b'))).to.deep.equal(['linearizability']);
    expect(broken(...FIRST, ...next, saw(9.5, 'b'), saw(20, 'b'))).to.deep.equal(['exclusion', 'linearizability']);
  });

  it('lets sharers be together, with one of them in mode u', () => {
    const sharer = (op: number, owner: string, mode: Saw['mode']) => [
      asked(op, op, owner, 'acquire', mode),
      told(op, op + 10, [5]),
      saw(20, owner, mode),
      saw(30, owner, mode),
    ];
    expect(broken(...sharer(1, 'a', 's'), ...sharer(2, 'b', 'u'))).to.deep.equal([]);
    expect(broken(...sharer(1, 'a', 'u'), ...sharer(2, 'b', 'u'))).to.include('exclusion');
  });

  it('lets nobody rely on a lock that it was given for a time when that is over, by any clock', () => {
    const bounded = [asked(1, 1, 'a', 'acquire', 'x', 100), told(1, 2, [5]), saw(3, 'a'), saw(200, 'a')];
    const next = (at: number) => [asked(2, 4, 'b', 'acquire'), told(2, at, [7]), saw(at, 'b'), saw(300, 'b')];
    expect(broken(...bounded, ...next(120))).to.deep.equal([]);
  });

  it('sees a token that does not rise, and one that two have', () => {
    const released = [asked(2, 11, 'a', 'release'), told(2, 12)];
    const next = (token: number) => [asked(3, 13, 'b', 'acquire'), told(3, 14, [token])];
    expect(broken(...FIRST, ...released, ...next(6))).to.deep.equal([]);
    expect(broken(...FIRST, ...released, ...next(4))).to.include('fencing');
    expect(broken(...FIRST, ...released, ...next(5))).to.include('fencing');
  });

  it('believes that what a killed client held, or what was given up, has ended at some time', () => {
    const next = [asked(3, 20, 'b', 'acquire'), told(3, 5000, [9]), saw(5001, 'b'), saw(5002, 'b')];
    expect(broken(...FIRST, ...next)).to.deep.equal([]);
    const givenUp = [asked(1, 1, 'a', 'acquire'), told(1, 2, [], 'CANCELLED')];
    expect(broken(...givenUp, ...next)).to.deep.equal([]);
    expect(broken(asked(1, 1, 'a', 'acquire'), ...next)).to.deep.equal([]);
  });

  it('shows the part of the story around what was broken', () => {
    const released = [asked(2, 11, 'a', 'release'), told(2, 12)];
    const late = [asked(3, 9000, 'b', 'acquire'), told(3, 9001, [4])];
    const story = storyOf([[...FIRST, ...released, ...late]]);
    const [first] = judge(story);
    const text = first === undefined ? '' : excerpt(story, first);
    expect(text).to.match(/^fencing: b was given k with token 4 after a had 5\n/);
    expect(text).to.contain('b acquire k:x -> ok 4').and.to.not.contain('a release');
  });
});
