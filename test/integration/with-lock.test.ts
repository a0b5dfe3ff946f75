/** `concord with-lock` as a person runs it: a program under a lock of a real cluster, its exit code, its fence, and its end by a loss. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { connect } from '../../protocol/client/index.js';
import type { Cluster } from '../../protocol/client/types.js';
import { attachKeeper } from '../../tui/cluster/attach.js';
import type { Keeper } from '../../tui/cluster/types.js';
import { ALL_RUN, reached } from './local-cluster.js';
import { until } from './until.js';

const MAIN = fileURLToPath(new URL('../../tui/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('concord with-lock', function () {
  this.timeout(60_000);
  const temporary = process.env['TMPDIR'];
  let home = '';
  let keeper: Keeper;
  let cluster: Cluster;

  before(async () => {
    home = realpathSync(mkdtempSync(join(tmpdir(), 'with-lock-test-')));
    // The temporary cluster is made in here.
    Object.assign(process.env, { TMPDIR: home });
    keeper = await attachKeeper({ config: null, temp: true });
    await reached(keeper, ALL_RUN);
    cluster = await connect({ nodes: keeper.nodes.map(({ address }) => address) });
    await cluster.queue().enqueue('ready', { timeout_ms: 20_000 });
  });

  after(async () => {
    await cluster.close();
    await keeper.leave();
    if (temporary === undefined) delete process.env['TMPDIR'];
    else Object.assign(process.env, { TMPDIR: temporary });
    rmSync(home, { recursive: true });
  });

  /** Starts `concord with-lock`. */
  function start(...words: string[]): { child: ChildProcess; ended: Promise<Ended> } {
    const nodes = keeper.nodes.map(({ address }) => address).join(',');
    const args = [MAIN, 'with-lock', '--connect', nodes, ...words];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, out, err })));
    return { child, ended };
  }

  const run = (...words: string[]) => start(...words).ended;
  const file = (name: string) => join(home, name);
  const isThere = (name: string) => existsSync(file(name));
  /** A script that says in a file that it runs, and goes on until it is told to end, or for half a minute. */
  const staying = (name: string, more = '') =>
    `${more} echo up > '${file(name)}'; i=0; while [ $i -lt 1500 ]; do sleep 0.02; i=$((i+1)); done`;
  const holdersOf = async (lock: string) => {
    const found = (await cluster.read('lock.find', [lock])).value as readonly unknown[] | null;
    return found === null ? 0 : (found[4] as number);
  };

  it('runs the program with the fence in its environment, and passes its output and exit code on', async () => {
    const script = 'echo "$CONCORD_FENCE $CONCORD_LOCK $CONCORD_TOKEN"; echo said >&2; exit 3';
    const { code, out, err } = await run('build', '--note', 'nightly', '--', 'sh', '-c', script);
    const [, token] = /^build:(\d+) build \1\n$/.exec(out) ?? [];
    expect([code, err]).to.deep.equal([3, 'said\n']);
    const next = await run('build', '--', 'sh', '-c', 'echo $CONCORD_TOKEN');
    expect(Number(next.out)).to.be.above(Number(token));
    expect(await run('build', '--', 'sh', '-c', 'kill -TERM $$')).to.include({ code: 143 });
    expect(await run('build', '--', file('none'))).to.include({ code: 127 });
  });

  it('gives the program flags of its own behind --', async () => {
    const { out } = await run('build', '--wait', '5s', '--', 'echo', '--wait', '--', '-x');
    expect(out).to.equal('--wait -- -x\n');
  });

  it('holds the lock as long as the program runs: a second one waits, or gives up and is not started', async () => {
    const first = start('one', '--', 'sh', '-c', staying('first'));
    await until('the first runs', () => isThere('first'));
    const refused = await run('one', '--wait', '0', '--', 'touch', file('never'));
    expect(refused).to.include({ code: 1, out: '' });
    expect(refused.err).to.match(/^error WOULD_BLOCK: /);
    expect((await run('one', '--wait', '100ms', '--json', '--', 'touch', file('never'))).err).to.contain(
      '"code":"LOCK_TIMEOUT"',
    );
    expect(isThere('never')).to.equal(false);
    const second = start('one', '--', 'touch', file('second'));
    first.child.kill('SIGTERM');
    expect((await first.ended).code).to.equal(143);
    expect((await second.ended).code).to.equal(0);
    expect(isThere('second')).to.equal(true);
  });

  it('passes SIGINT and SIGTERM on, and gives the lock back after the program has ended', async () => {
    const script = staying('traps', `trap "echo int > '${file('int')}'; sleep 0.2; exit 9" INT;`);
    const { child, ended } = start('two', '--', 'sh', '-c', script);
    await until('it runs', () => isThere('traps'));
    expect(await holdersOf('two')).to.equal(1);
    child.kill('SIGINT');
    await until('the program was told', () => isThere('int'));
    expect(await holdersOf('two')).to.equal(1);
    expect(await ended).to.deep.equal({ code: 9, out: '', err: '' });
    expect(await holdersOf('two')).to.equal(0);
  });

  it('ends the program when the lock is revoked, and says LOCK_LOST; its fence opens nothing any more', async () => {
    const note = `echo $CONCORD_FENCE > '${file('fence')}';`;
    const trap = `trap "touch '${file('term')}'; exit 0" TERM;`;
    const { ended } = start('three', '--', 'sh', '-c', staying('revoked', note + trap));
    await until('it runs', () => isThere('revoked'));
    await cluster.command('lock.revoke', ['three', 0]);
    const { code, err } = await ended;
    expect(code).to.equal(1);
    expect(err).to.match(/^error LOCK_LOST: /);
    expect(isThere('term')).to.equal(true);
    const fence = readFileSync(file('fence'), 'utf8').trim();
    const lock = await cluster.lock('three').acquire();
    await cluster.queue().size({ fence: lock.fence });
    const refused = await cluster
      .queue()
      .size({ fence })
      .catch((error: unknown) => error);
    expect(refused).to.have.property('code', 'FENCED');
    await lock.release();
  });

  it('kills a program that does not heed its end, and tells one that is asked for its lock', async () => {
    const script = staying('stubborn', 'trap "" TERM;');
    const { ended } = start('four', '--kill-after', '200ms', '--', 'sh', '-c', script);
    await until('it runs', () => isThere('stubborn'));
    await cluster.command('lock.revoke', ['four', 300]);
    const { code, err } = await ended;
    expect(code).to.equal(1);
    expect(err).to.match(/the lock four is asked for: release it within 1s.*\nerror LOCK_LOST: /);
    expect(await holdersOf('four')).to.equal(0);
  });

  it('ends by itself what --hold bounds', async () => {
    const { code, err } = await run('five', '--hold', '300ms', '--', 'sh', '-c', staying('held'));
    expect(code).to.equal(1);
    expect(err).to.match(/^error LOCK_LOST: /);
  });

  it('gives up waiting when it is interrupted, and starts nothing', async () => {
    const lock = await cluster.lock('six').acquire();
    const { child, ended } = start('six', '--', 'touch', file('never'));
    const waiting = async () => ((await cluster.read('lock.find', ['six'])).value as readonly unknown[])[5] === 1;
    await until('it waits', waiting);
    child.kill('SIGINT');
    expect((await ended).code).to.equal(130);
    await lock.release();
    await until('nobody holds it', async () => (await holdersOf('six')) === 0);
    expect(isThere('never')).to.equal(false);
  });

  it('without a cluster ends with 3, with wrong usage with 2, and starts nothing', async () => {
    // Nothing can listen there.
    const nowhere = await run('--connect', '127.0.0.1:0', '--timeout', '300ms', 'k', '--', 'touch', file('never'));
    expect(nowhere).to.include({ code: 3, out: '' });
    expect(nowhere.err).to.contain('UNREACHABLE');
    expect((await run('k')).code).to.equal(2);
    expect((await run('k', '--mode', 'y', '--', 'true')).code).to.equal(2);
    expect((await run('k', '--readonly', '--', 'touch', file('never'))).code).to.equal(1);
    expect(isThere('never')).to.equal(false);
  });
});
