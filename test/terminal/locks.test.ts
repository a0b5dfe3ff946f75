/** Two terminals and a lock: one holds it, the other sees that and takes it away, and the first is told. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { PseudoTerminal } from './pseudo-terminal.js';

const MAIN = fileURLToPath(new URL('../../tui/main.js', import.meta.url));
const CONTROL_D = '\u0004';

describe('a lock between two terminals', function () {
  this.timeout(90_000);
  let home = '';
  const open: PseudoTerminal[] = [];

  beforeEach(() => {
    home = realpathSync(mkdtempSync(join(tmpdir(), 'concord-locks-')));
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
    rmSync(home, { recursive: true, force: true });
  });

  function terminal(...words: string[]): PseudoTerminal {
    const one = new PseudoTerminal(MAIN, words, { columns: 120, rows: 40, env: { TMPDIR: home } });
    open.push(one);
    return one;
  }

  it('is held in sight of both, and its loss is told the moment it comes', async () => {
    const first = terminal('--temp');
    await first.shows('quorum 3/3');
    first.keys('acquire build --note nightly\r');
    await first.shows('token: ');
    await first.until('the lock in the head', (each) => each.rows()[0]?.includes('holds build') === true);
    first.keys('nodes\r');
    await first.shows('ADDRESS');
    const addresses = [...new Set([...first.text().matchAll(/127\.0\.0\.1:\d+/g)].map(([address]) => address))];
    expect(addresses).to.have.length(3);

    const second = terminal('--plain', '--connect', addresses.join(','));
    await second.shows('concord>');
    second.keys('locks\r');
    await second.until('the lock', (each) => /^build +x +1 +0 /m.test(each.text()));
    second.keys('lock build\r');
    await second.shows('nightly');
    second.keys('revoke build\r');
    await second.shows('error CONFIRM');
    expect(first.text()).not.to.contain('is lost');
    second.keys('revoke build --yes\r');
    await first.shows('the lock build is lost: it was revoked');
    await first.until('a head without it', (each) => each.rows()[0]?.includes('holds') === false);

    second.keys('acquire build\r');
    await second.until('the lock', (each) => /lock build {2}mode x {2}token \d+/.test(each.text()));
    first.keys('revoke build\ry\r');
    await second.shows('! the lock build is lost: it was revoked');
    await second.until('a new prompt', (each) => /is lost.*\n(?:.*\n)*concord> *$/.test(each.text().trimEnd()));
    second.keys('exit\r');
    expect(await second.exited).to.equal(2);
    first.keys(CONTROL_D);
    expect(await first.exited).to.equal(0);
  });
});
