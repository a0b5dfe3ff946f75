/** What keys do to the screen, from the first letter to the reply. */
import { expect } from 'chai';
import { Input } from '../../tui/input.js';
import { Runner, type ScreenStore } from '../../tui/runner.js';
import type { ScreenContext } from '../../tui/session/context.js';
import { reduceScreen } from '../../tui/session/reducer.js';
import type { Reply } from '../../tui/session/reply.js';
import { emptyScreen, SCREEN_LIMITS, type ScreenState } from '../../tui/session/state.js';
import { Store } from '../../tui/session/store.js';
import { KeyReader } from '../../tui/terminal/keys.js';
import { FakeClock } from '../terminal/fake-clock.js';
import { failure, grammar, reply } from '../terminal/screen-world.js';

const [ENTER, TAB, UP, DOWN, ESC] = ['\r', '\t', '\u001b[A', '\u001b[B', '\u001b'];
const [CTRL_C, CTRL_D, CTRL_R, BACKSPACE] = ['\u0003', '\u0004', '\u0012', '\u007f'];
const paste = (text: string) => `\u001b[200~${text}\u001b[201~`;

/** A person at the keyboard. Lines that begin with `wait` run until they are given up or finished. */
class Typist {
  readonly ran: string[] = [];
  readonly remembered: string[] = [];
  left = 0;
  private readonly finish: (() => void)[] = [];
  readonly store: ScreenStore = new Store(emptyScreen('demo', false, 0), reduceScreen, new FakeClock());
  private readonly input: Input;

  constructor(history: readonly string[] = []) {
    const context: ScreenContext = {
      title: 'demo',
      grammar,
      history: { load: async () => [], add: (line) => this.remembered.push(line) },
      view: { use: 'auto', focus: 'auto', onChange: () => () => {} },
      options: { ascii: false, readonly: false },
      observe: () => () => {},
      names: () => ({ nodes: ['n1', 'n2'], groups: ['s0'], locks: [] }),
      heldLocks: () => [],
      onNotice: () => () => {},
      session: () => ({ id: 12, state: 'open' }),
      confirm: (line) => questionAbout(line),
      leaves: (line) => line === 'exit',
      execute: (line, signal) => this.execute(line, signal),
      leave: async () => {},
    };
    const leave = () => {
      this.left += 1;
    };
    const runner = new Runner(context, this.store, leave);
    const scrollRange = () => ({ page: 10, most: 25 });
    this.input = new Input({ context, store: this.store, runner, leave, repaint() {}, suspend() {}, scrollRange });
    this.store.dispatch({ kind: 'edit', command: { do: 'load', history } });
  }

  /** Types, and lets everything happen that follows by itself. */
  async type(...texts: string[]): Promise<this> {
    for (const text of texts) {
      const reader = new KeyReader();
      this.input.keys([...reader.push(Buffer.from(text)), ...reader.flush()]);
      await new Promise(setImmediate);
    }
    return this;
  }

  /** Ends the oldest command that waits. */
  async done(): Promise<this> {
    this.finish.shift()?.();
    await new Promise(setImmediate);
    return this;
  }

  get state(): ScreenState {
    return this.store.get();
  }

  get line(): string {
    return this.state.editor.line.text;
  }

  get output(): string[] {
    return this.state.output.map((entry) => (entry.form === 'note' ? entry.text : `${entry.form} ${entry.line}`));
  }

  private execute(line: string, signal: AbortSignal): Promise<Reply> {
    this.ran.push(line);
    if (!line.startsWith('wait')) return Promise.resolve(reply(line, 41));
    return new Promise((resolve) => {
      this.finish.push(() => resolve(reply(line, 41)));
      signal.addEventListener('abort', () => resolve(failure(line, 'CANCELLED')), { once: true });
    });
  }
}

function questionAbout(line: string) {
  if (line.startsWith('kill')) return { text: 'sure?', answer: 'y', line: `${line} --yes` };
  return line.startsWith('purge') ? { text: 'sure?', answer: 'jobs', line: `${line} --yes` } : null;
}

describe('keys on the screen', () => {
  it('run a line and remember it', async () => {
    const typist = await new Typist().type('log', ENTER);
    expect([typist.ran, typist.remembered, typist.line]).to.deep.equal([['log'], ['log'], '']);
    expect(typist.output).to.deep.equal(['done log']);
    expect(typist.state.session.id).to.equal(12);
  });

  it('run every line of a burst, in order, losing nothing', async () => {
    const typist = await new Typist().type(`hel`, `loabc${ENTER}second${BACKSPACE}${BACKSPACE}é👩‍💻${BACKSPACE}`);
    expect([typist.ran, typist.line]).to.deep.equal([['helloabc'], 'secoé']);
  });

  it('run lines one after the other', async () => {
    const typist = await new Typist().type(`wait${ENTER}log${ENTER}nodes${ENTER}`);
    expect(typist.output).to.deep.equal(['running wait', 'queued log', 'queued nodes']);
    await typist.done();
    expect(typist.output).to.deep.equal(['done wait', 'done log', 'done nodes']);
  });

  it('let a blank line be', async () => {
    const typist = await new Typist().type(ENTER, '   ', ENTER);
    expect([typist.ran, typist.output, typist.remembered]).to.deep.equal([[], [], []]);
  });

  it('refuse more waiting lines than there is room for', async () => {
    const typist = await new Typist().type(`wait${ENTER}`, `log${ENTER}`.repeat(SCREEN_LIMITS.queued_lines_max + 5));
    await typist.type(CTRL_C);
    expect(typist.ran).to.deep.equal(['wait']);
    expect(typist.output.at(-1)).to.match(/^Too many lines/);
  });
});

describe('^C', () => {
  it('gives the running command up, with those that wait for it', async () => {
    const typist = await new Typist().type(`wait${ENTER}log${ENTER}half a line`, CTRL_C);
    expect(typist.ran).to.deep.equal(['wait']);
    expect(typist.output).to.deep.equal(['done wait']);
    expect(typist.line).to.equal('half a line');
  });

  it('else clears the line', async () => {
    expect((await new Typist().type('half', CTRL_C)).line).to.equal('');
  });

  it('says how to leave the second time on an empty line', async () => {
    const typist = await new Typist().type(CTRL_C);
    expect(typist.output).to.deep.equal([]);
    await typist.type(CTRL_C);
    expect(typist.output).to.deep.equal(['To leave: ^D, or type exit.']);
    expect(typist.left).to.equal(0);
  });
});

describe('leaving', () => {
  it('is ^D on an empty line; elsewhere it deletes', async () => {
    const typist = await new Typist().type('ab', '\u0001', CTRL_D);
    expect([typist.line, typist.left]).to.deep.equal(['b', 0]);
    expect((await typist.type(BACKSPACE, '\u0005', BACKSPACE, CTRL_D)).left).to.equal(1);
  });

  it('is a word as well', async () => {
    const typist = await new Typist().type(`exit${ENTER}`);
    expect([typist.left, typist.ran]).to.deep.equal([1, []]);
  });
});

describe('questions', () => {
  it('come before what destroys, and y is a yes', async () => {
    const typist = await new Typist().type(`kill n1${ENTER}`);
    expect([typist.ran, typist.state.question?.text]).to.deep.equal([[], 'sure?']);
    await typist.type('y');
    expect([typist.ran, typist.state.question]).to.deep.equal([['kill n1 --yes'], null]);
    expect(typist.output).to.deep.equal(['done kill n1']);
  });

  it('leave everything as it is for n, Esc and ^C, with the lines behind', async () => {
    for (const no of ['n', ESC, CTRL_C]) {
      const typist = await new Typist().type(`kill n1${ENTER}`, no);
      expect([typist.ran, typist.output]).to.deep.equal([[], ['Left alone: kill n1']]);
    }
  });

  it('want a name typed where that is asked, exactly', async () => {
    const typist = await new Typist().type(`purge jobs${ENTER}`, 'y', ENTER);
    expect(typist.ran).to.deep.equal([]);
    await typist.type(`purge jobs${ENTER}`, 'jobx', BACKSPACE, 's', ENTER);
    expect(typist.ran).to.deep.equal(['purge jobs --yes']);
  });

  it('come one after the other', async () => {
    const typist = await new Typist().type(`wait${ENTER}kill n1${ENTER}`, paste('log\nnodes'));
    await typist.done();
    expect(typist.state.question?.text).to.equal('Run 2 pasted lines?');
    await typist.type('n');
    expect(typist.state.question?.text).to.equal('sure?');
    expect((await typist.type('y')).ran).to.deep.equal(['wait', 'kill n1 --yes']);
  });

  it('hold back the lines behind them', async () => {
    const typist = await new Typist().type(`wait${ENTER}kill n1${ENTER}log${ENTER}`);
    await typist.done();
    expect(typist.output).to.deep.equal(['done wait', 'queued kill n1', 'queued log']);
    await typist.type('y');
    expect(typist.ran).to.deep.equal(['wait', 'kill n1 --yes', 'log']);
  });
});

describe('pasting', () => {
  it('puts one line into the line, without running it', async () => {
    const typist = await new Typist().type('enqueue(', paste('a\tb\n'), ')');
    expect([typist.line, typist.ran]).to.deep.equal(['enqueue(a b)', []]);
  });

  it('asks before it runs several lines, then runs them in order', async () => {
    const typist = await new Typist().type('en', paste('queue(1)\n\nlog\nnodes'));
    expect([typist.ran, typist.state.question?.text]).to.deep.equal([[], 'Run 3 pasted lines?']);
    await typist.type('y');
    expect([typist.ran, typist.line]).to.deep.equal([['enqueue(1)', 'log', 'nodes'], '']);
  });

  it('runs nothing when the answer is no, and keeps what was typed', async () => {
    const typist = await new Typist().type('en', paste('queue(1)\nlog'), 'n');
    expect([typist.ran, typist.line]).to.deep.equal([[], 'en']);
  });

  it('asks for each pasted line that destroys', async () => {
    const typist = await new Typist().type(paste('log\nkill n1\nnodes'), 'y');
    expect(typist.ran).to.deep.equal(['log']);
    expect((await typist.type('y')).ran).to.deep.equal(['log', 'kill n1 --yes', 'nodes']);
  });

  it('survives a megabyte', async () => {
    const typist = await new Typist().type(paste('x'.repeat(1_000_000)));
    expect(typist.line).to.have.lengthOf(16_384);
    expect(typist.output.at(-1)).to.match(/^The line is full/);
  });
});

describe('completion by keys', () => {
  it('opens, chooses and takes without running', async () => {
    const typist = await new Typist().type('e', TAB);
    expect(typist.state.editor.completion?.candidates).to.have.lengthOf(2);
    await typist.type(TAB, TAB, ENTER);
    expect([typist.line, typist.ran, typist.state.editor.completion]).to.deep.equal(['exit', [], null]);
  });

  it('runs the line when nothing was chosen', async () => {
    expect((await new Typist().type('e', TAB, ENTER)).ran).to.deep.equal(['e']);
  });

  it('filters while letters are typed, and closes for Esc', async () => {
    const typist = await new Typist().type('e', TAB, 'x');
    expect(typist.state.editor.completion?.candidates.map((each) => each.text)).to.deep.equal(['exit']);
    expect((await typist.type(ESC)).state.editor.completion).to.equal(null);
  });
});

describe('history and search by keys', () => {
  it('walk with the draft kept', async () => {
    const typist = await new Typist(['log 5', 'nodes']).type('lo', UP);
    expect(typist.line).to.equal('log 5');
    expect((await typist.type(DOWN)).line).to.equal('lo');
  });

  it('run what was found', async () => {
    expect((await new Typist(['log 5', 'nodes']).type(CTRL_R, 'lo', ENTER)).ran).to.deep.equal(['log 5']);
    expect((await new Typist(['log 5']).type('x', CTRL_R, 'lo', CTRL_C)).line).to.equal('x');
  });
});

describe('help and scrolling by keys', () => {
  it('opens on ? in an empty line only, and closes', async () => {
    const typist = await new Typist().type('?');
    expect(typist.state.help).to.equal(true);
    expect((await typist.type('x', 'q')).state.help).to.equal(false);
    expect((await typist.type('a?')).line).to.equal('a?');
  });

  it('scrolls by pages, not beyond the ends; a new line goes back to the end', async () => {
    const typist = await new Typist().type('\u001b[5~', '\u001b[5~', '\u001b[5~');
    expect(typist.state.scroll).to.equal(25);
    expect((await typist.type('\u001b[6~')).state.scroll).to.equal(15);
    expect((await typist.type(`log${ENTER}`)).state.scroll).to.equal(0);
  });
});
