/** The command line of `concord`: its options, and every word as a subcommand. */
import { Command } from 'commander';
import { runCommand } from '../batch/options.js';
import { BENCH_DESCRIPTION, type BenchKind, benchCommands } from '../bench/options.js';
import { help } from '../grammar/help.js';
import { lineOf, parse } from '../grammar/parse.js';
import { entries } from '../grammar/words.js';
import { WITH_LOCK_DEFAULTS, type WithLockOptions, withLockCommand } from '../with-lock/options.js';
import { addOptions, DEFAULTS, type ShellOptions } from './options.js';
import { WordCommand } from './word-command.js';

/** What `concord` can be asked to do; each resolves with the exit code. */
export interface Actions {
  /** Without a word: the screen, or line mode where there is no screen. */
  interact(options: ShellOptions): Promise<number>;
  /** Runs lines and ends. */
  run(lines: readonly string[], options: ShellOptions): Promise<number>;
  /** Starts the local cluster and leaves it running. */
  up(options: ShellOptions): Promise<number>;
  /** Stops the local cluster. */
  down(options: ShellOptions): Promise<number>;
  /** Measures. */
  bench(kind: BenchKind, options: ShellOptions): Promise<number>;
  /** Runs the batch in a file. */
  batch(file: string, options: ShellOptions): Promise<number>;
  /** Runs a program under a lock. */
  withLock(lock: string, program: readonly string[], options: ShellOptions & WithLockOptions): Promise<number>;
}

/** Runs `concord` with the words of the shell. Resolves with the exit code. @throws CommanderError with the usage */
export async function runProgram(words: readonly string[], version: () => string, actions: Actions): Promise<number> {
  let code = 0;
  const program = new Command('concord')
    .description('A terminal for a cluster of Concord. Without a word: the screen, or lines from standard input.')
    .enablePositionalOptions()
    .helpCommand(false)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .exitOverride()
    .argument('[word...]', 'a command; or one of the subcommands below')
    .addHelpText('after', `\n${help('exit').split('\n\n')[1]}`)
    .option('--version', 'print the version');
  addOptions(program);

  const act =
    (act: (words: string[], options: ShellOptions) => Promise<number>) =>
    async (given: string[], _options: object, command: Command): Promise<void> => {
      code = await act(given, optionsOf(program, command));
    };
  const add = (command: Command, action: (words: string[], options: ShellOptions) => Promise<number>) => {
    program.addCommand(command.copyInheritedSettings(program).action(act(action)));
  };

  program.action(
    act(async (given, options) => {
      if (program.opts()['version'] === true) return print(version());
      return given.length === 0 ? actions.interact(options) : actions.run([lineOf(given)], options);
    }),
  );
  for (const [name, word] of entries()) {
    const command = new WordCommand(name, word.help, () => help(name));
    const aliases = (word.aliases ?? []).filter((alias) => !alias.startsWith('-'));
    add(command.aliases(aliases), (given, options) => actions.run([lineOf([name, ...given])], options));
  }
  add(
    new WordCommand('exec', 'run commands, each one shell word, or one spread over several', () => EXEC_HELP),
    (given, options) => actions.run(linesIn(given), options),
  );
  add(
    addOptions(new Command('up').description('start the local cluster and leave it running').argument('[none...]')),
    (_, options) => actions.up(options),
  );
  add(addOptions(new Command('down').description('stop the local cluster').argument('[none...]')), (_, options) =>
    actions.down(options),
  );
  const bench = new Command('bench').description(BENCH_DESCRIPTION).copyInheritedSettings(program).helpCommand(false);
  for (const [kind, command] of benchCommands())
    bench.addCommand(command.copyInheritedSettings(program).action(act((_, options) => actions.bench(kind, options))));
  program.addCommand(bench);
  program.addCommand(
    runCommand()
      .copyInheritedSettings(program)
      .action(async (file: string, _options: object, command: Command) => {
        code = await actions.batch(file, optionsOf(program, command));
      }),
  );
  program.addCommand(
    withLockCommand()
      .copyInheritedSettings(program)
      .action(async (lock: string, words: string[], _options: object, command: Command) => {
        code = await actions.withLock(lock, words, { ...WITH_LOCK_DEFAULTS, ...optionsOf(program, command) });
      }),
  );
  await program.parseAsync([...words], { from: 'user' });
  return code;
}

const EXEC_HELP = [
  "concord exec 'enqueue(5)' 'dequeue --wait 5s'    two commands",
  'concord exec enqueue 5                           one command',
].join('\n');

/** The commands in the words of `exec`: each one by itself where all of them are commands, else all of them as one. */
export function linesIn(words: readonly string[]): string[] {
  const isCommand = (line: string) => {
    try {
      return parse(line) !== null;
    } catch {
      return false;
    }
  };
  const whole = lineOf(words);
  return words.length > 1 && !words.every(isCommand) && isCommand(whole) ? [whole] : [...words];
}

/** The options given, the later command's over the earlier one's. */
function optionsOf(...commands: readonly Command[]): ShellOptions {
  const given = commands.flatMap((command) =>
    Object.entries(command.opts()).filter(([name]) => command.getOptionValueSource(name) !== 'default'),
  );
  return { ...DEFAULTS, ...Object.fromEntries(given) };
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}
