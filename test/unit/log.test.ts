/** The log: what it was told is durable is there after any restart, in order, and its faults are never hidden. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { type OpenedLog, openLog, type Place, type RunHead } from '../../node/storage/log.js';
import { parseSegmentName } from '../../node/storage/segment.js';
import { realWorld } from '../../node/world-real.js';
import { call } from './files-compliance.js';
import { describeRun, LogWorld, run, summary, vote } from './log-world.js';

describe('the log', () => {
  let world: LogWorld;
  beforeEach(() => {
    world = new LogWorld();
  });

  it('begins with nothing, in a folder that it makes', () => {
    world.open();
    expect(summary(world.recovered)).to.deep.equal({});
    expect(world.log.space()).to.equal('ok');
  });

  it('leaves a segment behind before it has entries: by that a log is told from a folder whose log was lost', () => {
    const segments = () => world.names().filter((name) => parseSegmentName(name)?.finished === true);
    expect(segments()).to.deep.equal([]);
    world.open().crash();
    expect(segments()).to.not.deep.equal([]);
    expect(summary(world.open().recovered)).to.deep.equal({});
  });

  it('gives back after a power cut what was appended, in order, and where it stands', () => {
    world.open();
    const runs = [run('c', 1, 3), run('s0', 1, 1), run('c', 4, 2)];
    const places = [...world.append(runs.slice(0, 2), [vote('c', 2, 'n1')]), ...world.append(runs.slice(2))];
    world.crash().open();
    expect(summary(world.recovered)).to.deep.equal({ c: 'term 2 for n1, 1-3 4-5', s0: 'term 0 for , 1-1' });
    const found = [...world.recovered.values()].flatMap((group) => group.runs.map((one) => one.place));
    expect(found).to.have.deep.members(places);
    expect(places.map((place) => world.read(place))).to.deep.equal(runs.map((one) => one.bytes));
  });

  it('tells of a run what describe told, and nothing of its bytes', () => {
    world.open();
    const [place] = world.append([run('c', 1, 3, { term: 7 })]);
    world.crash().open();
    expect(world.recovered.get('c')?.runs).to.deep.equal([{ group: 'c', first: 1, count: 3, term: 7, place }]);
  });

  it('remembers the newest term and vote of each group', () => {
    world.open();
    world.append([], [vote('c', 1, 'n1'), vote('s0', 5, '')]);
    world.append([], [vote('c', 2, 'n3')]);
    world.crash().open();
    expect(summary(world.recovered)).to.deep.equal({ c: 'term 2 for n3,', s0: 'term 5 for ,' });
  });

  it('says that a batch is durable only once it is', () => {
    for (let steps = 0; steps < 6; steps++) {
      world = new LogWorld().open();
      let durable = false;
      world.log.append({ states: [], starts: [], runs: [run('c', 1)] }, () => {
        durable = true;
      });
      for (let i = 0; i < steps; i++) world.time.step();
      const promised = durable;
      world.crash().open();
      if (promised) expect(summary(world.recovered)).to.deep.equal({ c: 'term 0 for , 1-1' });
      if (steps === 0) expect(promised).to.equal(false);
      if (steps === 5) expect(promised).to.equal(true);
    }
  });

  it('takes the next append inside the answer to the last, and none before it', () => {
    world.open();
    const answers: string[] = [];
    world.log.append({ states: [], starts: [], runs: [run('c', 1)] }, () => {
      answers.push('first');
      world.log.append({ states: [], starts: [], runs: [run('c', 2)] }, () => answers.push('second'));
    });
    expect(() => world.log.append({ states: [], starts: [], runs: [run('c', 9)] }, () => {})).to.throw('under way');
    world.time.settle();
    expect(answers).to.deep.equal(['first', 'second']);
  });

  describe('cuts what a later run of the group replaces', () => {
    const cases: [string, [number, number][], string][] = [
      [
        'a run that is replaced',
        [
          [1, 3],
          [1, 1],
        ],
        '1-1',
      ],
      [
        'the end of a run',
        [
          [1, 5],
          [4, 1],
        ],
        '1-3 4-4',
      ],
      [
        'many runs',
        [
          [1, 2],
          [3, 2],
          [5, 2],
          [2, 1],
        ],
        '1-1 2-2',
      ],
      [
        'a run cut before, again',
        [
          [1, 9],
          [6, 3],
          [3, 1],
        ],
        '1-2 3-3',
      ],
      [
        'everything',
        [
          [1, 3],
          [4, 2],
          [1, 8],
        ],
        '1-8',
      ],
      [
        'nothing when it continues',
        [
          [1, 2],
          [3, 2],
        ],
        '1-2 3-4',
      ],
    ];
    for (const [name, runs, left] of cases)
      it(name, () => {
        world.open();
        for (const [first, count] of runs) world.append([run('c', first, count), run('s0', 1, 1)]);
        world.crash().open();
        expect(summary(world.recovered)).to.deep.equal({ c: `term 0 for , ${left}`, s0: 'term 0 for , 1-1' });
      });

    it('and keeps the place of a run that is cut in its middle', () => {
      world.open();
      const [place] = world.append([run('c', 1, 5)]);
      world.append([run('c', 3, 1)]);
      world.crash().open();
      expect(world.recovered.get('c')?.runs[0]).to.deep.include({ first: 1, count: 2, place });
    });

    it('within one batch as well', () => {
      world.open();
      world.append([run('c', 1, 5), run('c', 3, 1)]);
      world.crash().open();
      expect(summary(world.recovered)).to.deep.equal({ c: 'term 0 for , 1-2 3-3' });
    });
  });

  it('refuses a log in which entries of a group are missing', () => {
    world.open();
    world.append([run('c', 1, 2)]);
    world.append([run('c', 4, 1)]);
    expect(world.crash().refusal().message).to.match(/entries of c before 4 are missing/);
  });

  it('counts the bytes that are in use', () => {
    world.open();
    const before = world.log.bytes();
    for (let i = 1; i <= 30; i++) world.append([run('c', i, 1, { fill: 900 })]);
    expect(world.log.bytes() - before).to.be.within(30 * 1024, 40 * 1024);
    const bytes = world.log.bytes();
    world.crash().open();
    expect(world.log.bytes()).to.equal(bytes);
  });

  it('closes after the append that is under way, and then everything', () => {
    world.open();
    for (let i = 1; i <= 30; i++) world.append([run('c', i, 1, { fill: 900 })]);
    const order: string[] = [];
    world.disk.faults.slow({ operation: 'sync', ms: 50 });
    world.log.append({ states: [], starts: [], runs: [run('c', 31)] }, () => {
      order.push('durable');
      world.log.append({ states: [], starts: [], runs: [run('c', 32)] }, () => assertNever());
    });
    world.log.close(() => order.push('closed'));
    world.time.pass(1000);
    expect(order).to.deep.equal(['durable', 'closed']);
    expect(world.disk.openFiles).to.equal(0);
    world.disk.faults.heal();
    world.open();
    expect(world.recovered.get('c')?.runs).to.have.length(31);
  });

  it('closes its files only after the reads that are under way, whichever segment they are from', () => {
    const world = new LogWorld().open();
    const places = Array.from({ length: 12 }, (_, i) => world.append([run('c', i + 1, 1, { fill: 2000 })])[0]);
    expect(new Set(places.map((place) => place?.segment)).size).to.be.greaterThan(2);
    const order: string[] = [];
    world.disk.faults.slow({ operation: 'read', ms: 50 });
    for (const place of places) if (place) world.log.read(place, (error) => order.push(error?.code ?? 'read'));
    world.log.close(() => order.push('closed'));
    world.time.pass(1000);
    expect(order).to.deep.equal([...places.map(() => 'read'), 'closed']);
    expect(world.disk.openFiles).to.equal(0);
  });

  it('does the same on a real disk', async () => {
    const root = mkdtempSync(join(tmpdir(), 'concord-log-'));
    const { files, scheduler } = realWorld();
    const options = {
      files,
      scheduler,
      folder: `${root}/log`,
      segment_bytes: 65_536,
      bases: new Map(),
      describe: describeRun,
    };
    const fatal = (error: Error) => {
      throw error;
    };
    const open = () => call<OpenedLog<RunHead> | null>((done) => openLog({ ...options, fatal }, done));
    const runs = Array.from({ length: 300 }, (_, i) => run('c', i + 1, 1, { fill: 1000 }));
    const first = await open();
    const places: Place[] = [];
    for (const one of runs)
      places.push(
        ...(await new Promise<Place[]>((done) => first?.log.append({ states: [], starts: [], runs: [one] }, done))),
      );
    await new Promise<void>((done) => first?.log.close(done));
    const second = await open();
    expect(second?.recovered.get('c')?.runs.map((one) => one.place)).to.deep.equal(places);
    const read = (place: Place) => call<Buffer>((done) => second?.log.read(place, done));
    const bytes = await Promise.all(places.map(read));
    expect(bytes.every((one, i) => runs[i]?.bytes.equals(one))).to.equal(true);
    second?.log.release('c', 299);
    // The one that is written to, and the next.
    while (readdirSync(options.folder).length > 2) await new Promise((done) => setTimeout(done, 5));
    await new Promise<void>((done) => second?.log.close(done));
    rmSync(root, { recursive: true });
  });

  it('holds what it promised through any history of appends, deaths and power cuts', () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ kind: fc.constant('append' as const), fill: fc.nat(3000), first: fc.nat(3) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), steps: fc.nat(12) }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('crash' as const),
          steps: fc.nat(12),
          seed: fc.integer({ min: 1, max: 9999 }),
        }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        world = new LogWorld(4096).open();
        const promised: number[] = [];
        let under: number | null = null;
        let term = 0;
        for (const one of steps) {
          const last = promised.length;
          if (one.kind === 'append') {
            // Now and then replaces the last entries, as a new leader does.
            const first = Math.max(1, last + 1 - (one.first === 3 ? 1 : 0));
            term++;
            world.append([run('c', first, 1, { term, fill: one.fill })]);
            promised.splice(first - 1, promised.length, term);
          } else {
            under = ++term;
            world.log.append(
              { states: [vote('c', term, 'n1')], starts: [], runs: [run('c', last + 1, 1, { term, fill: 700 })] },
              () => {},
            );
            for (let i = 0; i < one.steps; i++) world.time.step();
            if (one.kind === 'kill') world.kill();
            else world.crash({ seed: one.seed });
            world.open();
            const found = world.recovered.get('c')?.runs.map((found) => found.term) ?? [];
            if (found.length > last) promised.push(under);
            expect(found).to.deep.equal(promised);
          }
        }
        expect(world.fatal).to.deep.equal([]);
      }),
      { numRuns: 150 },
    );
  });
});

function assertNever(): never {
  throw new Error('must not be called');
}
