/** Frames on the terminal: only what changed is written, and what is shown is always the last frame. */
import { EventEmitter } from 'node:events';
import xterm from '@xterm/headless';
import { expect } from 'chai';
import fc from 'fast-check';
import { FrameOut, type TerminalOut } from '../../tui/terminal/frame-out.js';
import { FakeClock } from '../terminal/fake-clock.js';

/** A terminal that remembers what was written to it. */
class FakeTerminal extends EventEmitter implements TerminalOut {
  columns: number;
  rows: number;
  readonly writes: string[] = [];
  full = false;

  constructor(columns = 20, rows = 4) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): boolean {
    this.writes.push(text);
    return !this.full;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.emit('resize');
  }
}

function started(columns?: number, rows?: number) {
  const terminal = new FakeTerminal(columns, rows);
  const clock = new FakeClock();
  const out = new FrameOut(terminal, clock);
  const paint = (frame: string) => {
    out.write(frame);
    clock.advance(100);
    return terminal.writes.at(-1) ?? '';
  };
  return { terminal, clock, out, paint };
}

/** What a real terminal shows after these bytes. */
async function shown(bytes: string, columns: number, rows: number): Promise<string[]> {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  await new Promise<void>((done) => terminal.write(bytes, done));
  const { active } = terminal.buffer;
  return Array.from({ length: rows }, (_, row) => active.getLine(row)?.translateToString(true).trimEnd() ?? '');
}

describe('FrameOut', () => {
  it('paints the first frame on a cleared screen, later only the rows that changed', () => {
    const { paint } = started();
    expect(paint('one\ntwo\nthree')).to.include('\u001b[2J').and.include('one').and.include('three');
    const second = paint('one\nTWO\nthree');
    expect(second).to.include('\u001b[2;1H').and.include('TWO');
    expect(second).not.to.include('one');
    expect(second).not.to.include('three');
    expect(second).not.to.include('\u001b[2J');
  });

  it('writes nothing for a frame that is shown already', () => {
    const { paint, terminal } = started();
    paint('same');
    paint('same');
    expect(terminal.writes).to.have.lengthOf(1);
  });

  it('paints at most 30 times a second, and the newest frame', () => {
    const { out, clock, terminal } = started();
    for (let nth = 0; nth < 1000; nth++) {
      out.write(`frame ${nth}`);
      clock.advance(1);
    }
    clock.advance(100);
    expect(terminal.writes.length).to.be.within(25, 32);
    expect(terminal.writes.at(-1)).to.include('frame 999');
  });

  it('paints the first key at once', () => {
    const { out, clock, terminal, paint } = started();
    paint('a');
    clock.advance(500);
    out.write('ab');
    clock.advance(0);
    expect(terminal.writes).to.have.lengthOf(2);
  });

  it('marks each paint as one, the cursor hidden meanwhile', () => {
    const { paint } = started();
    expect(paint('x').startsWith('\u001b[?2026h\u001b[?25l')).to.equal(true);
    expect(paint('y').endsWith('\u001b[?2026l')).to.equal(true);
  });

  it('puts the cursor where it belongs, also when nothing else changed', () => {
    const { out, clock, terminal, paint } = started();
    out.setCursor({ row: 2, column: 5 });
    expect(paint('x')).to.include('\u001b[3;6H').and.include('\u001b[?25h');
    out.setCursor({ row: 2, column: 6 });
    clock.advance(100);
    expect(terminal.writes.at(-1)).to.include('\u001b[3;7H');
    out.setCursor(null);
    clock.advance(100);
    expect(terminal.writes.at(-1)).not.to.include('\u001b[?25h');
  });

  it('paints everything again after a resize', () => {
    const { out, terminal, clock, paint } = started();
    paint('one\ntwo');
    let told = 0;
    out.on('resize', () => {
      told += 1;
    });
    terminal.resize(30, 8);
    clock.advance(100);
    expect(told).to.equal(1);
    expect([out.columns, out.rows]).to.deep.equal([30, 8]);
    expect(terminal.writes).to.have.lengthOf(2);
    expect(terminal.writes[1]).to.include('\u001b[2J').and.include('one').and.include('two');
  });

  it('never writes below the last row', () => {
    expect(started(20, 3).paint('1\n2\n3\n4\n5')).not.to.include('4');
  });

  it('waits for a terminal that does not keep up, then shows the newest', () => {
    const { terminal, clock, out, paint } = started();
    terminal.full = true;
    paint('one');
    out.write('two');
    clock.advance(1000);
    out.write('three');
    clock.advance(1000);
    expect(terminal.writes).to.have.lengthOf(1);
    terminal.full = false;
    terminal.emit('drain');
    clock.advance(100);
    expect(terminal.writes).to.have.lengthOf(2);
    expect(terminal.writes[1]).to.include('three');
  });

  it('has a usable size before the terminal knows its own, and is silent when closed', () => {
    const { out, terminal, clock } = started(0, 0);
    expect([out.columns, out.rows]).to.deep.equal([80, 24]);
    out.close();
    out.write('x');
    clock.advance(100);
    expect([terminal.writes, clock.waiting, terminal.listenerCount('resize')]).to.deep.equal([[], 0, 0]);
  });

  it('leaves the last frame on the terminal, whatever came before it', async () => {
    const row = fc
      .array(fc.constantFrom('a', 'B', '宽', ' ', '\u001b[31mr\u001b[0m', '━'), { maxLength: 8 })
      .map((parts) => parts.join(''));
    const frame = fc.array(row, { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 6 }), async (frames) => {
        const { terminal, paint } = started(20, 5);
        for (const rows of frames) paint(rows.join('\n'));
        const last = frames.at(-1) ?? [];
        const wanted = Array.from({ length: 5 }, (_, nth) =>
          (last[nth] ?? '').replaceAll('\u001b[31m', '').replaceAll('\u001b[0m', '').trimEnd(),
        );
        expect(await shown(terminal.writes.join(''), 20, 5)).to.deep.equal(wanted);
      }),
      { numRuns: 60 },
    );
  });
});
