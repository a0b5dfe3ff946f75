/** `concord bench` as a person runs it: processes of its own, a short load, figures at the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { connect } from '../../protocol/client/index.js';
import { attachKeeper } from '../../tui/cluster/attach.js';
import type { Keeper } from '../../tui/cluster/types.js';
import { ALL_RUN, reached, until } from './local-cluster.js';

const MAIN = fileURLToPath(new URL('../../tui/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Watch {
  /** What is said meanwhile. */
  note?(text: string, child: ChildProcess): void;
  /** What is found. */
  found?(text: string, child: ChildProcess): void;
}

/** Runs `concord bench` to its end. */
function bench(words: readonly string[], watch: Watch = {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, 'bench', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
    watch.found?.(String(chunk), child);
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
    watch.note?.(String(chunk), child);
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

/** The results in lines of JSON, all of them good. */
function resultsIn(out: string): Record<string, unknown>[] {
  const replies = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  for (const { ok, error } of replies) expect([ok, error]).to.deep.equal([true, null]);
  return replies.map(({ result }) => result);
}

/** The load processes of a bench. */
function loadsOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const [, ppid] = /\) \S+ (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
        return Number(ppid) === parent && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('load-main.js');
      } catch {
        return false;
      }
    });
}

function isThere(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

const NODES = ['n1', 'n2', 'n3'];

describe('concord bench', function () {
  this.timeout(90_000);
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

  it('queue measures one depth after another on a cluster of its own, and leaves nothing of it', async () => {
    const words = ['--in-flight', '1,32', '--clients', '2', '--seconds', '1', '--size', '100', '--profile'];
    const { code, out } = await bench(['queue', ...words]);
    expect(code).to.equal(0);
    const lines = out.split('\n');
    expect(lines[0]).to.contain('100 B').and.contain('2 clients');
    expect(lines[1]).to.match(/^in flight +commands\/s +p50 ms/);
    expect(lines[2]).to.match(/^ +1 +[1-9]\d* /);
    expect(lines[3]).to.match(/^ +32 +[1-9]\d* /);
    expect(out).to.match(/^ +32 +follower n\d .*\d$/m);
    expect(readdirSync(home)).to.deep.equal([]);
  });

  it('read gives its figures as an object', async () => {
    const { code, out } = await bench(['read', '--seconds', '1', '--in-flight', '16', '--json']);
    expect(code).to.equal(0);
    const [figures, ...more] = resultsIn(out);
    expect(more).to.deep.equal([]);
    expect(figures).to.deep.include({ bench: 'read', in_flight: 16, clients: 8, errors: 0, interrupted: false });
    expect(figures?.['per_second']).to.be.greaterThan(0);
    expect(figures?.['syncs_per_s']).to.have.all.keys(NODES);
    expect(readdirSync(home)).to.deep.equal([]);
  });

  it('failover kills and pauses leaders, and leaves nothing', async () => {
    const { code, out } = await bench(['failover', '--trials', '1', '--json']);
    expect(code).to.equal(0);
    const figures = resultsIn(out);
    expect(figures.map(({ fault, trials, errors }) => [fault, trials, errors])).to.deep.equal([
      ['kill', 1, 0],
      ['pause', 1, 0],
    ]);
    for (const { gaps_ms, median_ms } of figures) {
      expect(median_ms).to.be.greaterThan(0);
      expect(gaps_ms).to.deep.equal([median_ms]);
    }
    expect(readdirSync(home)).to.deep.equal([]);
  });

  it('idle tells of each node, and leaves nothing', async () => {
    const { code, out } = await bench(['idle', '--rest', '1', '--seconds', '1', '--json']);
    expect(code).to.equal(0);
    const [figures] = resultsIn(out);
    expect(figures?.['cpu_percent_of']).to.have.all.keys(NODES);
    expect(figures?.['cpu_percent']).to.be.at.least(0);
    if (process.platform === 'linux') expect(figures?.['rss_anon_bytes']).to.have.all.keys(NODES);
    expect(readdirSync(home)).to.deep.equal([]);
  });

  it('prints what it has when it is interrupted, and leaves nothing', async () => {
    const words = ['queue', '--in-flight', '2,4', '--seconds', '3', '--json'];
    const interrupt = (_: string, child: ChildProcess) => child.kill('SIGINT');
    let first = true;
    const { code, out } = await bench(words, {
      found(text, child) {
        if (first) interrupt(text, child);
        first = false;
      },
    });
    expect(code).to.equal(130);
    const replies = out.trimEnd().split('\n');
    expect(resultsIn(replies[0] ?? '')[0]).to.include({ in_flight: 2, interrupted: false });
    expect(JSON.parse(replies.at(-1) ?? '')).to.have.nested.property('error.code', 'CANCELLED');
    expect(readdirSync(home)).to.deep.equal([]);
  });

  it('tells misuse by exit code 2', async () => {
    expect(await bench(['queue', '--in-flight', '0'])).to.include({ code: 2, out: '' });
    expect(await bench(['queue', '--in-flight', '1025', '--clients', '1'])).to.include({ code: 2, out: '' });
    expect(await bench(['queue', '--size', '1e9'])).to.include({ code: 2, out: '' });
    expect(await bench(['failover', '--connect', '127.0.0.1:1'])).to.include({ code: 2, out: '' });
    expect(await bench([])).to.include({ code: 2, out: '' });
  });

  describe('on the cluster of others', () => {
    let keeper: Keeper;
    let addresses: string[];
    const onIt = (...words: string[]) => [...words, '--connect', addresses.join(',')];

    beforeEach(async () => {
      keeper = await attachKeeper({ config: null, temp: true, faults: 'on' });
      await reached(keeper, ALL_RUN);
      addresses = keeper.nodes.map((node) => node.address);
    });

    afterEach(async () => {
      await keeper.leave();
    });

    it('takes nothing that is theirs, and leaves the queue empty', async () => {
      const { code, out } = await bench(onIt('queue', '--seconds', '1', '--json'));
      expect(code).to.equal(0);
      const [figures] = resultsIn(out);
      expect(figures).to.include({ in_flight: 64, size: 256, clients: 8 });
      expect(figures?.['leader']).to.be.oneOf(NODES);
      const followers = NODES.filter((id) => id !== figures?.['leader']);
      expect(figures).to.have.property('cpu_us').with.property('followers').that.has.all.keys(followers);

      await using cluster = await connect({ nodes: addresses });
      expect(await cluster.queue().size()).to.equal(0);
      await cluster.queue().enqueue('somebody else’s');
      const refused = await bench(onIt('queue', '--seconds', '1'));
      expect(refused).to.include({ code: 1, out: '' });
      expect(refused.err).to.contain('holds 1 messages');
      expect(await cluster.queue().dequeue()).to.have.property('body', 'somebody else’s');
    });

    it('slows the disks for its own time only, and empties the queue when it is interrupted', async () => {
      await using cluster = await connect({ nodes: addresses });
      const inForce = async () => {
        const answers = await Promise.all(NODES.map((node) => cluster.admin('faults', null, { node })));
        return answers.map(({ value }) => (value as { readonly faults: readonly { ms: number }[] }).faults);
      };
      let meanwhile: unknown;
      const interrupted = await bench(onIt('queue', '--seconds', '60', '--slow-disk', '20ms'), {
        note(text, child) {
          if (!text.includes('64 in flight')) return;
          void inForce().then((faults) => {
            meanwhile = faults.map(([fault]) => fault?.ms);
            child.kill('SIGINT');
          });
        },
      });
      expect(interrupted).to.include({ code: 130, out: '' });
      expect(meanwhile).to.deep.equal([20, 20, 20]);
      expect(await inForce()).to.deep.equal([[], [], []]);
      expect(await cluster.queue().size()).to.equal(0);
    });

    it('makes its load in a process of its own, which never outlives it', async () => {
      if (process.platform !== 'linux') return;
      let loads: number[] = [];
      await new Promise((resolve) => {
        void bench(onIt('read', '--seconds', '60'), {
          note(text, child) {
            if (!text.includes('64 in flight')) return;
            loads = loadsOf(child.pid ?? 0);
            child.once('exit', resolve);
            child.kill('SIGKILL');
          },
        });
      });
      try {
        expect(loads).to.have.length(1);
        await until('the load process is gone', () => !loads.some(isThere));
      } finally {
        for (const pid of loads.filter(isThere)) process.kill(pid, 'SIGKILL');
      }
    });
  });
});
