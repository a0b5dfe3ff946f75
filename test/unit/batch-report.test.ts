/** What a batch tells: lines for people, objects for programs. */
import { expect } from 'chai';
import { ConcordError } from '../../protocol/errors.js';
import type { Totals } from '../../tui/batch/ended.js';
import { endJson, stepJson } from '../../tui/batch/report-json.js';
import { endText, headText, mistakesText, type Style, stepText } from '../../tui/batch/report-text.js';
import { failed } from '../../tui/session/execute.js';
import { type Played, play, queueCluster } from './batch-world.js';

const PLAIN: Style = { colour: false, glyphs: false, columns: 80 };
const ESCAPE = '\u001b[';

/** A batch with everything a report can show. */
const TEXT = `version: 1
clients:
  - name: one
    steps:
      - enqueue({"a":1})
      - run: enqueue(job-\${i})
        repeat: 3
      - status
      - run: dequeue
        expect: { equals: { a: 2 } }
      - size
  - name: other
    steps:
      - run: session 4
        expect: { error: INVALID }
      - sleep: 5ms
      - run: size
        within: 60ms
        expect: { field: result, below: 0 }
`.replace('- enqueue({"a":1})', `- 'enqueue({"a":1})'`);

/** The lines of a played batch, with times that are always the same. */
function text({ ended, batch }: Played, style = PLAIN): string[] {
  return ended.flatMap((one) => stepText({ ...one, ms: 3 }, batch, style).split('\n'));
}

describe('the text of a batch', () => {
  const cluster = () => queueCluster({ sessions: [] });

  it('has a line for each step, and for each miss where, what, and how it differs', async () => {
    const played = await play(TEXT, { cluster: cluster() });
    const byClient = (name: string) => {
      const lines = text({ ...played, ended: played.ended.filter(({ client }) => client === name) });
      return lines;
    };
    expect(byClient('one')).to.deep.equal([
      'ok     3.0 ms  one    enqueue({"a":1})  → queue default  id 1',
      `ok     3.0 ms  one    enqueue(job-\${i})  ×3`,
      'ok     3.0 ms  one    status',
      'MISS   3.0 ms  one    dequeue',
      '    b.yaml:9:9  step 4 of one',
      '    - expected  + got',
      '    - {"a": 2}',
      '    + {"a": 1}',
    ]);
    expect(byClient('other')).to.deep.equal([
      'ok     3.0 ms  other  session 4  → error INVALID',
      'ok     3.0 ms  other  sleep 5ms',
      'MISS   3.0 ms  other  size',
      '    b.yaml:17:9  step 3 of other, 3 tries',
      '    - expected  + got',
      '    - below 0',
      '    + 3',
    ]);
  });

  it('leaves the name out where there is one client, and says why without a difference', async () => {
    const played = await play('version: 1\nsteps:\n  - {run: size, capture: {x: result.id}}\n');
    expect(text(played)).to.deep.equal([
      'MISS   3.0 ms  size',
      '    b.yaml:3:5  step 1',
      '    x cannot be captured: the reply has no result.id',
    ]);
  });

  it('has colours and marks on a terminal only, and no line longer than that', async () => {
    const played = await play(`version: 1\nsteps: ["enqueue(${'x'.repeat(200)})", {run: size, expect: 5}]\n`);
    for (const line of text(played)) expect(line.length).to.be.at.most(80);
    expect(text(played).join('')).not.to.contain(ESCAPE);
    const [first = '', second = ''] = text(played, { colour: true, glyphs: true, columns: 80 });
    expect(first)
      .to.match(/^.\[32m✓.\[0m/)
      .and.contain(`${ESCAPE}2m`);
    expect(second).to.contain(`${ESCAPE}31m✗`);
  });

  it('sums up', async () => {
    const played = await play(TEXT, { cluster: cluster() });
    const totals: Totals = { ...played.totals, ms: 1234 };
    expect(headText(played.batch, 'a temporary cluster of 3 nodes')).to.equal(
      'b: b.yaml on a temporary cluster of 3 nodes',
    );
    expect(endText(played.batch, totals, PLAIN)).to.equal(
      'b: 5 of 8 steps of 2 clients held, 2 missed, 1 not run; 8 commands, 1.2 s',
    );
    const good = { ...totals, clients: 1, steps: 3, held: 3, missed: 0, skipped: 0 };
    expect(endText(played.batch, good, PLAIN)).to.equal('b: all 3 steps held; 8 commands, 1.2 s');
  });

  it('names mistakes as compilers do', () => {
    const mistakes = [{ line: 3, column: 5, message: 'no\u001b[2J' }];
    expect(mistakesText('b.yaml', mistakes, 1)).to.equal('b.yaml:3:5: no\\u001b[2J\n1 mistake; nothing was run');
    expect(mistakesText('b.yaml', mistakes, 9)).to.contain('and 8 more\n9 mistakes');
  });
});

describe('the JSON of a batch', () => {
  const KEYS =
    'command ok result error node group term index ms step client place outcome expected why runs tries'.split(' ');

  it('is one object a step with all keys always there', async () => {
    const played = await play(TEXT, { cluster: queueCluster({ sessions: [] }) });
    const objects = played.ended.map((ended) => JSON.parse(stepJson(ended, played.batch)));
    expect(objects).to.have.length(7);
    for (const object of objects) expect(Object.keys(object)).to.deep.equal(KEYS);
    const missed = objects.find(({ command }) => command === 'dequeue');
    expect(missed).to.deep.include({
      ok: false,
      result: { a: 1 },
      error: null,
      node: 'n1',
      step: 4,
      client: 'one',
      place: 'b.yaml:9:9',
      outcome: 'missed',
      expected: { equals: { a: 2 } },
      runs: 1,
    });
    const refused = objects.find(({ command }) => command === 'session 4');
    expect(refused).to.deep.include({ ok: true, expected: { error: 'INVALID' } });
    expect(refused.error).to.include({ code: 'INVALID' });
    expect(objects.find(({ command }) => command === 'sleep 5ms')).to.deep.include({
      ok: true,
      result: null,
      expected: null,
    });
  });

  it('ends with the totals, or with why nothing was run', async () => {
    const { totals } = await play('version: 1\nsteps: [size]\n');
    const reply = { ...failed('run b.yaml', new Error(''), 1), ok: true, error: null };
    const end = JSON.parse(endJson(reply, totals));
    expect(Object.keys(end)).to.deep.equal([...KEYS, 'end']);
    expect(end).to.deep.include({ command: 'run b.yaml', ok: true, error: null, step: null, end: true });
    expect(end.result).to.deep.equal({
      clients: 1,
      steps: 1,
      held: 1,
      missed: 0,
      stopped: 0,
      skipped: 0,
      runs: 1,
      ms: 0,
      code: 0,
    });
    expect(JSON.parse(endJson(reply, { ...totals, code: 1 }))).to.include({ ok: false });
    const refused = JSON.parse(endJson(failed('run b.yaml', new ConcordError('BAD_CONFIG'), 1), null));
    expect(refused).to.deep.include({ ok: false, result: null, end: true });
  });
});
