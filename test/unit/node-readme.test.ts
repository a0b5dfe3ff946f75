/** node/README.md lists the metrics as the catalogue has them. UPDATE=1 writes the list. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { METRIC_PREFIX, METRICS } from '../../protocol/metrics.js';

const BEGIN = '<!-- generated: metrics -->';
const END = '<!-- end -->';

/** The page, from wherever the compiled tests lie below the project. */
function findPage(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'node', 'README.md')) && folder !== dirname(folder)) folder = dirname(folder);
  return join(folder, 'node', 'README.md');
}

/** The page with the list as the catalogue has it. */
function renew(page: string): string {
  const begin = page.indexOf(BEGIN) + BEGIN.length;
  const end = page.indexOf(END, begin);
  if (!page.includes(BEGIN) || end < 0) throw new Error('the page has no list of metrics');
  return `${page.slice(0, begin)}\n${list()}\n${page.slice(end)}`;
}

function list(): string {
  const rows = Object.entries(METRICS).map(([name, { kind, unit, labels, help }]) => {
    const named = labels.map((label) => `\`${label}\``).join(', ');
    const told = kind === 'limited' ? 'gauge, limit' : kind;
    return `| \`${METRIC_PREFIX}${name}\` | ${told} | ${unit || '-'} | ${named || '-'} | ${help} |`;
  });
  return ['| Name | Kind | Unit | Labels | What it is |', '|---|---|---|---|---|', ...rows].join('\n');
}

describe('node/README.md', () => {
  const file = findPage();

  before(() => {
    if (process.env['UPDATE'] === '1') writeFileSync(file, renew(readFileSync(file, 'utf8')));
  });

  it('lists every metric as the catalogue has it, and no other', () => {
    const page = readFileSync(file, 'utf8');
    expect(page).to.equal(renew(page));
    const named = [...page.matchAll(/^\| `concord_(\w+)`/gm)].map((match) => match[1]);
    expect(named).to.deep.equal(Object.keys(METRICS));
  });
});
