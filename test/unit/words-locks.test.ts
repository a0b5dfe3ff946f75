/** The words of locks: one owner a terminal, what is asked of the cluster, and how replies and losses are shown. */
import { PassThrough, Writable } from 'node:stream';
import { expect } from 'chai';
import { ConcordError } from '../../protocol/errors.js';
import { Output } from '../../tui/plain/output.js';
import { renderJson, renderText } from '../../tui/plain/render.js';
import { runLines } from '../../tui/plain/run-lines.js';
import { newsText } from '../../tui/session/own-locks.js';
import type { Reply } from '../../tui/session/reply.js';
import { lookOf } from '../../tui/view/look.js';
import { replyRows } from '../../tui/view/output-rows.js';
import { rowText } from '../../tui/view/row.js';
import { code, contextOf, FakeCluster, reply, result } from './terminal-fakes.js';

/** What a reply says of where it was served. */
const SERVED = { node: 'n1', group: 'c', term: 3, index: 118, ms: 2 };

describe('acquire', () => {
  it('holds a lock of the one owner of the terminal, and says which token', async () => {
    const cluster = new FakeCluster();
    const context = contextOf(cluster);
    expect(await reply(context, 'acquire build --hold 1m --delay 2s --note night --timeout 1s')).to.deep.include({
      ok: true,
      result: { lock: 'build', mode: 'x', token: 118, session: 7 },
      ...SERVED,
    });
    const [asked] = cluster.locks.asked;
    expect(asked).to.deep.include({ what: 'acquire', lock: [['build', 'x']] });
    const wanted = { wait_ms: 30_000, hold_ms: 60_000, delay_ms: 2000, note: 'night', timeout_ms: 1000 };
    expect(asked?.options).to.include(wanted);
    expect(context.locks.names).to.deep.equal(['build']);
  });

  it('of several locks answers with an array; one mode is for all, or one for each', async () => {
    const cluster = new FakeCluster();
    const context = contextOf(cluster);
    const rows = (await result(context, 'acquire(a, b) --mode s,x')) as { lock: string; mode: string }[];
    expect(rows.map(({ lock, mode }) => [lock, mode])).to.deep.equal([
      ['a', 's'],
      ['b', 'x'],
    ]);
    await result(context, 'acquire(c, d) --mode u');
    expect(cluster.locks.asked[1]?.lock).to.deep.equal([
      ['c', 'u'],
      ['d', 'u'],
    ]);
    expect(await code(context, 'acquire(a, b, c) --mode s,x')).to.equal('USAGE');
  });

  it('waits as long as it is told, try not at all', async () => {
    const cluster = new FakeCluster();
    for (const line of ['acquire a --wait 5s', 'acquire a --wait 0', 'try a']) await result(contextOf(cluster), line);
    const waits = cluster.locks.asked.map(({ options }) => (options as { wait_ms: number }).wait_ms);
    expect(waits).to.deep.equal([5000, 0, 0]);
  });

  it('ends in the refusal of the cluster', async () => {
    const cluster = new FakeCluster();
    const holders = [{ session: 14, client: 'ci', owner: 1, lock: 'a', mode: 3 }];
    cluster.locks.refusal = new ConcordError('LOCK_TIMEOUT', 'a is held', { details: { holders, position: 1 } });
    const { ok, error } = await reply(contextOf(cluster), 'acquire a');
    expect([ok, error?.code, error?.message, error?.definite]).to.deep.equal([
      false,
      'LOCK_TIMEOUT',
      'a is held',
      true,
    ]);
    expect(error?.details).to.deep.equal({ holders: [{ ...holders[0], mode: 'x' }], position: 1 });
    const cycle = [{ session: 7, owner: 1, lock: 'a', mode: 3, holds: 1 }];
    cluster.locks.refusal = new ConcordError('DEADLOCK', undefined, { details: { reason: 'cycle', birth: 5, cycle } });
    const deadlock = await reply(contextOf(cluster), 'acquire a');
    expect(deadlock.error?.details).to.deep.equal({
      reason: 'cycle',
      birth: 5,
      cycle: [{ ...cycle[0], mode: 'x', holds: 's' }],
    });
  });

  it('carries the fence that it was given', async () => {
    const cluster = new FakeCluster({ 'queue.size': 0 });
    const context = contextOf(cluster);
    await result(context, 'size --fence build:118');
    await result(context, 'size');
    expect(cluster.asked.map(({ options }) => options?.fence)).to.deep.equal(['build:118', undefined]);
  });
});

describe('release and convert', () => {
  it('tell where they were served, as every reply does', async () => {
    const context = contextOf(new FakeCluster());
    for (const line of ['acquire a', 'convert a s', 'release a']) expect(await reply(context, line)).to.include(SERVED);
  });

  it('act on what the terminal holds; what was acquired twice is released twice', async () => {
    const cluster = new FakeCluster();
    const context = contextOf(cluster);
    await result(context, 'acquire a');
    await result(context, 'acquire a');
    expect(await result(context, 'release a')).to.deep.equal({ lock: 'a', held: 1 });
    expect(await result(context, 'convert a s --wait 1s')).to.deep.equal({
      lock: 'a',
      mode: 's',
      token: 119,
      session: 7,
    });
    expect(cluster.locks.asked.at(-1)?.options).to.include({ wait_ms: 1000 });
    expect(await result(context, 'release a --token 119')).to.deep.equal({ lock: 'a', held: 0 });
    expect(context.locks.names).to.deep.equal([]);
  });

  it('let the cluster say what is wrong where the terminal does not hold it, or not by that token', async () => {
    const cluster = new FakeCluster({
      'lock.release': new ConcordError('NOT_HOLDER'),
      'lock.convert': new ConcordError('NOT_HOLDER'),
    });
    const context = contextOf(cluster);
    expect(await code(context, 'release a')).to.equal('NOT_HOLDER');
    expect(await code(context, 'convert a s')).to.equal('NOT_HOLDER');
    await result(context, 'acquire a');
    expect(await code(context, 'release a --token 5')).to.equal('NOT_HOLDER');
    expect(cluster.asked.map(({ argument }) => argument)).to.deep.equal([
      [1, 'a', 0, 1],
      [1, 'a', 1, 0, 0],
      [1, 'a', 5, 1],
    ]);
    cluster.locks.lose('a');
    expect(await code(context, 'release a')).to.equal('NOT_HOLDER');
  });
});

const LIST = [
  ['build', 118, 3, 1, 2, [14]],
  ['docs', 90, 1, 2, 0, [14, 17]],
];
const FOUND = [
  'build',
  118,
  [[14, 'ci', 1, 3, 2, 4100, 55_900, 'nightly']],
  [[17, 'cli-2', 1, 1, 1300, 28_700, false]],
  1,
  1,
  0,
];

describe('the words that look', () => {
  it('locks has a row for each that is held, holds those of this session', async () => {
    const cluster = new FakeCluster({ 'lock.list': LIST });
    const context = contextOf(cluster);
    expect(await result(context, 'locks')).to.deep.equal([
      { lock: 'build', mode: 'x', holders: 1, queue: 2, lastToken: 118, sessions: [14] },
      { lock: 'docs', mode: 's', holders: 2, queue: 0, lastToken: 90, sessions: [14, 17] },
    ]);
    await result(context, 'locks b*');
    await result(context, 'holds');
    expect(cluster.asked.map(({ argument }) => (argument as unknown[]).slice(0, 2))).to.deep.equal([
      ['*', 0],
      ['b*', 0],
      ['*', 7],
    ]);
  });

  it('holds never asks for the locks of all where there is no session yet', async () => {
    const cluster = new FakeCluster({ 'lock.list': LIST });
    Object.assign(cluster, { session: { id: 0, state: 'none' } });
    expect(await result(contextOf(cluster), 'holds')).to.deep.equal([]);
    expect(cluster.asked).to.deep.equal([]);
  });

  it('lock tells its holders and its queue, and that nobody wants it', async () => {
    const context = contextOf(new FakeCluster({ 'lock.find': FOUND }));
    expect(await result(context, 'lock build')).to.deep.equal({
      lock: 'build',
      mode: 'x',
      holders: [{ session: 14, client: 'ci', owner: 1, mode: 'x', count: 2, age: 4100, left: 55_900, note: 'nightly' }],
      queue: [{ session: 17, client: 'cli-2', owner: 1, mode: 's', age: 1300, left: 28_700, conversion: false }],
      lastToken: 118,
      delay: null,
    });
    expect(await result(contextOf(new FakeCluster({ 'lock.find': null })), 'lock a')).to.deep.equal({
      lock: 'a',
      mode: null,
      holders: [],
      queue: [],
      lastToken: null,
      delay: null,
    });
  });

  it('waits has an edge for each who waits, and is drawn as text', async () => {
    const context = contextOf(new FakeCluster({ 'lock.waits': [[17, 1, 1, 14, 2, 'build', 3]] }));
    const answered = await reply(context, 'waits');
    expect(answered.result).to.deep.equal({
      edges: [
        { waiter: { session: 17, owner: 1, mode: 's' }, holder: { session: 14, owner: 2, mode: 'x' }, lock: 'build' },
      ],
    });
    const lines = ['14/2 waits for nobody', '  17/1 waits for build (s), held by 14/2 (x)'];
    expect(renderText(answered, 'waits')).to.equal(lines.join('\n'));
    expect(onScreen(answered)).to.contain(lines[0]).and.contain(lines[1]);
    const none = await reply(contextOf(new FakeCluster({ 'lock.waits': [] })), 'waits');
    expect(onScreen(none)).to.contain('nobody waits');
    expect(JSON.parse(renderJson(none)).result).to.deep.equal({ edges: [] });
  });

  it('fence tells whether a token is that of a holder', async () => {
    const fenced = (value: unknown) => result(contextOf(new FakeCluster({ 'lock.fence': value })), 'fence build:118');
    expect(await fenced([true, 118])).to.deep.equal({ lock: 'build', token: 118, valid: true, current: 118 });
    expect(await fenced([false, 0])).to.deep.equal({ lock: 'build', token: 118, valid: false, current: null });
  });
});

describe('revoke', () => {
  it('wants a yes, takes the lock away at once or after a while, and tells what was burnt', async () => {
    const cluster = new FakeCluster({ 'lock.revoke': [118, 1] });
    const context = contextOf(cluster);
    expect(await code(context, 'revoke build')).to.equal('CONFIRM');
    expect(cluster.asked).to.deep.equal([]);
    expect(await result(context, 'revoke build --yes')).to.deep.equal({ lock: 'build', burnt: 118, holders: 1 });
    await result(context, 'revoke build --after 10s --yes');
    expect(cluster.asked.map(({ argument }) => argument)).to.deep.equal([
      ['build', 0],
      ['build', 10_000],
    ]);
    const free = contextOf(new FakeCluster({ 'lock.revoke': [0, 0] }));
    expect(await result(free, 'revoke build --yes')).to.deep.equal({ lock: 'build', burnt: null, holders: 0 });
  });
});

describe('sem', () => {
  it('is made, acquired, released and looked at by the owner of the terminal', async () => {
    const cluster = new FakeCluster({
      'sem.set': [3, 3, 0],
      'sem.acquire': [3, 1, 2],
      'sem.release': [3, 2, 1],
      'sem.find': [3, 2, [[7, 'test', 1, 1]], 0],
    });
    const context = contextOf(cluster);
    expect(await result(context, 'sem pool set 3')).to.deep.equal({ name: 'pool', limit: 3, free: 3, held: 0 });
    expect(await result(context, 'sem pool acquire 2 --wait 1s --timeout 2s')).to.include({ free: 1, held: 2 });
    await result(context, 'sem pool release');
    expect(await result(context, 'sem pool')).to.deep.equal({ name: 'pool', limit: 3, free: 2, held: 1 });
    expect(cluster.asked.map(({ argument }) => argument)).to.deep.equal([
      ['pool', 3],
      [1, 'pool', 2, 1000],
      [1, 'pool', 1],
      ['pool'],
    ]);
    expect(cluster.asked[1]?.options).to.include({ timeout_ms: 3000 });
  });

  it('says what is missing', async () => {
    const context = contextOf(new FakeCluster({ 'sem.find': null }));
    expect(await code(context, 'sem pool')).to.equal('NO_SUCH_SEMAPHORE');
    expect(await code(context, 'sem pool set')).to.equal('USAGE');
    expect(await code(context, 'sem pool release --wait 1s')).to.equal('USAGE');
  });
});

describe('a lock in text', () => {
  it('is a line for the lock, and a table of holders and queue each', async () => {
    const context = contextOf(new FakeCluster({ 'lock.find': FOUND }));
    expect(renderText(await reply(context, 'lock build'), 'lock').split('\n')).to.deep.equal([
      'lock build  mode x  lastToken 118  delay -',
      'holders',
      'session  client  owner  mode  count  age  left  note',
      '     14  ci          1  x         2  4s   55s   nightly',
      'queue',
      'session  client  owner  mode  age  left  conversion',
      '     17  cli-2       1  s     1s   28s   false',
    ]);
    const screen = onScreen(await reply(context, 'lock build'));
    for (const text of ['lastToken: 118', 'SESSION  CLIENT', 'nightly', 'cli-2']) expect(screen).to.contain(text);
  });
});

describe('the loss of a lock', () => {
  it('is told in words, of all its kinds', () => {
    const news = { lock: 'build', token: 118, owner: 1, ms: 0 };
    expect(newsText({ ...news, kind: 'revoked' })).to.equal('the lock build is lost: it was revoked (token 118)');
    expect(newsText({ ...news, kind: 'held_too_long' })).to.contain('--hold');
    expect(newsText({ ...news, kind: 'asked', ms: 9800 })).to.contain('within 10s');
    expect(newsText({ ...news, kind: 'lost' })).to.contain('session');
  });

  it('stands on stderr the moment it comes, with a new prompt behind it; what others lose does not', async () => {
    const cluster = new FakeCluster();
    const context = contextOf(cluster);
    const input = new PassThrough({ encoding: 'utf8', objectMode: true });
    let out = '';
    let notes = '';
    const sink = (take: (text: string) => void) =>
      new Output(
        new Writable({
          write(chunk, _encoding, done) {
            take(String(chunk));
            done();
          },
        }),
      );
    const running = runLines({
      lines: input as AsyncIterable<string>,
      out: sink((text) => {
        out += text;
      }),
      notes: sink((text) => {
        notes += text;
      }),
      json: true,
      stopOnError: false,
      interactive: true,
      proof: false,
      context,
      onInterrupt: () => () => {},
    });
    input.write('acquire build');
    while (!notes.endsWith('concord> concord> ')) await new Promise(setImmediate);
    cluster.locks.lose('other', 'revoked', 99);
    cluster.locks.lose('build');
    expect(notes).to.equal('concord> concord> \n! the lock build is lost: it was revoked (token 118)\nconcord> ');
    input.end();
    expect(await running).to.equal(0);
    expect(out.trimEnd().split('\n')).to.have.length(1);
    cluster.locks.lose('build');
    expect(notes.split('!')).to.have.length(2);
  });
});

/** A reply as the screen shows it. */
function onScreen(answered: Reply): string {
  const look = lookOf({ ascii: false, colour: false });
  return replyRows(answered, 100, look)
    .map((row) => rowText(row, look))
    .join('\n');
}
