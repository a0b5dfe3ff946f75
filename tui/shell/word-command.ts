/** A word as a subcommand of the shell: `concord log 5 --from 3 --connect host:7101`. */
import { Command } from 'commander';
import { addOptions } from './options.js';

/** A subcommand that takes the shell's own options wherever they stand and leaves all other words, untouched, to the grammar. */
export class WordCommand extends Command {
  readonly #explain: () => string;

  /** `help` is its line in the list of subcommands, `explain` what its --help says. */
  constructor(name: string, help: string, explain: () => string) {
    super(name);
    this.#explain = explain;
    this.description(help).argument('[words...]').allowUnknownOption().helpOption('--help');
    addOptions(this);
  }

  override parseOptions(argv: string[]): { operands: string[]; unknown: string[] } {
    // Commander would drop the first `--`, behind which nothing is a flag.
    const dashes = argv.indexOf('--');
    const open = dashes === -1 ? argv : argv.slice(0, dashes);
    const { operands, unknown } = super.parseOptions(open);
    const words = [...operands, ...unknown, ...argv.slice(open.length)];
    // Commander looks for --help among what is unknown.
    return unknown.includes('--help') ? { operands: [], unknown: ['--help'] } : { operands: words, unknown: [] };
  }

  override helpInformation(): string {
    return `${this.#explain()}\n`;
  }
}
