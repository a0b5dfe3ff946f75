/** The log against a model, through any history of appends, checkpoints, snapshots, releases, deaths and power cuts. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Start } from '../../node/storage/log.js';
import { parseSegmentName } from '../../node/storage/segment.js';
import { GroupModel } from './log-model.js';
import { describeRun, LogWorld, run, type TestRun } from './log-world.js';

const GROUPS = ['c', 's0', 's1'] as const;
const group = fc.constantFrom(...GROUPS);
const share = fc.integer({ min: 0, max: 4 }).map((fourths) => fourths / 4);

/** Entries that follow the log, or replace its last `back` entries behind the base. */
const append = fc.record({
  group,
  count: fc.integer({ min: 1, max: 4 }),
  fill: fc.nat(3000),
  back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(5) }),
});
/** A snapshot some entries behind the base; of what is in the log, or of something else. */
const snapshot = fc.record({ group, ahead: fc.integer({ min: 1, max: 12 }), same: fc.boolean() });
const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('append' as const), append }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('checkpoint' as const), group, share }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('release' as const), group, share, settle: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('snapshot' as const), snapshot, append }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      append,
      snapshot: fc.option(snapshot),
      steps: fc.nat(20),
      // 0: the process dies and the power stays on.
      seed: fc.nat(9999),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Append = typeof append extends fc.Arbitrary<infer T> ? T : never;
type Snapshot = typeof snapshot extends fc.Arbitrary<infer T> ? T : never;

class Trial {
  readonly world = new LogWorld(4096).open();
  private readonly models = new Map<string, GroupModel>(GROUPS.map((name) => [name, new GroupModel()]));
  private term = 1;

  play(one: Step): void {
    switch (one.kind) {
      case 'append': {
        const entry = this.run(one.append);
        this.apply(entry, this.world.append([entry])[0] ?? null);
        break;
      }
      case 'checkpoint': {
        const model = this.model(one.group);
        const { index } = model.base;
        this.setBase(one.group, index + Math.floor((model.last - index) * one.share), model.termAt.bind(model));
        break;
      }
      case 'release': {
        const model = this.model(one.group);
        const { index } = model.base;
        model.released = Math.max(model.released, Math.floor(index * one.share));
        this.world.log.release(one.group, model.released);
        if (!one.settle) return;
        this.world.time.settle();
        this.checkSegments();
        break;
      }
      case 'snapshot': {
        const start = this.take(one.snapshot);
        this.model(start.group).start(start);
        const entry = this.run({ ...one.append, group: one.snapshot.group, back: 0 });
        this.apply(entry, this.world.append([entry], [], [start])[0] ?? null);
        break;
      }
      case 'crash':
        this.crash(one);
    }
    this.checkReads();
  }

  /** Dies with an append on its way, and perhaps a snapshot that is in the base already. */
  private crash(one: Extract<Step, { kind: 'crash' }>): void {
    const { world } = this;
    const starts = one.snapshot === null ? [] : [this.take(one.snapshot)];
    const before = new Map([...this.models].map(([name, model]) => [name, model.copy()]));
    for (const start of starts) this.model(start.group).start(start);
    const entry = this.run(one.snapshot === null ? one.append : { ...one.append, group: one.snapshot.group, back: 0 });
    this.apply(entry, null);
    let promised = false;
    world.log.append({ states: [], starts, runs: [entry] }, () => {
      promised = true;
    });
    for (let i = 0; i < one.steps; i++) world.time.step();
    if (one.seed === 0) world.kill();
    else world.crash({ seed: one.seed });
    world.open();
    const there = this.terms(entry.group).includes(entry.term);
    if (promised) expect(there, 'what was promised').to.equal(true);
    if (!there) for (const [name, model] of before) this.models.set(name, model);
    for (const [name, model] of this.models) {
      model.join();
      const { base } = model;
      expect(this.terms(name), `terms of ${name} behind ${base.index}`).to.deep.equal(model.behindBase());
      const runs = world.recovered.get(name)?.runs ?? [];
      if (runs[0] !== undefined) expect(runs[0].first).to.equal(base.index + 1);
      for (const { first, count, term, place } of runs)
        for (let at = first; at < first + count; at++) model.entries.set(at, { term, place });
      // To be told anew.
      world.log.release(name, model.released);
    }
    world.time.settle();
  }

  /** Segments stand in a row, as many as are needed and no more. */
  private checkSegments(): void {
    const { world } = this;
    const ids = world.names().flatMap((name) => parseSegmentName(name)?.id ?? []);
    const newest = (ids.at(-1) ?? 0) - 1;
    const needed = [...this.models.values()].map((model) => model.oldest());
    const [oldest = 0] = ids;
    expect(oldest).to.equal(Math.min(newest, ...needed));
    expect(ids).to.deep.equal(ids.map((_, i) => oldest + i));
    expect(world.log.pinned() === null).to.equal(oldest === newest);
  }

  /** Nothing that is not released is lost. */
  private checkReads(): void {
    const { world } = this;
    for (const [name, model] of this.models)
      for (const [at, { term, place }] of model.entries) {
        if (place === null || at <= model.released) continue;
        const bytes = world.read(place);
        if (!(bytes instanceof Buffer)) throw new Error(`entry ${at} of ${name}: ${bytes}`);
        const head = describeRun(bytes);
        expect(head).to.include({ group: name, term });
        expect(at).to.be.within(head.first, head.first + head.count - 1);
      }
  }

  /** A snapshot comes into the base. */
  private take({ group, ahead, same }: Snapshot): Start {
    const model = this.model(group);
    const index = model.base.index + ahead;
    const there = model.entries.get(index)?.term;
    if (!same || there === undefined) this.term++;
    const term = same && there !== undefined ? there : this.term;
    this.setBase(group, index, () => term);
    return { group, index, term };
  }

  private setBase(name: string, index: number, termAt: (index: number) => number): void {
    const base = { index, term: termAt(index) };
    this.model(name).base = base;
    this.world.bases.set(name, base);
  }

  /** Each run has a term of its own. */
  private run({ group, count, fill, back }: Append): TestRun {
    const { base, last } = this.model(group);
    const first = Math.max(base.index, last - back) + 1;
    return run(group, first, count, { term: ++this.term, fill });
  }

  private apply(entry: TestRun, place: Parameters<GroupModel['run']>[1]): void {
    for (const model of this.models.values()) model.dead.clear();
    this.model(entry.group).run(entry, place);
  }

  private terms(group: string): number[] {
    const runs = this.world.recovered.get(group)?.runs ?? [];
    return runs.flatMap(({ term, count }) => Array.from({ length: count }, () => term));
  }

  private model(group: string): GroupModel {
    const model = this.models.get(group);
    if (model === undefined) throw new Error(`no model of ${group}`);
    return model;
  }
}

describe('the log through any history', () => {
  it('loses nothing that is not released, continues its bases, and keeps no segment that nobody needs', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const trial = new Trial();
        for (const one of steps) trial.play(one);
        expect(trial.world.fatal).to.deep.equal([]);
      }),
      { numRuns: Number(process.env['LOG_RUNS'] ?? 200) },
    );
  });
});
