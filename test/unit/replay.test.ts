/** A restart: what was committed is applied again from disk, a bounded part of it read at a time. */
import { expect } from 'chai';
import { describeRun, type FoundRun, Groups } from '../../node/groups.js';
import { DEFAULT_RAFT_SETTINGS } from '../../node/raft/types.js';
import { ConcordError } from '../../protocol/errors.js';
import { seededRandom } from '../simulation/time.js';
import { GroupsWorld } from './groups-world.js';

const SESSIONS = 300;

/** The log of a node that opened sessions one by one: a run for each. */
function recordedRuns(): { place: Buffer; run: FoundRun }[] {
  const world = new GroupsWorld(['n1']);
  world.lead('n1', 'c');
  for (let i = 0; i < SESSIONS; i++) world.open('n1', 100_000);
  const { log } = world.replica('n1', 'c').raft;
  const runs: { place: Buffer; run: FoundRun }[] = [];
  for (let at = 1; at <= log.last; ) {
    const place = log.runAt(at)?.place as Buffer;
    const run = describeRun(place);
    runs.push({ place, run });
    at = run.first + run.count;
  }
  return runs;
}

describe('a replica that is started again', () => {
  const runs = recordedRuns();
  let now: number;
  let reads: { place: Buffer; done: (bytes: Buffer) => void }[];
  let groups: Groups;

  beforeEach(() => {
    now = 1000;
    reads = [];
    const found = runs.map(({ place, run }) => ({ ...run, place }));
    groups = new Groups(
      {
        self: 'n1',
        members: ['n1'],
        settings: DEFAULT_RAFT_SETTINGS,
        random: seededRandom(1),
        recovered: new Map([['c', { term: 1, vote: 'n1', runs: found as never }]]),
        heads: new Map(),
        repairing: false,
        memory_budget: Number.POSITIVE_INFINITY,
      },
      {
        now: () => now,
        wake: () => {},
        notLeader: () => new ConcordError('NO_LEADER'),
        read: (place, done) => void reads.push({ place: place as Buffer, done }),
        row: () => undefined,
      },
    );
  });

  /** Becomes leader of `c`, whose log is committed with that. */
  function lead(): void {
    const { raft } = groups.coordination;
    for (; !raft.settled; now += 10) {
      groups.multi.tick(now);
      const save = raft.takeSave(now);
      if (save === null) continue;
      for (const run of save.runs) run.place = run.bytes;
      raft.saved(save.sequence, now);
    }
  }

  /** Turns that apply what there is; between them all that was asked of the disk comes, in the given order. */
  function replay(order: (all: typeof reads) => typeof reads): { inFlight: number[] } {
    const inFlight: number[] = [];
    while (groups.coordination.applied < groups.coordination.raft.commit) {
      groups.apply();
      const asked = order(reads.splice(0));
      if (asked.length > 0) inFlight.push(asked.length);
      for (const { place, done } of asked) {
        done(place);
        groups.apply();
      }
    }
    return { inFlight };
  }

  it('reads many small runs at once, but not all, and each of them once', () => {
    lead();
    const { inFlight } = replay((all) => all);
    expect(Math.max(...inFlight)).to.be.within(16, 64);
    expect(inFlight.reduce((sum, one) => sum + one)).to.equal(runs.length);
  });

  it('applies them in their order, in whatever order they come', () => {
    lead();
    replay((all) => all.reverse());
    expect([...groups.sessions.all()]).to.have.length(SESSIONS);
    const { machine } = groups.coordination;
    const before = new GroupsWorld(['n1']);
    before.lead('n1', 'c');
    for (let i = 0; i < SESSIONS; i++) before.open('n1', 100_000);
    expect(machine.fingerprint()).to.equal(before.replica('n1', 'c').machine.fingerprint());
  });
});
