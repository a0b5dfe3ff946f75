/** The command line of `concord`: options before and after a word, and words that reach the grammar as they were given. */
import { expect } from 'chai';
import { CommanderError } from 'commander';
import { parse } from '../../tui/grammar/index.js';
import { DEFAULTS, faultDoors, type ShellOptions } from '../../tui/shell/options.js';
import { linesIn, runProgram } from '../../tui/shell/program.js';
import { WITH_LOCK_DEFAULTS } from '../../tui/with-lock/options.js';

interface Done {
  readonly action: string;
  readonly lines: readonly string[];
  readonly options: ShellOptions;
}

/** What the words of a shell come to. */
async function concord(...words: string[]): Promise<Done> {
  const done: Done[] = [];
  const act =
    (action: string) =>
    async (...given: [ShellOptions] | [readonly string[], ShellOptions]): Promise<number> => {
      const options = given.at(-1) as ShellOptions;
      done.push({ action, lines: given.length === 2 ? given[0] : [], options });
      return 7;
    };
  const actions = {
    interact: act('interact'),
    run: act('run'),
    up: act('up'),
    down: act('down'),
    bench: (kind: string, options: ShellOptions) => act('bench')([kind], options),
    batch: (file: string, options: ShellOptions) => act('batch')([file], options),
    withLock: (lock: string, program: readonly string[], options: ShellOptions) =>
      act('with-lock')([lock, ...program], options),
  };
  expect(await runProgram(words, () => '1.2.3', actions)).to.equal(7);
  expect(done).to.have.length(1);
  return done[0] as Done;
}

describe('the command line of concord', () => {
  it('without a word is the screen or line mode', async () => {
    expect(await concord()).to.deep.equal({ action: 'interact', lines: [], options: DEFAULTS });
    const { options } = await concord(
      '--temp',
      '--json',
      '--connect',
      'a:1,[::1]:2',
      '--no-follow',
      '--timeout',
      '200ms',
    );
    expect(options).to.deep.equal({
      ...DEFAULTS,
      temp: true,
      json: true,
      connect: ['a:1', '[::1]:2'],
      follow: false,
      timeout: 200,
    });
  });

  it('is told whether local nodes can be broken, and lose at a kill what was not synced', async () => {
    const doors = async (...words: string[]) => faultDoors((await concord(...words)).options);
    expect(await doors()).to.equal(undefined);
    expect(await doors('--faults')).to.equal('on');
    expect(await doors('up', '--faults')).to.equal('on');
    expect(await doors('--faults-hold-writes')).to.equal('hold-writes');
  });

  it('has every word as a subcommand, with its options on either side', async () => {
    const before = await concord('--connect', 'a:1', '--json', 'log', '5', '--from', '3', '@n2');
    const after = await concord('log', '5', '--connect', 'a:1', '--from', '3', '@n2', '--json');
    expect(before).to.deep.equal(after);
    expect(before.lines).to.deep.equal(['log 5 --from 3 @n2']);
    expect(before.options).to.deep.include({ connect: ['a:1'], json: true });
    expect((await concord('--no-follow', 'size', '--temp')).options).to.deep.include({ follow: false, temp: true });
    expect((await concord('quit')).lines).to.deep.equal(['exit']);
  });

  it('gives values to the grammar as they stand', async () => {
    const value = async (...words: string[]) => {
      const { lines } = await concord('enqueue', ...words);
      return (parse(lines[0] ?? '').arguments as { x: unknown }).x;
    };
    expect(await value('-5')).to.equal(-5);
    expect(await value('-x')).to.equal('-x');
    expect(await value('hello world')).to.equal('hello world');
    expect(await value('--', '--json')).to.equal('--json');
    expect(await value('--temp', '--', '--json')).to.equal('--json');
    expect(await value('{a: 1}')).to.deep.equal({ a: 1 });
    expect(await value('-hello')).to.equal('-hello');
  });

  it('takes a command written as one word of the shell', async () => {
    expect((await concord('enqueue(5)', '--json')).lines).to.deep.equal(['enqueue(5)']);
    expect((await concord('nonsense')).lines).to.deep.equal(['nonsense']);
  });

  it('exec runs several commands, or one that is spread over several words', () => {
    expect(linesIn(['enqueue(5)', 'dequeue --wait 5s'])).to.deep.equal(['enqueue(5)', 'dequeue --wait 5s']);
    expect(linesIn(['status', 'nodes'])).to.deep.equal(['status', 'nodes']);
    expect(linesIn(['enqueue', '5'])).to.deep.equal(['enqueue 5']);
    expect(linesIn(['dequeue', '--wait', '5s'])).to.deep.equal(['dequeue --wait 5s']);
    expect(linesIn(['enqueue', 'hello world'])).to.deep.equal(['enqueue "hello world"']);
    expect(linesIn(['status', 'nonsense('])).to.deep.equal(['status', 'nonsense(']);
  });

  it('exec, up and down take the options, too', async () => {
    const exec = await concord('exec', 'dequeue', '--wait', '5s', '--json');
    expect([exec.lines, exec.options.json]).to.deep.equal([['dequeue --wait 5s'], true]);
    expect(await concord('up', '--json')).to.deep.include({ action: 'up', options: { ...DEFAULTS, json: true } });
    expect(await concord('down')).to.deep.include({ action: 'down' });
  });

  it('bench takes its own options besides', async () => {
    const queue = [
      'bench',
      'queue',
      '--in-flight',
      '1,64',
      '--json',
      '--clients',
      '2',
      '--profile',
      '--slow-disk',
      '2ms',
    ];
    const { action, lines, options } = await concord(...queue);
    expect([action, lines]).to.deep.equal(['bench', ['queue']]);
    const own = { inFlight: [1, 64], clients: 2, profile: true, slowDisk: 2 };
    expect(options).to.deep.equal({ ...DEFAULTS, json: true, ...own });
    expect((await concord('bench', 'failover', '--trials', '3')).options).to.deep.equal({ ...DEFAULTS, trials: 3 });
    expect((await concord('bench', 'idle', '--seconds', '3')).lines).to.deep.equal(['idle']);
    expect((await concord('--connect', 'a:1', 'bench', 'queue')).options).to.deep.equal({
      ...DEFAULTS,
      connect: ['a:1'],
    });
  });

  it('run takes a file, values of its variables and --check', async () => {
    const { action, lines, options } = await concord('run', '--set', 'n=5', 'b.yaml', '--set', 'x=a b=c', '--temp');
    expect([action, lines]).to.deep.equal(['batch', ['b.yaml']]);
    expect(options).to.deep.include({
      temp: true,
      set: new Map<string, unknown>([
        ['n', 5],
        ['x', 'a b=c'],
      ]),
    });
    expect((await concord('--json', 'run', 'b.yaml', '--check')).options).to.deep.include({ json: true, check: true });
  });

  it('with-lock takes a lock, times, and a program with flags of its own', async () => {
    const words = ['with-lock', 'build', '--wait', '5s', '--mode', 's', '--', 'make', '-j2', '--', '--json'];
    const { action, lines, options } = await concord('--connect', 'a:1', ...words);
    expect([action, lines]).to.deep.equal(['with-lock', ['build', 'make', '-j2', '--', '--json']]);
    expect(options).to.deep.equal({
      ...DEFAULTS,
      ...WITH_LOCK_DEFAULTS,
      connect: ['a:1'],
      wait: 5000,
      mode: 's',
    });
  });

  it('says what is wrong with an option', async () => {
    const write = process.stderr.write;
    let said = '';
    process.stderr.write = (text: string | Uint8Array) => {
      said += text;
      return true;
    };
    try {
      for (const words of [
        ['--nonsense'],
        ['--connect', 'nowhere'],
        ['--timeout', '5'],
        ['size', '--timeout', '0'],
        ['--connect'],
        ['bench'],
        ['bench', 'nonsense'],
        ['bench', 'queue', '--in-flight', '1,x'],
        ['bench', 'queue', '--seconds', '0'],
        ['bench', 'queue', '--slow-disk', '0'],
        ['bench', 'idle', '--in-flight', '1'],
        ['run'],
        ['with-lock'],
        ['with-lock', 'build'],
        ['with-lock', 'build', '--mode', 'y', '--', 'make'],
        ['with-lock', 'build', '--wait', '5', '--', 'make'],
        ['with-lock', 'build', '--note', 'x'.repeat(256), '--', 'make'],
        ['run', 'a.yaml', 'b.yaml'],
        ['run', 'a.yaml', '--set', '5=n'],
        ['run', 'a.yaml', '--set', 'n=9007199254740993'],
      ]) {
        const error = await concord(...words).catch((caught: unknown) => caught);
        expect(error, words.join(' ')).to.be.instanceOf(CommanderError).and.have.property('exitCode', 1);
      }
    } finally {
      process.stderr.write = write;
    }
    expect(said).to.contain("unknown option '--nonsense'").and.contain('"nowhere" is no host:port');
  });
});
