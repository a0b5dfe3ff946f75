/** Line mode: lines in, one reply each out, and an exit code that hides nothing. */
import { PassThrough, Readable, Writable } from 'node:stream';
import { expect } from 'chai';
import { encode } from '../../protocol/codec.js';
import { ConcordError, type ErrorCode } from '../../protocol/errors.js';
import { EXIT, exitCodeOf } from '../../tui/plain/exit-code.js';
import { linesOf } from '../../tui/plain/lines.js';
import { Output } from '../../tui/plain/output.js';
import { renderJson, renderProof, renderText } from '../../tui/plain/render.js';
import { type LineMode, runLines } from '../../tui/plain/run-lines.js';
import { failed, succeeded } from '../../tui/session/execute.js';
import type { Reply } from '../../tui/session/reply.js';
import { type Asked, bodyOf, contextOf, FakeCluster, statusBut, untilGivenUp } from './terminal-fakes.js';

/** A stream that keeps what is written to it. */
class Sink extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

interface Run {
  readonly code: number;
  readonly out: string;
  readonly notes: string;
}

/** Runs lines on a cluster; `interrupts` gets the way to press Ctrl-C. */
async function run(
  cluster: FakeCluster | ConcordError,
  lines: LineMode['lines'],
  more: Partial<LineMode> = {},
): Promise<Run> {
  const out = new Sink();
  const notes = new Sink();
  const code = await runLines({
    lines,
    out: new Output(out),
    notes: new Output(notes),
    json: false,
    stopOnError: false,
    interactive: false,
    proof: false,
    context: contextOf(cluster),
    onInterrupt: () => () => {},
    ...more,
  });
  return { code, out: out.text, notes: notes.text };
}

/** A cluster whose queue is a list, for real. */
function queueCluster(): FakeCluster {
  const bodies: unknown[] = [];
  return new FakeCluster({
    'queue.enqueue': (asked: Asked) => bodies.push(bodyOf(asked)),
    'queue.dequeue': () => (bodies.length === 0 ? null : [1, encode(bodies.shift())]),
    'queue.size': () => bodies.length,
    status: statusBut(),
  });
}

describe('lines of a stream', () => {
  const lines = async (chunks: readonly (string | Buffer)[], max = 100) => {
    const all: string[] = [];
    for await (const line of linesOf(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), max))
      all.push(line as string);
    return all;
  };

  it('are cut at line ends of both kinds, wherever the chunks are', async () => {
    expect(await lines(['a\nb', 'c\r', '\n\n', 'é\u2028x\n'])).to.deep.equal(['a', 'bc', '', 'é\u2028x']);
    const split = [...Buffer.from('é€😀\nlast')].map((byte) => Buffer.from([byte]));
    expect(await lines(split)).to.deep.equal(['é€😀', 'last']);
  });

  it('are neither kept whole nor dropped unseen when they are too long', async () => {
    const long = 'x'.repeat(1000);
    const cut = 'x'.repeat(108);
    expect(await lines([`${long}\nb\n${long}`])).to.deep.equal([cut, 'b', cut]);
    expect(await lines([...Array(10).fill('x'.repeat(100)), '\nb\n'])).to.deep.equal([cut, 'b']);
    expect(await lines(['x'.repeat(100), '\n', 'y'.repeat(100)])).to.deep.equal(['x'.repeat(100), 'y'.repeat(100)]);
  });

  it('end in the error of their stream', async () => {
    const input = new PassThrough();
    const reading = (async () => {
      for await (const _ of linesOf(input, 10)) input.destroy(new Error('EIO'));
    })();
    input.write('a\n');
    const error = await reading.catch((caught: Error) => caught);
    expect(error).to.have.property('message', 'EIO');
  });
});

describe('a reply as JSON', () => {
  const reply = succeeded('dequeue', { result: { a: [Buffer.from([0, 255])] }, node: 'n1' }, 2);

  it('has all keys in their order, on one line, bytes as {"$bytes"}', () => {
    expect(renderJson(reply)).to.equal(
      '{"command":"dequeue","ok":true,"result":{"a":[{"$bytes":"AP8="}]},"error":null,"node":"n1","group":null,"term":null,"index":null,"ms":2}',
    );
    expect(renderJson({ ...reply, result: null, found: false })).to.match(/"ms":2,"found":false}$/);
    expect(Object.keys(JSON.parse(renderJson(failed('x', new ConcordError('USAGE'), null))).error)).to.deep.equal([
      'code',
      'message',
      'definite',
      'hint',
      'details',
    ]);
  });

  it('has no line end inside, whatever it carries', () => {
    expect(renderJson({ ...reply, command: 'a\nb', result: 'c\nd' })).not.to.contain('\n');
  });
});

describe('a reply as text', () => {
  const text = (word: Parameters<typeof renderText>[1], result: unknown) =>
    renderText(succeeded('', { result }, null), word);

  it('is the value as it would be typed', () => {
    expect(text('dequeue', 5)).to.equal('5');
    expect(text('dequeue', 'hello')).to.equal('hello');
    expect(text('dequeue', 'two\nlines')).to.equal('"two\\nlines"');
    expect(text('dequeue', Buffer.from('hi'))).to.equal('hex:6869');
    expect(text('dequeue', [{ id: 1 }])).to.equal('[{"id":1}]');
    expect(renderText(succeeded('', { result: null, found: false }, null), 'dequeue')).to.equal('(empty)');
  });

  it('is a record on one line, rows as an aligned table, nothing for exit', () => {
    expect(text('enqueue', { queue: 'default', id: 12 })).to.equal('queue default  id 12');
    const rows = [
      { id: 'n1', role: 'leader', commit: 1042, missing: [], since: 252_000 },
      { id: 'n2', role: null, commit: 7, missing: ['n1', 'n3'], since: 350 },
    ];
    expect(text('nodes', rows)).to.equal(
      [
        'id  role    commit  missing  since',
        'n1  leader    1042  -        4m',
        'n2  -            7  n1,n3    350ms',
      ].join('\n'),
    );
    expect(text('sessions', [])).to.equal('(none)');
    expect(text('exit', null)).to.equal('');
    expect(text('health', { healthy: false, problems: ['n3 is down'] })).to.equal('not healthy\n  n3 is down');
  });

  it('says what failed and what to do, on one line', () => {
    const reply = failed('x', new ConcordError('NO_LEADER', 'c has no leader.'), null);
    expect(renderText(reply, null)).to.match(/^error NO_LEADER: c has no leader\. Try again/);
  });

  it('never lets a value move the cursor', () => {
    const evil = '\u001b[2J\u202e';
    const reply = failed('x', new ConcordError('INVALID', evil), null);
    for (const shown of [
      text('dequeue', evil),
      text('dequeue', { a: evil }),
      text('nodes', [{ id: evil }]),
      renderText(reply, null),
    ])
      expect(shown).not.to.contain('\u001b').and.not.to.contain('\u202e');
  });

  it('is vouched for by node, group, term, index and time', () => {
    const reply = succeeded('size', { result: 1, node: 'n2', group: 's0', term: 7, index: 1041, ms: 2.06 }, null);
    expect(renderProof(reply)).to.equal('n2  s0  term 7  index 1041  2.1 ms');
    expect(renderProof(succeeded('help', { result: {} }, null))).to.equal('');
  });
});

describe('an exit code', () => {
  const codeOf = (code: ErrorCode, definite?: boolean) =>
    exitCodeOf(failed('', new ConcordError(code, undefined, definite === undefined ? {} : { definite }), null));

  it('tells failure, usage, no cluster and doubt apart', () => {
    expect(exitCodeOf(succeeded('size', { result: 0 }, null))).to.equal(0);
    expect((['NO_LEADER', 'DEADLINE', 'INVALID'] as const).map((code) => codeOf(code))).to.deep.equal([1, 1, 1]);
    expect((['USAGE', 'UNKNOWN_WORD', 'CONFIRM', 'BAD_CONFIG'] as const).map((code) => codeOf(code))).to.deep.equal([
      2, 2, 2, 2,
    ]);
    expect((['UNREACHABLE', 'START_FAILED'] as const).map((code) => codeOf(code))).to.deep.equal([3, 3]);
    expect((['TIMEOUT', 'CANCELLED', 'CLOSED'] as const).map((code) => codeOf(code))).to.deep.equal([4, 4, 4]);
    expect([codeOf('CANCELLED', true), codeOf('UNREACHABLE', false)]).to.deep.equal([1, 4]);
  });

  it('is 1 for a cluster that is not healthy', () => {
    expect(exitCodeOf(succeeded('health', { result: { healthy: false, problems: ['x'] } }, null))).to.equal(1);
  });
});

describe('line mode', () => {
  it('answers every command in order, one object a line', async () => {
    const { out, notes, code } = await run(queueCluster(), ['enqueue(5)', 'enqueue(7)', 'dequeue'], { json: true });
    const replies = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Reply);
    expect(replies.map((reply) => reply.result)).to.deep.equal([
      { queue: 'default', id: 1 },
      { queue: 'default', id: 2 },
      5,
    ]);
    expect(code).to.equal(0);
    expect(notes).to.equal('');
  });

  it('never starts a command before the one in front of it has ended', async () => {
    let under = 0;
    const cluster = new FakeCluster({
      'queue.size': async () => {
        expect(++under).to.equal(1);
        await new Promise(setImmediate);
        return --under;
      },
    });
    expect(await run(cluster, ['size', 'size', 'size'])).to.deep.include({ out: '0\n0\n0\n' });
  });

  it('passes over empty lines and comments', async () => {
    expect(await run(queueCluster(), ['', '# enqueue 5', '  ', 'size'])).to.deep.include({ out: '0\n', code: 0 });
  });

  it('goes on after a failure, and tells the worst at the end', async () => {
    const { out, code } = await run(queueCluster(), ['size', 'size jobs', 'nonsense', 'size']);
    expect(out.split('\n').map((line) => line.split(':')[0])).to.deep.equal([
      '0',
      'error INVALID',
      'error UNKNOWN_WORD',
      '0',
      '',
    ]);
    expect(code).to.equal(EXIT.usage);
  });

  it('stops at the first failure when told to', async () => {
    const { out, code } = await run(queueCluster(), ['size', 'size jobs', 'size'], { stopOnError: true });
    expect(out.trimEnd().split('\n')).to.have.length(2);
    expect(code).to.equal(EXIT.failed);
  });

  it('ends at exit and reads no further', async () => {
    expect(await run(queueCluster(), ['size', '-1', 'size'])).to.deep.include({ out: '0\n', code: 0 });
    expect((await run(queueCluster(), ['exit', 'size'], { json: true })).out.trimEnd().split('\n')).to.have.length(1);
  });

  it('answers one command in JSON where the command says so', async () => {
    const { out } = await run(queueCluster(), ['size', 'size --json']);
    expect(out.split('\n')[1]).to.match(/^{"command":"size --json","ok":true,"result":0,/);
  });

  it('answers each command also where there is no cluster', async () => {
    const { out, code } = await run(new ConcordError('UNREACHABLE'), ['size', 'help log', 'size'], { json: true });
    const replies = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Reply);
    expect(replies.map((reply) => reply.error?.code ?? 'ok')).to.deep.equal(['UNREACHABLE', 'ok', 'UNREACHABLE']);
    expect(code).to.equal(EXIT.unreachable);
  });

  it('gives up the running command and ends when it is interrupted', async () => {
    let press = () => {};
    const cluster = new FakeCluster({
      'queue.size': 0,
      'queue.dequeue': (asked: Asked) => {
        setImmediate(() => press());
        return untilGivenUp(asked);
      },
    });
    const { out, code } = await run(cluster, ['dequeue --wait 1h', 'size'], {
      onInterrupt: (listener) => {
        press = listener;
        return () => {};
      },
    });
    expect(out).to.match(/^error CANCELLED: .*\n$/);
    expect(code).to.equal(EXIT.interrupted);
  });

  it('ends when it is interrupted while it waits for a line', async () => {
    let press = () => {};
    const never = new PassThrough();
    const running = run(queueCluster(), linesOf(never, 100), {
      onInterrupt: (listener) => {
        press = listener;
        return () => {};
      },
    });
    never.write('size\n');
    setImmediate(() => press());
    expect(await running).to.include({ code: EXIT.interrupted });
  });

  it('with a person in front goes on after an interrupted command, and prompts aside', async () => {
    let press = () => {};
    const cluster = new FakeCluster({
      'queue.size': 0,
      'queue.dequeue': (asked: Asked) => {
        setImmediate(() => press());
        return untilGivenUp(asked);
      },
    });
    const { out, notes, code } = await run(cluster, ['dequeue --wait 1h', 'size'], {
      interactive: true,
      proof: true,
      onInterrupt: (listener) => {
        press = listener;
        return () => {};
      },
    });
    expect(out).to.match(/^error CANCELLED: .*\n0\n$/);
    expect(notes).to.match(/^concord> .*concord> .*n1 {2}s0 {2}term 3 {2}index 41 {2}1\.5 ms\nconcord> $/s);
    expect(code).to.equal(EXIT.unknown);
  });

  it('ends quietly when nobody reads its replies any more', async () => {
    const gone = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    const cluster = queueCluster();
    const { code, notes } = await run(cluster, ['size', 'size', 'size'], { out: new Output(gone) });
    expect({ code, notes }).to.deep.equal({ code: 0, notes: '' });
    expect(cluster.asked).to.have.length(1);
  });

  it('says when its input cannot be read', async () => {
    const broken = new PassThrough();
    const running = run(queueCluster(), linesOf(broken, 100));
    broken.destroy(new Error('EIO'));
    expect(await running).to.deep.equal({ code: EXIT.failed, out: '', notes: 'the input cannot be read: EIO\n' });
  });
});
