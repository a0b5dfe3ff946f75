/** Batches as they run: steps in order, clients in parallel, what stops them, and the exit code. */
import { expect } from 'chai';
import { ConcordError } from '../../protocol/errors.js';
import { BATCH_LIMITS } from '../../tui/batch/limits.js';
import { EXIT } from '../../tui/plain/exit-code.js';
import { type Played, play, queueCluster } from './batch-world.js';
import { type Asked, bodyOf, untilGivenUp } from './terminal-fakes.js';

/** A batch whose only client has these lines under `steps:`. */
const steps = (...lines: string[]) => `version: 1\nsteps:\n${lines.map((line) => `  ${line}\n`).join('')}`;

/** What was missed: the only miss of a batch. */
function miss({ ended }: Played) {
  const [first, ...more] = ended.filter(({ outcome }) => outcome === 'missed');
  expect(more).to.be.empty;
  if (first === undefined) throw new Error('nothing was missed');
  return first;
}

describe('the steps of a batch', () => {
  it('run in order, up to the first that misses', async () => {
    const played = await play(steps('- enqueue(5)', '- run: dequeue', '  expect: 6', '- size'));
    expect(played.lines).to.deep.equal(['main enqueue(5) held', 'main dequeue missed']);
    expect(miss(played).difference).to.deep.equal({ field: 'result', expected: 6, got: 5 });
    expect(played.totals).to.include({
      clients: 1,
      steps: 3,
      held: 1,
      missed: 1,
      stopped: 0,
      skipped: 1,
      runs: 2,
      code: EXIT.failed,
    });
  });

  it('miss when they fail, unless that is expected', async () => {
    const cluster = () => queueCluster({ 'queue.size': new ConcordError('NO_LEADER') });
    expect((await play(steps('- size'), { cluster: cluster() })).totals.code).to.equal(EXIT.failed);
    const expected = await play(steps('- {run: size, expect: {error: NO_LEADER}}'), { cluster: cluster() });
    expect(expected.totals).to.include({ held: 1, code: EXIT.ok });
    expect((await play(steps('- {run: size, expect: {error: NO_LEADER}}'))).totals.code).to.equal(EXIT.failed);
  });

  it('capture fields of a reply for those that follow', async () => {
    const cluster = queueCluster();
    const played = await play(
      steps(
        '- run: enqueue("a b")',
        '  capture: {id: result.id, where: node}',
        '- run: dequeue',
        '  capture: {body: result}',
        `- enqueue({id: \${id}, body: \${body}, at: "\${where}"})`.replace(/^- (.*)$/, "- '$1'"),
        '- run: dequeue',
        `  expect: {equals: {id: "\${id}", body: "\${body}", at: n1}}`,
      ),
      { cluster },
    );
    expect(played.totals.code).to.equal(EXIT.ok);
    expect(cluster.asked.filter(({ name }) => name === 'queue.enqueue').map(bodyOf)).to.deep.equal([
      'a b',
      { id: 1, body: 'a b', at: 'n1' },
    ]);
  });

  it('find fields by variables', async () => {
    const played = await play(
      steps(
        '- {run: groups, capture: {leader: result.s0.leader}}',
        `- {run: nodes, capture: {state: "result.\${leader}.state"}, expect: {field: "result.\${leader}.role", equals: leader}}`,
        `- {run: "enqueue(\${state})"}`,
        '- {run: dequeue, expect: up}',
      ),
    );
    expect(played.totals, played.lines.join('\n')).to.include({ held: 4, code: EXIT.ok });
  });

  it('miss where there is nothing to capture, or too much of it', async () => {
    const nothing = await play(steps('- run: size', '  capture: {x: result.id}'));
    expect(miss(nothing).why).to.equal('x cannot be captured: the reply has no result.id');
    const large = 'x'.repeat(900_000);
    const cluster = queueCluster({ 'queue.size': large });
    const captures = ['a', 'b', 'c'].map((name) => `- {run: size, capture: {${name}: result}}`);
    const much = await play(steps(...captures), { cluster });
    expect(much.totals).to.include({ held: 2, missed: 1, code: EXIT.failed });
    expect(miss(much).why).to.contain(String(BATCH_LIMITS.captured_bytes_max));
  });

  it('are repeated, with their count and a pause in between, and reported once', async () => {
    const cluster = queueCluster();
    const played = await play(steps(`- run: enqueue(job-\${i})`, '  repeat: 3', '  pace: 10ms'), { cluster });
    expect(cluster.asked.map(bodyOf)).to.deep.equal(['job-1', 'job-2', 'job-3']);
    expect(played.ended).to.have.length(1);
    expect(played.ended[0]).to.include({ runs: 3 });
    expect(played.totals).to.include({ runs: 3, ms: 20 });
  });

  it('are repeated together by do, each reported once', async () => {
    const played = await play(
      steps(
        '- repeat: 3',
        '  do:',
        `    - enqueue(\${i})`,
        '    - do: [size]',
        '    - run: dequeue',
        `      expect: \${i}`,
      ),
    );
    expect(played.ended.map(({ reply, runs }) => [reply.command, runs])).to.deep.equal([
      ['enqueue(3)', 3],
      ['size', 3],
      ['dequeue', 3],
    ]);
  });

  it('are reported once, too, where repeats stand inside each other', async () => {
    const cluster = queueCluster();
    const played = await play(steps('- repeat: 2', '  do:', `    - {run: "enqueue(\${i})", repeat: 3}`), { cluster });
    expect(cluster.asked.map(bodyOf)).to.deep.equal([1, 2, 3, 1, 2, 3]);
    expect(played.ended.map(({ runs }) => runs)).to.deep.equal([6]);
  });

  it('are all reported when one of a repetition misses', async () => {
    const played = await play(
      steps(
        '- repeat: 5',
        '  do:',
        '    - size',
        `    - enqueue(\${i})`,
        '    - run: size',
        '      expect: {below: 3}',
      ),
    );
    expect(played.ended.map(({ reply, runs, outcome }) => [reply.command, runs, outcome])).to.deep.equal([
      ['size', 3, 'held'],
      ['enqueue(3)', 3, 'held'],
      ['size', 3, 'missed'],
    ]);
    expect(played.totals).to.include({ steps: 3, held: 2, missed: 1, skipped: 0, runs: 9 });
  });

  it('are tried within their time until they hold', async () => {
    let size = 0;
    const cluster = queueCluster({ 'queue.size': () => ++size });
    const played = await play(steps('- {run: size, within: 5s, expect: 4}'), { cluster });
    expect(played.ended[0]).to.include({ outcome: 'held', tries: 4, runs: 1 });
    const never = await play(steps('- {run: size, within: 100ms, expect: a}'), { cluster: queueCluster() });
    expect(miss(never).tries).to.be.within(2, 5);
    expect(miss(never).difference).to.include({ expected: 'a', got: 0 });
    expect(never.totals.ms).to.be.at.most(100);
  });

  it('have no more time for a command than is left within theirs', async () => {
    const cluster = queueCluster();
    await play(steps('- {run: size, within: 100ms}', '- {run: size, within: 1h}', '- size --timeout 3s'), { cluster });
    expect(cluster.asked.map(({ options }) => options?.timeout_ms)).to.deep.equal([100, 5000, 3000]);
  });

  it('miss when they hold only after their time', async () => {
    let pass = (_ms: number) => {};
    const cluster = queueCluster({
      'queue.size': () => {
        pass(2000);
        return 0;
      },
    });
    const clock = (way: typeof pass) => {
      pass = way;
    };
    const played = await play(steps('- {run: size, within: 1s}'), { cluster, clock });
    expect(miss(played).why).to.equal('it held only after 2.0 s');
    expect(played.totals.code).to.equal(EXIT.failed);
  });

  it('that may have happened are not tried again', async () => {
    const cluster = queueCluster({ 'queue.enqueue': new ConcordError('TIMEOUT') });
    const played = await play(steps('- {run: enqueue 5, within: 5s}'), { cluster });
    expect(miss(played).tries).to.equal(1);
    expect(played.totals.code).to.equal(EXIT.unknown);
    const definite = queueCluster({ 'queue.enqueue': new ConcordError('NO_LEADER') });
    expect(miss(await play(steps('- {run: enqueue 5, within: 1s}'), { cluster: definite })).tries).to.be.greaterThan(5);
  });

  it('order nodes about', async () => {
    const played = await play(steps('- kill n2', '- {run: kill n9, expect: {error: UNKNOWN_NODE}}'));
    expect(played.ended[0]?.reply.result).to.deep.equal({ node: 'n2', state: 'killed', pid: null });
    expect(played.totals.code).to.equal(EXIT.ok);
  });

  it('wait where they are told to', async () => {
    const played = await play(steps('- sleep: 2s'));
    expect(played.lines).to.deep.equal(['main sleep 2000ms held']);
    expect(played.totals).to.include({ ms: 2000, runs: 0 });
  });

  it('of plain text all run, whatever comes of the ones before', async () => {
    const cluster = () => queueCluster({ 'queue.dequeue': new ConcordError('NO_LEADER') });
    const played = await play('dequeue\nsize\n', { file: 'b.txt', cluster: cluster() });
    expect(played.lines).to.deep.equal(['main dequeue missed', 'main size held']);
    expect(played.totals.code).to.equal(EXIT.failed);
    const stopped = await play('dequeue\nsize\n', { file: 'b.txt', cluster: cluster(), stopOnError: true });
    expect(stopped.lines).to.deep.equal(['main dequeue missed']);
  });
});

describe('the steps in finally', () => {
  const last = 'finally:\n  - {run: size, expect: 9}\n  - dequeue\n';

  it('run also after a miss, each whatever came of the one before', async () => {
    const played = await play(`${steps('- enqueue(5)', '- {run: size, expect: 7}', '- size')}${last}`);
    expect(played.lines).to.deep.equal([
      'main enqueue(5) held',
      'main size missed',
      'main size missed',
      'main dequeue held',
    ]);
    expect(played.totals).to.include({ skipped: 1, code: EXIT.failed });
  });

  it('are skipped where they need what was never captured', async () => {
    const text = `${steps('- {run: size, expect: 7}', '- {run: size, capture: {n: result}}')}finally:\n  - enqueue(\${n})\n  - dequeue\n`;
    const played = await play(text);
    expect(played.lines).to.deep.equal(['main size missed', 'main dequeue held']);
    expect(played.totals.skipped).to.equal(2);
  });

  it('run after an interruption, but not after a second one', async () => {
    const cluster = () => queueCluster({ 'queue.dequeue': untilGivenUp });
    const text = `${steps('- dequeue --wait 1h', '- size')}finally:\n  - size\n  - dequeue --wait 1h\n`;
    const played = await play(text, {
      cluster: cluster(),
      interrupts: (once, twice) => {
        setImmediate(once);
        setImmediate(() => setImmediate(twice));
      },
    });
    expect(played.lines).to.deep.equal([
      'main dequeue --wait 1h stopped',
      'main size held',
      'main dequeue --wait 1h stopped',
    ]);
    expect(played.totals).to.include({ stopped: 2, missed: 0, skipped: 1, code: EXIT.interrupted });
  });

  it('do not run when nothing else did', async () => {
    const played = await play(`${steps('- size')}${last}`, { interrupts: (once) => once() });
    expect(played.ended).to.be.empty;
    expect(played.totals).to.include({ skipped: 3, code: EXIT.interrupted });
  });
});

describe('the clients of a batch', () => {
  const clients = (...lines: string[]) => `version: 1\nclients:\n${lines.map((line) => `  ${line}\n`).join('')}`;

  it('have a session and variables each, and run in parallel', async () => {
    const asked: string[] = [];
    const cluster = queueCluster();
    const played = await play(
      clients(`- {name: a, count: 2, steps: ["enqueue(\${client}/\${index})"]}`, '- {name: b, steps: [size, size]}'),
      {
        cluster,
        onContext: (client) => asked.push(client),
      },
    );
    expect(asked.slice(0, 3)).to.deep.equal(['a-1', 'a-2', 'b']);
    expect(cluster.asked.filter(({ name }) => name === 'queue.enqueue').map(bodyOf)).to.deep.equal(['a-1/1', 'a-2/2']);
    expect(played.totals).to.include({ clients: 3, steps: 4, held: 4 });
  });

  it('cut a client off where they are told to', async () => {
    const gone: string[] = [];
    const text = clients('- {name: a, steps: [size, {vanish: b}, {vanish: a}, size]}', '- {name: b}');
    const played = await play(text, { onVanish: (client) => gone.push(client) });
    expect(gone).to.deep.equal(['b', 'a']);
    expect(played.lines).to.deep.equal(['a size held', 'a vanish b held', 'a vanish a held', 'a size held']);
  });

  it('lend their sessions to the steps of others', async () => {
    const asked: string[] = [];
    const text = clients(
      '- {name: a, steps: [{run: size, as: b}, {as: b, do: [size, {run: size, as: a}]}]}',
      '- {name: b}',
    );
    await play(text, { onContext: (client) => asked.push(client) });
    expect(asked).to.deep.equal(['b', 'b', 'a']);
  });

  it('go on when another one misses, unless told to stop', async () => {
    const text = clients(
      '- {name: a, steps: [{run: size, expect: 5}, size]}',
      '- {name: b, steps: [{sleep: 1s}, size]}',
    );
    const played = await play(text);
    expect(played.lines).to.deep.equal(['a size missed', 'b sleep 1000ms held', 'b size held']);
    const stopped = await play(text, { stopOnError: true });
    expect(stopped.lines).to.deep.equal(['a size missed', 'b sleep 1000ms stopped']);
    expect(stopped.totals).to.include({ missed: 1, stopped: 1, skipped: 2, code: EXIT.failed });
  });

  it('meet at barriers before any goes on, as often as they come there', async () => {
    const cluster = queueCluster();
    const text = clients(
      `- {name: a, count: 2, steps: [{repeat: 3, do: ["enqueue(\${i})", {barrier: x}]}]}`,
      `- {name: b, steps: [{repeat: 3, do: [{sleep: 1s}, "enqueue(\${i})", {barrier: x}]}]}`,
    );
    const played = await play(text, { cluster });
    expect(played.totals.code).to.equal(EXIT.ok);
    expect(cluster.asked.map((asked: Asked) => bodyOf(asked))).to.deep.equal([1, 1, 1, 2, 2, 2, 3, 3, 3]);
  });

  it('do not wait at a barrier for one that can no longer come', async () => {
    const text = clients(
      '- {name: a, steps: [{run: size, expect: 5}, {barrier: x}]}',
      '- {name: b, steps: [{barrier: x}, size]}',
    );
    const played = await play(text);
    expect(played.lines).to.deep.equal(['a size missed', 'b barrier x missed']);
    expect(played.ended[1]?.why).to.equal('a ended without coming to x');
    const early = clients(
      '- {name: a, steps: [{barrier: x}]}',
      '- {name: b, steps: [{repeat: 2, do: [{barrier: x}]}]}',
    );
    expect((await play(early)).ended.at(-1)?.why).to.equal('a ended without coming to x');
  });

  it('do not wait for each other at different barriers', async () => {
    const text = clients(
      '- {name: a, steps: [{barrier: x}, {barrier: y}]}',
      '- {name: b, steps: [{barrier: y}, {barrier: x}]}',
    );
    const played = await play(text);
    expect(played.totals).to.include({ missed: 2, code: EXIT.failed });
    expect(played.ended[0]?.why).to.equal('the clients wait for each other at different barriers');
  });

  it('are let go from barriers by an interruption', async () => {
    const cluster = queueCluster({ 'queue.dequeue': untilGivenUp });
    const text = clients('- {name: a, steps: [{barrier: x}]}', '- {name: b, steps: [dequeue --wait 1h, {barrier: x}]}');
    const played = await play(text, { cluster, interrupts: (once) => setImmediate(() => setImmediate(once)) });
    expect(played.lines).to.deep.equal(['a barrier x stopped', 'b dequeue --wait 1h stopped']);
    expect(played.totals.code).to.equal(EXIT.interrupted);
  });
});

describe('the exit code of a batch', () => {
  const code = async (error: ConcordError, line = '- size') => {
    const cluster = queueCluster({ 'queue.size': error, 'queue.enqueue': error });
    return (await play(steps(line), { cluster })).totals.code;
  };

  it('is that of its worst step', async () => {
    expect((await play(steps('- size'))).totals.code).to.equal(EXIT.ok);
    expect(await code(new ConcordError('NO_LEADER'))).to.equal(EXIT.failed);
    expect(await code(new ConcordError('UNREACHABLE'))).to.equal(EXIT.unreachable);
    expect(await code(new ConcordError('TIMEOUT'), '- enqueue 5')).to.equal(EXIT.unknown);
    expect(await code(new ConcordError('TIMEOUT'), '- {run: size, expect: {error: TIMEOUT}}')).to.equal(EXIT.ok);
    expect((await play(steps('- size'), { cluster: new ConcordError('START_FAILED') })).totals.code).to.equal(
      EXIT.unreachable,
    );
  });
});
