/** The follower: what it takes, what it cuts, what it says it has. Sections are those of the Raft paper. */
import { expect } from 'chai';
import fc from 'fast-check';
import { encodeConfiguration } from '../../node/raft/configuration.js';
import { encodeRun, type Run, RunError } from '../../node/raft/run.js';
import { CONFIGURATION, InvariantError, NOOP } from '../../node/raft/types.js';
import { ack, append, Core, follower, GROUP, logOf, reject, run } from './raft-harness.js';

describe('a follower', () => {
  it('acknowledges entries when they are durable, and not before', () => {
    const core = follower('n2').hear('n2', append(1, 0, 0, [run(1, 1, ['a', 'b'])]));
    expect(core.take('append_reply')).to.deep.equal([]);
    core.startSave();
    expect(core.take('append_reply')).to.deep.equal([]);
    expect(core.finishSave().only('append_reply', 'n2')).to.deep.equal(ack(1, 2));
  });

  it('acknowledges nothing of a term before the term itself is durable', () => {
    const core = follower('n2', { log: [1, 1] });
    core.startSave().hear('n3', append(2, 2, 1));
    expect(core.take('append_reply')).to.deep.equal([]);
    expect(core.sync().only('append_reply', 'n3')).to.deep.equal(ack(2, 2));
  });

  it('acknowledges at once what it has already', () => {
    const core = follower('n2', { log: [1, 1] });
    expect(core.hear('n2', append(1, 0, 0, logOf([1, 1]))).only('append_reply')).to.deep.equal(ack(1, 2));
  });

  it('acknowledges no more than this leader has verified: the rest of its log may be another', () => {
    const core = follower('n2', { log: [1, 1, 1, 1] });
    expect(core.hear('n2', append(1, 2, 1)).only('append_reply')).to.deep.equal(ack(1, 2));
    expect(
      core
        .hear('n3', append(2, 1, 1))
        .sync()
        .only('append_reply', 'n3'),
    ).to.deep.equal(ack(2, 1));
  });

  it('acknowledges each save as it becomes durable', () => {
    const core = follower('n2')
      .hear('n2', append(1, 0, 0, [run(1, 1, ['a'])]))
      .startSave();
    core.hear('n2', append(1, 1, 1, [run(1, 2, ['b'])])).startSave();
    expect(core.finishSave().only('append_reply')).to.deep.equal(ack(1, 1));
    expect(core.finishSave().only('append_reply')).to.deep.equal(ack(1, 2));
  });

  it('acknowledges nothing to a leader whose term is over', () => {
    const core = follower('n2')
      .hear('n2', append(1, 0, 0, [run(1, 1, ['a'])]))
      .startSave();
    core.heartbeat('n3', 2);
    expect(core.sync().take('append_reply')).to.deep.equal([]);
  });

  it('refuses a leader of an earlier term and names its own', () => {
    const core = follower('n2', { hardState: { term: 5, vote: '' } });
    expect(core.hear('n3', append(4, 7, 4)).only('append_reply', 'n3')).to.deep.equal(reject(5, 7, 0, 0));
    expect(core.raft.leader).to.equal('n2');
    expect(core.heartbeat('n3', 4)).to.equal(5);
  });

  it('hears a leader in an append as in a heartbeat, and waits anew for its silence', () => {
    const core = follower('n2')
      .pass(900)
      .hear('n2', append(1, 0, 0));
    expect(core.raft.deadline() - core.now).to.be.at.least(1000);
    core.pass(900).heartbeat('n2', 1);
    expect(core.raft.deadline() - core.now).to.be.at.least(1000);
  });

  it('does not go on when two lead in one term', () => {
    const core = follower('n2');
    expect(() => core.hear('n3', append(1, 0, 0))).to.throw(InvariantError, 'two leaders');
  });
});

describe('a follower whose log does not fit', () => {
  it('says where its log ends when it is too short', () => {
    const core = follower('n2', { log: [1, 1] });
    expect(core.hear('n2', append(1, 9, 1)).only('append_reply')).to.deep.equal(reject(1, 9, 2, 1));
  });

  it('says where it could still agree: its last entry of no later term', () => {
    const core = follower('n2', { log: [1, 1, 4, 4, 4], hardState: { term: 4, vote: '' } });
    core.hear('n3', append(5, 5, 2)).sync();
    expect(core.only('append_reply', 'n3')).to.deep.equal(reject(5, 5, 2, 1));
  });

  it('takes nothing from an append that it rejects, not even a commit', () => {
    const core = follower('n2', { log: [1, 1] }).hear('n2', append(1, 5, 1, [run(1, 6, ['x'])], 2));
    expect(core.terms).to.deep.equal([1, 1]);
    expect(core.raft.commit).to.equal(0);
  });

  it('cuts what conflicts, and all that follows it', () => {
    const core = follower('n2', { log: [1, 1, 1, 1] });
    core.hear('n3', append(2, 2, 1, [run(2, 3, ['x'])])).sync();
    expect(core.terms).to.deep.equal([1, 1, 2]);
    expect(core.only('append_reply', 'n3')).to.deep.equal(ack(2, 3));
  });

  it('cuts a run in the middle', () => {
    const core = follower('n2', { runs: [run(1, 1, ['a', 'b', 'c', 'd'])] });
    core.hear('n3', append(2, 2, 1, [run(2, 3, ['x', 'y', 'z'])])).sync();
    expect(core.terms).to.deep.equal([1, 1, 2, 2, 2]);
  });

  it('never cuts what is committed', () => {
    const core = follower('n2', { log: [1, 1] }).hear('n2', append(1, 2, 1, [], 2));
    expect(core.raft.commit).to.equal(2);
    expect(() => core.hear('n3', append(2, 1, 1, [run(2, 2, ['x'])]))).to.throw(InvariantError, 'committed');
  });

  it('never cuts what this very leader has verified', () => {
    const core = follower('n2').hear('n2', append(2, 0, 0, [run(1, 1, ['a']), run(2, 2, ['b'])]));
    expect(() => core.hear('n2', append(2, 0, 0, [run(2, 1, ['x'])]))).to.throw(InvariantError, "leader's own");
  });
});

describe('appends that come late, twice or out of order', () => {
  it('never cut entries that match', () => {
    const core = follower('n2');
    const first = append(1, 0, 0, [run(1, 1, ['a', 'b'])]);
    core
      .hear('n2', first)
      .hear('n2', append(1, 2, 1, [run(1, 3, ['c'])]))
      .sync();
    core
      .hear('n2', first)
      .hear('n2', append(1, 0, 0))
      .hear('n2', append(1, 1, 1, [run(1, 2, ['b'])]));
    expect(core.terms).to.deep.equal([1, 1, 1]);
    expect(core.startSave().saving, 'nothing is written again').to.deep.equal([]);
  });

  it('leave the log of the leader, whatever their order, and commit only what it committed', () => {
    const terms = fc.array(fc.nat(1), { minLength: 1, maxLength: 8 });
    const order = fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.nat()), { maxLength: 40 });
    fc.assert(
      fc.property(terms, order, fc.nat(8), fc.nat(), (steps, messages, commit, other) => {
        let term = 1;
        const log = steps.map((step) => (term += step));
        const committed = Math.min(commit, log.length);
        const own = log.slice(0, other % (log.length + 1));
        // What it has besides was left by a leader before and is not the leader's.
        const core = new Core({
          runs: logOf([...own, ...(own.length < log.length ? [log.at(-1) as number] : [])]),
          hardState: { term: term + 1, vote: '' },
        });
        const entries = logOf(log);
        for (const [start, count, heard] of messages) {
          const from = start % (log.length + 1);
          const runs = entries.slice(from, from + count);
          core.hear('n2', append(term + 1, from, log[from - 1] ?? 0, runs, heard % (committed + 1))).sync();
          for (const { rejected, match } of core.take('append_reply'))
            if (!rejected) expect(core.terms.slice(0, match)).to.deep.equal(log.slice(0, match));
          expect(core.raft.commit).to.be.at.most(committed);
          expect(core.terms.slice(0, core.raft.commit)).to.deep.equal(log.slice(0, core.raft.commit));
        }
        core.hear('n2', append(term + 1, 0, 0, entries, committed)).sync();
        expect(core.terms).to.deep.equal(log);
        expect(core.raft.commit).to.equal(committed);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the commit index of a follower', () => {
  it('goes no further than what the message that carries it has verified', () => {
    const core = follower('n2', { log: [1, 1, 1, 1] }).hear('n2', append(1, 2, 1, [], 4));
    expect(core.raft.commit).to.equal(2);
    core.hear('n2', append(1, 2, 1, [run(1, 3, ['c'])], 9));
    expect(core.raft.commit).to.equal(3);
  });

  it('never goes back', () => {
    const core = follower('n2', { log: [1, 1, 1] })
      .hear('n2', append(1, 3, 1, [], 3))
      .hear('n2', append(1, 1, 1, [], 1));
    core.heartbeat('n2', 1, 2);
    expect(core.raft.commit).to.equal(3);
  });

  it('moves by heartbeats, which never name more than this replica has acknowledged', () => {
    const core = follower('n2', { log: [1, 1, 1] });
    core.heartbeat('n2', 1, 2);
    expect(core.raft.commit).to.equal(2);
    expect(() => core.heartbeat('n2', 1, 4), 'it has lost what it acknowledged').to.throw(InvariantError);
  });
});

describe('a save that is overtaken', () => {
  it('by a cut proves nothing of what was cut', () => {
    const core = follower('n2')
      .hear('n2', append(1, 0, 0, [run(1, 1, ['a', 'b', 'c'])]))
      .startSave();
    core.hear('n3', append(2, 1, 1, [run(2, 2, ['x', 'y', 'z'])]));
    core.finishSave();
    expect(core.raft.log.durable).to.equal(1);
    expect(core.take('append_reply', 'n3')).to.deep.equal([]);
    expect(core.sync().take('append_reply', 'n3').at(-1)).to.deep.equal(ack(2, 4));
  });

  it('by the same entries a second time proves nothing of the second (ABA)', () => {
    const core = follower('n2')
      .hear('n2', append(1, 0, 0, [run(1, 1, ['a', 'b'])]))
      .startSave();
    core.hear('n3', append(2, 1, 1, [run(2, 2, ['x'])])).startSave();
    core.hear('n2', append(3, 0, 0, [run(1, 1, ['a', 'b'])])).startSave();
    expect(core.finishSave().raft.log.durable, 'the first save').to.equal(1);
    expect(core.finishSave().raft.log.durable, 'that of what has been cut again').to.equal(1);
    expect(core.finishSave().raft.log.durable).to.equal(2);
    expect(core.take('append_reply', 'n2').at(-1)).to.deep.equal(ack(3, 2));
  });

  it('leaves only what is still in the log to the next one', () => {
    const core = follower('n2').hear('n2', append(1, 0, 0, [run(1, 1, ['a', 'b']), run(1, 3, ['c'])]));
    core.hear('n3', append(2, 1, 1, [run(2, 2, ['x'])])).startSave();
    const [save] = core.saving;
    expect(save?.runs.map(({ first, count, term }) => [first, count, term])).to.deep.equal([
      [1, 1, 1],
      [2, 1, 2],
    ]);
    expect(save?.state?.term).to.equal(2);
  });
});

describe('a malformed append', () => {
  const bytes = (one: Run) => one.bytes ?? Buffer.alloc(0);
  const garbage: [string, Buffer[]][] = [
    ['no run', [Buffer.from('nonsense')]],
    ['a run of another group', [bytes(encodeRun('other', 1, 2, 0, [{ kind: NOOP, payload: Buffer.alloc(0) }]))]],
    ['a gap', [bytes(run(1, 3, ['x']))]],
    ['a gap between two runs', [bytes(run(1, 2, ['x'])), bytes(run(1, 4, ['x']))]],
    ['a later term than its own', [bytes(run(4, 2, ['x']))]],
    ['terms that fall', [bytes(run(3, 2, ['x'])), bytes(run(2, 3, ['x']))]],
    [
      'a configuration that is none',
      [bytes(run(1, 2, ['x'])), bytes(encodeRun(GROUP, 1, 3, 0, [{ kind: CONFIGURATION, payload: Buffer.from('{') }]))],
    ],
    [
      'a configuration without voters',
      [
        bytes(
          encodeRun(GROUP, 1, 2, 0, [
            { kind: CONFIGURATION, payload: encodeConfiguration({ voters: [], outgoing: [], learners: [] }) },
          ]),
        ),
      ],
    ],
    [
      'a configuration of numbers',
      [
        bytes(
          encodeRun(GROUP, 1, 2, 0, [
            { kind: CONFIGURATION, payload: Buffer.from('{"voters":[1],"outgoing":[],"learners":[]}') },
          ]),
        ),
      ],
    ],
  ];
  for (const [what, runs] of garbage)
    it(`with ${what} is refused before anything has changed`, () => {
      const core = follower('n2', { log: [1] });
      const before = core.raft.view();
      expect(() => core.hear('n2', { ...append(3, 1, 1), runs })).to.throw(RunError);
      expect(core.raft.view()).to.deep.equal(before);
    });
});
