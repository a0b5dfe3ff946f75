/** The flag --fence: on every word that a group serves it travels with what is asked, on any other it is an error, never left out. */
import { expect } from 'chai';
import { lineOf, parse } from '../../tui/grammar/index.js';
import { entries } from '../../tui/grammar/words.js';
import { execute } from '../../tui/session/execute.js';
import { linesIn } from '../../tui/shell/program.js';
import { play, queueCluster } from './batch-world.js';
import { failureOf } from './failure.js';
import { type Asked, contextOf, type FakeCluster } from './terminal-fakes.js';

const fences = ({ asked }: FakeCluster) => asked.map(({ name, options }: Asked) => [name, options?.fence]);

/** Runs a line and returns its reply. */
const reply = (cluster: FakeCluster, line: string) => execute(line, contextOf(cluster), new AbortController().signal);

describe('--fence', () => {
  it('is a lock and a token of it, typed in any of the ways of a flag', () => {
    const fence = { lock: 'build', token: 118 };
    for (const line of ['size --fence build:118', 'size --fence=build:118', 'size() --fence "build:118" @n2'])
      expect(parse(line).flags, line).to.deep.equal({ fence });
    expect(parse('enqueue 5 --fence a:b:7').flags).to.deep.equal({ fence: { lock: 'a:b', token: 7 } });
  });

  it('is refused as usage where it is something else, at the place', () => {
    for (const fence of ['build', 'build:', ':118', 'build:x', 'build:0', 'build:1.5', '{a:1}', '""']) {
      const { code, details } = failureOf(() => parse(`size --fence ${fence}`));
      expect([code, details['position']], fence).to.deep.equal(['USAGE', 13]);
    }
    expect(failureOf(() => parse('size --fence')).code).to.equal('USAGE');
  });

  it('belongs to every word that a group serves, and is refused, with the reason, by all others', () => {
    let taken = 0;
    for (const [name, word] of entries()) {
      // A node is named at the very end.
      for (const example of word.examples.map((one) => one.replace(/ @n\d$/, ''))) {
        const line = `${example} --fence build:118`;
        if (word.fenced === true) {
          expect(parse(line).flags, line).to.deep.include({ fence: { lock: 'build', token: 118 } });
          taken++;
        } else {
          const { code, message, details } = failureOf(() => parse(line));
          expect([name, code, details['position']]).to.deep.equal([name, 'USAGE', example.length + 1]);
          expect(message, line).to.include('--fence').and.to.include('group');
        }
      }
    }
    expect(taken).to.be.above(5);
    for (const name of ['status', 'nodes', 'log', 'metrics', 'transfer', 'kill', 'partition', 'use', 'help'])
      expect(entries().find(([one]) => one === name)?.[1].fenced, name).to.equal(undefined);
  });

  it('travels with what the words of the queue ask, and nothing does without it', async () => {
    const cluster = queueCluster();
    for (const line of ['enqueue 5', 'size', 'dequeue']) {
      expect(await reply(cluster, `${line} --fence build:118 --timeout 1s`)).to.include({ ok: true });
      expect(await reply(cluster, line)).to.include({ ok: true });
    }
    expect(fences(cluster)).to.deep.equal([
      ['queue.enqueue', 'build:118'],
      ['queue.enqueue', undefined],
      ['queue.size', 'build:118'],
      ['queue.size', undefined],
      ['queue.dequeue', 'build:118'],
      ['queue.dequeue', undefined],
    ]);
  });

  it('stops a word that asks nodes before anything is asked', async () => {
    const cluster = queueCluster();
    const { ok, error } = await reply(cluster, 'status --fence build:118');
    expect(ok).to.equal(false);
    expect(error).to.include({ code: 'USAGE', definite: true });
    expect(cluster.asked).to.be.empty;
  });

  it('comes through a shell as it was typed', () => {
    for (const words of [
      ['enqueue', '5', '--fence', 'build:118'],
      ['enqueue', '5', '--fence=build:118'],
      ['size', '--fence', 'my lock:118'],
    ]) {
      const { flags } = parse(lineOf(words));
      expect(flags).to.deep.equal({
        fence: { lock: words.at(-1)?.startsWith('my') ? 'my lock' : 'build', token: 118 },
      });
      expect(linesIn(words)).to.deep.equal([lineOf(words)]);
    }
  });

  it('takes its parts from variables of a batch, and the whole too', async () => {
    const cluster = queueCluster();
    const { totals, lines } = await play(
      [
        'version: 1',
        'vars: {lock: build, known: "build:117"}',
        'steps:',
        '  - {run: enqueue("build:119"), expect: {field: result.id, equals: 1}, capture: {token: result.id}}',
        '  - {run: dequeue, capture: {fence: result}}',
        `  - "size --fence build:\${token}"`,
        `  - "size --fence \${lock}:\${token}"`,
        `  - "size --fence \${known}"`,
        `  - "size --fence \${fence}"`,
        '',
      ].join('\n'),
      { cluster },
    );
    expect(totals, lines.join('\n')).to.include({ held: 6, code: 0 });
    expect(fences(cluster).slice(2)).to.deep.equal([
      ['queue.size', 'build:1'],
      ['queue.size', 'build:1'],
      ['queue.size', 'build:117'],
      ['queue.size', 'build:119'],
    ]);
  });
});
