/** Adds up what seeds came to, and says it. */
import type { Outcome } from './pool.js';

const MS_PER_HOUR = 3_600_000;

/** Sums over seeds that kept every promise; void ones and those that broke one are only counted. */
export interface Totals {
  readonly seeds: number;
  readonly void: number;
  readonly failed: readonly { readonly seed: number; readonly promise: string }[];
  readonly simulated_hours: number;
  readonly commands: number;
  readonly succeeded: number;
  readonly faults: Readonly<Record<string, number>>;
}

export class Tally {
  readonly #failed: { seed: number; promise: string }[] = [];
  readonly #faults = new Map<string, number>();
  #seeds = 0;
  #void = 0;
  #simulated_ms = 0;
  #commands = 0;
  #succeeded = 0;

  add(outcome: Outcome): void {
    this.#seeds++;
    if (outcome.broken !== null) this.#failed.push({ seed: outcome.seed, promise: outcome.broken.promise });
    if (outcome.void) this.#void++;
    if (outcome.broken !== null || outcome.void) return;
    this.#simulated_ms += outcome.simulated_ms;
    this.#commands += outcome.commands;
    this.#succeeded += outcome.succeeded;
    for (const [fault, times] of outcome.faults) this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + times);
  }

  get totals(): Totals {
    return {
      seeds: this.#seeds,
      void: this.#void,
      failed: [...this.#failed].sort((a, b) => a.seed - b.seed),
      simulated_hours: this.#simulated_ms / MS_PER_HOUR,
      commands: this.#commands,
      succeeded: this.#succeeded,
      faults: Object.fromEntries([...this.#faults].sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  }
}

/** Totals of several runs together. */
export function sum(all: readonly Totals[]): Totals {
  const faults: Record<string, number> = {};
  for (const totals of all)
    for (const [fault, times] of Object.entries(totals.faults)) faults[fault] = (faults[fault] ?? 0) + times;
  const add = (of: (totals: Totals) => number) => all.reduce((total, totals) => total + of(totals), 0);
  return {
    seeds: add(({ seeds }) => seeds),
    void: add((totals) => totals.void),
    failed: all.flatMap(({ failed }) => failed),
    simulated_hours: add(({ simulated_hours }) => simulated_hours),
    commands: add(({ commands }) => commands),
    succeeded: add(({ succeeded }) => succeeded),
    faults: Object.fromEntries(Object.entries(faults).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** Totals as lines for people. */
export function describe(totals: Totals): string[] {
  const { seeds, failed, simulated_hours, commands, succeeded, faults } = totals;
  const width = Math.max(0, ...Object.keys(faults).map((name) => name.length));
  return [
    `${number(seeds)} seeds, ${totals.void} of them void, ${failed.length} broke a promise`,
    `${simulated_hours.toFixed(1)} simulated hours, ${number(commands)} commands checked, ${number(succeeded)} succeeded`,
    'faults met:',
    ...Object.entries(faults).map(([name, times]) => `  ${name.padEnd(width)} ${number(times).padStart(12)}`),
  ];
}

function number(value: number): string {
  return value.toLocaleString('en');
}
