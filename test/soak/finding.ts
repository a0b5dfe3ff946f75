/** What was asked of a cluster and what was found: one line each, as rows of a table in Markdown. */

/** A promise, and what became of it. */
export interface Finding {
  readonly asked: string;
  readonly found: string;
  readonly kept: boolean;
}

/** The rows of a table. */
export function table(findings: readonly Finding[]): string {
  const rows = findings.map(({ asked, found, kept }) => `| ${asked} | ${found} | ${kept ? 'yes' : '**NO**'} |`);
  return ['| Asked | Found | Kept |', '|---|---|---|', ...rows].join('\n');
}

/** Says something of how a run goes on, with the time since it began. */
export function teller(): (line: string) => void {
  const begun = performance.now();
  return (line) => console.log(`${((performance.now() - begun) / 1000).toFixed(0).padStart(5)} s  ${line}`);
}
