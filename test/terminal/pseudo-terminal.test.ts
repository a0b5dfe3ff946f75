/** The screen in a real (pseudo) terminal, on a make-believe cluster: nothing typed is lost, and the terminal always comes back. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { PseudoTerminal, type PseudoTerminalOptions } from './pseudo-terminal.js';

const FIXTURE = fileURLToPath(new URL('./fixture-screen.js', import.meta.url));
const BACKSPACE = '\u007f';
const ESC = '\u001b';

describe('the screen in a terminal', function () {
  this.timeout(30_000);
  let folder = '';
  let open: PseudoTerminal[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'concord-screen-'));
  });

  afterEach(async () => {
    await Promise.all(open.map((each) => each.close()));
    open = [];
    rmSync(folder, { recursive: true, force: true });
  });

  /** The fixture, ready for keys. */
  async function started(options: PseudoTerminalOptions = {}): Promise<PseudoTerminal> {
    const env = { FIXTURE_LEFT: join(folder, 'left'), ...options.env };
    const terminal = new PseudoTerminal(FIXTURE, [], { ...options, env });
    open.push(terminal);
    await terminal.until('the prompt', (each) => /[›>] *(│|\|)?$/m.test(each.text()) && each.text().includes('quorum'));
    return terminal;
  }

  /** What the fixture was made to do, in order. */
  function done(): string[] {
    const file = join(folder, 'left');
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  }

  it('loses nothing of what is typed, however it arrives', async () => {
    const terminal = await started();
    for (const letter of 'hello') terminal.keys(letter);
    terminal.keys(`abc\rsecond${BACKSPACE}${BACKSPACE}`);
    const bytes = 'é👩‍💻';
    terminal.keys(bytes.slice(0, 1));
    terminal.keys(`${bytes.slice(1)}${BACKSPACE}`);
    await terminal.shows('› secoé');
    await terminal.shows('there is no word helloabc');
    terminal.keys(`\u0015${'enqueue(1)\r'.repeat(40)}`);
    await terminal.until('all lines run', () => done().filter((line) => line === 'run enqueue(1)').length === 40);
    await terminal.until('an empty line', (each) => /› *│?$/m.test(each.text()) && !each.text().includes('› secoé'));
  });

  it('puts the cursor behind what is typed', async () => {
    const terminal = await started({ columns: 80, rows: 24 });
    terminal.keys('enq宽');
    await terminal.shows('› enq宽');
    await terminal.until('the cursor', (each) => each.cursor.row === 22 && each.cursor.column === 9);
  });

  it('takes a paste as one piece and asks before it runs several lines', async () => {
    const terminal = await started();
    terminal.keys(`${ESC}[200~enqueue(1)\nlog\n${ESC}[201~`);
    await terminal.shows('Run 2 pasted lines?');
    expect(done()).to.deep.equal([]);
    terminal.keys('y');
    await terminal.until('both lines', () => done().includes('run log'));
    expect(done()).to.deep.equal(['history enqueue(1)', 'history log', 'run enqueue(1)', 'run log']);
  });

  it('lives through a megabyte of paste', async () => {
    const terminal = await started();
    terminal.keys(`${ESC}[200~${'x'.repeat(1 << 20)}${ESC}[201~`);
    await terminal.shows('The line is full');
    terminal.keys('\u0015log\r');
    await terminal.until('the next command', () => done().includes('run log'));
  });

  it('gives a waiting command up on ^C and goes on', async () => {
    const terminal = await started();
    terminal.keys('dequeue --wait 10s\r');
    await terminal.shows('^C gives it up');
    terminal.keys('\u0003');
    await terminal.shows('CANCELLED');
    terminal.keys('log\r');
    await terminal.until('the next command', () => done().includes('run log'));
  });

  it('is whole after a storm of resizes, down to nothing and back', async () => {
    const terminal = await started({ columns: 120, rows: 40, env: { FIXTURE_BUSY: '1' } });
    const sizes = [
      [80, 24],
      [120, 40],
      [60, 24],
      [30, 5],
      [100, 30],
      [1, 1],
      [120, 20],
      [200, 60],
      [120, 40],
    ] as const;
    for (const [columns, rows] of [...sizes, ...sizes]) {
      terminal.resize(columns, rows);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const isWhole = ({ text }: { text: string }) =>
      text.split('\n')[0]?.startsWith(' concord  demo') === true && text.split('\n').at(-1)?.startsWith('╰') === true;
    await terminal.until('the whole screen', (each) => isWhole({ text: each.text() }));
    const rows = terminal.rows();
    expect(rows.filter((row) => row.includes(' concord '))).to.have.lengthOf(1);
    expect(rows.filter((row) => row.includes('─ events '))).to.have.lengthOf(1);
    for (const row of rows.slice(2)) expect(row, 'a row with both its edges').to.match(/^[╭│├╰].*[╮│┤╯]$/u);
    for (const row of rows.slice(2)) expect(row).to.have.lengthOf(120);
  });

  it('never shows a torn frame while the cluster is busy', async () => {
    const terminal = await started({ columns: 120, rows: 40, env: { FIXTURE_BUSY: '1' } });
    for (let sample = 0; sample < 100; sample++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      const rows = terminal.rows();
      expect(rows[0]).to.match(/^ concord {2}demo/);
      for (const row of rows.slice(2)) expect(row).to.have.lengthOf(120);
    }
  });

  it('keeps what comes from outside in its place', async () => {
    const terminal = await started({ columns: 120, rows: 40 });
    terminal.keys('evil\r');
    await terminal.shows('宽字');
    for (const row of terminal.rows().slice(2)) expect(row).to.match(/^[╭│├╰].*[╮│┤╯]$/u);
    expect(terminal.raw).not.to.include('\u202e');
  });

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const) {
    it(`gives the terminal back on ${signal}, lets go of the cluster, and keeps the last outputs in sight`, async () => {
      const terminal = await started();
      terminal.keys('enqueue(41)\r');
      await terminal.shows('id: 1');
      expect(terminal.isAlternate).to.equal(true);
      terminal.signal(signal);
      expect(await terminal.exited).to.equal(code);
      await terminal.until('the main screen', (each) => !each.isAlternate && each.text().includes('id: 1'));
      expect(terminal.text()).to.include('› enqueue(41)');
      expect(modes(terminal.raw)).to.deep.equal({ '1049': 'l', '7': 'h', '2004': 'l', '25': 'h' });
      expect(done().slice(-2)).to.deep.equal(['left', `code ${code}`]);
    });
  }

  it('gives the terminal back when it is left', async () => {
    const terminal = await started();
    terminal.keys('\u0004');
    expect(await terminal.exited).to.equal(0);
    expect(modes(terminal.raw)).to.deep.equal({ '1049': 'l', '7': 'h', '2004': 'l', '25': 'h' });
    expect(done()).to.deep.equal(['left', 'code 0']);
  });

  it('gives the terminal back before it shows a defect, and shows warnings only then', async () => {
    const terminal = await started();
    terminal.keys('warn\rcrash\r');
    expect(await terminal.exited).not.to.equal(0);
    await terminal.until('the defect', (each) => !each.isAlternate && each.text().includes('a defect'));
    const [before = '', after = ''] = terminal.raw.split(`${ESC}[?1049l`);
    expect(before).not.to.include('a stray warning');
    expect(after).to.include('a stray warning').and.include('a defect');
  });

  it('gives the terminal back while it is stopped, and takes it again', async () => {
    const terminal = await started();
    terminal.keys('enqueue(41)\r');
    await terminal.shows('id: 1');
    terminal.signal('SIGTSTP');
    await terminal.until('the main screen', (each) => !each.isAlternate && each.isStopped);
    terminal.signal('SIGCONT');
    await terminal.until('the screen again', (each) => each.isAlternate && each.text().includes('id: 1'));
    terminal.keys('log\r');
    await terminal.until('the next command', () => done().includes('run log'));
  });

  it('never takes the mouse, and never clears what was scrolled away', async () => {
    const terminal = await started();
    terminal.keys('log\r');
    await terminal.shows('INDEX');
    terminal.keys('\u0004');
    await terminal.exited;
    for (const mode of ['9', '1000', '1002', '1003', '1005', '1006', '1015', '1016']) {
      expect(terminal.raw).not.to.include(`${ESC}[?${mode}h`);
    }
    expect(terminal.raw).not.to.include(`${ESC}[3J`);
  });

  it('writes no colours with NO_COLOR, and no Unicode where the locale has none', async () => {
    const terminal = await started({ env: { NO_COLOR: '1', LANG: 'C' } });
    terminal.keys('nodes\r');
    await terminal.shows('ADDRESS');
    expect(Buffer.from(terminal.raw).every((byte) => byte < 0x80)).to.equal(true);
    expect(terminal.raw).not.to.match(/\[(?:[\d;]*;)?(?:3\d|4\d|9\d)m/);
    expect(terminal.text()).to.include('* LEADER').and.include('o follower');
  });
});

/** The last setting of each mode that the screen touches. */
function modes(raw: string): Record<string, string> {
  const last: Record<string, string> = {};
  for (const [, mode = '', set = ''] of raw.matchAll(new RegExp(`${ESC}\\[\\?(1049|7|2004|25)([hl])`, 'g')))
    last[mode] = set;
  return last;
}
