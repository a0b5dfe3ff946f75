/** The `concord` executable by lines: real processes, pipes, signals and exit codes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Reply } from '../../tui/session/reply.js';

const MAIN = fileURLToPath(new URL('../../tui/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts `concord` with these words. */
function start(...words: string[]): { child: ChildProcess; ended: Promise<Ended>; said(text: string): Promise<void> } {
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: 'pipe' });
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  // Whoever has left early does not read what is still sent to it.
  child.stdin?.on('error', () => {});
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, out, err })));
  const said = async (text: string) => {
    while (!out.includes(text)) await new Promise((resolve) => child.stdout?.once('data', resolve));
  };
  return { child, ended, said };
}

/** Runs `concord` with this input to its end. */
function concord(input: string, ...words: string[]): Promise<Ended> {
  const { child, ended } = start(...words);
  child.stdin?.end(input);
  return ended;
}

function replies(out: string): Reply[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Reply);
}

/** An address at which nobody listens. */
async function deadAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

describe('concord by lines, without a cluster', function () {
  this.timeout(20_000);

  it('answers help at once, and tells misuse by exit code 2', async () => {
    expect(await concord('', 'help', 'enqueue')).to.deep.include({ code: 0, err: '' });
    expect(await concord('', 'exec', 'help log', 'help size')).to.include({ code: 0 });
    const unknown = await concord('', 'nonsense', '--json');
    expect(unknown).to.include({ code: 2, err: '' });
    expect(replies(unknown.out)[0]?.error?.code).to.equal('UNKNOWN_WORD');
    expect(await concord('', '--nonsense')).to.include({ code: 2, out: '' });
    expect((await concord('', '--version')).out).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  it('tells by exit code 3 that the cluster cannot be reached', async () => {
    const { code, out } = await concord('', 'size', '--json', '--timeout', '300ms', '--connect', await deadAddress());
    expect(code).to.equal(3);
    expect(replies(out)[0]?.error).to.include({ code: 'UNREACHABLE', definite: true });
  });

  it('ends quietly when nobody reads', async () => {
    const { child, ended } = start('exec', ...Array(200).fill('help'));
    child.stdout?.destroy();
    expect(await ended).to.include({ code: 0, err: '' });
  });

  it('gives up and ends with 130 when it is interrupted', async () => {
    // Takes connections and says nothing.
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const { child, ended, said } = start('--json', '--timeout', '1m', '--connect', `127.0.0.1:${port}`);
    child.stdin?.write('help\nsize\nsize\n');
    await said('"command":"help"');
    child.kill('SIGINT');
    const { code, out } = await ended;
    silent.close();
    expect(code).to.equal(130);
    expect(replies(out).map((reply) => reply.error?.code ?? 'ok')).to.deep.equal(['ok', 'CANCELLED']);
  });
});

describe('concord by lines, with a cluster of its own', function () {
  this.timeout(60_000);

  it('answers three commands with three objects and ends with 0', async () => {
    const { code, out, err } = await concord('enqueue(5)\nenqueue(7)\ndequeue\n', '--temp', '--json');
    expect({ code, err }).to.deep.equal({ code: 0, err: '' });
    const [first, second, third, ...more] = replies(out);
    expect(more).to.be.empty;
    expect(first).to.deep.include({
      command: 'enqueue(5)',
      ok: true,
      result: { queue: 'default', id: 1 },
      group: 's0',
    });
    expect(second).to.deep.include({ result: { queue: 'default', id: 2 } });
    expect(third).to.deep.include({ result: 5, error: null });
    expect(Object.keys(first ?? {}).join(' ')).to.equal('command ok result error node group term index ms');
  });

  it('carries bytes, long lines and every kind of value through', async () => {
    const long = 'x'.repeat(900_000);
    const values = ['hex:00ff', '{a: [1, null], "b c": true}', '"5"', `"${long}"`];
    const input = [
      ...values.map((value) => `enqueue(${value})`),
      ...values.map(() => 'dequeue'),
      `enqueue ${'y'.repeat(2 << 20)}`,
      'dequeue',
      'exit',
      'size',
    ];
    const { code, out } = await concord(input.join('\n'), '--temp', '--json');
    const results = replies(out).slice(values.length);
    expect(results.map((reply) => reply.result)).to.deep.equal([
      { $bytes: 'AP8=' },
      { a: [1, null], 'b c': true },
      '5',
      long,
      null,
      null,
      null,
    ]);
    expect(results.map((reply) => reply.error?.code ?? null)).to.deep.equal([
      null,
      null,
      null,
      null,
      'USAGE',
      null,
      null,
    ]);
    expect(results.map((reply) => reply.found)).to.deep.equal([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      false,
      undefined,
    ]);
    expect(code).to.equal(2);
  });

  it('loses a node, says so, and goes on', async () => {
    const { code, out } = await concord(
      'enqueue(5)\nkill n2\nhealth\nnode n2\nstart n2\ndequeue --timeout 20s\n',
      '--temp',
      '--json',
    );
    const [, killed, health, node, started, dequeued] = replies(out).map((reply) => reply.result);
    expect(killed).to.deep.equal({ node: 'n2', state: 'killed', pid: null });
    expect(health).to.deep.include({ healthy: false });
    expect(node).to.include({ id: 'n2', state: 'down', role: null });
    expect(started).to.include({ node: 'n2', state: 'running' });
    expect(dequeued).to.equal(5);
    expect(code).to.equal(1);
  });
});
