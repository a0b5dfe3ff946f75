/** `concord run` as a person runs it: the batches that come with Concord on clusters of their own, and what goes wrong. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { attachKeeper } from '../../tui/cluster/attach.js';
import { configFile } from '../../tui/cluster/locate.js';
import { ALL_RUN, reached } from './local-cluster.js';

const MAIN = fileURLToPath(new URL('../../tui/main.js', import.meta.url));
const BATCHES = join(dirname(configFile(null)), 'batches');

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `concord run` to its end; `onOut` hears what it says meanwhile. */
function run(words: readonly string[], onOut: (out: string, child: ChildProcess) => void = () => {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, 'run', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
    onOut(out, child);
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

function objects(out: string): Record<string, unknown>[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('concord run', function () {
  this.timeout(90_000);
  // Temporary clusters are made in here: what is left of them can be seen.
  const before = process.env['TMPDIR'];
  let home = '';

  beforeEach(() => {
    home = realpathSync(mkdtempSync(join(tmpdir(), 'batch-test-')));
    Object.assign(process.env, { TMPDIR: home });
  });

  afterEach(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else Object.assign(process.env, { TMPDIR: before });
    rmSync(home, { recursive: true });
  });

  /** Writes a batch and returns its path. */
  function file(name: string, text: string): string {
    const path = join(home, name);
    writeFileSync(path, text);
    return path;
  }

  for (const name of readdirSync(BATCHES))
    it(`${name}, which comes with Concord, holds on a cluster of its own, and leaves nothing of it`, async () => {
      const { code, out, err } = await run([join(BATCHES, name), '--temp']);
      expect(code, `${out}${err}`).to.equal(0);
      expect(err).to.equal('');
      expect(out).to.match(new RegExp(`^${basename(name).replace(/\..*/, '')}: all \\d+ steps .*held`, 'm'));
      expect(readdirSync(home)).to.deep.equal([]);
    });

  it('shows what a batch with a miss expected and got, and ends with 1', async () => {
    const batch = file(
      'miss.yaml',
      'version: 1\ntemp: {nodes: 1}\nsteps:\n  - enqueue(5)\n  - run: dequeue\n    expect: 6\n',
    );
    const { code, out } = await run([batch]);
    expect(code).to.equal(1);
    expect(out).to.contain(`MISS`).and.contain(`${batch}:5:5  step 2\n    - expected  + got\n    - 6\n    + 5\n`);
    const json = objects((await run([batch, '--json'])).out);
    expect(json.map(({ command, ok, end }) => [command, ok, end])).to.deep.equal([
      ['enqueue(5)', true, undefined],
      ['dequeue', false, undefined],
      [`run ${batch}`, false, true],
    ]);
  });

  it('takes a cluster by its addresses, where nodes cannot be ordered about', async () => {
    const keeper = await attachKeeper({ config: null, temp: true });
    try {
      await reached(keeper, ALL_RUN);
      const batch = file(
        'b.yaml',
        'version: 1\ntemp: true\nvars: {who: nobody}\nsteps:\n' +
          `  - enqueue("\${who}")\n  - run: sessions\n    expect: {field: result.0.client, equals: main}\n` +
          `  - run: dequeue\n    expect: somebody\n` +
          '  - run: kill n1\n    expect: {error: NO_KEEPER}\n',
      );
      const nodes = keeper.nodes.map(({ address }) => address).join(',');
      const { code, out } = await run([batch, '--connect', nodes, '--set', 'who=somebody']);
      expect(code, out).to.equal(0);
      expect(keeper.nodes.map(({ state }) => state)).to.deep.equal(['running', 'running', 'running']);
    } finally {
      await keeper.leave();
    }
  });

  it('ends cleanly when it is interrupted, finally included', async () => {
    const batch = file(
      'i.yaml',
      'version: 1\ntemp: {nodes: 1}\nsteps: [size, dequeue --wait 1h, size]\nfinally: [enqueue(5)]\n',
    );
    const { code, out } = await run([batch], (said, child) => {
      if (said.includes('size') && !said.includes('stop')) child.kill('SIGINT');
    });
    expect(code).to.equal(130);
    expect(out)
      .to.match(/^stop .*dequeue --wait 1h$/m)
      .and.match(/^ok .*enqueue\(5\)/m);
    expect(readdirSync(home).filter((name) => name !== 'i.yaml')).to.deep.equal([]);
  });

  it('names every mistake and runs nothing', async () => {
    const batch = file('bad.yaml', 'version: 1\ntemp: true\nsteps:\n  - enqueu(5)\n  - run: size\n    expet: 5\n');
    const told = [
      `${batch}:4:5: there is no word "enqueu"; did you mean enqueue?`,
      `${batch}:6:5: expet means nothing here; did you mean expect?`,
      '2 mistakes; nothing was run\n',
    ].join('\n');
    expect(await run([batch])).to.deep.equal({ code: 2, out: '', err: told });
    expect(await run([batch, '--check'])).to.deep.equal({ code: 2, out: '', err: told });
    const { code, out } = await run([batch, '--json']);
    const [end = {}] = objects(out);
    expect(code).to.equal(2);
    expect((end['error'] as { details: { mistakes: unknown } }).details.mistakes).to.deep.equal([
      { line: 4, column: 5, message: 'there is no word "enqueu"; did you mean enqueue?' },
      { line: 6, column: 5, message: 'expet means nothing here; did you mean expect?' },
    ]);
  });

  it('finds no mistake in a good file without a cluster, and tells misuse and what cannot be reached', async () => {
    const batch = file('good.txt', 'size\n');
    expect(await run([batch, '--check'])).to.deep.equal({ code: 0, out: `${batch}: 1 step, no mistakes\n`, err: '' });
    expect(await run([join(home, 'none.yaml')])).to.include({ code: 2, out: '' });
    expect(await run([])).to.include({ code: 2, out: '' });
    expect(await run([batch, '--set', 'x'])).to.include({ code: 2, out: '' });
    // Nothing can listen there.
    expect(await run([batch, '--connect', '127.0.0.1:0', '--timeout', '300ms'])).to.include({ code: 3 });
  });
});
