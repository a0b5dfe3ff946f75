/** A program under a lock: its environment, its end, and what becomes of it when the lock is lost. Real processes, a lock made up. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { runGuarded, type Surroundings } from '../../tui/with-lock/guarded.js';
import { GrantedLock, GrantedLocks } from './granted-locks.js';

/** Goes on for much longer than a test takes, but not for ever. */
const STAY = 'i=0; while [ $i -lt 1500 ]; do sleep 0.01; i=$((i+1)); done';

describe('a program under a lock', () => {
  let folder = '';
  let lock: GrantedLock;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'concord-with-lock-'));
    lock = new GrantedLock('build', 'x', 118, new GrantedLocks());
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Runs a script of the shell, in which $OUT is a file. */
  function run(script: string, around: Partial<Surroundings> = {}) {
    return runGuarded(lock, ['sh', '-c', script], {
      environment: { ...process.env, OUT: out() },
      killAfter_ms: 60_000,
      onSignal: () => () => {},
      ...around,
    });
  }
  const out = () => join(folder, 'out');
  const said = () => {
    try {
      return readFileSync(out(), 'utf8');
    } catch {
      return '';
    }
  };
  async function untilSaid(text: string): Promise<void> {
    while (!said().includes(text)) await sleep(5);
  }

  it('has the fence in its environment, beside what was there', async () => {
    await run('echo "$CONCORD_FENCE $CONCORD_LOCK $CONCORD_TOKEN $HERE" > "$OUT"', {
      environment: { ...process.env, OUT: out(), HERE: 'too' },
    });
    expect(said()).to.equal('build:118 build 118 too\n');
  });

  it('passes its exit code on, 128 and the number of a signal', async () => {
    expect(await run('exit 0')).to.deep.equal({ code: 0, failure: null });
    expect(await run('exit 42')).to.deep.equal({ code: 42, failure: null });
    expect(await run('kill -KILL $$')).to.deep.equal({ code: 137, failure: null });
    expect(await run('kill -TERM $$')).to.deep.equal({ code: 143, failure: null });
  });

  it('that is not there, or cannot be run, is told apart as shells do', async () => {
    const options = { environment: process.env, killAfter_ms: 1000, onSignal: () => () => {} };
    expect(await runGuarded(lock, [join(folder, 'none')], options)).to.deep.equal({
      code: 127,
      failure: `there is no program ${join(folder, 'none')}`,
    });
    expect((await runGuarded(lock, [folder], options)).code).to.equal(126);
  });

  it('gets the signals that are passed on, up to its end', async () => {
    let pass = (_signal: NodeJS.Signals) => {};
    let listening = false;
    const running = run(`trap "echo int > \\"$OUT\\"; exit 5" INT; echo ready > "$OUT"; ${STAY}`, {
      onSignal: (listener) => {
        pass = listener;
        listening = true;
        return () => {
          listening = false;
        };
      },
    });
    await untilSaid('ready');
    pass('SIGINT');
    expect(await running).to.deep.equal({ code: 5, failure: null });
    expect(said()).to.equal('int\n');
    expect(listening).to.equal(false);
  });

  it('gets SIGTERM when the lock is lost', async () => {
    const running = run(`trap "exit 7" TERM; echo ready > "$OUT"; ${STAY}`);
    await untilSaid('ready');
    lock.lose();
    expect(await running).to.deep.equal({ code: 7, failure: null });
  });

  it('gets SIGKILL when it does not heed that, after its grace and not before', async () => {
    const running = run(`trap "echo term >> \\"$OUT\\"" TERM; echo ready > "$OUT"; ${STAY}`, {
      killAfter_ms: 700,
    });
    await untilSaid('ready');
    lock.lose();
    expect(await running).to.deep.equal({ code: 137, failure: null });
    expect(said()).to.equal('ready\nterm\n');
  });

  it('does not outlive a lock that was lost before it began', async () => {
    lock.lose();
    expect((await run(STAY)).code).to.equal(143);
  });
});
