/** `concord bench` as a person runs it: processes of its own, a short load, figures at the end. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { connect } from '../../protocol/client/index.js';
import { attachKeeper } from '../../tui/cluster/attach.js';
import { reached } from './local-cluster.js';

const MAIN = fileURLToPath(new URL('../../tui/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `concord bench queue` to its end; `onNote` hears the first thing that it says meanwhile. */
function bench(words: readonly string[], onNote: (stop: () => void) => void = () => {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, 'bench', 'queue', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    // A second interruption may come when nobody listens any more: it ends the process by the signal.
    if (err === '') onNote(() => child.kill('SIGINT'));
    err += chunk;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

describe('concord bench queue', function () {
  this.timeout(60_000);
  // Temporary clusters are made in here: what is left of them can be seen.
  const before = process.env['TMPDIR'];
  let home = '';

  beforeEach(() => {
    home = realpathSync(mkdtempSync(join(tmpdir(), 'bench-test-')));
    Object.assign(process.env, { TMPDIR: home });
  });

  afterEach(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else Object.assign(process.env, { TMPDIR: before });
    rmSync(home, { recursive: true });
  });

  it('measures one depth after another on a cluster of its own, and leaves nothing of it', async () => {
    const { code, out } = await bench(['--in-flight', '2,32', '--clients', '2', '--seconds', '1', '--size', '100']);
    expect(code).to.equal(0);
    const [what, head, ...rows] = out.trimEnd().split('\n');
    expect(what).to.contain('100 B').and.contain('2 clients');
    expect(head).to.match(/^in flight +commands\/s +p50 ms/);
    expect(rows[0]).to.match(/^ +2 +[1-9]\d* /);
    expect(rows[1]).to.match(/^ +32 +[1-9]\d* /);
    expect(readdirSync(home)).to.deep.equal([]);
  });

  it('gives the figures as one object, and leaves the queue of others empty', async () => {
    const keeper = await attachKeeper({ config: null, temp: true });
    try {
      await reached(keeper, { n1: 'running', n2: 'running', n3: 'running' });
      const addresses = keeper.nodes.map((node) => node.address);
      const { code, out } = await bench(['--connect', addresses.join(','), '--seconds', '1', '--json']);
      expect(code).to.equal(0);
      const { ok, result } = JSON.parse(out);
      expect(ok).to.equal(true);
      expect(result).to.include({ size: 256, seconds: 1, clients: 1 });
      const [figures] = result.figures;
      expect(figures).to.include({ in_flight: 64 });
      expect(figures.per_second).to.be.greaterThan(0);
      expect(figures.p50_ms).to.be.greaterThan(0).and.at.most(figures.p99_ms);
      expect(figures.max_ms).to.be.at.least(figures.p999_ms);
      expect([figures.leader, ...Object.keys(figures.followers_us)].sort()).to.deep.equal(['n1', 'n2', 'n3']);

      await using cluster = await connect({ nodes: addresses });
      expect(await cluster.queue().size()).to.equal(0);
      await cluster.queue().enqueue('somebody else’s');
      const refused = await bench(['--connect', addresses.join(','), '--seconds', '1']);
      expect(refused).to.include({ code: 1, out: '' });
      expect(refused.err).to.contain('holds 1 messages');
      expect(await cluster.queue().dequeue()).to.have.property('body', 'somebody else’s');

      const interrupted = await bench(['--connect', addresses.join(','), '--seconds', '60'], (stop) => stop());
      expect(interrupted).to.include({ code: 130, out: '' });
      expect(await cluster.queue().size()).to.equal(0);
    } finally {
      await keeper.leave();
    }
  });

  it('tells misuse by exit code 2', async () => {
    expect(await bench(['--in-flight', '0'])).to.include({ code: 2, out: '' });
    expect(await bench(['--in-flight', '1', '--clients', '2'])).to.include({ code: 2, out: '' });
    expect(await bench(['--size', '1e9'])).to.include({ code: 2, out: '' });
  });
});
